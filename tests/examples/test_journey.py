"""README's first two commands, as a new user types them: from the files of a clone to a report."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import ROOT

DEADLINE_S = 1500.0  # a hang guard, not a figure
NOT_CLONED = {"results", "repos", ".venv", ".git", ".hypothesis"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.quiet,
    pytest.mark.timeout(DEADLINE_S),
    pytest.mark.xdist_group("examples/design.json"),
]


def not_cloned(folder: str, names: list[str]) -> set[str]:
    """Return what a clone does not have in a folder."""
    caches = {name for name in names if name.endswith(("_cache", "__pycache__"))}
    return caches | (NOT_CLONED if Path(folder) == ROOT else set())


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project as a clone has it, with a .venv; xdg-open only notes what it is to show.

    The design has one repeat here: test_design_run has the whole one.
    """
    project = tmp_path / "tandem"
    shutil.copytree(ROOT, project, symlinks=True, ignore=not_cloned)
    (project / ".venv").symlink_to((ROOT / ".venv").resolve())
    design = project / "examples" / "design.json"
    whole = design.read_text(encoding="utf-8")
    design.write_text(re.sub(r'"repeats": \d+', '"repeats": 1', whole), encoding="utf-8")
    assert '"repeats": 1' in design.read_text(encoding="utf-8")
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/bash\ncat -- "$1" >{tmp_path}/seen\n')
    opener.chmod(0o755)
    return project


def test_two_commands_lead_to_a_report_of_the_design(clone: Path, tmp_path: Path) -> None:
    readme = (clone / "README.md").read_text(encoding="utf-8")
    commands = readme.split("\n## Two commands\n```\n")[1].split("```")[0].splitlines()
    assert len(commands) == 2
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    page = (tmp_path / "seen").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "neighbours_of_digits" in page
    assert not list(clone.glob("results/latest/report.html.*"))
