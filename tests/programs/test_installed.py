"""Which Python runs the driver: one that has the packages; else the project's .venv; else none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.stage import DEADLINE_S
from tandem.base.paths import ROOT

BARE = (sys.executable, "-S", "-E")  # without anything that pip has installed
PARTS = ("bin", "lib", "schemas", "config", "templates", "examples")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, without a .venv."""
    project = tmp_path / "a project"
    for part in PARTS:
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("driver.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, project)
    return project


def make_venv(project: Path, script: str, stamp: str = ".run-installed") -> None:
    """Make something that looks like a .venv, whose Python is a script."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/bash\n{script}\n")
    python.chmod(0o755)
    (project / ".venv" / stamp).touch()


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd="/", capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


@pytest.mark.parametrize("command", ["run", "list", "report"])
def test_without_packages_and_without_venv_nothing_is_started(project: Path, command: str) -> None:
    done = run(*BARE, project / "driver.py", command, *(["x"] if command != "list" else []))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"tandem: error: this Python ({sys.executable}) has no package sh"
        f" (run `make doctor` once in {project}, then bin/tandem)\n"
    )
    assert not (project / "results").exists()


def test_without_packages_the_project_s_venv_goes_on(project: Path) -> None:
    make_venv(project, 'printf "<%s>" "$@"; exit 7')
    done = run(*BARE, project / "driver.py", "run", "a b", "--seed=5")
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == f"<{project}/driver.py><run><a b><--seed=5>"
    assert run(*BARE, project / "driver.py", "--help").stdout.startswith("usage: tandem COMMAND")


def test_a_venv_that_is_not_whole_is_not_used(project: Path) -> None:
    make_venv(project, "exit 7", stamp="other")
    assert run(*BARE, project / "driver.py", "list").returncode == 3


def test_a_python_that_has_the_packages_is_used_whatever_the_venv_is(project: Path) -> None:
    make_venv(project, "exit 7")
    done = run(sys.executable, project / "driver.py", "check", "nowhere.json")
    assert done.returncode == 2
    assert "nowhere.json: no such file" in done.stdout + done.stderr


@pytest.mark.long
def test_pip_installs_it_into_an_environment_of_one_s_own(project: Path, tmp_path: Path) -> None:
    make_venv(project, "exit 7")  # it must not be asked
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "own"], check=True)
    own = tmp_path / "own" / "bin"
    done = run(own / "python", "-m", "pip", "install", "--quiet", "-e", project)
    assert done.returncode == 0, done.stderr
    for tandem in ([own / "tandem"], [own / "python", "-m", "tandem"]):
        done = run(*tandem, "check", "nowhere.json")
        assert done.returncode == 2
        assert "nowhere.json: no such file" in done.stdout + done.stderr
        done = run(*tandem, "compare", "--bogus")
        assert done.stderr.startswith('tandem: error: unknown option "--bogus"\nusage: tandem comp')
    words = "import tandem, sys; print(tandem.__file__); sys.exit(bool(tandem.open.__doc__) + 4)"
    done = run(own / "python", "-c", words)
    assert (done.returncode, done.stdout) == (5, f"{project}/lib/tandem/__init__.py\n")
    (tmp_path / "tandem").mkdir()  # as a clone is called, in the folder of somebody's script
    (tmp_path / "script.py").write_text(words)
    assert run(own / "python", tmp_path / "script.py").returncode == 5
    (project / "driver.py").unlink()
    done = run(own / "tandem", "list")
    assert done.returncode == 3
    assert done.stderr.startswith(f"tandem: error: there is no {project}/driver.py: ")
