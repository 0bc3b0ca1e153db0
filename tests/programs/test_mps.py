"""A private MPS daemon: its language, its folder, and what killed owners left of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tandem.base.makers import mark
from tandem.base.variables import VISIBLE
from tandem.machine.mps import folder as mps_folder
from tandem.machine.mps.control import PROGRAM, Control, ControlError
from tandem.machine.mps.folder import LOG, PIPE, MpsFolder, NoFolderError, make_folder
from tandem.machine.mps.leftovers import remove_left
from tandem.processes.cookie import circle
from tandem.processes.proc import alive

Program = Callable[[str], Control]
GONE = "deadbeef-1-2-3"  # of another boot


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Make a program of MPS's name that is a Bash script."""

    def make(script: str) -> Control:
        file = tmp_path / PROGRAM
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(0o755)
        return Control({**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})

    return make


@pytest.fixture
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place for folders of MPS, with a short path."""
    monkeypatch.setattr(mps_folder, "places", lambda: [str(root)])
    return root


# -- the language ------------------------------------------------------------------------


def test_a_command_goes_in_and_pids_come_out(program: Program, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    control = program(f"cat >>'{asked}'; printf '12\\n345\\n'")
    assert control.servers() == [12, 345]
    assert control.clients(12) == [12, 345]
    control.terminate(12, 345, 5)
    control.start_server(1000)
    commands = asked.read_text().splitlines()
    assert commands[:2] == ["get_server_list", "get_client_list 12"]
    assert commands[2:] == ["terminate_client 12 345", "start_server -uid 1000"]


def test_no_server_runs_yet(program: Program) -> None:
    assert program("cat >/dev/null").servers() == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo Cannot find MPS control daemon process; exit 1", "Cannot find MPS control daemon"),
        ("echo Server 7: FAULT", "no list of processes: Server 7: FAULT"),
        ("printf '\\xff\\xfe 12'", "no list of processes"),
        ("kill -9 $$", "no answer"),
    ],
)
def test_an_answer_that_is_not_as_expected(program: Program, script: str, words: str) -> None:
    with pytest.raises(ControlError, match=words):
        program(script).servers()


def test_no_answer_in_time(program: Program) -> None:
    with pytest.raises(ControlError, match=r"get_server_list: no answer within 0.1 s"):
        program("exec sleep 60").ask("get_server_list", 0.1)


def test_no_program(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=PROGRAM):
        Control({"PATH": str(tmp_path)}).servers()


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo CUDA MPS Control binary version: 13010", "13010"),
        ("echo Unrecognized option; exit 1", None),
        ("true", None),
    ],
)
def test_the_version(program: Program, script: str, version: str | None) -> None:
    assert program(script).version() == version


def test_a_daemon_that_does_not_quit(program: Program) -> None:
    with pytest.raises(ControlError, match="did not end within 1 s after quit"):
        program("exec sleep 60").quit(lambda _limit_s: False, 1)
    program("cat >/dev/null").quit(lambda _limit_s: True, 1)


# -- the folder --------------------------------------------------------------------------


def test_a_folder_is_private_and_says_whose_it_is(here: Path) -> None:
    folder = make_folder()
    assert folder.path.parent == here
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.path.name.split(".")[1:] == [mark(), circle()]
    (folder.pipe / "control").touch()
    folder.clear()
    assert list(folder.pipe.iterdir()) == list(folder.log.iterdir()) == []
    assert make_folder() == folder  # of the same process: it is made anew
    folder.remove()
    assert list(here.iterdir()) == []


def test_a_path_that_is_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("long" * 25)
    place.mkdir()
    monkeypatch.setattr(mps_folder, "places", lambda: [str(place), str(tmp_path / "none")])
    with pytest.raises(NoFolderError, match=r"too long.*No such file"):
        make_folder()
    assert list(place.iterdir()) == []


def test_the_choice_of_gpus_is_the_daemons() -> None:
    folder = MpsFolder(Path("/tmp/x"))
    base = {VISIBLE: "1", "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "10", PIPE: "/theirs", "A": "b"}
    own = {PIPE: "/tmp/x/pipe", LOG: "/tmp/x/log", "A": "b"}
    assert folder.client_environment(base) == own
    assert folder.daemon_environment(base, "GPU-1") == {**own, VISIBLE: "GPU-1"}
    hidden = {VISIBLE: ""}  # a training that is to see no GPU sees none
    assert folder.client_environment(hidden)[VISIBLE] == ""


# -- leftovers ---------------------------------------------------------------------------


def started(name: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a process of a name, with a folder of MPS in its environment."""
    code = "import time; open('/proc/self/comm', 'w').write('{}'); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code.format(name)],
        env={**os.environ, PIPE: str(folder / "pipe")},
    )
    comm, end_s = Path(f"/proc/{process.pid}/comm"), time.monotonic() + 60
    while comm.read_text().strip() != name:
        assert time.monotonic() < end_s
        time.sleep(0.005)
    return process


def ended_mark() -> str:
    """Return the word of a process of here that has ended."""
    code = "from tandem.base.makers import mark; print(mark())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def test_what_a_killed_owner_left_goes_and_nothing_else(here: Path) -> None:
    left = here / f"tandem-mps.{ended_mark()}.{circle()}"
    living = here / f"tandem-mps.{mark()}.{circle()}"
    others = [here / f"tandem-mps.{GONE}.{circle()}", here / f"tandem-mps.{ended_mark()}.12345678"]
    for folder in (left, living, *others):
        (folder / "pipe").mkdir(parents=True)
    ours, theirs = started("nvidia-cuda-mps", left), started("nvidia-cuda-mps", here / "default")
    bystander = started("python", left)
    try:
        found, alive_still = remove_left()
        assert [each.pid for each in found] == [ours.pid]
        assert alive_still == []
        assert not alive(ours.pid)
        assert alive(theirs.pid)
        assert alive(bystander.pid)
        assert sorted(here.iterdir()) == sorted([living, *others])
    finally:
        for process in (ours, theirs, bystander):
            process.kill()
            process.wait()


def test_a_link_in_the_place_of_a_folder_is_not_followed(here: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    link = here / f"tandem-mps.{ended_mark()}.{circle()}"
    link.symlink_to(target)
    assert remove_left() == ([], [])
    assert link.is_symlink()
    assert target.is_dir()


@pytest.mark.parametrize(("days", "is_left"), [(1, False), (40, True)])
def test_a_folder_of_another_boot_goes_when_it_is_old(
    here: Path, days: float, is_left: bool
) -> None:
    folder = here / f"tandem-mps.{GONE}.{circle()}"
    folder.mkdir()
    then_s = time.time() - days * 86400
    os.utime(folder, (then_s, then_s))
    assert remove_left() == ([], [])
    assert folder.exists() is not is_left


def test_a_folder_that_was_cleaned_away_is_made_again(here: Path) -> None:
    folder = make_folder()
    folder.remove()
    folder.clear()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.pipe.is_dir()
    folder.remove()
    folder.path.symlink_to(here)
    with pytest.raises(FileExistsError, match="made by somebody else"):
        folder.clear()
    assert not (here / "pipe").exists()
