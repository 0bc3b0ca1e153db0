"""What two trainings that share a machine cost each other: a parallel record beside its controls.

`T` and `T_s` are how long the last attempt of the foreground took beside the background and alone,
`T_e` and `T_es` how long its epochs took (see the module epochs), `E` and `v_F` the energy of all
GPUs meanwhile (of the GPUs only, not of CPU and DRAM), `R` and `R_b` the background's rounds a
second beside the foreground and alone, `P_B` the mean power of all GPUs under the background alone.
`r = R / R_b`, and `v_B = P_B T r` is what the background alone would have used for the work that it
did beside the foreground.

A "clock_uncertainty" is what clocks and sensors leave open of one pair: one standard deviation,
propagated to first order from those nine readings (JCGM 100:2008, 5.1.2); the module readings says
what theirs cover. A reading that a figure uses in two places is one and the same, so what is common
cancels; different readings are taken as independent. How runs differ is not in it: only repeats
show that. Nor is the gain of the board, which has a key of its own, `board_gain_percent`: it
cancels in every ratio on one board, moves all joules together, and no repeat makes it smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan, nan
from pathlib import Path

from tandem.base.files import sha256_of
from tandem.interference.explanation import explained
from tandem.interference.quantity import Quantity, Reading, Values, propagated
from tandem.interference.readings import DRIFTING, idle_drift_w, read
from tandem.interference.usable import parted, unknown_work
from tandem.results.record import Record, foreground_window, is_warm_up
from tandem.results.record_file import INTERFERENCE_VERSION
from tandem.results.record_file import NAME as RECORD
from tandem.results.record_pair import Figure as Facts
from tandem.results.record_pair import Interference
from tandem.results.record_window import WindowGpu


def slowdown(x: Values) -> float:
    """Return T / T_s."""
    return x["parallel_s"] / x["solo_s"]


def slowdown_of_epochs(x: Values) -> float:
    """Return T_e / T_es."""
    return x["parallel_epochs_s"] / x["solo_epochs_s"]


def background_progress_ratio(x: Values) -> float:
    """Return r = R / R_b: the background's speed as a share of its speed alone."""
    return x["rounds_per_s"] / x["alone_rounds_per_s"]


def antt(x: Values) -> float:
    """Return (T / T_s + 1 / r) / 2: how many times longer a training takes, on average.

    Average normalised turnaround time: Eyerman and Eeckhout, System-level performance metrics for
    multiprogram workloads, IEEE Micro 28(3), 2008, pages 42 to 53.
    """
    return (slowdown(x) + 1 / background_progress_ratio(x)) / 2


def stp(x: Values) -> float:
    """Return T_s / T + r: work done a second, where 1 is a training that has all to itself.

    System throughput: Eyerman and Eeckhout, as above.
    """
    return 1 / slowdown(x) + background_progress_ratio(x)


def energy_ratio(x: Values) -> float:
    """Return E / v_F."""
    return x["parallel_j"] / x["solo_j"]


def marginal_energy_j(x: Values) -> float:
    """Return E - P_B T: what the foreground adds to a background that runs anyway."""
    return x["parallel_j"] - x["background_w"] * x["parallel_s"]


def background_j(x: Values) -> float:
    """Return v_B = P_B T r."""
    return x["background_w"] * x["parallel_s"] * background_progress_ratio(x)


def remainder_j(x: Values) -> float:
    """Return E - v_B: the foreground's share where the background pays what it would alone."""
    return x["parallel_j"] - background_j(x)


def low_j(x: Values) -> float:
    """Return the lower end of the foreground's share.

    Where sharing saves energy the share lies between E - v_B and v_F, in this order. Where it
    costs energy (E > v_F + v_B) it lies between v_F and E - v_B: they change places.
    """
    return min(remainder_j(x), x["solo_j"])


def high_j(x: Values) -> float:
    """Return the upper end of the foreground's share: see low_j()."""
    return max(remainder_j(x), x["solo_j"])


def shapley_j(x: Values) -> float:
    """Return (v_F + E - v_B) / 2: half of what sharing saves, or costs, goes to each.

    The Shapley value of the game of two players (Shapley, A value for n-person games, 1953).
    """
    return (x["solo_j"] + remainder_j(x)) / 2


def saving_of_sharing(x: Values) -> float:
    """Return 1 - E / (v_F + v_B): the share saved against doing one after the other."""
    return 1 - x["parallel_j"] / (x["solo_j"] + background_j(x))


