"""Locks: two real runs, and who may go beside whom."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from tandem.base.errors import LockedError, NotReadyError
from tandem.base.paths import ROOT
from tandem.base.variables import LOCKS
from tandem.machine.gpu_locks import gpu_locks, gpus_in_use
from tandem.processes import cookie

DEVICES = "CUDA_VISIBLE_DEVICES"
DEADLINE_S = 120.0  # a hang guard, not a figure
NOBODY = 65534

# Takes the locks, and a child that has all its files, and says so; ends with its input.
HOLD = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from tandem.base.errors import TandemError
from tandem.machine.gpu_locks import gpu_locks, gpus_in_use
from tandem.processes import locks
if "HIDE" in os.environ:
    locks.removed_lock = lambda path, kind: None
if len(sys.argv) > 2:
    os.setgroups([])
    os.setuid(int(sys.argv[2]))
try:
    with gpu_locks(gpus_in_use()):
        child = subprocess.Popen(["sleep", "1000"], close_fds=False)
        print("held", child.pid, flush=True)
        sys.stdin.read()
        child.kill()
except TandemError as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCKS, str(tmp_path))
    monkeypatch.delenv(DEVICES, raising=False)


def environment(devices: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != DEVICES}
    return kept if devices is None else {**kept, DEVICES: devices}


class Holder:
    """Another run: it holds its locks until it is told to end, or killed."""

    def __init__(self, devices: str | None, *user: str) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(ROOT / "lib"), *user],
            env=environment(devices),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.said = self.process.stdout.readline()

    @property
    def has_locks(self) -> bool:
        return self.said.startswith("held")

    def end(self) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.communicate(timeout=DEADLINE_S)

    def kill(self) -> None:
        """Kill it, and leave its child alive."""
        self.process.kill()
        self.process.wait()

    def clean_up(self) -> None:
        if self.process.returncode == -signal.SIGKILL:
            os.kill(int(self.said.split()[1]), signal.SIGKILL)
        self.end()


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    started: list[Holder] = []
    yield started
    for holder in started:
        holder.clean_up()


def take(monkeypatch: pytest.MonkeyPatch, devices: str | None) -> None:
    """Take the locks here, and give them back."""
    if devices is None:
        monkeypatch.delenv(DEVICES, raising=False)
    else:
        monkeypatch.setenv(DEVICES, devices)
    with gpu_locks(gpus_in_use()):
        pass


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (None, None, "this machine"),
        (None, "0", "this machine"),
        (None, "", "this machine"),
        ("0", None, "this machine"),
        ("", None, "this machine"),
        ("", "", "the CPUs without any GPU"),
        ("", "-1", "the CPUs without any GPU"),
        ("NoDevFiles", ",0", "the CPUs without any GPU"),
        ("0", "0", "GPU 0"),
        ("0,1", "1", "GPU 1"),
        ("2, 1", "1 ,0", "GPU 1"),
        ("GPU-5a/../x", "GPU-5a/../x", "GPU-5a/../x"),
    ],
)
def test_one_run_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
    holders: list[Holder],
    first: str | None,
    second: str | None,
    what: str,
) -> None:
    """The refusal says who is there; with that run's end the locks are free."""
    holders.append(Holder(first))
    assert holders[0].has_locks
    with pytest.raises(LockedError) as refused:
        take(monkeypatch, second)
    assert refused.value.exit_code == 75
    assert f"another run uses {what}: process {holders[0].process.pid} (" in str(refused.value)
    assert HOLD.strip().splitlines()[0] in str(refused.value)
    assert "Traceback" not in str(refused.value)
    holders[0].end()
    take(monkeypatch, second)


@pytest.mark.parametrize(
    ("first", "second"), [("0", "1"), ("0,1", "2,3"), ("-1", "0"), ("", "0"), ("GPU-a", "GPU-b")]
)
def test_runs_on_different_gpus_go_side_by_side(
    monkeypatch: pytest.MonkeyPatch, holders: list[Holder], first: str, second: str
) -> None:
    holders.append(Holder(first))
    assert holders[0].has_locks
    take(monkeypatch, second)


