"""Interference: known loads give the known answer, and every doubt gives null and its reason."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from support import records
from support.records import flaws, of, put
from tandem.background.account import OF_EACH, Account
from tandem.background.rounds import Stretch
from tandem.interference import figures as module
from tandem.interference.figures import FIGURES
from tandem.log.follow import LOOK_S
from tandem.results.record import Attempt, Epochs, EpochTime, Record
from tandem.results.record_background import Round
from tandem.results.record_window import Load, Stranger, Window, WindowGpu

ORDER = [
    "slowdown",
    "slowdown_of_epochs",
    "background_progress_ratio",
    "antt",
    "stp",
    "energy_ratio",
    "marginal_energy_joules",
    "foreground_energy_low_joules",
    "foreground_energy_high_joules",
    "foreground_energy_shapley_joules",
    "saving_of_sharing",
    "marginal_energy_above_idle_joules",
    "marginal_energy_above_idle_context_joules",
    "saving_of_sharing_above_idle",
    "saving_of_sharing_above_idle_context",
    "foreground_energy_estimate_joules",
]
ESTIMATE = ORDER[-1]
EPOCHS = {"slowdown_of_epochs"}
TIMES = {"slowdown", "antt", "stp"}
RATES = {"background_progress_ratio", "antt", "stp"}
SAVINGS = {name for name in ORDER if name.startswith("saving_of_sharing_above_idle")}
SHARES = set(ORDER[7:11]) | SAVINGS
ABOVE = {name for name in ORDER if "_above_idle" in name}
OF_SOLO = TIMES | EPOCHS | {"energy_ratio"} | SHARES | ABOVE
OF_BACKGROUND = RATES | {"marginal_energy_joules"} | SHARES
ENERGIES = set(ORDER[5:])
LATE = random.Random(11)  # when an epoch is seen; a stream of its own
IDLE_W, CONTEXT_W = 60.0, 40.0
EDGE_J = 60.0


@dataclass(frozen=True)
class Truth:
    """A pair as it really is: the foreground takes a quarter longer and 25 kJ alone.

    Its 20 epochs take 90 s of the 100 s alone; the start takes as long beside the background.
    """

    solo_s: float = 100.0
    slowdown: float = 1.25
    solo_j: float = 25_000.0
    parallel_j: float = 37_500.0
    background_w: float = 220.0
    alone_round_s: float = 4.0
    beside_round_s: float = 6.5
    alone_s: float = 60.0

    @property
    def parallel_s(self) -> float:
        return self.solo_s * self.slowdown

    @property
    def progress(self) -> float:
        return self.alone_round_s / self.beside_round_s

    @property
    def figures(self) -> dict[str, float]:
        """The answers, each from its definition."""
        background_j = self.background_w * self.parallel_s * self.progress
        remainder_j = self.parallel_j - background_j
        return {
            "slowdown": 1.25,
            "slowdown_of_epochs": 1.3,
            "background_progress_ratio": self.progress,
            "antt": (1.25 + 1 / self.progress) / 2,
            "stp": 0.8 + self.progress,
            "energy_ratio": self.parallel_j / self.solo_j,
            "marginal_energy_joules": self.parallel_j - self.background_w * self.parallel_s,
            "foreground_energy_low_joules": min(remainder_j, self.solo_j),
            "foreground_energy_high_joules": max(remainder_j, self.solo_j),
            "foreground_energy_shapley_joules": (remainder_j + self.solo_j) / 2,
            "saving_of_sharing": 1 - self.parallel_j / (self.solo_j + background_j),
        }


@dataclass
class Lab:
    """Measures a truth, with noise of the given size."""

    truth: Truth = Truth()
    noise: random.Random | None = None
    edge_j: float = EDGE_J
    round_spread: float = 0.05
    drift_w: float = 1.5

    def pair(self) -> tuple[Record, Record]:
        truth = self.truth
        rounds: list[Stretch] = []
        alone = self.window("background", 1000.0, truth.alone_s, truth.background_w * truth.alone_s)
        beside = self.window("foreground", 1100.0, truth.parallel_s, truth.parallel_j)
        self.add_rounds(rounds, alone, truth.alone_round_s)
        self.add_rounds(rounds, beside, truth.beside_round_s)
        for window in (alone, beside):
            window["load"] = load_in(window, rounds)
        self.shift(alone, truth.alone_s)
        parallel = record("digits_mlp_001_parallel", "digits_mlp_002_solo", None)
        parallel["duration_seconds"] = beside["duration_seconds"] = self.timed(truth.parallel_s)
        parallel["epoch_times"] = self.epochs(4.5 * 1.3)
        parallel["windows"] = [self.idle(900.0), alone, beside, self.idle(1300.0, self.drift_w)]
        context = deepcopy(parallel["windows"][0])
        context_j = (IDLE_W + CONTEXT_W) * 60.0
        put(context, name="idle_context", **{"gpus[0].energy_joules": context_j})
        parallel["windows"].append(context)
        rounds_of(parallel)[:] = [round_facts(each) for each in rounds]
        solo = record("digits_mlp_002_solo", "digits_mlp_001_parallel", "solo")
        solo_window = self.window("solo", 2100.0, truth.solo_s, truth.solo_j)
        solo["duration_seconds"] = solo_window["duration_seconds"] = self.timed(truth.solo_s)
        self.shift(solo_window, truth.solo_s)
        solo["epoch_times"] = self.epochs(4.5)
        solo["windows"] = [self.idle(1900.0), solo_window, self.idle(2300.0, self.drift_w)]
        solo["background"] = None
        return parallel, solo

    def epochs(self, epoch_s: float) -> list[EpochTime]:
        """Each is seen at its end, or up to LOOK_S later."""
        times_s = [5.0 + epoch * epoch_s for epoch in range(1, 21)]
        late_s = [LATE.uniform(0.0, LOOK_S) if self.noise else 0.0 for _ in times_s]
        seen_s = map(sum, zip(times_s, late_s, strict=True))
        return [of(EpochTime, epoch=n, seconds=s) for n, s in enumerate(seen_s, start=1)]

    def window(self, name: str, start_s: float, duration_s: float, energy_j: float) -> Window:
        return of(
            Window,
            name=name,
            attempt=None if name in ("idle", "background") else 1,
            start_boottime_s=start_s,
            end_boottime_s=start_s + duration_s,
            duration_seconds=duration_s,
            gpus=[gpu(energy_j + self.gauss(self.edge_j), self.edge_j)],
            warnings=[],
        )

    def idle(self, start_s: float, drift_w: float = 0.0) -> Window:
        window = self.window("idle", start_s, 60.0, 0.0)
        window["gpus"][0]["energy_joules"] = (IDLE_W + drift_w) * 60.0
        return window

    def shift(self, window: Window, seconds: float) -> None:
        """The board's power was off by anything up to the drift, either way."""
        energy_j = window["gpus"][0]["energy_joules"]
        if self.noise and energy_j is not None:
            shift_w = self.noise.uniform(-self.drift_w, self.drift_w)
            window["gpus"][0]["energy_joules"] = energy_j + shift_w * seconds

    def add_rounds(self, rounds: list[Stretch], window: Window, round_s: float) -> None:
        """Add rounds that follow each other, from before the window's start to after its end."""
        now_s = window["start_boottime_s"] - 0.3 * round_s
        while now_s < window["end_boottime_s"]:
            end_s = now_s + max(0.1, round_s * (1 + self.gauss(self.round_spread)))
            number = len(rounds) + 1
            rounds.append(
                Stretch(
                    *(number, number, round(now_s, 3), round(end_s, 3), end_s - now_s),
                    completed=1,
                    exit_code=0,
                )
            )
            now_s = end_s

    def timed(self, seconds: float) -> float:
        return seconds + self.gauss(0.001)

    def gauss(self, width: float) -> float:
        return self.noise.gauss(0.0, width) if self.noise else 0.0


