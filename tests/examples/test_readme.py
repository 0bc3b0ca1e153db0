"""README's settings: what a new user pastes is checked, and some of it run, as it stands."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support import ROOT
from tandem.plan.planner import read_plan


def section_of(title: str) -> tuple[str, list[str]]:
    """The text under a heading, and the JSON in it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return section, re.findall(r"^```json\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the two files and the repository that the section speaks of."""
    section, blocks = section_of("Your own repository")
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


def test_what_it_compares_is_planned(tmp_path: Path) -> None:
    _, [block] = section_of("What to compare")
    settings = tmp_path / "settings.json"
    settings.write_text(block, encoding="utf-8")
    reading = read_plan(settings, ROOT / "config" / "models_config.json", seed=1)
    assert reading.plan, reading.problems
    problems = [problem for problem in reading.problems if problem.severity != "remark"]
    assert [problem for problem in problems if "shares the folder" not in problem.message] == []
    modes = Counter(experiment.mode for experiment in reading.plan.experiments)
    assert modes == {"parallel": 20 * 2 * 6, "mutation": 20 * 6}


@pytest.mark.long
def test_its_experiment_runs_and_counts(project: Path) -> None:
    done = driver(project, "run", "settings/my.json", "--results", "results")
    assert done.returncode == 0, done.stderr
    [table] = project.glob("results/run_*/summary.csv")
    warm_up, row = csv.DictReader(table.read_text().splitlines())
    assert warm_up["control"] == "warm_up"
    assert (row["valid"], row["mode"]) == ("True", "parallel")
    assert float(row["perf_test_accuracy"]) > 90
