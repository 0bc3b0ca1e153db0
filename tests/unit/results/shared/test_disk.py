"""Waiting for the disk of a run: what is waited for, for how long, and what is said."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tandem.base.errors import NotReadyError
from tandem.processes.watch import Interrupted
from tandem.results.shared import disk as module
from tandem.results.shared.disk import Disk, SharedDisk


class Clock:
    """A watch whose waits take no time, and what happens during them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.events: dict[int, Callable[[], object]] = {}
        self.waits = 0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, _scripts: object, until_s: float) -> None:
        self.now_s = until_s
        self.waits += 1
        self.events.get(self.waits, lambda: None)()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def disk(tmp_path: Path, clock: Any, said: list[str]) -> SharedDisk:
    own = tmp_path / "run" / "workers" / "w"
    own.mkdir(parents=True)
    return SharedDisk(tmp_path / "run", own, clock, said.append, 600.0)


def failing(*errors: OSError) -> Callable[[], str]:
    """Return an action that fails so, one after the other, and succeeds then."""
    left = list(errors)

    def action() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return action


def test_what_succeeds_is_done_once_and_in_silence(disk: SharedDisk, said: list[str]) -> None:
    assert disk.patient(failing()) == "done"
    assert said == [] and not [*disk.own.iterdir()]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE])
def test_one_message_at_the_beginning_and_one_at_the_end(
    disk: SharedDisk, said: list[str], number: int
) -> None:
    errors = [OSError(number, os.strerror(number)) for _ in range(3)]
    assert disk.patient(failing(*errors)) == "done"
    first, last = said
    assert first.startswith("waiting up to 10 min (--wait-disk) for ")
    assert os.strerror(number) in first and first.endswith("nothing is measured")
    assert last.endswith("can be written again after 3 s; going on")


def test_a_folder_that_is_away_comes_back(disk: SharedDisk, clock: Clock, said: list[str]) -> None:
    run, away = disk.run, disk.run.with_name("away")
    run.rename(away)
    clock.events[7] = lambda: away.rename(run)
    disk.patient(lambda: (disk.own / "file").write_text("here"))
    assert (disk.own / "file").read_text() == "here"
    assert "No such file or directory" in said[0] and "after 7 s" in said[1]


def test_it_is_not_waited_for_without_end(disk: SharedDisk, clock: Clock, said: list[str]) -> None:
    disk.run.rename(disk.run.with_name("away"))
    with pytest.raises(NotReadyError) as caught:
        disk.patient(lambda: (disk.own / "file").write_text("here"))
    assert clock.now_s == 600.0 and len(said) == 1
    assert caught.value.exit_code == 3
    for words in (
        "for 10 min (--wait-disk)",
        "nothing is left running",
        "then go on with: ",
        "bin/tandem work ",
    ):
        assert words in str(caught.value)


def test_an_action_inside_an_action_waits_once(disk: SharedDisk, clock: Clock) -> None:
    disk.run.rename(disk.run.with_name("away"))
    with pytest.raises(NotReadyError):
        disk.patient(lambda: disk.patient(lambda: (disk.own / "file").write_text("here")))
    assert clock.now_s == 600.0


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EMFILE])
def test_what_is_no_fault_of_the_disk_is_raised_at_once(
    disk: SharedDisk, clock: Clock, number: int
) -> None:
    with pytest.raises(OSError):
        disk.patient(failing(OSError(number, os.strerror(number))))
    assert clock.waits == 0


def test_a_full_disk_elsewhere_is_not_this_one(disk: SharedDisk, clock: Clock) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/tmp/tandem-samples.x/trees.tsv")
    with pytest.raises(OSError, match="trees"):
        disk.patient(failing(error))
    assert disk.why_bad(error) is None and clock.waits == 0


def test_an_action_that_always_fails_on_a_disk_that_is_well(disk: SharedDisk, clock: Clock) -> None:
    with pytest.raises(OSError, match="Input/output"):
        disk.patient(failing(*(OSError(errno.EIO, "Input/output error") for _ in range(99))))
    assert clock.now_s < 10


def test_what_an_error_came_from_counts(disk: SharedDisk, said: list[str]) -> None:
    """The table says of a full disk that a row could not be added."""
    errors = [NotReadyError("summary.csv: the row could not be added")]

    def action() -> str:
        if errors:
            raise errors.pop() from OSError(errno.ENOSPC, "No space left on device")
        return "done"

    assert disk.patient(action) == "done" and len(said) == 2


def test_a_signal_ends_the_wait(disk: SharedDisk, clock: Clock) -> None:
    def signal() -> None:
        raise Interrupted(15)

    clock.events[2] = signal
    with pytest.raises(Interrupted):
        disk.patient(failing(*(OSError(errno.ENOSPC, "full") for _ in range(9))))


def test_a_look_at_the_disk(disk: SharedDisk) -> None:
    disk.check()
    disk.run.rename(disk.run.with_name("away"))
    with pytest.raises(OSError, match="No such file") as caught:
        disk.check()
    disk.run.with_name("away").rename(disk.run)
    assert disk.why_bad(caught.value) == "No such file or directory", "it was bad a moment ago"
    assert disk.why_bad() is None


def test_a_sign_of_a_bad_disk_is_looked_into(disk: SharedDisk) -> None:
    """A state that could not be written once is none; long silence is, also when it is over."""
    disk.heed(None)
    disk.heed(OSError(errno.ESTALE, "Stale file handle"))
    with pytest.raises(OSError, match="no answer for 63 s") as caught:
        disk.heed(OSError(errno.ETIMEDOUT, "no answer for 63 s"))
    assert disk.why_bad(caught.value) == "no answer for 63 s"
    disk.run.rename(disk.run.with_name("away"))
    with pytest.raises(OSError, match="No such file"):
        disk.heed(OSError(errno.ESTALE, "Stale file handle"))


def test_a_run_on_one_machine_waits_for_nothing() -> None:
    with pytest.raises(OSError):
        Disk().patient(failing(OSError(errno.ENOSPC, "full")))
    assert Disk().why_bad(OSError(errno.ENOSPC, "full")) is None
    Disk().heed(OSError(errno.ETIMEDOUT, "no answer for 63 s"))
