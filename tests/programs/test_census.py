"""The census on real processes: whose owner is gone, who carries a cookie, who holds a device.

Other people's processes run on this machine too: what is found is looked at only as far as it was
started here, and nothing is removed without a cookie that only this test knows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.base.paths import ROOT
from tandem.base.variables import COOKIE, OWNER_FILE
from tandem.processes import census
from tandem.processes.census import Found
from tandem.processes.cookie import cookie, realm
from tandem.processes.proc import alive, name, stat

KEEP = [sys.executable, "-S", "-E", str(ROOT / "lib" / "keep.py")]
DEADLINE_S = 120.0  # a hang guard, not a figure

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start `sleep`, or another command, with these variables and no other cookie."""
    monkeypatch.delenv(COOKIE, raising=False)
    started: list[subprocess.Popen[str]] = []

    def run(*command: str, mark: str = "", **more: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, **({COOKIE: mark} if mark else {})}
        process = subprocess.Popen(
            command or ("sleep", "1000"),
            env=more.pop("env", environment),
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=more.pop("stdout", subprocess.DEVNULL),
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **more,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what a shell started, too
        process.communicate()


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pids that the census sees: those that a test puts here."""
    seen: list[int] = []
    monkeypatch.setattr(census, "process_ids", lambda: list(seen))
    return seen


@pytest.fixture
def gone(start: Start) -> str:
    """The cookie of an owner that has ended."""
    owner = start()
    mark = f"{cookie(owner.pid)}/run_1/experiment_1"
    owner.kill()
    owner.wait()
    return mark


def living_owner() -> str:
    return f"{cookie(os.getpid())}/run_1/experiment_{uuid.uuid4()}"


# -- whose owner is gone -------------------------------------------------------------------


def test_a_living_owner_is_not_gone() -> None:
    assert not census.owner_is_gone(cookie(os.getpid()))
    assert not census.owner_is_gone(living_owner())


def test_a_dead_owner_is_gone(gone: str) -> None:
    assert census.owner_is_gone(gone)


def test_a_zombie_owner_is_gone(start: Start) -> None:
    """It has ended, and only waits for somebody to collect it."""
    owner = start()
    mark = cookie(owner.pid)
    assert not census.owner_is_gone(mark)
    owner.kill()
    os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{owner.pid}").exists()
    assert census.owner_is_gone(mark)


def test_another_process_with_the_owners_pid_is_not_the_owner() -> None:
    start, pid, where = (part[::-1] for part in cookie(os.getpid())[::-1].split("/", 2))
    assert (where, int(pid)) == (realm(), os.getpid())
    assert census.owner_is_gone(f"{where}/{pid}/{int(start) - 1}")


@pytest.mark.parametrize("part", [0, 1, 2], ids=["boot", "PID namespace", "locks"])
def test_what_cannot_be_known_from_here_is_not_gone(gone: str, part: int) -> None:
    """In another realm the same pid is another's: those processes are not ours to judge."""
    assert census.owner_is_gone(gone)
    parts = gone.split("/")
    parts[part] = "another"
    assert not census.owner_is_gone("/".join(parts))


@given(text=st.text())
def test_a_cookie_of_any_kind_is_read(text: str) -> None:
    assert not census.owner_is_gone(text)
    assert not census.owner_is_gone(f"//{text}")


@pytest.mark.parametrize(
    "pid", ["", "-1", "x", "1.5", "\N{SUPERSCRIPT TWO}", "9" * 300, "9" * 5000]
)
def test_a_cookie_that_names_no_process(pid: str) -> None:
    """Any user's process may carry one: it must not end a run."""
    assert not census.owner_is_gone(f"{realm()}/{pid}/1")
    assert not census.owner_is_gone(f"{realm()}/1/{pid}")


# -- who is left ---------------------------------------------------------------------------


def test_only_those_whose_owner_is_gone_are_leftovers(start: Start, gone: str) -> None:
    """In the whole of /proc; the cookie is inherited."""
    mine = {
        "left behind": start("bash", "-c", "sleep 1000; true", mark=gone),
        "kept": start(mark=living_owner()),
        "of another boot": start(mark=f"{uuid.uuid4()}/{gone.partition('/')[2]}"),
        "without a cookie": start(),
        "of another variable": start(env={"NOT_" + COOKIE: gone, "PATH": os.environ["PATH"]}),
    }
    found = {each.pid: each for each in census.leftovers()}
    assert [name for name, process in mine.items() if process.pid in found] == ["left behind"]
    left = found[mine["left behind"].pid]
    assert left == Found(mine["left behind"].pid, "bash", gone)
    assert left.name == "bash"


def test_a_zombie_is_nobody(start: Start, gone: str, only: list[int]) -> None:
    process = start(mark=gone)
    only.append(process.pid)
    assert [each.pid for each in census.leftovers()] == only
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert census.leftovers() == []


def test_neither_this_process_nor_who_is_above_is_found(gone: str) -> None:
    """A run inside a run has its owner's cookie; it must not end itself, nor who started it."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tandem.processes import census\n"
        f"print(census.below({gone!r}), census.remove_all({gone!r}))"
    )
    inner = [sys.executable, "-c", code, str(ROOT / "lib")]
    done = subprocess.run(
        ["bash", "-c", '"$@"; exit 5', "bash", *inner],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, COOKIE: gone},
    )
    assert (done.returncode, done.stdout) == (5, "[] ([], [])\n")


@pytest.mark.parametrize("padding", [0, 100_000])
def test_a_process_in_the_middle_of_exec_is_not_overlooked(
    start: Start, gone: str, padding: int
) -> None:
    """Its environment cannot be seen for a moment: a thousand programs, one after the other."""
    again = '(( $1 )) && exec bash -c "$0" "$0" $(( $1 - 1 )); exec sleep 1000'
    environment = {**os.environ, "PADDING": "x" * padding, COOKIE: gone}
    looks = 0
    while looks < 100:  # on a busy machine one thousand may go by nearly unseen
        process = start("bash", "-c", again, again, "1000", env=environment)
        while name(process.pid) != "sleep":
            assert census.cookie_of(process.pid) == gone
            looks += 1


def test_nor_is_one_whose_thread_calls_exec(start: Start, gone: str) -> None:
    """While it does, the main thread is a zombie."""
    again = (
        "import os, sys, threading\n"
        "code, left = sys.argv[1], int(sys.argv[2])\n"
        "words = [sys.executable, '-S', '-E', '-c', code, code, str(left - 1)]\n"
        "words = words if left else ['sleep', '1000']\n"
        "threading.Thread(target=os.execvp, args=(words[0], words)).start()\n"
        "threading.Event().wait()\n"
    )
    process = start(sys.executable, "-S", "-E", "-c", again, again, "100", mark=gone)
    while name(process.pid) != "sleep":
        assert census.cookie_of(process.pid) == gone
        assert alive(process.pid)


def test_a_thread_that_takes_its_process_over_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment the process id is still that of the main thread, which is not there any more."""
    lines = [Path("/proc/self/stat").read_text()] * 2
    fields = lines[0].split()
    fields[2], fields[19] = "Z", "0"
    lines.insert(0, " ".join(fields))
    monkeypatch.setattr("tandem.processes.proc.read", lambda _: lines.pop(0))
    assert alive(os.getpid())
    assert len(lines) == 1


def test_a_process_without_its_main_thread_lives(start: Start, gone: str, only: list[int]) -> None:
    """It shows as a zombie, as one does whose main thread is done and another held in a driver."""
    code = (
        "import ctypes, threading\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    process = start(sys.executable, "-S", "-E", "-c", code, mark=gone)
    while stat(process.pid)[0] != "Z":
        assert process.poll() is None
    assert alive(process.pid)
    only.append(process.pid)
    assert [each.pid for each in census.below(gone)] == only
    assert census.remove_all(gone)[1] == []
    assert process.wait(DEADLINE_S) == -signal.SIGKILL


def test_who_has_no_environment_is_not_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of one that was given none, nor of one that has ended."""
    empty, ended = start("/usr/bin/sleep", "1000", env={}), start("true")
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert census.environment(empty.pid) == b""  # its exec is through
    monkeypatch.setattr("tandem.processes.census.time.sleep", lambda _: pytest.fail("waits"))
    assert [census.cookie_of(process.pid) for process in (empty, ended)] == ["", ""]


@pytest.mark.parametrize(
    ("changes", "has_none"),
    [
        ({}, False),
        ({0: "Z"}, True),
        ({0: "Z", 17: "2"}, False),  # another thread lives
        ({20: "0", 23: "0", 47: "0", 48: "0"}, True),  # ends just now, or the kernel's
        ({23: "0", 47: "0", 48: "0"}, False),  # in the middle of execve
        ({23: "0", 47: "140", 48: "140"}, False),
        ({47: "140", 48: "140"}, True),
        ({23: "1", 47: "0", 48: "0"}, True),  # without the right to see
    ],
)
def test_what_stat_tells_of_an_environment(changes: dict[int, str], has_none: bool) -> None:
    """Older kernels open the environment of a zombie and of their own threads, newer ones not."""
    fields = stat(os.getpid())
    fields[17] = "1"
    for place, text in changes.items():
        fields[place] = text
    assert census.has_no_environment(fields) == has_none


def test_the_cookie_of_a_process_that_is_gone(start: Start) -> None:
    process = start()
    process.kill()
    process.wait()
    assert census.mark_of(process.pid) == ""


# -- a cookie beside the log ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "is_known"),
    [
        ("training.log", True),
        ("run_1.log", True),
        ("run_123456.log", True),
        ("run_.log", False),
        ("run_1.log.gz", False),
        ("other.log", False),
        ("my training.log", False),
    ],
)
def test_the_owner_file_tells_for_a_cleared_environment(
    start: Start, tmp_path: Path, gone: str, log: str, is_known: bool
) -> None:
    folder = tmp_path / "a folder\nof two lines"
    folder.mkdir()
    (folder / OWNER_FILE).write_text(gone)
    with open(folder / log, "a") as file:
        process = start(stdout=file, env={"PATH": os.environ["PATH"]})
    assert census.cookie_of(process.pid) == ""
    assert census.mark_of(process.pid) == (gone if is_known else "")
    assert (process.pid in [each.pid for each in census.leftovers()]) == is_known


def test_the_environment_counts_before_the_log(start: Start, tmp_path: Path, gone: str) -> None:
    """A new run may write into the folder of an old one."""
    (tmp_path / OWNER_FILE).write_text(gone)
    with open(tmp_path / "training.log", "a") as file:
        process = start(stdout=file, mark=living_owner())
    assert process.pid not in [each.pid for each in census.leftovers()]


def test_a_log_without_an_owner_file(start: Start, tmp_path: Path) -> None:
    with open(tmp_path / "training.log", "a") as file:
        process = start(stdout=file)
    assert census.mark_of(process.pid) == ""


def test_a_strangers_file_called_owner(start: Start, tmp_path: Path) -> None:
    (tmp_path / OWNER_FILE).write_bytes(b"\xff\xfe\0")
    with open(tmp_path / "training.log", "a") as file:
        process = start(stdout=file)
    assert process.pid not in [each.pid for each in census.leftovers()]


def test_a_killed_keepers_training_is_found(start: Start, tmp_path: Path, only: list[int]) -> None:
    """The last resort as a whole: no keeper, no environment, only the log and its owner file."""
    line = "env -i sleep 1000 & echo $!; wait"
    words = [*KEEP, "--owner", "0", "--log", "training.log", "--", "bash", "-c", line]
    keeper = start(*words, cwd=tmp_path)
    log = tmp_path / "training.log"
    while not (log.exists() and log.read_text().endswith("\n")):
        assert keeper.poll() is None
    only.append(int(log.read_text()))
    try:
        while name(only[0]) != "sleep":  # until bash has become env, and env that
            assert alive(only[0])
        assert census.cookie_of(only[0]) == ""
        assert census.leftovers() == []
        keeper.kill()
        keeper.wait()
        assert [(each.pid, each.name) for each in census.leftovers()] == [(only[0], "sleep")]
        found, left = census.remove_all()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(only[0], signal.SIGKILL)
    assert [each.pid for each in found] == only
    assert left == []
    assert not alive(only[0])


# -- removing ------------------------------------------------------------------------------


def test_exactly_those_with_the_cookie_are_removed(start: Start) -> None:
    """And named; a cookie that only begins alike is another's."""
    mark = living_owner()
    mine = [start(mark=mark), start("bash", "-c", "trap '' TERM; sleep 1000; true", mark=mark)]
    others = [start(mark=f"{mark}0"), start(mark=mark[:-1]), start()]
    found, left = census.remove_all(mark)
    assert left == []
    assert {each.pid for each in found} >= {process.pid for process in mine}
    assert {each.name for each in found} == {"sleep", "bash"}
    assert [process.wait(DEADLINE_S) for process in mine] == [-9, -9]
    assert [process.poll() for process in others] == [None, None, None]
    assert census.below(mark) == []


def test_leftovers_are_removed(start: Start, gone: str, only: list[int]) -> None:
    left_behind, kept = start(mark=gone), start(mark=living_owner())
    only += [left_behind.pid, kept.pid]
    found, left = census.remove_all()
    assert found == [Found(left_behind.pid, "sleep", gone)]
    assert left == []
    assert left_behind.wait(DEADLINE_S) == -9
    assert kept.poll() is None


def test_a_keeper_may_finish(start: Start) -> None:
    """It is ending what is its own: it ends by itself, and is not killed."""
    mark = living_owner()
    keeper = start(*KEEP, "--owner", "0", "--grace", "5", "--", "sleep", "2", mark=mark)
    found, left = census.remove_all(mark)
    assert keeper.pid in [each.pid for each in found]
    assert left == []
    assert keeper.wait(DEADLINE_S) == 0


@pytest.mark.parametrize(
    ("command", "grace_s"),
    [
        ([*KEEP, "--owner", "0", "--grace", "2.5", "--", "sleep", "1000"], 2.5),
        (["sleep", "1000"], None),
        (["bash", "-c", "sleep 1000; true", "--grace", "3"], None),
    ],
)
def test_the_grace_of_a_keeper(start: Start, command: list[str], grace_s: float | None) -> None:
    process = start(*command)
    census.environment(process.pid)  # its exec is through
    assert census.grace_s(process.pid) == grace_s


def test_nobody_to_remove() -> None:
    assert census.remove_all(living_owner()) == ([], [])


def test_what_forks_while_it_is_killed(start: Start) -> None:
    """Its children carry the cookie too: the census looks again until it finds nobody."""
    mark = living_owner()
    start("bash", "-c", "for _ in {1..100}; do sleep 1000 & done; wait", mark=mark)
    _, left = census.remove_all(mark)
    assert left == []
    assert census.below(mark) == []


def test_a_pid_that_is_another_process_by_now_is_spared(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding and killing: the cookie is looked at again."""
    monkeypatch.setattr(census, "KILL_DEADLINE_S", 0.05)
    process = start(mark=living_owner())
    found = Found(process.pid, "sleep", living_owner())
    assert census.remove([found]) == [found]
    assert process.poll() is None


def test_who_is_gone_by_now_is_not_left(start: Start) -> None:
    process = start(mark=living_owner())
    found = Found(process.pid, "sleep", living_owner())
    process.kill()
    process.wait()
    assert census.remove([found]) == []


# -- devices -------------------------------------------------------------------------------


def test_who_holds_a_device(start: Start, tmp_path: Path) -> None:
    for file in ("device0", "device1", "other"):
        (tmp_path / file).touch()
    pattern = str(tmp_path / "device*")
    assert census.device_holders(pattern) == []
    with open(tmp_path / "device1") as device, open(tmp_path / "other") as other:
        holder = start(stdin=device)
        start(stdin=other)
    census.environment(holder.pid)  # its exec is through
    assert census.device_holders(pattern) == [Found(holder.pid, "sleep")]
    holder.kill()
    holder.wait()
    assert census.device_holders(pattern) == []


def test_a_file_that_is_closed_meanwhile(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training opens and closes files all the time: it holds its device all the same."""
    (tmp_path / "device").touch()
    with open(tmp_path / "device") as device:
        holder = start(stdout=device)
    readlink = os.readlink

    def input_is_gone(path: str) -> str:
        if path == f"/proc/{holder.pid}/fd/0":
            raise FileNotFoundError(2, "No such file or directory", path)
        return readlink(path)

    monkeypatch.setattr(os, "readlink", input_is_gone)
    assert census.device_holders(str(tmp_path / "device")) == [Found(holder.pid, "sleep")]


def test_no_device_no_holder(tmp_path: Path) -> None:
    assert census.device_holders(str(tmp_path / "device*")) == []
