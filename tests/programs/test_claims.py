"""Claims: one worker has a group, a stale claim is taken over, and a lost answer is no loss."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from tandem.results.owner import Owner, this_process
from tandem.work.claims import Claims, Heartbeat, claim_in

GROUP = "c01_r1"


@pytest.fixture
def claims(tmp_path: Path) -> Claims:
    made = Claims(tmp_path, "host_1-0_r0")
    made.open()
    return made


def other(claims: Claims, worker: str = "host_2-0_r0", **changes: Any) -> Claims:
    return replace(claims, worker=worker, **changes)


def grow_old(claims: Claims, seconds: float) -> None:
    file = claims.folder / GROUP
    then_s = file.stat().st_mtime - seconds
    os.utime(file, (then_s, then_s))


def owned_by(claims: Claims, worker: str, owner: Owner) -> None:
    (claims.folder / GROUP).write_text(json.dumps({"worker": worker, **asdict(owner)}))


def of_another_host() -> Owner:
    return replace(this_process(), host="elsewhere", boot_id="another")


def names(claims: Claims) -> list[str]:
    return sorted(os.listdir(claims.folder))


def test_a_folder_of_claims_that_somebody_removed_is_made_again(claims: Claims) -> None:
    assert claims.take(GROUP)
    (claims.folder / GROUP).unlink()
    claims.folder.rmdir()
    assert not claims.touch(GROUP)
    claims.give_back(GROUP)
    assert claims.others() == {}
    assert claims.take(GROUP)


def test_what_is_no_file_in_it_is_no_claim(claims: Claims) -> None:
    (claims.folder / "notes").mkdir()
    assert claims.others() == {}


def test_one_has_a_group_until_it_is_given_back(claims: Claims) -> None:
    assert claims.take(GROUP)
    assert claims.take(GROUP), "asking again is harmless"
    second = other(claims)
    assert not second.take(GROUP)
    assert [*second.others()] == [GROUP]
    assert claims.others() == {}
    second.give_back(GROUP)
    assert names(claims) == [GROUP], "nobody gives back what is another's"
    claims.give_back(GROUP)
    assert names(claims) == []
    assert second.take(GROUP)


def test_a_claim_says_whose_it_is(claims: Claims) -> None:
    claims.take(GROUP)
    found = claim_in(claims.folder / GROUP)
    assert found
    assert (found.worker, found.owner) == (claims.worker, this_process())


@pytest.mark.parametrize("call", ["link", "open"])
def test_a_lost_answer_is_no_loss(
    claims: Claims, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """NFS asks again, and says "File exists" of what it has just made."""
    really: Callable[..., Any] = getattr(os, call)

    def asked_twice(*words: Any, **more: Any) -> Any:
        if call == "open" and not words[1] & os.O_EXCL:
            return really(*words, **more)
        really(*words, **more)
        return really(*words, **more)

    monkeypatch.setattr(os, call, asked_twice)
    assert claims.take(GROUP)


def test_where_there_are_no_hard_links(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_first: str, second: Path) -> None:
        raise OSError(1, "Operation not permitted", str(second))

    monkeypatch.setattr(os, "link", refused)
    assert claims.take(GROUP)
    assert not other(claims).take(GROUP)
    assert names(claims) == [GROUP]


def test_another_refusal_is_an_error(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_first: str, second: Path) -> None:
        raise OSError(5, "Input/output error", str(second))

    monkeypatch.setattr(os, "link", refused)
    with pytest.raises(OSError, match="Input/output error"):
        claims.take(GROUP)
    assert names(claims) == []


@pytest.mark.parametrize("text", ["", '{"worker": "host_2', "[1]", '{"worker": 7}', "\0\0\0"])
def test_of_half_a_claim_the_age_decides(claims: Claims, text: str) -> None:
    """Its owner died between making it and writing it, on a disk without hard links."""
    (claims.folder / GROUP).write_text(text)
    assert not claims.take(GROUP)
    assert [*claims.others()] == [GROUP]
    grow_old(claims, 121)
    assert claims.others() == {}
    assert claims.take(GROUP)


def test_a_stale_claim_is_taken_over_and_a_fresh_one_not(claims: Claims) -> None:
    owned_by(claims, "n2_7-0_r0", of_another_host())
    grow_old(claims, 119)
    assert not claims.take(GROUP)
    assert other(claims, expires_s=100).take(GROUP)
    assert names(claims) == [GROUP]


@pytest.mark.parametrize("off_s", [3600.0, -3600.0])
def test_ages_are_by_the_clock_of_the_server(
    claims: Claims, monkeypatch: pytest.MonkeyPatch, off_s: float
) -> None:
    """Which is an hour off here."""
    really = os.utime

    def by_the_server(file: Any, times: Any = None, **more: Any) -> None:
        then_s = time.time() + off_s
        really(file, times or (then_s, then_s), **more)

    owned_by(claims, "n2_7-0_r0", of_another_host())
    monkeypatch.setattr(os, "utime", by_the_server)
    os.utime(claims.folder / GROUP)
    assert not claims.take(GROUP)
    grow_old(claims, 121)
    assert claims.take(GROUP)


def test_one_that_is_touched_just_before_stays(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_by(claims, "n2_7-0_r0", of_another_host())
    grow_old(claims, 121)
    really, file = os.rename, claims.folder / GROUP

    def late(first: Any, second: Any) -> None:
        if first == file:
            os.utime(file)  # its owner has woken up
        really(first, second)

    monkeypatch.setattr(os, "rename", late)
    assert not claims.take(GROUP)
    found = claim_in(file)
    assert found
    assert found.worker == "n2_7-0_r0"
    assert names(claims) == [GROUP]


def test_a_lost_answer_to_the_renaming_is_no_loss(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_by(claims, "n2_7-0_r0", of_another_host())
    grow_old(claims, 121)
    really = os.rename

    def asked_twice(first: Any, second: Any) -> None:
        really(first, second)
        really(first, second)

    monkeypatch.setattr(os, "rename", asked_twice)
    assert claims.take(GROUP)


@pytest.mark.parametrize(
    ("earlier", "later", "is_taken"),
    [
        ("n1_7-0_r0", "n1_7-0_r1", True),
        ("n1_7-0_r9", "n2_7-0_r10", True),  # requeued elsewhere
        ("n1_7-0.2_r0", "n1_7-0_r1", True),  # one of several workers of a job
        ("n1_7-0_r1", "n1_7-0_r0", False),
        ("n1_7-0_r0", "n1_7-1_r1", False),
        ("n1_7-0", "n1_7-0_r1", False),
    ],
)
def test_an_earlier_restart_of_the_same_task_is_gone(
    claims: Claims, earlier: str, later: str, is_taken: bool
) -> None:
    owned_by(claims, earlier, of_another_host())
    assert other(claims, later).take(GROUP) is is_taken


def test_the_claim_of_a_process_that_has_ended_is_stale_at_once(claims: Claims) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    owned_by(claims, "host_2-0_r0", replace(this_process(), pid=ended.pid))
    assert claims.take(GROUP)


def test_a_late_claim_is_waited_for(claims: Claims) -> None:
    owned_by(claims, "n2_7-0_r0", of_another_host())
    assert claims.late_s({GROUP}) is None
    grow_old(claims, 40)
    assert claims.late_s({GROUP}) == pytest.approx(80, abs=5)
    assert claims.late_s({"c02_r1"}) is None
    grow_old(claims, 90)
    assert claims.late_s({GROUP}) is None, "it is stale"


def test_what_killed_workers_left_is_removed(claims: Claims) -> None:
    """Names that one uses for a moment; those of whoever lives stay."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); from tandem.base.makers import mark"
    library = str(Path(__file__).resolve().parents[2] / "lib")
    words = [sys.executable, "-c", f"{code}; print(mark())", library]
    ended = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    for name in ("clock-x", "aside-x", "x"):
        (claims.folder / f".{name}.{ended}.tmp").touch()
    claims.take(GROUP)
    claims.open()
    assert names(claims) == [GROUP]


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_the_heartbeat_touches_a_claim_until_another_has_it(claims: Claims) -> None:
    claims = replace(claims, expires_s=0.08)
    claims.take(GROUP)
    file = claims.folder / GROUP
    grow_old(claims, 1000)
    before_s = file.stat().st_mtime
    heartbeat = Heartbeat(claims, GROUP)
    until(lambda: file.stat().st_mtime > before_s + 900)
    assert not heartbeat.is_lost
    owned_by(claims, "n2_7-0_r0", of_another_host())
    until(lambda: heartbeat.is_lost)
    heartbeat.end()
    claims.give_back(GROUP)
    assert names(claims) == [GROUP]


GROUPS = [f"c{number:02}_r1" for number in range(1, 21)]


def claim_all(run: Path, number: int, start: Any, end: Any, found: Any) -> None:
    claims = Claims(run, f"host_{number}-0_r0")
    claims.open()
    start.wait()
    found.put([group for group in GROUPS if group not in claims.others() and claims.take(group)])
    end.wait()  # a claim of a process that has ended is stale at once


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[list[str]]:
    """What 64 processes have claimed at once."""
    context = multiprocessing.get_context("fork")
    start, end, found = context.Barrier(64), context.Barrier(64), context.Queue()
    workers = [
        context.Process(target=claim_all, args=(tmp_path, number, start, end, found))
        for number in range(64)
    ]
    for each in workers:
        each.start()
    yield [group for _ in workers for group in found.get(timeout=60)]
    for each in workers:
        each.join()


def test_of_64_at_once_one_gets_each_group(crowd: list[str], tmp_path: Path) -> None:
    assert sorted(crowd) == GROUPS
    assert sorted(os.listdir(tmp_path / "claims")) == GROUPS
