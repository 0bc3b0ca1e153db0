"""README's "Your own repository": what a new user pastes is checked and run as it stands."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the two files and the repository that the section speaks of."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## Your own repository\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```json\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    names = re.findall(r"`(settings/\w+\.json)`(?:,|:)", section)
    assert (len(blocks), names) == (2, ["settings/my_registry.json", "settings/my.json"])
    (tmp_path / "settings").mkdir()
    for name, block in zip(names, blocks, strict=True):
        (tmp_path / name).write_text(block, encoding="utf-8")
    assert "cp -r examples/digits\nrepos/my_repo" in section
    shutil.copytree(ROOT / "examples" / "digits", tmp_path / "repos" / "my_repo")
    return tmp_path


def driver(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "driver.py"), *words]
    command += ["--registry", "settings/my_registry.json"]
    environment = {**os.environ, "TANDEM_PYTHON": sys.executable}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def test_its_files_are_whole_and_right(project: Path) -> None:
    done = driver(project, "check", "--lines", "settings/my.json", "--seed", "1")
    assert done.returncode == 0, done.stdout
    assert f"in   {project}/repos/my_repo\n" in done.stdout
    assert "run  ./train.sh --hidden-width 128 --learning-rate 0.0" in done.stdout
    assert f"in   {ROOT}/examples/digits\n" in done.stdout
    assert "warning" not in done.stdout


@pytest.mark.long
def test_its_experiment_runs_and_counts(project: Path) -> None:
    done = driver(project, "run", "settings/my.json", "--results", "results")
    assert done.returncode == 0, done.stderr
    [table] = project.glob("results/run_*/summary.csv")
    [row] = csv.DictReader(table.read_text().splitlines())
    assert (row["valid"], row["mode"]) == ("True", "parallel")
    assert float(row["perf_test_accuracy"]) > 90
