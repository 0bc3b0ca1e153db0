"""What is wrong with settings or a registry, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.base.text import counted
from tandem.config.problems import Problem, problem_lines

_SEVERITIES = ("error", "warning", "remark")


def problem_blocks(problems: Sequence[Problem]) -> list[str]:
    """Errors, warnings and remarks, each under a heading."""
    blocks = []
    for severity in _SEVERITIES:
        count = sum(problem.severity == severity for problem in problems)
        if count:
            lines = [counted(count, severity) + ":", *problem_lines(problems, severity)]
            blocks.append("\n  ".join(lines))
    return blocks