def above_j(x: Values, idle: str) -> float:
    """Return v_F - P T_s: what the foreground alone adds to a machine that is idle anyway."""
    return x["solo_j"] - x[idle] * x["solo_s"]


def saving_above(x: Values, idle: str) -> float:
    """Return 1 - (E - P T) / (v_F - P T_s + (P_B - P) T r): the saving of what is above an idle.

    Each of the three energies of `saving_of_sharing` without what the idle machine, of power P,
    would have used as long: the background alone needs T r for its work. (Our own derivation.)
    Without anything above that idle it is not a number.
    """
    shared_j = x["parallel_j"] - x[idle] * x["parallel_s"]
    background_s = x["parallel_s"] * background_progress_ratio(x)
    turns_j = above_j(x, idle) + (x["background_w"] - x[idle]) * background_s
    return 1 - shared_j / turns_j if turns_j > 0.0 else nan


@dataclass(frozen=True)
class Figure:
    """A formula and the readings that it needs.

    `label` is "measured" for a ratio of two readings of a kind, else "derived".
    """

    label: str
    formula: Callable[[Values], float]
    needs: tuple[str, ...]


TIMES = ("parallel_s", "solo_s")
EPOCHS = ("parallel_epochs_s", "solo_epochs_s")
ROUNDS = ("rounds_per_s", "alone_rounds_per_s")
SHARED = ("parallel_j", "parallel_s", "background_w")
ALL = (*SHARED, *ROUNDS, "solo_j")
ALONE = ("parallel_j", "solo_j", "solo_s")  # nothing is said of a pair that shared nothing

FIGURES = {
    "slowdown": Figure("measured", slowdown, TIMES),
    "slowdown_of_epochs": Figure("measured", slowdown_of_epochs, EPOCHS),
    "background_progress_ratio": Figure("measured", background_progress_ratio, ROUNDS),
    "antt": Figure("derived", antt, (*TIMES, *ROUNDS)),
    "stp": Figure("derived", stp, (*TIMES, *ROUNDS)),
    "energy_ratio": Figure("measured", energy_ratio, ("parallel_j", "solo_j")),
    "marginal_energy_joules": Figure("derived", marginal_energy_j, SHARED),
    "foreground_energy_low_joules": Figure("derived", low_j, ALL),
    "foreground_energy_high_joules": Figure("derived", high_j, ALL),
    "foreground_energy_shapley_joules": Figure("derived", shapley_j, ALL),
    "saving_of_sharing": Figure("derived", saving_of_sharing, ALL),
    "marginal_energy_above_idle_joules": Figure(
        "derived", partial(above_j, idle="idle_w"), (*ALONE, "idle_w")
    ),
    "marginal_energy_above_idle_context_joules": Figure(
        "derived", partial(above_j, idle="idle_context_w"), (*ALONE, "idle_context_w")
    ),
    "saving_of_sharing_above_idle": Figure(
        "derived", partial(saving_above, idle="idle_w"), (*ALL, "solo_s", "idle_w")
    ),
    "saving_of_sharing_above_idle_context": Figure(
        "derived", partial(saving_above, idle="idle_context_w"), (*ALL, "solo_s", "idle_context_w")
    ),
}
ESTIMATE = "foreground_energy_estimate_joules"
NAMES = (*FIGURES, ESTIMATE)


def is_due(record: Record, solo: Record | None) -> bool:
    """Whether a record can have figures.

    It had a background and is not thrown away, and its solo twin, if any, has ended.
    """
    is_parallel = record["background"] is not None and not is_warm_up(record)
    return is_parallel and (solo is not None or record["twin"] is None)


def interference_of(run: Path, parallel: Record, solo: Record | None) -> Interference:
    """Return what two records, whose files are in the folder of a run, say together."""
    names = [record["experiment_id"] for record in (parallel, solo) if record]
    return interference(parallel, solo, {name: sha256_of(run / name / RECORD) for name in names})


