"""Which Pythons a run asks, and what of their answers stands where in machine.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.person import put
from tandem.log.rules import LogRules
from tandem.machine.pythons import Place
from tandem.plan.model import Training
from tandem.run.machine import grouped, places_of


def training(folder: Path, *command: str, repo: str = "one", **variables: str) -> Training:
    return Training(repo, "m", {}, (), command, folder, LogRules({}), variables)


def python_of(folder: Path, *command: str, **variables: str) -> str | None:
    [place] = places_of([training(folder, *command, **variables)]).values()
    return place.python


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    for name in ("python3", "tool"):
        put(tmp_path / "bin" / name, "\x7fELF").chmod(0o755)
    return tmp_path / "bin"


def test_a_training_that_is_a_python_or_a_script_of_one(tmp_path: Path, programs: Path) -> None:
    python = str(programs / "python3")
    put(tmp_path / "train.py", "#!/usr/bin/env python3\n").chmod(0o755)
    put(tmp_path / "train", f"#!{python} -u\n").chmod(0o755)
    assert python_of(tmp_path, python, "train.py") == python
    assert python_of(tmp_path, "/usr/bin/stdbuf", "-oL", python, "train.py") == python
    assert python_of(tmp_path, "./train.py", PATH=str(programs)) == python
    assert python_of(tmp_path, "./train") == python


def test_a_training_that_is_another_program(tmp_path: Path, programs: Path) -> None:
    put(tmp_path / "train.sh", "#!/bin/bash\nexec python3 train.py\n").chmod(0o755)
    for command in ("./train.sh", str(programs / "tool"), "./absent"):
        [place] = places_of([training(tmp_path, command)]).values()
        assert (place.program, place.python) == (command, None)


def test_a_repository_is_asked_once_whatever_its_values(tmp_path: Path) -> None:
    trainings = [
        training(tmp_path, "/bin/python3", "train.py", "--lr", "1"),
        training(tmp_path, "/bin/python3", "train.py", "--lr", "2", CUDA_VISIBLE_DEVICES="1"),
        training(tmp_path, "/bin/python3", "train.py", repo="two"),
    ]
    place = Place.of("/bin/python3", "/bin/python3", tmp_path, {})
    assert places_of(trainings) == {"one": place, "two": place}


def test_the_same_answer_stands_once_with_all_whom_it_is_about(tmp_path: Path) -> None:
    place = Place.of("x", None, tmp_path, {})
    same: Any = {"version": "3", "reasons": {}}
    other: Any = {"version": "4", "reasons": {}}
    assert grouped(dict.fromkeys(["a", "b", "c"], place), [same, other, dict(same)]) == [
        {"repositories": ["a", "c"], **same},
        {"repositories": ["b"], **other},
    ]
