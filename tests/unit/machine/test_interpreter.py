"""Which Python a command starts: told from names and from `#!` lines, without starting anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.machine.interpreter import Interpreter, NoPythonError, interpreter_of


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A folder on PATH with two Pythons, and another program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python3", "pypy3.10", "tool"):
        (folder / name).write_bytes(b"\x7fELF")
        (folder / name).chmod(0o755)
    return folder


def found(bin_folder: Path, *command: str) -> Interpreter:
    return interpreter_of(command, bin_folder.parent, {"PATH": str(bin_folder)})


def script(bin_folder: Path, line: str, name: str = "train.sh") -> str:
    (bin_folder.parent / name).write_text(f"{line}\nprint('never run')\n")
    return f"./{name}"


@pytest.mark.parametrize("name", ["python3", "pypy3.10"])
def test_a_program_with_the_name_of_a_python_is_one(bin_folder: Path, name: str) -> None:
    assert found(bin_folder, name, "train.py", "-s").path == bin_folder / name
    assert found(bin_folder, f"{bin_folder}/{name}").path == bin_folder / name


def test_its_options_that_change_where_packages_are_looked_for_are_kept(bin_folder: Path) -> None:
    assert found(bin_folder, "python3", "-u", "-sE", "train.py", "-s").options == ("-u", "-sE")
    assert found(bin_folder, "python3", "-m", "pkg").options == ()


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("#!{bin}/python3", ()),
        ("#! {bin}/python3 -u", ("-u",)),
        ("#!/usr/bin/env python3", ()),
        ("#!/usr/bin/env -S python3 -sE", ("-sE",)),
    ],
)
def test_the_first_line_of_a_script_leads_to_it(
    bin_folder: Path, line: str, options: tuple[str, ...]
) -> None:
    python = found(bin_folder, script(bin_folder, line.format(bin=bin_folder)), "--lr", "1")
    assert (python.path, python.options) == (bin_folder / "python3", options)


def test_a_script_of_a_script_leads_to_it_too(bin_folder: Path) -> None:
    script(bin_folder, "#!/usr/bin/env python3", "inner")
    assert found(bin_folder, script(bin_folder, "#!./inner")).path == bin_folder / "python3"


def test_variables_that_env_sets_are_set(bin_folder: Path) -> None:
    python = found(bin_folder, "/usr/bin/env", "PYTHONPATH=/x", "python3", "train.py")
    assert python.path == bin_folder / "python3"
    assert python.environment == {"PATH": str(bin_folder), "PYTHONPATH": "/x"}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["tool"], "neither a Python nor a script of one"),
        (["absent"], "absent: not on PATH"),
        (["./absent"], "No such file"),
        (["/"], "directory"),
        (["/usr/bin/env", "-i", "python3"], "its options are not followed"),
        (["/usr/bin/env"], "its options are not followed"),
    ],
)
def test_what_is_no_python_says_what_it_is(bin_folder: Path, command: list[str], why: str) -> None:
    with pytest.raises(NoPythonError, match=why):
        found(bin_folder, *command)


@pytest.mark.parametrize("line", ["#!/bin/bash", "#!", "#!   ", "no script", "#!./train.sh"])
def test_no_other_script_is_a_pythons(bin_folder: Path, line: str) -> None:
    with pytest.raises(NoPythonError):
        found(bin_folder, script(bin_folder, line))
