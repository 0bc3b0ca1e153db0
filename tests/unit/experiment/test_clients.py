"""Under MPS a background that dies of a signal or a fault spoils the foreground's record."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import of, put
from tandem.experiment.validity.clients import reasons
from tandem.results.record import Attempt, BoardFaults, Record
from tandem.results.record_background import BackgroundPart, Round
from tandem.results.record_setup import MpsDaemon
from tandem.results.record_window import Window

BEGIN_S, END_S = 5012.0, 5032.0
REACHES = "and under MPS that reaches the foreground"


def ended(code: int | None, at_s: float = END_S - 5, **changes: Any) -> Round:
    """Return a round that failed; it began five seconds before its end."""
    times = {"start_boottime_s": at_s - 5, "end_boottime_s": at_s}
    counts = {"first": 3, "last": 3, "failed": 1, "completed": 0, "hollow": 0}
    return of(Round, **{"exit_code": code, "reason": "ended", **counts, **times, **changes})


def record(*rounds: Round, **changes: Any) -> Record:
    window = of(Window, name="foreground", start_boottime_s=BEGIN_S, end_boottime_s=END_S)
    part = of(BackgroundPart, name="background", rounds=list(rounds))
    made = records.record(
        windows=[window], attempts=[of(Attempt)], faults=[of(BoardFaults, xids_beside=[])]
    )
    put(made, **{"background.parts": [part], "gpu_setup.sharing": "mps", **changes})
    return made


def texts(made: Record) -> list[str]:
    return [reason.text for reason in reasons(made)]


@pytest.mark.parametrize(
    ("code", "end", "may_pass"),
    [
        (137, "was ended by signal 9 (SIGKILL)", True),
        (143, "was ended by signal 15 (SIGTERM)", True),
        (139, "was ended by signal 11 (SIGSEGV)", False),
        (134, "was ended by signal 6 (SIGABRT)", False),
    ],
)
def test_a_round_that_a_signal_ended(code: int, end: str, may_pass: bool) -> None:
    [reason] = reasons(record(ended(code)))
    assert reason.text == f"background: round 3 {end}, {REACHES}"
    assert (reason.kind, reason.may_pass) == ("client died", may_pass)


def test_a_round_that_was_lost_with_its_keeper() -> None:
    found = texts(record(ended(None, reason="lost")))
    assert found == [f"background: round 3 was killed with its keeper, {REACHES}"]


def test_one_of_many_rounds_that_are_told_together() -> None:
    found = texts(record(ended(137, first=1, last=64)))
    assert found == [
        f"background: round 1 or one up to 64 was ended by signal 9 (SIGKILL), {REACHES}"
    ]


@pytest.mark.parametrize(
    "harmless",
    [
        ended(1),  # an exit code of its own
        ended(255),
        ended(0, failed=0, completed=1),
        ended(143, failed=0, reason="signal SIGTERM"),  # that was us
        ended(134, at_s=END_S + 1),  # when the foreground had ended, and it was asked to go
        ended(137, at_s=BEGIN_S - 20),  # in an earlier attempt, under another daemon
    ],
)
def test_no_false_alarm(harmless: Round) -> None:
    earlier = of(Attempt, number=1, end_boottime_s=BEGIN_S - 15)
    attempts = [earlier, of(Attempt, number=2, start_boottime_s=BEGIN_S)]
    made = record(harmless, attempts=attempts, **{"windows[0].attempt": 2})
    assert texts(made) == []


def test_a_round_that_a_signal_ended_before_the_foreground_began_counts() -> None:
    assert len(texts(record(ended(137, at_s=BEGIN_S - 1)))) == 1


@pytest.mark.parametrize("changes", [{"gpu_setup.sharing": "time_slicing"}, {"background": None}])
def test_without_mps_or_a_background_it_reaches_nobody(changes: dict[str, Any]) -> None:
    assert texts(record(ended(137), **{"faults[0].xids_beside": [31], **changes})) == []


@pytest.mark.parametrize(
    ("beside", "expected"),
    [([], []), (None, []), ([45], []), ([45, 31, 31, 43], ["Xid 31, 43"])],
)
def test_xids_beside_the_foreground(beside: list[int] | None, expected: list[str]) -> None:
    made = record(**{"faults[0].xids": [31, 31, 13], "faults[0].xids_beside": beside})
    assert texts(made) == [
        f"GPU 0 reported {each} beside the foreground, {REACHES}" for each in expected
    ]


def test_a_fault_in_the_log_of_the_last_attempts_server() -> None:
    daemons = [
        of(MpsDaemon, attempt=number, faults=[text])
        for number, text in ((1, "an earlier one"), (2, "a fault"))
    ]
    attempts = [of(Attempt, end_boottime_s=BEGIN_S - 1), of(Attempt, number=2)]
    made = record(attempts=attempts, **{"windows[0].attempt": 2, "gpu_setup.mps": daemons})
    assert texts(made) == ["MPS: a fault"]
