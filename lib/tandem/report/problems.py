"""What is wrong with settings or a registry, for a person to read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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


def counted(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def span(counts: Collection[int]) -> str:
    """`6`, or `1 to 6`."""
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least} to {most}"


def counted_span(counts: Collection[int], what: str) -> str:
    """`1 run`, `6 runs`, or `1 to 6 runs`."""
    least, most = min(counts), max(counts)
    return counted(most, what) if least == most else f"{least} to {most} {what}s"