def interference(parallel: Record, solo: Record | None, records: Mapping[str, str]) -> Interference:
    """Return what a parallel record and that of its solo control, if there is one, say together.

    Each of "figures" has "value", "clock_uncertainty" (one standard deviation of this one pair, in
    the value's unit), "label" (measured, derived, estimate) and "reason": why the value is null, or
    why its uncertainty is.
    Beside them "twin" (the control's id), "records" (the digests of both, as given),
    "board_gain_percent" (systematic, on every figure in joules), "idle_drift_watts" (how much the
    idle windows of both records differ), "idle_drift_reason" (why that is null), "warnings", and
    "explanation" (where the slowdown can come from: see the module explanation).
    """
    readings = read(parallel, solo)
    figures = {name: figure_facts(figure, readings) for name, figure in FIGURES.items()}
    drift = idle_drift_w(parallel, solo)
    window = foreground_window(parallel)
    gpus = window["gpus"] if window else []
    figures[ESTIMATE] = estimate(gpus, readings["parallel_j"])
    return {
        "interference_version": INTERFERENCE_VERSION,
        "experiment_id": parallel["experiment_id"],
        "twin": parallel["twin"],
        "records": dict(records),
        "board_gain_percent": max((gpu["board_gain_percent"] for gpu in gpus), default=None),
        "idle_drift_watts": None if isinstance(drift, str) else drift,
        "idle_drift_reason": drift if isinstance(drift, str) else None,
        "warnings": [
            *unknown_work(parallel, solo),
            *parted(parallel, solo),
            *drift_warnings(drift, figures),
        ],
        "figures": figures,
        "explanation": explained(parallel, solo, figures["slowdown"], readings),
    }


def drift_warnings(drift: float | str, figures: Mapping[str, Facts]) -> list[str]:
    """Say whose uncertainty lacks the drift, as it is not known."""
    names = [
        name
        for name, figure in FIGURES.items()
        if DRIFTING & set(figure.needs) and figures[name]["clock_uncertainty"] is not None
    ]
    if not isinstance(drift, str) or not names:
        return []
    return [f"drift is not covered (controls.idle_seconds): {', '.join(names)}"]


def figure_facts(figure: Figure, readings: Mapping[str, Reading]) -> Facts:
    needed = {name: readings[name] for name in figure.needs}
    known = {name: each for name, each in needed.items() if isinstance(each, Quantity)}
    if len(known) < len(needed):
        missing = [each for each in needed.values() if isinstance(each, str)]
        return facts(None, None, figure.label, missing)
    value = figure.formula({name: each.value for name, each in known.items()})
    if isnan(value):
        return facts(None, None, figure.label, ["the trainings use no more than the idle machine"])
    unsure = [each.reason for each in known.values() if each.reason]
    if unsure:
        return facts(value, None, figure.label, unsure)
    return facts(value, propagated(figure.formula, known), figure.label, [])


def facts(
    value: float | None, uncertainty: float | None, label: str, reasons: Sequence[str]
) -> Facts:
    reason = "; ".join(dict.fromkeys(reasons)) or None
    return {"value": value, "clock_uncertainty": uncertainty, "label": label, "reason": reason}


def estimate(gpus: Sequence[WindowGpu], energy: Reading) -> Facts:
    """Return E f / (f + b), each GPU's own, by mean utilisation by foreground f and background b.

    A model, not a measurement: utilisation is time in which anything ran, and says nothing of the
    power that it took. So its error is not known.
    """
    if isinstance(energy, str):
        return facts(None, None, "estimate", [energy])
    missing = [f"GPU {gpu['index']}: {why}" for gpu in gpus if (why := no_split(gpu))]
    if missing:
        return facts(None, None, "estimate", missing)
    joules = sum((gpu["energy_joules"] or 0.0) * foreground_share(gpu) for gpu in gpus)
    unsure = "its error is not known: no sensor tells the two trainings apart"
    return facts(joules, None, "estimate", [unsure])


def no_split(gpu: WindowGpu) -> str | None:
    """Return why a GPU's energy cannot be split by utilisation; None if it can."""
    if gpu["mig"]:
        return "utilisation by process is not known of a MIG device"
    if gpu["mps"]:
        return "under MPS utilisation by process is not known"
    if not gpu["processes_mapped"]:
        return "no process of the trainings was recognised on it"
    used = sm_percents(gpu)
    if None in used:
        return "utilisation by process was not measured"
    return None if any(used) else "neither training was seen to use it"


def foreground_share(gpu: WindowGpu) -> float:
    foreground, background = (percent or 0.0 for percent in sm_percents(gpu))
    return foreground / (foreground + background)


def sm_percents(gpu: WindowGpu) -> list[float | None]:
    """Return the mean utilisation by foreground and background, None where it is not known."""
    uses = gpu["foreground"], gpu["background"]
    return [use and use["sm_avg_percent"] for use in uses]
