"""What would help against each kind of reason, with the record's own figures."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from support.records import of, record
from tandem.experiment.validity.advice import advice
from tandem.experiment.validity.reason import Kind
from tandem.results.record import Record
from tandem.results.record_background import BackgroundPart, Round
from tandem.results.record_process import Lingering, Stop
from tandem.results.record_window import DoseInWindow, Load, LoadPart, Stranger, WindowGpu

NAME = "digits_mlp_001_parallel"


def one_round(start_s: float, seconds: float, **values: Any) -> Round:
    usual = {"start_boottime_s": start_s, "end_boottime_s": start_s + seconds}
    usual |= {"training_seconds": seconds, "completed": 1, "failed": 0, "hollow": 0}
    return of(Round, **{**usual, "why": None, "reason": None, **values})


def beside(*rounds: Round, coverage: float = 0.8149, dose: Any = None, **part: Any) -> Record:
    """Return a record whose background had these rounds."""
    usual: dict[str, Any] = {
        "rounds": list(rounds),
        "max_rounds": None,
        "rounds_completed": len(rounds),
    }
    usual |= {"rounds_failed": 0, "rounds_hollow": 0, "restart_delay_seconds": 0.1}
    load = of(Load, parts=[of(LoadPart, coverage=coverage, dose=dose)], longest_gap_seconds=2.5)
    return record(
        **{"background.parts": [of(BackgroundPart, **{**usual, **part})]},
        **{"background.coverage": coverage, "windows[0].load": load},
    )


ROUNDS = [one_round(10 + 1.35 * number, 1.1) for number in range(4)]
FOLDED = of(
    Round,
    **{"start_boottime_s": 10.0, "end_boottime_s": 15.15, "training_seconds": 4.4},
    **{"completed": 4, "failed": 0, "hollow": 0},
)
SHORT = "rounds of 1.1 s with 0.25 s between reach 81.4%: make rounds longer (4.8 s would do)"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (beside(*ROUNDS), f"{SHORT}, or set validity.min_coverage"),
        (
            beside(*ROUNDS, restart_delay_seconds=0.2),
            f"{SHORT}, lower restart_delay_seconds (0.2), or set validity.min_coverage",
        ),
        (beside(FOLDED), f"{SHORT}, or set validity.min_coverage"),
        (
            beside(*ROUNDS, max_rounds=4),
            "all 4 rounds were over too early: raise max_rounds, or leave it out",
        ),
        (
            beside(*ROUNDS, rounds_completed=1, rounds_failed=2, rounds_hollow=1),
            f"3 of 4 rounds failed: {NAME}/background_logs has what they printed",
        ),
        (
            beside(ROUNDS[0]),
            "the longest time without it was 2.5 s: see why it began late or ended early,"
            " or set validity.min_coverage",
        ),
        (
            beside(ROUNDS[0], **{"coverage": 0.0}),
            "the longest time without it was 2.5 s: see why it began late or ended early,"
            " or set validity.min_coverage",
        ),
        (
            record(**{"background.coverage": None}),
            f"{NAME}/background_logs/rounds.tsv says when rounds began and ended",
        ),
    ],
)
def test_coverage(found: Record, text: str) -> None:
    assert advice("coverage", found) == text


def test_a_coverage_that_no_round_reaches_names_no_length() -> None:
    found = beside(*ROUNDS)
    found["validity"]["min_coverage"] = 1.0
    assert "make rounds longer, or set" in advice("coverage", found)


def dosed(mode: str, target: float, duty: float | None, sm: float | None) -> DoseInWindow:
    return of(DoseInWindow, mode=mode, target=target, duty_mean=duty, sm_avg_percent=sm)


def seen(**gpu: Any) -> Record:
    return record(**{"windows[0].gpus": [of(WindowGpu, **gpu)]})


WENT_ON = of(Stop, went_on=[of(Lingering, name="redis"), of(Lingering, name="redis")])
FAILING = [one_round(10, 0.5, completed=0, failed=1, reason="exit code 1")]
ATTEMPT = "attempts[0]"


@pytest.mark.parametrize(
    ("kind", "found", "texts"),
    [
        ("dose", beside(*ROUNDS, dose=dosed("target", 40, None, 31.2)), ["_utilization: 31)"]),
        (
            "dose",
            beside(*ROUNDS, dose=dosed("intensity", 0.5, 0.41, None)),
            ["make rounds longer than 1.1 s", "(intensity: 0.41)"],
        ),
        ("rounds", beside(*FAILING, rounds_failed=1), ["1 of 1 rounds failed (the last: exit"]),
        ("failed", record(**{f"{ATTEMPT}.duration_seconds": 3.21}), ["it ended after 3.2 s"]),
        ("left", record(**{f"{ATTEMPT}.stop": WENT_ON}), ["who may go on (redis)"]),
        (
            "strangers",
            seen(strangers=[of(Stranger, name="py", user="eve", sm_percent=7, memory_mib=300)]),
            ["have py of eve end", "(7 here)", "(300 here)"],
        ),
        ("sampling", seen(largest_gap_seconds=12.0), ["nothing was sampled for 12.0 s"]),
        ("clocks", seen(throttled_percent={"power": 21.4, "heat": 3.0}), ["to at least 22"]),
        ("cpus", record(**{"windows[0].machine.others_cpu_percent": 37.2}), ["to at least 38"]),
        ("weak", record(**{"windows[0].load.sm_avg_percent": 3.7}), ["to at most 3"]),
        ("metric", record(), ["log_patterns", f"{NAME}/training.log"]),
        ("epochs", record(**{"epochs.begins_late": True}), ["max_retries to 0"]),
        ("epochs", record(**{"epochs.begins_late": False}), ["early_stopping"]),
    ],
)
def test_the_figures_are_those_of_the_record(kind: Kind, found: Record, texts: list[str]) -> None:
    for text in texts:
        assert text in advice(kind, found)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_advice_whatever_a_record_lacks(kind: Kind) -> None:
    bare = [
        of(WindowGpu, **{"strangers": [], "throttled_percent": {}, "largest_gap_seconds": None})
    ]
    for found in (
        record(),
        record(**{"windows[0].load": None, "windows[0].gpus": bare}),
        record(**{"windows": [], "background.parts[0].rounds": []}),
        record(**{f"{ATTEMPT}.duration_seconds": None, f"{ATTEMPT}.stop": None}),
    ):
        assert advice(kind, found)