def load_in(window: Window, rounds: list[Stretch]) -> Load:
    edges_s = window["start_boottime_s"], window["end_boottime_s"]
    part = {**Account(rounds).figures(*edges_s), "coverage": 0.99}
    together = {name: value for name, value in part.items() if name not in OF_EACH}
    return of(Load, **together, parts=[part])


def rounds_of(parallel: Record) -> list[Round]:
    assert parallel["background"]
    [part] = parallel["background"]["parts"]
    return part["rounds"]


def round_facts(stretch: Stretch) -> Round:
    return of(
        Round,
        first=stretch.first,
        last=stretch.last,
        start_boottime_s=stretch.start_s,
        end_boottime_s=stretch.end_s,
        completed=stretch.completed,
        hollow=stretch.hollow,
    )


def gpu(energy_j: float, edge_j: float) -> WindowGpu:
    return of(
        WindowGpu,
        uuid="GPU-1",
        energy_joules=energy_j,
        energy_uncertainty_joules=edge_j,
        board_gain_percent=5,
        power_max_watts=220.0,  # as steady as can be
        power_min_watts=220.0,
        **{"foreground.sm_avg_percent": 30.0, "background.sm_avg_percent": 50.0},
    )


def record(own_id: str, twin: str, control: str | None) -> Record:
    return records.record(
        experiment_id=own_id,
        twin=twin,
        control=control,
        hyperparameters={"epochs": 20},
        epochs_done=20,
        epochs=of(Epochs, expected=20, count=20, first=1, last=20, at_most_done=20),
        attempts=[attempt()],
        **{
            "environment.device": "cuda",
            "environment.command": ["./train.sh", "--epochs", "20"],
        },
    )


def attempt() -> Attempt:
    return of(Attempt, start_took_seconds=0.0)


def stranger(**changes: Any) -> Stranger:
    seen = {"user": "eve", "memory_mib": 500.0, "sm_percent": 20.0}
    return of(Stranger, **{**seen, **changes})


def interference(parallel: Record, solo: Record | None) -> Any:
    """Return what the two say together; the digests of their files do not matter here."""
    return module.interference(parallel, solo, {})


def nulls(found: Any) -> dict[str, str]:
    """Return the reason of every figure that is null."""
    every = found["figures"].items()
    return {name: each["reason"] for name, each in every if each["value"] is None}


def window_of(record: Record, name: str) -> Any:
    return next(each for each in record["windows"] if each["name"] == name)


# -- the known answer ------------------------------------------------------------------


def test_the_lab_makes_whole_records_and_what_they_say_together_is_whole() -> None:
    parallel, solo = Lab().pair()
    assert flaws(parallel) == flaws(solo) == flaws(interference(parallel, solo), "interference")
    assert flaws(parallel) == []


