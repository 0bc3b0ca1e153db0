"""What a training needs is looked for in its own folder and its own Python, before it runs."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tandem.base.errors import NotReadyError
from tandem.config.needs import missing_files, missing_modules, python_of
from tandem.plan.planner import PlanReading, read_plan
from tandem.run import ready


def python(*words: str) -> dict[str, Any]:
    return {"train_command": [sys.executable, *words]}


def check(root: Path, entry: dict[str, Any]) -> PlanReading:
    """Read a plan of one training whose repository is `root`/repo."""
    (root / "repo").mkdir(exist_ok=True)
    patterns = {"performance_metrics": {"log_patterns": {"accuracy": "x"}}}
    one = {"path": "repo", "models": ["default"], **patterns, **entry}
    (root / "registry.json").write_text(json.dumps({"models": {"one": one}}))
    settings = {"mode": "default", "experiments": [{"repo": "one", "model": "default"}]}
    (root / "settings.json").write_text(json.dumps(settings))
    return read_plan(root / "settings.json", root / "registry.json", root=root)


def told(reading: PlanReading, severity: str = "error") -> list[str]:
    return [it.message for it in reading.problems if it.severity == severity]


def test_modules_are_looked_for_and_not_imported(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "json.py").write_text("raise SystemExit('imported')\n")
    here = ["json", "os", "mine", "sys"]
    gone = ["no_such", "nor_this"]
    needed = dict.fromkeys([*here, *gone], "")
    [sentence] = missing_modules(tmp_path, sys.executable, {}, needed)
    names = ", ".join(f'"{name}"' for name in gone)
    assert sentence == (
        f'its Python "{sys.executable}" has no module {names}'
        f" ({sys.executable} -m pip install {' '.join(gone)})"
    )
    assert list(tmp_path.rglob("*.pyc")) == []


def test_how_to_get_a_module_is_said_as_the_registry_has_it(tmp_path: Path) -> None:
    entry = python("-m", "x") | {"needs_modules": {"no_such": "pip install such", "os": ""}}
    [message] = told(check(tmp_path, entry))
    assert message.endswith('has no module "no_such" (pip install such)')


def test_the_trainings_own_variables_count(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "distant.py").write_text("")
    entry = python("-m", "x") | {"needs_modules": ["distant"]}
    assert len(told(check(tmp_path, entry))) == 1
    reading = check(tmp_path, entry | {"env": {"PYTHONPATH": str(tmp_path / "far")}})
    assert reading.problems == ()


def test_a_python_that_is_only_guessed_is_a_warning(tmp_path: Path) -> None:
    script = tmp_path / "repo" / "train.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/bash\n")
    script.chmod(0o755)
    entry = {"train_script": "./train.sh", "needs_modules": ["no_such"]}
    reading = check(tmp_path, entry)
    assert told(reading) == []
    assert 'has no module "no_such"' in told(reading, "warning")[0]
    script.write_text(f"#!{sys.executable}\n")
    assert 'has no module "no_such"' in told(check(tmp_path, entry))[0]
    script.write_text("#!/bin/bash\n")
    [message] = told(check(tmp_path, entry | {"env": {"PATH": "/nowhere"}}), "warning")
    assert message == 'whether its Python has "no_such" is not known: there is none on its PATH'


def test_a_python_that_does_not_answer_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\necho oh no >&2; exit 1\n")
    broken.chmod(0o755)
    [sentence] = missing_modules(tmp_path, str(broken), {}, {"os": ""})
    assert sentence == f'its Python "{broken}" does not say which modules it has: oh no'


@pytest.mark.parametrize(
    ("first_line", "expected"),
    [
        ("#!/usr/bin/env mine\n", None),
        ("#!/usr/bin/env python3\n", "python3"),
        ("#!{folder}/bin/python3.11 -u\n", "python3.11"),
    ],
)
def test_which_python_a_script_runs_in(
    tmp_path: Path, first_line: str, expected: str | None
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.11", "mine"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    script = tmp_path / "train"
    script.write_text(first_line.format(folder=tmp_path))
    environment = {"PATH": str(tmp_path / "bin")}
    found = python_of(tmp_path, ["./train"], environment)
    assert found == (str(tmp_path / "bin" / (expected or "python3")), expected is not None)


def test_files_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    (tmp_path / "data").mkdir()
    needed = {"../data": "", "../data/a": "unpack a.tar", "../data/b": "unpack a.tar", "c": ""}
    assert missing_files(folder, needed) == [
        f'needs "../data/a", "../data/b", which are not in "{folder}" (unpack a.tar)',
        f'needs "c", which is not in "{folder}" (put it there, or fix the registry)',
    ]
    entry = python("-m", "x") | {"needs_files": needed, "needs_modules": ["no_such"]}
    assert len(told(check(tmp_path, entry))) == 3
    for name in ("data/a", "data/b", "repo/c"):
        (tmp_path / name).touch()
    assert told(check(tmp_path, python("-m", "x") | {"needs_files": needed})) == []


def test_a_python_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    [message] = told(check(tmp_path, python("trainer.py")))
    name = tmp_path / "repo" / "trainer.py"
    assert message == f'its Python program "{name}" does not exist (check the registry)'
    [message] = told(check(tmp_path, python("trainer.py") | {"line_buffered": True}))
    assert str(name) in message
    options = ("-u", "-W", "ignore", "-Xdev", "-OO")
    [message] = told(check(tmp_path, python(*options, "trainer.py")))
    assert str(name) in message
    name.touch()
    assert told(check(tmp_path, python("trainer.py"))) == []
    assert told(check(tmp_path, python(*options, "trainer.py"))) == []
    assert told(check(tmp_path, python("-u", "-m", "trainer"))) == []
    assert told(check(tmp_path, python("-c", "pass"))) == []


def test_without_stdbuf_nothing_can_be_line_buffered(tmp_path: Path) -> None:
    entry = python("-c", "pass") | {"line_buffered": True, "env": {"PATH": "/nowhere"}}
    [message] = told(check(tmp_path, entry))
    assert message == '"line_buffered" needs stdbuf, which is not on PATH (install coreutils)'


def test_an_environment_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    [message] = told(check(tmp_path, python("-c", "pass") | {"python": {"venv": "../env"}}))
    assert message.startswith(f'its venv "{tmp_path}/env" has no bin/python')


def test_the_program_is_that_of_the_environment(tmp_path: Path) -> None:
    bin_folder = tmp_path / "env" / "bin"
    bin_folder.mkdir(parents=True)
    for name in ("python", "python3"):
        (bin_folder / name).symlink_to(sys.executable)
    entry = {"train_command": ["python3", "-c", "pass"], "python": {"venv": "../env"}}
    reading = check(tmp_path, entry)
    assert reading.plan, reading.problems
    training = reading.plan.experiments[0].foreground
    assert training.command == (str(bin_folder / "python3"), "-c", "pass")
    assert training.environment["VIRTUAL_ENV"] == str(tmp_path / "env")
    assert training.environment["PATH"].startswith(f"{bin_folder}:")
    ready.see_trainings(reading.plan.experiments)
    entry["train_command"] = ["/bin/sh", "-c", "python3 x.py"]  # which would find another one
    reading = check(tmp_path, entry)
    assert reading.plan
    shutil.rmtree(bin_folder.parent)
    with pytest.raises(NotReadyError, match="is not there any more"):
        ready.see_trainings(reading.plan.experiments)
    entry.pop("python")
    other = check(tmp_path, entry | {"env": {"VIRTUAL_ENV": "/no/such"}})
    assert other.plan
    ready.see_trainings(other.plan.experiments)