def test_a_run_that_cuda_shows_no_gpu_shares_the_cpus(
    monkeypatch: pytest.MonkeyPatch, holders: list[Holder], two_gpus: SimGpu
) -> None:
    for name, value in two_gpus.environment().items():
        monkeypatch.setenv(name, value)
    holders += [Holder("7"), Holder(""), Holder("0,-1,1"), Holder("1")]
    assert [holder.has_locks for holder in holders] == [True, False, True, True]


@pytest.mark.parametrize("names", [("1", "GPU-51500001"), ("GPU-51500001-0", "1")])
def test_a_gpu_by_its_number_and_by_its_uuid_is_one(
    monkeypatch: pytest.MonkeyPatch, holders: list[Holder], two_gpus: SimGpu, names: tuple[str, str]
) -> None:
    for name, value in two_gpus.environment().items():
        monkeypatch.setenv(name, value)
    holders += [Holder(names[0]), Holder("0"), Holder(names[1])]
    assert [holder.has_locks for holder in holders] == [True, True, False]
    assert f": process {holders[0].process.pid} (" in holders[2].said


@pytest.mark.parametrize("devices", [None, "0"])
def test_a_killed_run_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, holders: list[Holder], devices: str | None
) -> None:
    """Also while a process that it started lives on."""
    holders.append(Holder(devices))
    holders[0].kill()
    take(monkeypatch, devices)
    take(monkeypatch, None)


def test_a_refused_run_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, holders: list[Holder]
) -> None:
    """It got one of two GPUs, and gives it back."""
    holders.append(Holder("1"))
    with pytest.raises(LockedError):
        take(monkeypatch, "0,1")
    take(monkeypatch, "0")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (None, "1", "which holds the whole machine (wait for it with --wait-lock SECONDS;"),
        (None, None, "another choice of GPUs cannot help; lock"),
        ("0,2", None, "which holds GPU 0, GPU 2 (wait for it with --wait-lock SECONDS, or choose"),
        ("0", "0", "or choose other GPUs with CUDA_VISIBLE_DEVICES; lock"),
    ],
)
def test_the_refusal_says_what_can_help(
    monkeypatch: pytest.MonkeyPatch,
    holders: list[Holder],
    first: str | None,
    second: str | None,
    said: str,
) -> None:
    """Beside whoever holds the whole machine no choice of GPUs helps."""
    holders.append(Holder(first))
    with pytest.raises(LockedError) as refused:
        take(monkeypatch, second)
    assert said in str(refused.value)
    assert time.strftime(", since %Y-%m-%d ") in str(refused.value)


# -- a lock that somebody removes --------------------------------------------------------


def swept(folder: Path) -> None:
    """Do what cleans /tmp by age: it does not ask whether a file is locked."""
    for path in folder.glob("tandem-*.lock"):
        path.unlink()


@pytest.mark.parametrize(("first", "second"), [(None, None), (None, "0"), ("0", None), ("0", "0")])
def test_a_lock_bars_others_also_after_it_was_removed(
    monkeypatch: pytest.MonkeyPatch,
    holders: list[Holder],
    tmp_path: Path,
    first: str | None,
    second: str | None,
) -> None:
    holders.append(Holder(first))
    swept(tmp_path)
    with pytest.raises(LockedError, match=f"process {holders[0].process.pid} "):
        take(monkeypatch, second)
    holders[0].end()
    take(monkeypatch, second)


def test_a_removed_lock_is_named_and_taken_again(tmp_path: Path, holders: list[Holder]) -> None:
    with gpu_locks({"0"}) as locks:
        assert locks.removed() == []
        swept(tmp_path)
        flaws = locks.removed()
        assert [flaw.rpartition("/")[2] for flaw in flaws] == [
            "tandem-machine.lock was removed while this run held it",
            "tandem-gpu-0.lock was removed while this run held it",
        ]
        assert locks.removed() == []
        holders.append(Holder("0"))
        assert "another run uses GPU 0" in holders[0].said


