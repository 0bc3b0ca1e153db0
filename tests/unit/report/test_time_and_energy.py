"""Hours and kWh, as far as earlier records tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.plans import crossed, experiment, plan, training
from tandem.config.options import Controls, Course, Limits
from tandem.plan.model import Experiment, Plan
from tandem.report.check.time_and_energy import (
    Outlook,
    energy_text,
    kwh_text,
    outlook_of,
    time_text,
)
from tandem.results.earlier import Earlier

SOLO = ("vision resnet20",)
BESIDE = ("vision resnet20", "vision resnet20")


def earlier(*kinds: Sequence[str], watts: float | None = 360.0) -> Earlier:
    """Records of some kinds: 2 s an epoch, and so much power of the GPUs, none of the CPU."""
    found = Earlier()
    for kind in map(tuple, kinds):
        found.pace.note(kind, 1, 2.0)
        found.gpu.note(kind, watts, 1.0, "no sensor")
        found.cpu.note(kind, None, 1.0, "RAPL: permission denied")
    return found


def parts(made: Plan, seen: Earlier) -> dict[str, float]:
    return {part: seconds for part, seconds in outlook_of(made, seen).parts_s.items() if seconds}


def single(epochs: int, **limits: float) -> Experiment:
    front = training(hyperparameters={"epochs": epochs})
    return experiment(foreground=front, backgrounds=(), limits=Limits(**limits))  # type: ignore[arg-type]


def test_nothing_is_known_of_what_never_ran(tmp_path: Path) -> None:
    outlook = outlook_of(plan(experiment()), earlier(SOLO))
    text = time_text(outlook, tmp_path)
    assert text.startswith("unknown: these trainings are not among the newest 200 records in ")
    assert energy_text(outlook, earlier(SOLO)) == "unknown"


def test_trainings_go_by_their_epochs_up_to_their_timeout() -> None:
    assert parts(plan(single(20), single(5)), earlier(SOLO)) == {"trainings": 50.0}
    assert parts(plan(single(20, timeout_s=30.0)), earlier(SOLO)) == {"trainings": 30.0}


def test_warm_ups_and_windows_are_those_of_the_settings() -> None:
    controls = Controls(idle_s=10.0, background_s=60.0)
    beside = experiment(controls=controls, limits=Limits(warmup_s=5.0))
    alone = experiment(controls=controls, backgrounds=())
    assert parts(plan(beside, alone), earlier(SOLO, BESIDE)) == {
        "trainings": 4.0,
        "warm-ups of backgrounds": 5.0,
        "windows": 20.0 + 60.0 + 20.0,
    }


@pytest.mark.parametrize(
    ("seen_s", "limit_s", "expected_s"),
    [([30.0, 10.0], None, 20.0), ([30.0], 7.0, 7.0), ([], 7.0, 7.0), ([], None, None)],
)
def test_cool_downs_are_as_before_up_to_their_limit(
    seen_s: list[float], limit_s: float | None, expected_s: float | None
) -> None:
    seen = earlier(SOLO)
    seen.cooldowns_s += seen_s
    made = plan(experiment(backgrounds=(), limits=Limits(cooldown_s=limit_s)))
    assert parts(made, seen).get("cool-downs") == expected_s


def test_warm_up_runs_come_once_for_each_foreground() -> None:
    made = crossed(3, 2, [None, 1], course=Course(warmup_runs=2))
    assert parts(made, earlier(SOLO, BESIDE))["warm-up runs"] == 2 * 40.0


def test_the_text_has_the_total_and_its_parts(tmp_path: Path) -> None:
    made = plan(*[single(1800, cooldown_s=60.0)] * 4)
    text = time_text(outlook_of(made, earlier(SOLO)), tmp_path)
    assert text == "about 4.1 h: trainings 4.0 h, cool-downs 4 min"


def test_what_is_unknown_is_named_and_the_rest_is_the_least(tmp_path: Path) -> None:
    outlook = outlook_of(plan(single(3), experiment(), experiment()), earlier(SOLO))
    assert time_text(outlook, tmp_path) == (
        "more than 6 s: trainings 6 s; unknown of 2 experiments: "
        "vision resnet20 beside vision resnet20"
    )
    assert energy_text(outlook, earlier(SOLO)).startswith("GPUs more than ")


def test_many_unknown_kinds_are_counted(tmp_path: Path) -> None:
    outlook = Outlook(known_s={SOLO: 5.0})
    outlook.unknown.update({(f"r m{number}",): 2 for number in range(5)})
    text = time_text(outlook, tmp_path)
    assert text == "more than 5 s; unknown of 10 experiments: r m0, r m1, r m2 and 2 more"


def test_energy_is_power_times_all_of_the_time_each_device_on_its_own() -> None:
    outlook = Outlook(known_s={SOLO: 3600.0, BESIDE: 3600.0})
    seen = earlier(SOLO, BESIDE)
    assert energy_text(outlook, seen) == (
        "GPUs about 0.72 kWh; CPU unknown: RAPL: permission denied"
    )
    assert energy_text(outlook, earlier(SOLO, BESIDE, watts=None)).startswith(
        "GPUs unknown: no sensor; "
    )
    assert energy_text(outlook, earlier(SOLO)).startswith("GPUs more than 0.36 kWh; ")


def test_kwh_have_two_digits() -> None:
    assert [kwh_text(3.6e6 * kwh) for kwh in (1e-6, 0.0123, 1.5, 99.4, 99.6, 12345.0)] == [
        *("0.001 kWh or less", "0.012 kWh", "1.5 kWh", "99 kWh", "100 kWh", "12345 kWh")
    ]
