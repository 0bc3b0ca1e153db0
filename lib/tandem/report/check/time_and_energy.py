"""How long a plan will take and how much energy, as far as earlier records tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from tandem.base.text import counted, duration_text, printable, quote_path, some_of, two_digits
from tandem.plan.model import Experiment, Plan
from tandem.plan.tries import cold_start_of
from tandem.results.earlier import MOST_RECORDS, Earlier, Power
from tandem.results.pace import Kind, epochs_of, kind_of

J_PER_KWH = 3.6e6
_MOST_NAMED = 3


@dataclass
class Outlook:
    """Seconds by what they go into, seconds by kind, and of which kinds nothing is known."""

    parts_s: dict[str, float] = field(default_factory=dict)
    known_s: dict[Kind, float] = field(default_factory=dict)
    unknown: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, parts_s: dict[str, float]) -> None:
        for part, seconds in parts_s.items():
            self.parts_s[part] = self.parts_s.get(part, 0.0) + seconds
        self.known_s[kind] = self.known_s.get(kind, 0.0) + sum(parts_s.values())


def outlook_of(plan: Plan, earlier: Earlier) -> Outlook:
    """Return how long the experiments will take whose kinds were run before, and their warm-ups."""
    outlook = Outlook()
    cooldown_s = fmean(earlier.cooldowns_s) if earlier.cooldowns_s else None
    for experiment in plan.experiments:
        kind, training_s = kind_of(experiment), _training_s(experiment, earlier)
        if training_s is None:
            outlook.unknown[kind] += 1
        else:
            outlook.add(kind, _parts_s(experiment, training_s, cooldown_s))
    for experiment in warmed_up(plan.experiments):
        if training_s := _training_s(experiment, earlier):
            warmup_s = experiment.course.warmup_runs * training_s
            outlook.add(kind_of(experiment), {"warm-up runs": warmup_s})
    return outlook


def warmed_up(experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    """Yield the first experiment of each foreground: its first runs are thrown away."""
    seen = set()
    for experiment in experiments:
        cold = cold_start_of(experiment)
        if cold not in seen:
            seen.add(cold)
            yield experiment


def _training_s(experiment: Experiment, earlier: Earlier) -> float | None:
    epochs = epochs_of(experiment.foreground.hyperparameters)
    seconds = earlier.pace.seconds(kind_of(experiment), epochs)
    timeout_s = experiment.limits.timeout_s
    return seconds if seconds is None or timeout_s is None else min(seconds, timeout_s)


def _parts_s(
    experiment: Experiment, training_s: float, cooldown_s: float | None
) -> dict[str, float]:
    """Return what an experiment's time goes into; a cool-down that nobody saw takes its limit."""
    limits, controls = experiment.limits, experiment.controls
    has_load = bool(experiment.backgrounds)
    known_s = [each for each in (cooldown_s, limits.cooldown_s) if each is not None]
    idle_s = 2 * controls.idle_s + controls.idle_context_s
    return {
        "trainings": training_s,
        "warm-ups of backgrounds": limits.warmup_s if has_load else 0.0,
        "windows": idle_s + (controls.background_s if has_load else 0.0),
        "cool-downs": min(known_s, default=0.0),
    }


# -- as text ---------------------------------------------------------------------------


def time_text(outlook: Outlook, results: Path) -> str:
    """Return how long all will take, and of what nobody can say that."""
    if not outlook.known_s:
        where = f"the newest {MOST_RECORDS} records in {quote_path(results)} (--results)"
        return f"unknown: these trainings are not among {where}"
    total_s = sum(outlook.known_s.values())
    parts = ", ".join(
        f"{part} {duration_text(seconds)}"
        for part, seconds in outlook.parts_s.items()
        if seconds >= 1
    )
    text = f"{duration_text(total_s)}: {parts}" if parts else duration_text(total_s)
    if not outlook.unknown:
        return f"about {text}"
    count = counted(outlook.unknown.total(), "experiment")
    return f"more than {text}; unknown of {count}: {_named(outlook.unknown)}"


def energy_text(outlook: Outlook, earlier: Earlier) -> str:
    """Return the energy of GPUs and CPU; each is unknown on its own."""
    if not outlook.known_s:
        return "unknown"
    return "; ".join(
        [_device_text("GPUs", outlook, earlier.gpu), _device_text("CPU", outlook, earlier.cpu)]
    )


def _device_text(device: str, outlook: Outlook, power: Power) -> str:
    known_w = {kind: power.mean_w(kind) for kind in outlook.known_s}
    joules = sum(outlook.known_s[kind] * watts for kind, watts in known_w.items() if watts)
    missing = [kind for kind, watts in known_w.items() if watts is None]
    if len(missing) == len(known_w):
        reasons = (power.reasons[kind] for kind in missing if kind in power.reasons)
        return f"{device} unknown: {printable(next(reasons, 'not measured'))}"
    is_all = not missing and not outlook.unknown
    return f"{device} {'about' if is_all else 'more than'} {kwh_text(joules)}"


def kwh_text(joules: float) -> str:
    """Return joules in kWh, two digits or more."""
    kwh = joules / J_PER_KWH
    if kwh < 0.001:
        return "0.001 kWh or less"
    return f"{two_digits(kwh)} kWh"


def kind_text(kind: Kind) -> str:
    """`a x`, or `a x beside b y + c z`."""
    front, *loads = map(printable, kind)
    return f"{front} beside {' + '.join(loads)}" if loads else front


def _named(kinds: Counter[Kind]) -> str:
    return some_of([*map(kind_text, kinds)], _MOST_NAMED)