def test_a_known_pair_gives_the_known_figures() -> None:
    parallel, solo = Lab(drift_w=0.0).pair()
    found = interference(parallel, solo)
    assert list(found["figures"]) == ORDER
    assert found["twin"] == "digits_mlp_002_solo"
    assert found["board_gain_percent"] == 5
    assert found["idle_drift_watts"] == 0.0
    for name, expected in Truth().figures.items():
        figure = found["figures"][name]
        assert figure["value"] == pytest.approx(expected, rel=1e-9), name
        assert figure["clock_uncertainty"] > 0, name
        assert figure["reason"] is None, name


def test_both_kinds_of_idle_are_told_apart() -> None:
    """By hand: 25 kJ in 100 s alone, 37.5 kJ in 125 s beside, 220 W of the background alone."""
    figures = interference(*Lab(drift_w=0.0).pair())["figures"]
    progress = Truth().progress
    for end, idle_w in (("", 60.0), ("_context", 100.0)):
        marginal = figures[f"marginal_energy_above_idle{end}_joules"]
        saving = figures[f"saving_of_sharing_above_idle{end}"]
        turns_j = (25_000 - 100 * idle_w) + (220 - idle_w) * 125 * progress
        assert marginal["value"] == pytest.approx(25_000 - 100 * idle_w)
        assert saving["value"] == pytest.approx(1 - (37_500 - 125 * idle_w) / turns_j)
        for figure in (marginal, saving):
            assert figure["label"] == "derived"
            assert figure["clock_uncertainty"] > 0


def test_without_an_idle_window_of_a_kind_its_figures_are_null() -> None:
    parallel, solo = Lab().pair()
    parallel["windows"].pop()
    found = nulls(interference(parallel, solo))
    assert set(found) == {name for name in ABOVE if "idle_context" in name}
    assert set(found.values()) == {"no idle_context window (set controls.idle_context_seconds)"}
    parallel["idle_context_reason"] = "cuInit: error 100"
    found = nulls(interference(parallel, solo))
    assert set(found.values()) == {"no idle_context window: cuInit: error 100"}


def test_nothing_above_idle_has_no_saving() -> None:
    figures = interference(*Lab(Truth(solo_j=5_000.0, background_w=50.0)).pair())["figures"]
    found = figures["saving_of_sharing_above_idle"]
    assert found["value"] is None
    assert found["reason"] == "the trainings use no more than the idle machine"


def test_labels() -> None:
    labels = {name: each["label"] for name, each in interference(*Lab().pair())["figures"].items()}
    measured = {"slowdown", "slowdown_of_epochs", "background_progress_ratio", "energy_ratio"}
    assert {name for name, label in labels.items() if label == "measured"} == measured
    assert {name for name, label in labels.items() if label == "estimate"} == {ESTIMATE}
    assert set(labels.values()) == {"measured", "derived", "estimate"}


@pytest.mark.parametrize("truth", [Truth(), Truth(parallel_j=45_000.0)])
def test_every_figure_lies_within_its_uncertainty_as_often_as_it_says(truth: Truth) -> None:
    draws = 800
    noise = random.Random(20260131)
    hits = {name: [0, 0] for name in truth.figures}
    for _ in range(draws):
        figures = interference(*Lab(truth, noise).pair())["figures"]
        for name, expected in truth.figures.items():
            error = abs(figures[name]["value"] - expected) / figures[name]["clock_uncertainty"]
            hits[name][0] += error < 1
            hits[name][1] += error < 2
    for name, (within_1, within_2) in hits.items():
        assert 0.61 < within_1 / draws < 0.75, name  # 0.68 of a normal one, less of a rectangular
        assert 0.92 < within_2 / draws < 0.985, name


def test_few_rounds_that_vary_have_a_wider_uncertainty() -> None:
    """With two rounds in the background window the spread comes from both windows."""
    noise = random.Random(7)
    truth = Truth(alone_s=9.8, beside_round_s=40.0)
    draws, within = 400, 0
    for _ in range(draws):
        figures = interference(*Lab(truth, noise, round_spread=0.1).pair())["figures"]
        ratio = figures["background_progress_ratio"]
        within += abs(ratio["value"] - truth.progress) < ratio["clock_uncertainty"]
    assert 0.60 < within / draws < 0.80


def test_rounds_that_vary_beside_the_foreground_say_nothing_of_those_alone() -> None:
    parallel, solo = Lab(Truth(alone_s=40.0)).pair()
    for place, each in enumerate(rounds_of(parallel)[11:]):
        later_s = 0.05 * Truth().beside_round_s * (place % 2)  # one short round, one long
        each["start_boottime_s"] += later_s
    figures = interference(parallel, solo)["figures"]
    ratio = figures["background_progress_ratio"]
    assert ratio["clock_uncertainty"] == pytest.approx(
        ratio["value"] * 0.05 / math.sqrt(18), rel=0.1
    )


def test_the_interval_keeps_its_order_where_sharing_costs_energy() -> None:
    figures = interference(*Lab(Truth(parallel_j=45_000.0), drift_w=0.0).pair())["figures"]
    values = [figures[name]["value"] for name in sorted(SHARES - ABOVE)]
    high, low, shapley, saving = values
    assert low == pytest.approx(25_000.0)
    assert high == pytest.approx(45_000.0 - 220.0 * 125.0 * 4.0 / 6.5)
    assert shapley == pytest.approx((low + high) / 2)
    assert saving < 0


