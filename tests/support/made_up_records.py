"""Records as an experiment of a design would leave them, its measurements made up.

    made_up = MadeUp(seed=1, has_faults=True)
    record = made_up.record_of(experiment, plan)         of each in turn: its clock goes on

Whether a record is valid, and what it warns of, is what Tandem says of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import datetime, timezone
from functools import cache
from typing import Any

from tandem.config.options import as_settings
from tandem.experiment.validity.verdict import invalid_reasons, warnings_of
from tandem.plan.model import Experiment, Plan
from tandem.results.record import foreground_name
from tandem.results.record_background import Round
from tandem.results.record_window import DoseInWindow, Load, Stranger, Window

from support.records import of, record

BOARD = {"index": 0, "uuid": "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"}
BEGIN_UTC_S, BEGIN_S = 1_769_860_800.0, 5000.0  # of both clocks
EPOCHS = 10
IDLE_W, ALONE_W, MOST_W = 72.0, 310.0, 690.0
# Of each background at full dose: by how much it slows the foreground, its power, its round.
WEIGHTS = {"vision": (0.42, 260.0, 2.4), "text": (0.11, 90.0, 3.1)}
ODD, NOISY = 37, 50  # every so many experiments one has a fault, or a noisy machine


class MadeUp:
    """What a driver would have measured, one experiment after the other.

    `machine` is what a record says of the file that describes the machine.
    """

    def __init__(self, seed: int, *, has_faults: bool, machine: Any) -> None:
        self.has_faults, self.machine = has_faults, machine
        self.chance = random.Random(seed)
        self.now_s = BEGIN_S

    def record_of(self, experiment: Experiment, plan: Plan) -> Any:
        """Return what its files would say of an experiment, and go on to its end."""
        made = deepcopy(_usual())
        front, place = experiment.foreground, experiment.place
        assert place
        load = Beside(experiment, self.chance.gauss(1.0, 0.02))
        made.update(
            experiment_id=experiment.id,
            timestamp=utc(self.now_s),
            experiment_source=plan.name,
            repository=front.repo,
            model=front.model,
            mode=experiment.mode,
            control=experiment.control,
            twin=experiment.twin,
            group=experiment.group,
            try_number=experiment.try_number,
            place={
                **{"config": place.config, "background_number": place.background_number},
                **{"repeat": place.repeat, "block": place.block, "position": place.position},
            },
            hyperparameters=dict(front.hyperparameters),
            mutated=list(front.mutated),
            seed=plan.seed,
            validity=as_settings(experiment.validity),
            machine=self.machine,
        )
        made["settings"].update(path=experiment.source_path, entry=dict(experiment.source_entry))
        made["settings"]["file"] = str(plan.settings_file)
        made["environment"].update(command=list(front.command), device="cuda (PyTorch 2.13.0)")
        made["environment"]["working_directory"] = str(front.work_dir)
        made["position"].update(
            number=experiment.number,
            number_since_resume=experiment.number,
            planned=len(plan.experiments),
            run_seconds=round(self.now_s - BEGIN_S, 3),
        )
        self.measure(made, load)
        if self.has_faults and not experiment.is_warm_up:
            if experiment.number % ODD == 0:
                spoil(made, experiment.number // ODD)
            if experiment.number % NOISY == 0:
                made["windows"][-1]["machine"]["others_cpu_percent"] = 38.5
        made["warnings"] = warnings_of(made)
        made["invalid_reasons"] = invalid_reasons(made, None)
        made["valid"] = not made["invalid_reasons"]
        return made

    def measure(self, made: Any, load: Beside) -> None:
        """Put in what was measured: windows, the attempt, metrics, energy."""
        vary, config = self.chance.gauss, made["place"]["config"] if made["place"] else 1
        windows = [self.window("idle", 20.0, IDLE_W + vary(0, 0.4), None, 0)]
        if load.background and made["control"] is None:
            windows.append(self.window("background", 20.0, load.alone_w, load, 0))
        alone_s = (40.0 + 6.0 * (config % 7)) * (1.0 + vary(0, 0.006))
        slowed_s = alone_s * (1.0 + load.slowing * (1.0 + vary(0, 0.03)))
        power_w = min(MOST_W, ALONE_W + (load.alone_w - IDLE_W) * 0.8 + vary(0, 2.0))
        name = foreground_name(made["control"])
        beside = load if load.background else None
        windows.append(self.window(name, slowed_s, power_w, beside, 1))
        made["windows"] = windows
        last = windows[-1]
        made["duration_seconds"] = last["duration_seconds"]
        attempt = made["attempts"][0]
        for key in ("started", "ended", "start_boottime_s", "end_boottime_s", "duration_seconds"):
            attempt[key] = last[key]
        attempt["coverage"] = last["load"] and last["load"]["coverage"]
        made["epoch_times"] = [
            {"epoch": epoch, "seconds": round(slowed_s * (0.05 + 0.095 * epoch), 3)}
            for epoch in range(1, EPOCHS + 1)
        ]
        accuracy = 91.0 + 2.0 * (config % 3) - load.slowing + vary(0, 0.2)
        made["performance_metrics"] = {"accuracy": round(accuracy, 2)}
        made["gpus_used"] = [{**BOARD, "measured": True}]
        gpu, energy = last["gpus"][0], made["energy_metrics"]
        energy["gpu_energy_total_joules"] = gpu["energy_joules"]
        for kind in ("avg", "max", "min"):
            energy[f"gpu_power_{kind}_watts"] = gpu[f"power_{kind}_watts"]
        energy["attribution"] = "combined" if load.background else "foreground"
        made["background"] = load.facts(made["background"], windows) if load.background else None

    def window(
        self, name: str, long_s: float, power_w: float, load: Beside | None, attempt: int
    ) -> Any:
        made = deepcopy(_window())
        begin_s, end_s = round(self.now_s, 6), round(self.now_s + long_s, 6)
        self.now_s = end_s + 2.0
        made.update(name=name, attempt=attempt or None)
        made.update(started=utc(begin_s), ended=utc(end_s))
        made.update(start_boottime_s=begin_s, end_boottime_s=end_s)
        made["duration_seconds"] = long_s = end_s - begin_s
        used = [{**BOARD, "measured": True}]
        made["gpus_used"] = {
            "foreground": {"gpus": used if attempt else [], "reason": None},
            "background": {"gpus": used if load else [], "reason": None},
        }
        share = {"sm_avg_percent": 60.0, "memory_max_mib": 5400.0}
        joules = power_w * long_s
        made["gpus"][0].update(
            **BOARD,
            energy_counter_joules=joules,
            energy_trapezoid_joules=joules * 0.999,
            energy_joules=joules,
            energy_uncertainty_joules=power_w * 0.03,
            disagreement_percent=-0.1,
            power_avg_watts=power_w,
            power_max_watts=power_w + 35.0,
            power_min_watts=max(IDLE_W - 4.0, power_w - 60.0),
            sm_avg_percent=95.0 if attempt else 40.0 if load else 0.0,
            samples=int(long_s * 10),
            foreground_seen=bool(attempt),
            background_seen=load is not None,
            foreground=share if attempt else None,
            background=share if load else None,
        )
        made["load"] = load.in_window(long_s, beside=bool(attempt)) if load else None
        return made


class Beside:
    """The background of an experiment, or none; `luck` is how well it gets on, 1 in the mean."""

    def __init__(self, experiment: Experiment, luck: float) -> None:
        self.luck, found = luck, experiment.backgrounds
        self.background = found[0] if found else None
        self.dose = (self.background.dose.intensity or 1.0) if self.background else 0.0
        repo = self.background.training.repo if self.background else "text"
        slows, power_w, self.round_s = WEIGHTS[repo]
        self.slowing = slows * self.dose
        self.alone_w = IDLE_W + power_w * self.dose

    def in_window(self, long_s: float, *, beside: bool) -> Any:
        made = deepcopy(_load())
        rate = (0.4 + 0.6 * self.dose) / self.round_s * (0.72 * self.luck if beside else 1.0)
        own = {
            "coverage": 0.985,
            "rounds_completed": int(long_s * rate),
            "rounds_per_second": rate,
            "seconds_without": long_s * 0.015,
            "longest_gap_seconds": 0.21,
        }
        made.update(own, sm_avg_percent=60.0 * self.dose)
        dose = {"mode": "intensity", "target": self.dose, "duty_mean": self.dose, "reason": None}
        made["parts"][0].update(own)
        made["parts"][0]["dose"] = {**of(DoseInWindow), **dose}
        return made

    def rounds(self, windows: Sequence[Any]) -> Iterator[Any]:
        """Yield the rounds of all windows, slower beside the foreground, a pause behind each."""
        usual: Any = of(Round)
        number = 1
        for window in windows:
            rate = window["load"] and window["load"]["rounds_per_second"]
            begin_s = window["start_boottime_s"]
            while rate and begin_s < window["end_boottime_s"]:
                long_s = (0.94 + 0.02 * (number * 7 % 5)) / rate
                made = usual.copy()
                made.update(first=number, last=number, training_seconds=long_s)
                made.update(started=utc(begin_s), start_boottime_s=begin_s)
                made.update(ended=utc(begin_s + long_s), end_boottime_s=begin_s + long_s)
                yield made
                begin_s, number = begin_s + long_s + 0.015 / rate, number + 1

    def facts(self, usual: Any, windows: Sequence[Any]) -> Any:
        assert self.background
        training = self.background.training
        rounds = list(self.rounds(windows))
        done = {"rounds_completed": len(rounds), "coverage": 0.985}
        own = {
            "repository": training.repo,
            "model": training.model,
            "hyperparameters": dict(training.hyperparameters),
            **done,
        }
        usual.update(own, gpus_used=[{**BOARD, "measured": True}])
        command = {"command": list(training.command), "working_directory": str(training.work_dir)}
        dose = {"intensity": self.background.dose.intensity, "rounds": rounds}
        usual["parts"][0].update(own, **command, **dose)
        return usual


def spoil(made: Any, number: int) -> None:
    """Make one thing wrong with a record, each kind in turn."""
    window = made["windows"][-1]
    kind = number % 5
    if kind == 0:
        why = "exit code 1: CUDA out of memory"
        made["attempts"][0].update(exit_code=1, error_message=why)
        made.update(training_success=False, error_message=why)
        made["log"]["last_line"] = "RuntimeError: CUDA out of memory"
    elif kind == 1 and window["load"] and made["background"]:
        for each in (window["load"], *window["load"]["parts"]):
            each.update(coverage=0.71, seconds_without=17.0, longest_gap_seconds=9.5)
        for place in (made["attempts"][0], made["background"], *made["background"]["parts"]):
            place["coverage"] = 0.71
    elif kind < 3:
        window["gpus"][0]["strangers"] = [of(Stranger)]
    elif kind == 3:
        made["performance_metrics"]["accuracy"] = None
        made["metric_reasons"]["accuracy"] = "no line of the log matches"
        made["required_metrics"] = ["accuracy"]
    else:
        window["gpus"][0].update(sampling_coverage=0.31, largest_gap_seconds=24.0)


@cache
def _usual() -> Any:
    patterns = {"accuracy": "acc ([0-9.]+)"}
    made: Any = record(epochs_done=EPOCHS, gpus_used_reason=None)
    made["epochs"].update(expected=EPOCHS, count=EPOCHS, last=float(EPOCHS), at_most_done=EPOCHS)
    made["log"].update(patterns=patterns, last_line="acc 93.1")
    return made


@cache
def _window() -> Any:
    return of(Window)


@cache
def _load() -> Any:
    return of(Load)


def utc(when_s: float) -> str:
    moment = datetime.fromtimestamp(when_s - BEGIN_S + BEGIN_UTC_S, timezone.utc)
    return moment.isoformat(timespec="microseconds")
