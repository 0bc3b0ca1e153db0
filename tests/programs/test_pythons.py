"""The trainings' own Pythons, really asked: what is installed, and what is never run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.person import put
from support.stage import processes
from tandem.machine import pythons as module
from tandem.machine.pythons import Place, Pythons
from tandem.processes.watch import Watch

THIS = os.path.realpath(sys.executable)


class Asked:
    """Pythons that are asked and asked again, as in a run."""

    def __init__(self) -> None:
        self.pythons, self.watch = Pythons(), Watch()

    def facts(self, python: str | None, folder: Path, **variables: str) -> Any:
        place = Place.of("./train.sh", python, folder, variables)
        [found] = self.pythons.facts([place], self.watch)
        return found


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.pythons.close()


def package(folder: Path, name: str, version: str) -> None:
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    put(folder / f"{name}-{version}.dist-info" / "METADATA", text)


def test_what_it_says_of_itself(asked: Asked, tmp_path: Path) -> None:
    found = asked.facts(sys.executable, folder=tmp_path)
    assert os.path.realpath(found["executable"]) == THIS
    assert (found["version"], found["prefix"]) == (sys.version.split()[0], sys.prefix)
    assert found["packages"]["pytest"] == pytest.__version__
    assert found["reasons"].keys() <= {"torch_version", "torch_cuda_version"}


def test_it_is_asked_in_its_trainings_environment_and_folder(asked: Asked, tmp_path: Path) -> None:
    library, folder = tmp_path / "library", tmp_path / "folder"
    package(library, "of_the_path", "1.5")
    package(library, "twice", "2")
    package(folder, "twice", "1")
    put(library / "torch/__init__.py", "raise SystemExit('imported')")
    put(library / "torch/version.py", "__version__ = '2.9.1+cu130'\ncuda: str = '13.0'\nhip = None")
    found = asked.facts(sys.executable, folder=folder, PYTHONPATH=str(library))
    assert (found["packages"]["of_the_path"], found["packages"]["twice"]) == ("1.5", "1")
    assert (found["torch_version"], found["torch_cuda_version"]) == ("2.9.1+cu130", "13.0")
    assert found["reasons"] == {}


def test_a_package_that_tells_nothing_costs_no_other(asked: Asked, tmp_path: Path) -> None:
    package(tmp_path, "whole", "1.5")
    (tmp_path / "cut_off-1.0.dist-info").mkdir()
    put(tmp_path / "nameless-1.0.dist-info" / "METADATA", "Metadata-Version: 2.1\n")
    found = asked.facts(sys.executable, folder=tmp_path)
    assert found["packages"]["whole"] == "1.5"
    assert found["reasons"]["packages"] == "2 without a name in their metadata"


def test_nothing_of_the_trainings_folder_is_run(asked: Asked, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for name in ("json", "re", "os", "importlib", "typing", "torch", "email", "pathlib"):
        put(tmp_path / f"{name}.py", f"open({str(trace)!r}, 'a').write({name!r})")
    found = asked.facts(sys.executable, folder=tmp_path)
    assert found["packages"]["pytest"] == pytest.__version__
    assert found["torch_version"] is None
    assert found["reasons"]["torch_version"] == "PyTorch is not installed"
    assert not trace.exists()


def test_what_is_printed_beside_the_answer_does_not_matter(asked: Asked, tmp_path: Path) -> None:
    put(tmp_path / "sitecustomize.py", "import atexit\nprint('tandem: hi')\natexit.register(print)")
    found = asked.facts(sys.executable, folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert found["version"] == sys.version.split()[0]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\nexit 7\n", "it ended with status 7 and no answer"),
        ("#!/bin/sh\necho 'tandem: {'\n", "it ended with status 0 and no answer"),
        ("#!/absent/sh\n", "it ended with status 127 and no answer"),
    ],
)
def test_one_that_does_not_answer_says_why(
    asked: Asked, tmp_path: Path, script: str, why: str
) -> None:
    put(tmp_path / "python3", script).chmod(0o755)
    found = asked.facts("./python3", folder=tmp_path)
    assert {found[name] for name in found if name != "reasons"} == {None}
    assert found["reasons"]["version"].startswith(why)
    assert found["reasons"]["packages"].startswith(why)


def test_a_training_that_is_no_python_says_so(asked: Asked, tmp_path: Path) -> None:
    found = asked.facts(None, tmp_path)
    assert found["reasons"]["version"] == "./train.sh is neither a Python nor a script of one"


def test_one_whose_folder_is_gone_says_so(asked: Asked, tmp_path: Path) -> None:
    found = asked.facts(sys.executable, folder=tmp_path / "gone")
    assert found["reasons"]["version"].startswith("cannot be started: ")


def test_one_that_hangs_is_ended_with_all_it_started(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_S", 0.2)
    put(tmp_path / "python3", f"#!/bin/sh\nsh -c 'sleep 1000; :' {tmp_path} & wait\n").chmod(0o755)
    found = asked.facts("./python3", folder=tmp_path)
    assert found["reasons"]["version"] == "no answer within 0.2 s"
    assert processes(str(tmp_path)) == {}


def test_it_is_asked_again_only_where_something_has_changed(asked: Asked, tmp_path: Path) -> None:
    library, count = tmp_path / "library", tmp_path / "count"
    package(library, "one", "1")
    python = put(tmp_path / "python3", f'#!/bin/sh\necho >> {count}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)

    def facts() -> Any:
        return asked.facts("./python3", folder=tmp_path, PYTHONPATH=str(library))

    first = facts()
    assert facts() == first
    assert count.read_text() == "\n"
    package(library, "two", "2")
    assert facts()["packages"] == {**first["packages"], "two": "2"}
    assert count.read_text() == "\n\n"


def test_which_gpus_a_training_sees_makes_no_other_python(tmp_path: Path) -> None:
    places = {
        Place.of("python3", "python3", tmp_path, {"CUDA_VISIBLE_DEVICES": each}) for each in "01"
    }
    assert len(places) == 1