def test_the_boards_gain_cancels_in_ratios_and_moves_all_joules() -> None:
    parallel, solo = Lab().pair()
    before = interference(parallel, solo)["figures"]
    for each in (*parallel["windows"], *solo["windows"]):
        energy_j = each["gpus"][0]["energy_joules"]
        assert energy_j is not None
        each["gpus"][0]["energy_joules"] = energy_j * 1.05
    after = interference(parallel, solo)["figures"]
    for name in ORDER:
        gain = 1.05 if name.endswith("joules") else 1.0
        assert after[name]["value"] == pytest.approx(before[name]["value"] * gain), name


def test_a_slow_start_is_in_the_uncertainty_of_the_times() -> None:
    """From the fork to the exec: here 30 and 40 ms, in which the training may have begun."""
    parallel, solo = Lab().pair()
    parallel["attempts"][0]["start_took_seconds"] = 0.03
    solo["attempts"][0]["start_took_seconds"] = 0.04
    figure = interference(parallel, solo)["figures"]["slowdown"]
    relative = math.hypot(0.03 / 125, 0.04 / 100)
    assert figure["value"] == 1.25
    assert figure["clock_uncertainty"] == pytest.approx(figure["value"] * relative, rel=1e-6)


def test_what_two_terms_share_is_not_counted_twice() -> None:
    """The low end is E - P T r: of the rates' errors only that of their ratio is left."""
    parallel, solo = Lab(edge_j=0.0, drift_w=0.0).pair()
    ratio, low = (
        interference(parallel, solo)["figures"][name]
        for name in ("background_progress_ratio", "foreground_energy_low_joules")
    )
    from_ratio = 220.0 * 125.0 * ratio["clock_uncertainty"]
    from_time = 220.0 * Truth().progress * 0.001
    assert low["clock_uncertainty"] == pytest.approx(math.hypot(from_ratio, from_time), rel=1e-6)


def test_energies_of_several_gpus_add_up() -> None:
    parallel, solo = Lab(edge_j=3.0, drift_w=0.0).pair()
    for each in (*parallel["windows"], *solo["windows"]):
        other = deepcopy(each["gpus"][0])
        put(other, index=1, uuid="GPU-2")
        each["gpus"].append(other)
    figures = interference(parallel, solo)["figures"]
    assert figures["energy_ratio"]["value"] == pytest.approx(1.5)
    assert figures["marginal_energy_joules"]["value"] == pytest.approx(2 * (37_500 - 220 * 125))
    assert figures[ESTIMATE]["value"] == pytest.approx(2 * 37_500 * 3 / 8)


def test_idle_windows_that_differ_widen_what_rests_on_the_background_alone() -> None:
    steady, drifting = (interference(*Lab(drift_w=drift_w).pair()) for drift_w in (0.0, 6.0))
    assert drifting["idle_drift_watts"] == pytest.approx(6.0)
    uncertainties = [each["figures"]["marginal_energy_joules"] for each in (steady, drifting)]
    before, after = (each["clock_uncertainty"] for each in uncertainties)
    assert after == pytest.approx(math.hypot(before, 6.0 / math.sqrt(3) * 125.0))
    parallel, solo = Lab(drift_w=6.0).pair()
    for each in (parallel, solo):
        each["windows"] = [window for window in each["windows"] if window["name"] != "idle"]
    found = interference(parallel, solo)
    assert found["idle_drift_watts"] is None
    expected = "fewer than two idle windows (set controls.idle_seconds)"
    assert found["idle_drift_reason"] == expected
    assert found["figures"]["marginal_energy_joules"]["clock_uncertainty"] == pytest.approx(before)
    names = ", ".join([*ORDER[5:11], ORDER[12], ORDER[14]])  # the idle windows are gone
    assert found["warnings"] == [f"drift is not covered (controls.idle_seconds): {names}"]
    parallel["windows"] = [window_of(parallel, "foreground")]
    warned = interference(parallel, solo)["warnings"]
    assert warned == ["drift is not covered (controls.idle_seconds): energy_ratio"]
    parallel["twin"] = None
    assert interference(parallel, None)["warnings"] == []


@pytest.mark.parametrize("rounds", [1.2, 2.4, 2.5, 7.6])
def test_a_window_that_cuts_rounds_is_that_unsure_of_the_power_alone(rounds: float) -> None:
    """Half of each round at 340 W, half at 80 W: the window may begin anywhere in one."""
    round_s, high_w, low_w = 4.1, 340.0, 80.0
    chance = random.Random(9)
    errors = []
    for _ in range(100):
        alone_s = rounds * round_s
        parallel, solo = Lab(Truth(alone_s=alone_s, alone_round_s=round_s), drift_w=0.0).pair()
        alone = window_of(parallel, "background")
        alone["load"]["parts"][0]["rounds_per_second"] = 1 / round_s
        begin_s = chance.uniform(0.0, round_s)
        high_s = high_until(begin_s + alone_s, round_s) - high_until(begin_s, round_s)
        board = alone["gpus"][0]
        board["energy_joules"] = low_w * alone_s + (high_w - low_w) * high_s
        board.update(power_max_watts=high_w, power_min_watts=low_w)
        figure = interference(parallel, solo)["figures"]["marginal_energy_joules"]
        truth_j = Truth().parallel_j - (high_w + low_w) / 2 * Truth().parallel_s
        errors.append(abs(figure["value"] - truth_j) / figure["clock_uncertainty"])
        cut_w = (high_w - low_w) * round_s / alone_s / math.sqrt(12)
        others_j = math.hypot(EDGE_J, EDGE_J / alone_s * Truth().parallel_s)
        expected = math.hypot(cut_w * Truth().parallel_s, others_j)
        assert figure["clock_uncertainty"] == pytest.approx(expected, rel=1e-3)
    assert max(errors) < 1.0
    assert max(errors) > 0.3


