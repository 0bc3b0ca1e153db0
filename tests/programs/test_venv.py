"""bin/tandem's own Python: made on first use and anew where it is broken, with real venv and pip.

The packages come from wheels that the test makes: no network is needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stage import DEADLINE_S, wait_for
from tandem.base.paths import ROOT

PACKAGES = ("sh", "jsonschema", "pynvml")
DRIVER = """import sys
import sh, jsonschema, pynvml
print("driver", *sys.argv[1:])
sys.exit(7)
"""
INSTALLING = "installing requirements.txt into .venv (once)\n"
ANEW = f".venv is broken ({{}}): making it anew\n{INSTALLING}"

pytestmark = pytest.mark.long


def wheel(folder: Path, name: str) -> None:
    """Make a wheel with one module, which pip installs."""
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a .venv that the first use has made."""
    project = tmp_path_factory.mktemp("made") / "a project"
    project.mkdir()
    shutil.copytree(ROOT / "bin", project / "bin")
    shutil.copytree(ROOT / "lib", project / "lib")
    (project / "wheels").mkdir()
    for name in PACKAGES:
        wheel(project / "wheels", name)
    source = f"--no-index\n--find-links file://{str(project).replace(' ', '%20')}/wheels\n"
    (project / "requirements.txt").write_text(source + "\n".join(f"{each}==1" for each in PACKAGES))
    (project / "driver.py").write_text(DRIVER)
    assert tandem(project) == INSTALLING
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it: moved, as it were. What was made there goes on working here."""
    shutil.copytree(made, tmp_path / "moved project", symlinks=True)
    yield tmp_path / "moved project"


def start(project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [project / "bin" / "tandem", "one", "two words"],
        env={**os.environ, "PYTHON3": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> str:
    """Return what was said before the driver ran, as it must have."""
    out, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (7, "driver one two words\n"), said
    return said


def tandem(project: Path) -> str:
    return end(start(project))


def test_what_is_whole_is_left_as_it_is_also_where_the_folder_was_moved(project: Path) -> None:
    assert tandem(project) == ""


def test_import_tandem_works_in_it_also_above_a_folder_of_that_name(project: Path) -> None:
    (project / "tandem").mkdir()
    python, words = (
        project / ".venv" / "bin" / "python",
        "import tandem; print(tandem.open.__name__)",
    )
    done = subprocess.run(
        [python, "-c", words], cwd=project, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("open\n", "")


@pytest.mark.parametrize("flaw", ["gone", "other", "package", "cut off"])
def test_what_is_broken_is_made_anew(project: Path, flaw: str) -> None:
    venv = project / ".venv"
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if flaw == "gone":
        (venv / "bin" / "python").unlink()
        (venv / "bin" / "python").symlink_to("/nowhere/python3")
        said = "its Python is gone"
    elif flaw == "other":
        (venv / "lib" / python).rename(venv / "lib" / "python3.1")
        said = f"its Python is now {python}"
    elif flaw == "package":
        next(venv.glob("lib/*/site-packages/jsonschema.py")).unlink()
        said = "the Python package jsonschema is missing in it"
    else:
        (venv / ".installing").touch()
        shutil.rmtree(venv / "lib")
        said = "its installation did not end"
    (venv / "old").touch()
    assert tandem(project) == ANEW.format(said)
    assert not (venv / "old").exists()
    assert tandem(project) == ""


def test_new_requirements_are_installed_into_what_is_there(project: Path) -> None:
    (project / ".venv" / "mine").touch()
    with (project / "requirements.txt").open("a") as file:
        file.write("\n")
    stamp = (project / ".venv" / ".run-installed").stat().st_mtime
    os.utime(project / "requirements.txt", (stamp + 1, stamp + 1))
    assert tandem(project) == INSTALLING
    assert (project / ".venv" / "mine").exists()


def test_somebody_s_own_environment_is_added_to(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    subprocess.run([sys.executable, "-m", "venv", project / ".venv"], check=True)
    (project / ".venv" / "mine").touch()
    assert tandem(project) == INSTALLING
    assert (project / ".venv" / "mine").exists()


def test_two_first_uses_at_once_do_not_break_each_other(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    said = [end(process) for process in [start(project), start(project)]]
    assert "".join(said).count(INSTALLING) == 1
    assert tandem(project) == ""


def test_nothing_is_made_anew_under_a_run(project: Path) -> None:
    (project / ".venv" / "bin" / "python").unlink()
    with (project / ".venv" / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # as the driver does
        process = start(project)
        assert process.stderr
        first = process.stderr.readline()
        assert first.endswith("a run uses it: waiting for its end\n")
        assert not (project / ".venv" / "bin" / "python").exists()
    assert end(process) == ANEW.format("its Python is gone")


def test_a_kill_in_the_midst_of_it_costs_nothing_but_time(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    process = start(project)
    wait_for("it is being made", (project / ".venv" / ".installing").exists)
    process.terminate()
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == -15
    assert ANEW.format("its installation did not end") in tandem(project)
    assert tandem(project) == ""


def test_a_package_that_cannot_be_had_is_named(project: Path) -> None:
    shutil.rmtree(project / ".venv")
    for name in PACKAGES:
        (project / "wheels" / f"{name}-1-py3-none-any.whl").unlink()
    source = f"--no-index\n--find-links file://{project}/wheels\nsh==1\n".replace(
        " project", "%20project"
    )
    (project / "requirements.txt").write_text(source)
    process = start(project)
    out, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (3, "")
    error = "tandem: error: requirements.txt could not be installed into .venv: "
    assert said == f"{INSTALLING}{error}No matching distribution found for sh==1\n"