def test_a_removed_lock_that_another_run_has_now(
    tmp_path: Path, holders: list[Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's run, say, which cannot see whose the removed file is."""
    with gpu_locks(None) as locks:
        swept(tmp_path)
        monkeypatch.setenv("HIDE", "yes")
        holders.append(Holder(None))
        assert holders[0].has_locks
        (flaw,) = locks.removed()
        assert f"it; another run uses this machine: process {holders[0].process.pid} (" in flaw
        with pytest.raises(LockedError):
            locks.ensure()
        holders[0].end()
        locks.ensure()
        assert locks.removed() == []


def test_the_age_of_a_lock_is_renewed(tmp_path: Path) -> None:
    with gpu_locks(None) as locks:
        os.utime(tmp_path / "tandem-machine.lock", (0, 0))
        assert locks.removed() == []
        assert time.time() - (tmp_path / "tandem-machine.lock").stat().st_mtime < DEADLINE_S


def test_versions_that_lock_in_tmp_are_met_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Theirs bars this version, and this version's bars theirs."""
    places = [tmp_path / "run_lock", tmp_path / "tmp"]
    for place in places:
        place.mkdir()
        place.chmod(0o1777)
    monkeypatch.setattr(cookie, "_PUBLIC", str(places[0]))
    monkeypatch.setattr(cookie, "_OLDER", str(places[1]))
    monkeypatch.delenv(LOCKS)
    with open(places[1] / "tandem-machine.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockedError):
            take(monkeypatch, None)
        fcntl.flock(file, fcntl.LOCK_UN)
        with gpu_locks(None) as locks:
            assert [lock.path.parent for lock in locks.locks] == places[:1]
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_one_process_locks_against_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with gpu_locks(None), pytest.raises(LockedError, match=f"process {os.getpid()} "):
        take(monkeypatch, None)


# -- the files -----------------------------------------------------------------------------


def test_a_folder_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LOCKS, str(tmp_path / "nowhere"))
    with pytest.raises(
        NotReadyError, match=r"nowhere/tandem-machine\.lock: cannot open"
    ) as refused:
        take(monkeypatch, None)
    assert refused.value.exit_code == 3


def test_a_link_in_the_place_of_a_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In /tmp anybody may put one there: it is not followed, and nothing is created through it."""
    (tmp_path / "tandem-machine.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotReadyError, match="cannot open the lock file"):
        take(monkeypatch, None)
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like /tmp: everybody may make files in it, nobody change another's."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o1777)
        monkeypatch.setenv(LOCKS, folder)
        yield Path(folder)


def test_users_meet_at_the_same_lock(
    monkeypatch: pytest.MonkeyPatch, holders: list[Holder], public: Path
) -> None:
    """Whatever the umask of whoever was there first."""
    before = os.umask(0o077)
    try:
        take(monkeypatch, "0")
        holders.append(Holder("0"))
        holders.append(Holder("0", str(NOBODY)))
    finally:
        os.umask(before)
    refused = holders[1]
    refused.process.wait(DEADLINE_S)
    assert refused.process.returncode == 75
    assert f"LockedError another run uses GPU 0: process {holders[0].process.pid}" in refused.said
    holders[0].end()
    holders.append(Holder("0", str(NOBODY)))
    assert holders[2].has_locks
    with pytest.raises(LockedError, match=f"process {holders[2].process.pid} "):
        take(monkeypatch, "0")


def test_a_folder_of_somebody_else(holders: list[Holder], public: Path) -> None:
    os.chmod(public, 0o700)
    holders.append(Holder(None, str(NOBODY)))
    holders[0].process.wait(DEADLINE_S)
    assert holders[0].process.returncode == 3
    assert "tandem-machine.lock: cannot open the lock file: Permission denied" in holders[0].said


# -- the driver ----------------------------------------------------------------------------


def test_a_second_driver_starts_nothing(tmp_path: Path, holders: list[Holder]) -> None:
    holders.append(Holder("0"))
    options: list[Any] = ["--results", tmp_path / "results", "--repo", "digits", "--model", "mlp"]
    done = subprocess.run(
        [sys.executable, ROOT / "driver.py", "run", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment("1,0"),
    )
    assert done.returncode == 75
    assert done.stdout == ""
    assert done.stderr.startswith("tandem: error: another run uses GPU 0: process ")
    assert f"process {holders[0].process.pid} (" in done.stderr
    assert not (tmp_path / "results").exists()