def high_until(when_s: float, round_s: float) -> float:
    """Return for how long power was high since a round began, high for the first half of each."""
    whole, part_s = divmod(when_s, round_s)
    return whole * round_s / 2 + min(part_s, round_s / 2)


def test_what_a_cut_round_is_worth_is_not_always_known() -> None:
    parallel, solo = Lab().pair()
    alone = window_of(parallel, "background")
    alone["gpus"][0]["power_max_watts"] = None
    figure = interference(parallel, solo)["figures"]["marginal_energy_joules"]
    why = "background window: what cut rounds are worth is not known: "
    assert figure["value"] == pytest.approx(Truth().figures["marginal_energy_joules"])
    assert figure["clock_uncertainty"] is None
    assert figure["reason"] == why + "power was sampled for too little of it"
    parallel, solo = Lab(Truth(alone_round_s=100.0)).pair()
    figure = interference(parallel, solo)["figures"]["marginal_energy_joules"]
    assert (figure["clock_uncertainty"], figure["reason"]) == (
        None,
        why + "no whole round in the window",
    )


def test_each_of_several_backgrounds_has_rounds_to_cut() -> None:
    parallel, solo = several()
    board = window_of(parallel, "background")["gpus"][0]
    sure = interference(parallel, solo)["figures"]["marginal_energy_joules"]["clock_uncertainty"]
    board.update(power_max_watts=340.0, power_min_watts=80.0)
    unsure = interference(parallel, solo)["figures"]["marginal_energy_joules"]["clock_uncertainty"]
    cut_w = 260.0 * math.hypot(4.0, 4.0) / 60.0 / math.sqrt(12)
    assert unsure == pytest.approx(math.hypot(sure, cut_w * Truth().parallel_s), rel=1e-3)


def test_a_drift_that_is_not_known_says_why() -> None:
    parallel, solo = Lab().pair()
    assert interference(parallel, solo)["idle_drift_reason"] is None
    solo["windows"] = [window_of(solo, "solo")]
    before, after = (each for each in parallel["windows"] if each["name"] == "idle")
    before["gpus"][0]["strangers"].append(stranger())
    put(after["gpus"][0], energy_joules=None, energy_method=None, energy_reason="GPU is lost")
    found = interference(parallel, solo)
    assert found["idle_drift_watts"] is None
    assert found["idle_drift_reason"] == (
        "idle window: GPU 0 was used by process 4711 (python, user eve, 500 MiB);"
        " idle window: GPU 0: GPU is lost"
    )


def test_the_last_attempt_is_what_counts() -> None:
    parallel, solo = Lab(drift_w=0.0).pair()
    failed = deepcopy(window_of(parallel, "foreground"))
    put(failed, duration_seconds=1.0, gpus=[gpu(100.0, EDGE_J)])
    parallel["windows"].insert(1, failed)
    parallel["attempts"] = [attempt(), attempt()]
    assert set(nulls(interference(parallel, solo))) == set(ORDER)  # the last left no window
    parallel["windows"][3]["attempt"] = 2
    assert interference(parallel, solo)["figures"]["energy_ratio"]["value"] == pytest.approx(1.5)


