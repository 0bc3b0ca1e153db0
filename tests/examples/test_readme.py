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
from support.stage import Stage
from tandem.commandline import COMMANDS
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


def listed() -> tuple[set[str], set[str], str]:
    """What README lists in the folder of a run and in that of an experiment, and all its words."""
    section, _ = section_of("What a run leaves")
    block = section.split("```")[1]
    places: dict[int, set[str]] = {2: set(), 4: set()}
    for indent, names in re.findall(r"^( +)(\S+(?:  ?\S+\.\S+)?)  ", f"{block}  ", re.MULTILINE):
        if len(indent) in places:
            places[len(indent)] |= {name.split("/")[0] for name in names.split()}
    return places[2], places[4], block


@pytest.mark.long
def test_it_lists_the_files_that_a_run_leaves_after_a_normal_end(stage: Stage) -> None:
    """A parallel experiment beside its control; neither more nor less is there."""
    controls = {"solo": True, "order": "parallel_first"}
    stage.build(
        "echo Test Accuracy: 50; sleep 0.3", "echo at work; exec sleep 1000", controls=controls
    )
    done = stage.run_command([word for word in stage.command() if word != "--no-report"])
    assert done.returncode == 0, done.stdout
    [run] = stage.folder.glob("results/run_*")
    of_run, of_experiment, block = listed()
    folders = {path.name for path in run.iterdir() if path.is_dir()}
    assert {path.name for path in run.iterdir()} - folders == of_run
    parallel, _ = sorted(run / name for name in folders)
    assert {path.name for path in parallel.iterdir()} == of_experiment
    assert (stage.folder / "results" / "latest").resolve() == run
    for name in ("attempts/1", "background_logs"):
        files = {path.name for path in (parallel / name).iterdir() if path.is_file()}
        unlisted = {re.sub(r"\d+", "N", file) for file in files} - set(re.findall(r"[\w.]+", block))
        assert not unlisted, f"{name} holds {unlisted}"


def test_its_table_of_commands_has_every_command() -> None:
    section, _ = section_of("The commands")
    named = set(re.findall(r"`(\w+)", section))
    assert {name for names in COMMANDS.values() for name in names} <= named
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    in_make = {name for row in rows for name in re.findall(r"`(\w+)", row[2])}
    assert in_make
    assert in_make <= targets


def test_it_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 280