def test_folded_rounds_count_by_their_mean() -> None:
    """Two rounds in one stretch say half as much of the spread, and as much of the rate."""
    lab = Lab(noise=random.Random(3), round_spread=0.1)
    parallel, solo = lab.pair()
    single = interference(parallel, solo)["figures"]["background_progress_ratio"]
    rounds = rounds_of(parallel)
    for first, second in zip(rounds[::2], rounds[1::2], strict=False):
        put(first, last=second["last"], end_boottime_s=second["end_boottime_s"], completed=2)
    rounds[:] = rounds[: len(rounds) // 2 * 2 : 2]
    both = interference(parallel, solo)["figures"]["background_progress_ratio"]
    assert both["value"] == single["value"]
    assert both["clock_uncertainty"] == pytest.approx(single["clock_uncertainty"], rel=0.5)


def test_a_round_whose_end_nobody_noted_says_nothing_of_their_lengths() -> None:
    parallel, solo = Lab().pair()
    before = interference(parallel, solo)["figures"]["background_progress_ratio"]
    put(rounds_of(parallel)[3], completed=0, end_boottime_s=None)
    after = interference(parallel, solo)["figures"]["background_progress_ratio"]
    assert after["clock_uncertainty"] == pytest.approx(before["clock_uncertainty"], rel=1e-3)


def test_one_round_in_each_window_has_a_value_and_no_uncertainty() -> None:
    parallel, solo = Lab(Truth(alone_s=6.0, alone_round_s=3.5, beside_round_s=70.0)).pair()
    figures = interference(parallel, solo)["figures"]
    for name in RATES | SHARES:
        assert figures[name]["value"] is not None, name
        assert figures[name]["clock_uncertainty"] is None, name
        assert "too few rounds" in figures[name]["reason"], name
    assert figures["slowdown"]["clock_uncertainty"] > 0
    assert figures["marginal_energy_joules"]["clock_uncertainty"] > 0


def test_an_unknown_uncertainty_of_an_energy_stays_unknown() -> None:
    parallel, solo = Lab().pair()
    window_of(solo, "solo")["gpus"][0]["energy_uncertainty_joules"] = None
    figures = interference(parallel, solo)["figures"]
    assert figures["energy_ratio"]["value"] is not None
    assert figures["energy_ratio"]["clock_uncertainty"] is None
    assert figures["energy_ratio"]["reason"] == "solo control: uncertainty of the energy not known"
    assert figures["marginal_energy_joules"]["clock_uncertainty"] > 0


def test_a_clock_that_was_set_changes_no_figure() -> None:
    """Moments are shown in UTC beside CLOCK_BOOTTIME, by which alone is reckoned."""
    parallel, solo = Lab().pair()
    before = interference(parallel, solo)
    for each in rounds_of(parallel)[5:]:
        put(each, started="2026-01-31T07:00:00+00:00", ended="2026-01-31T07:00:01+00:00")
    for window in (*parallel["windows"][1:], *solo["windows"]):
        put(window, started="2026-01-31T18:00:00+00:00", ended=None)
    assert interference(parallel, solo) == before


# -- missing and wrong controls --------------------------------------------------------


def test_without_any_control() -> None:
    parallel, _ = Lab().pair()
    parallel["twin"] = None
    parallel["windows"] = [window_of(parallel, "foreground")]
    reasons = nulls(interference(parallel, None))
    assert set(reasons) == set(FIGURES)
    assert reasons["slowdown"] == "no solo control (set controls.solo)"
    no_background = "no background window (set controls.background_seconds)"
    assert reasons["background_progress_ratio"] == no_background
    assert reasons["antt"] == f"no solo control (set controls.solo); {no_background}"


def test_a_control_that_has_not_run() -> None:
    parallel, _ = Lab().pair()
    reasons = nulls(interference(parallel, None))
    assert set(reasons) == OF_SOLO
    assert "digits_mlp_002_solo has no record" in reasons["slowdown"]


def fail(record: Record) -> None:
    put(record, training_success=False, error_message="exit code 3")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda solo: put(
                solo, valid=False, invalid_reasons=["the monitor ended before the experiment", "x"]
            ),
            "not valid: the monitor ended before the experiment",
        ),
        (
            lambda solo: put(solo, epochs_done=19),
            "different number of epochs: 19 instead of 20",
        ),
        (
            lambda solo: put(solo, epochs_done=None),
            "different number of epochs: unknown instead of 20",
        ),
        (
            lambda solo: put(solo["environment"], device="cpu"),
            'different device: "cpu" instead of "cuda"',
        ),
        (
            lambda solo: put(solo, hyperparameters={"epochs": 21}),
            'different hyperparameters: "epochs=21" instead of "epochs=20"',
        ),
        (
            lambda solo: put(solo["environment"], command=["./train.sh"]),
            'different command: "./train.sh" instead of "./train.sh --epochs 20"',
        ),
        (
            lambda solo: put(solo, model="cnn"),
            'different training: "digits/cnn" instead of "digits/mlp"',
        ),
        (
            lambda solo: window_of(solo, "solo")["gpus"][0].update(uuid="GPU-2"),
            "different GPUs: GPU-2 instead of GPU-1",
        ),
    ],
)
def test_a_control_that_did_other_work_or_is_not_valid(
    spoil: Callable[[Record], None], reason: str
) -> None:
    parallel, solo = Lab().pair()
    spoil(solo)
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == OF_SOLO
    assert set(reasons.values()) == {f"solo control: {reason}"}


def test_a_control_on_another_host_without_a_gpu_is_no_control() -> None:
    parallel, solo = Lab().pair()
    put(solo["environment"], hostname="n2")
    assert not nulls(interference(parallel, solo)), "a GPU is known by its UUID"
    for record, name in ((parallel, "foreground"), (solo, "solo")):
        window_of(record, name)["gpus"] = []
    reasons = nulls(interference(parallel, solo))
    here = parallel["environment"]["hostname"]
    assert reasons["slowdown"] == f"solo control: different host: n2 instead of {here}"


def test_a_control_without_a_gpu_measured_still_gives_times() -> None:
    parallel, solo = Lab().pair()
    window_of(solo, "solo")["gpus"] = []
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == {"energy_ratio"} | SHARES | ABOVE
    assert set(reasons.values()) == {"solo control: no GPU was measured"}
    window_of(solo, "solo")["gpus_reason"] = "there was no monitor"
    reasons = nulls(interference(parallel, solo))
    assert set(reasons.values()) == {"solo control: there was no monitor"}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (fail, "the training did not succeed: exit code 3"),
        (
            lambda parallel: window_of(parallel, "foreground")["gpus"][0]["strangers"].append(
                stranger()
            ),
            "GPU 0 was used by process 4711 (python, user eve, 500 MiB)",
        ),
    ],
)
def test_a_foreground_that_failed_or_was_disturbed_compares_with_nothing(
    spoil: Callable[[Record], None], reason: str
) -> None:
    parallel, solo = Lab().pair()
    spoil(parallel)
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == set(ORDER)
    assert set(reasons.values()) == {f"foreground window: {reason}"}


@pytest.mark.parametrize(
    "harmless",
    [
        stranger(kind="graphics", sm_percent=5.0),
        stranger(memory_mib=0.0, sm_percent=0.0),
        stranger(identified=False, memory_mib=None),
    ],
)
def test_a_process_that_computes_nothing_disturbs_nothing(harmless: Stranger) -> None:
    parallel, solo = Lab().pair()
    for each in (window_of(parallel, "foreground"), window_of(solo, "solo")):
        each["gpus"][0]["strangers"].append(harmless)
    assert not nulls(interference(parallel, solo))


def test_a_process_without_a_name_is_a_stranger_only_where_ours_are_known() -> None:
    parallel, solo = Lab().pair()
    board = window_of(parallel, "background")["gpus"][0]
    board["strangers"].append(stranger(identified=False, sm_percent=None))
    assert set(nulls(interference(parallel, solo))) == OF_BACKGROUND
    board["processes_mapped"] = None
    assert not nulls(interference(parallel, solo))


# -- missing readings ------------------------------------------------------------------


def test_without_a_gpu_times_and_rates_are_still_there() -> None:
    parallel, solo = Lab().pair()
    for each in (*parallel["windows"], *solo["windows"]):
        each["gpus"] = []
    found = interference(parallel, solo)
    assert set(nulls(found)) == ENERGIES
    assert found["board_gain_percent"] is None
    assert found["idle_drift_watts"] is None


def test_an_energy_that_is_not_known_says_which_and_why() -> None:
    parallel, solo = Lab().pair()
    board = window_of(parallel, "foreground")["gpus"][0]
    board.update(index=1, energy_joules=None, energy_method=None, energy_reason="a MIG device")
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) >= ENERGIES
    assert reasons["marginal_energy_joules"] == "foreground window: GPU 1: a MIG device"


def test_energies_of_different_sensors_are_not_compared() -> None:
    parallel, solo = Lab().pair()
    window_of(solo, "solo")["gpus"][0]["energy_method"] = "trapezoid"
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == {"energy_ratio"} | SHARES | ABOVE
    expected = "solo control: energy by trapezoid, beside the background by counter"
    assert set(reasons.values()) == {expected}


def test_an_energy_of_nothing_divides_nothing() -> None:
    parallel, solo = Lab().pair()
    window_of(solo, "solo")["gpus"][0]["energy_joules"] = 0.0
    assert set(nulls(interference(parallel, solo))) == {"energy_ratio"} | SHARES | ABOVE


@pytest.mark.parametrize(
    ("name", "place"), [("foreground", "foreground window"), ("background", "background window")]
)
def test_rounds_that_failed_or_have_no_rate(name: str, place: str) -> None:
    parallel, solo = Lab().pair()
    load = window_of(parallel, name)["load"]
    load["rounds_failed"] = 2
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == RATES | SHARES
    assert set(reasons.values()) == {f"{place}: background rounds failed: 2"}
    load.update(rounds_failed=0, rounds_per_second=None, rate_reason="no whole round in the window")
    expected = f"{place}: no rate of background rounds: no whole round in the window"
    assert set(nulls(interference(parallel, solo)).values()) == {expected}


def test_a_loop_that_ended_early_was_no_load() -> None:
    parallel, solo = Lab().pair()
    problem = "the background loop ended before the foreground"
    put(parallel, **{"background.problems": [problem]})
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == set(ORDER)
    assert problem in reasons["antt"]


@pytest.mark.parametrize(
    ("name", "coverage", "reason", "figures"),
    [
        ("foreground", 0.9, "the background was running for 90.0% of it only", set(ORDER)),
        ("foreground", None, "the background's coverage is not known", set(ORDER)),
        ("background", 0.447, "the background was running for 44.7% of it only", OF_BACKGROUND),
    ],
)
def test_a_window_without_its_load_says_nothing_of_it(
    name: str, coverage: float | None, reason: str, figures: set[str]
) -> None:
    parallel, solo = Lab().pair()
    window_of(parallel, name)["load"]["coverage"] = coverage
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == figures
    assert set(reasons.values()) == {f"{name} window: {reason}"}


def test_what_is_not_known_of_either_is_said() -> None:
    parallel, solo = Lab().pair()
    assert interference(parallel, solo)["warnings"] == []
    for each in (parallel, solo):
        each["epochs_done"] = None
    assert interference(parallel, solo)["warnings"] == [
        "number of epochs not known of either: taken as the same"
    ]


def test_that_two_processes_ran_a_pair_is_said() -> None:
    parallel, solo = Lab().pair()
    put(parallel, **{"position.number": 5, "position.number_since_resume": 5})
    put(solo, **{"position.number": 6, "position.number_since_resume": 1})
    assert interference(parallel, solo)["warnings"] == [
        "the run was stopped and resumed between this experiment and its control"
    ]
    put(solo, **{"position.number_since_resume": 6})
    assert interference(parallel, solo)["warnings"] == []
    put(solo, worker="n1_2_r0")
    assert interference(parallel, solo)["warnings"] == [
        "two workers ran this experiment and its control, with time between them"
    ]


def test_a_record_that_never_reached_its_foreground() -> None:
    parallel, _ = Lab().pair()
    put(
        parallel,
        training_success=False,
        status="background not ready",
        error_message=None,
        duration_seconds=None,
        windows=[],
    )
    reasons = nulls(interference(parallel, None))
    assert set(reasons) == set(ORDER)
    assert "background not ready" in reasons[ESTIMATE]


# -- the estimate ----------------------------------------------------------------------


def test_the_estimate_is_the_foregrounds_part_of_the_utilisation() -> None:
    figure = interference(*Lab().pair())["figures"][ESTIMATE]
    assert figure["value"] == pytest.approx(37_500 * 30 / 80)
    assert figure["clock_uncertainty"] is None
    assert "not known" in figure["reason"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mps": True}, "under MPS"),
        ({"mig": True}, "MIG"),
        ({"processes_mapped": None}, "no process of the trainings was recognised"),
        ({"foreground": None}, "was not measured"),
        ({"background.sm_avg_percent": None}, "was not measured"),
        (
            {"foreground.sm_avg_percent": 0.0, "background.sm_avg_percent": 0.0},
            "neither training was seen",
        ),
    ],
)
def test_gates_of_the_estimate(changes: dict[str, Any], reason: str) -> None:
    parallel, solo = Lab().pair()
    put(window_of(parallel, "foreground")["gpus"][0], **changes)
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == {ESTIMATE}
    assert reasons[ESTIMATE].startswith("GPU 0: ")
    assert reason in reasons[ESTIMATE]


# -- several backgrounds -------------------------------------------------------------------


def several(**changes: Any) -> tuple[Record, Record]:
    """A pair of the lab whose load was two backgrounds: they have no rate of rounds together."""
    parallel, solo = Lab().pair()
    assert parallel["background"]
    [part] = parallel["background"]["parts"]
    parallel["background"]["parts"] = [part, deepcopy(part)]
    for name in ("background", "foreground"):
        load = window_of(parallel, name)["load"]
        common = {"rounds_per_second": None, "rate_reason": NO_COMMON_RATE}
        put(load, parts=[*load["parts"], deepcopy(load["parts"][0])], **(common | changes))
    return parallel, solo


NO_COMMON_RATE = "several backgrounds have no common rate of rounds"


def test_several_backgrounds_have_no_figures_that_need_a_common_rate() -> None:
    found = interference(*several())
    reasons = nulls(found)
    assert set(reasons) == RATES | SHARES
    for name, reason in reasons.items():
        assert reason.endswith(f" window: no rate of background rounds: {NO_COMMON_RATE}"), name
    figures, single = found["figures"], interference(*Lab().pair())["figures"]
    for name in set(ORDER) - set(reasons):
        assert figures[name] == single[name], name


def test_several_backgrounds_without_any_control() -> None:
    parallel, _ = several()
    parallel["twin"] = None
    parallel["windows"] = [it for it in parallel["windows"] if it["name"] != "background"]
    assert set(nulls(interference(parallel, None))) == set(ORDER) - {ESTIMATE}


@pytest.mark.parametrize(
    ("changes", "nothing", "reason"),
    [
        ({"coverage": 0.9}, set(ORDER), "the background was running for 90.0% of it only"),
        ({"coverage": None}, set(ORDER), "the background's coverage is not known"),
        ({"rounds_failed": 1}, RATES | SHARES, "background rounds failed: 1"),
    ],
)
def test_several_backgrounds_that_were_not_the_load(
    changes: dict[str, Any], nothing: set[str], reason: str
) -> None:
    reasons = nulls(interference(*several(**changes)))
    assert set(reasons) == nothing
    assert all(reason in said for said in reasons.values())


def test_one_of_several_that_died_is_named() -> None:
    parallel, solo = several()
    problem = "the background 2 loop ended before the foreground"
    put(parallel, **{"background.problems": [problem]})
    reasons = nulls(interference(parallel, solo))
    assert set(reasons) == set(ORDER)
    assert problem in reasons["slowdown"]


# -- on which device -----------------------------------------------------------------------


def put_on(made: Record, *, is_on_gpu: bool) -> None:
    """Let the foreground of a record have been seen on its GPU, or on none."""
    window = next(each for each in made["windows"] if each["name"] in ("foreground", "solo"))
    gpus = [{"index": 0, "uuid": "GPU-1", "measured": True}] if is_on_gpu else []
    put(window, **{"gpus_used.foreground.gpus": gpus, "gpus[0].foreground_seen": is_on_gpu})


@pytest.mark.parametrize("parallel_on_gpu", [True, False])
def test_twins_of_which_one_used_the_gpu_have_no_figures(parallel_on_gpu: bool) -> None:
    parallel, solo = Lab().pair()
    put_on(parallel, is_on_gpu=parallel_on_gpu)
    put_on(solo, is_on_gpu=not parallel_on_gpu)
    found = interference(parallel, solo)["figures"]
    assert {figure["value"] for figure in found.values()} == {None}
    assert all("different device: " in str(figure["reason"]) for figure in found.values())


def test_twins_on_the_cpu_have_times_and_no_energies() -> None:
    parallel, solo = Lab().pair()
    put_on(parallel, is_on_gpu=False)
    put_on(solo, is_on_gpu=False)
    found = interference(parallel, solo)["figures"]
    assert {name for name, each in found.items() if each["value"] is None} == ENERGIES
    assert found["slowdown"]["value"] == pytest.approx(1.25)
    assert "no process of the foreground was on GPU 0" in found["energy_ratio"]["reason"]
