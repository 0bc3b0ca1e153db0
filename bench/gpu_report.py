"""What bench/gpu.sh measured, as Markdown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

from tandem.base.errors import TandemError
from tandem.interference.figures import interference
from tandem.measure.rows import read_rows
from tandem.measure.windows.window import read_monitor, window_facts
from tandem.results.record import Record, foreground_window
from tandem.results.record_file import read_record
from tandem.results.record_window import Window as RecordWindow
from update_period import Period, table

EDGE_S = 0.25  # a mark may come late by so much


@dataclass(frozen=True)
class Cost:
    """CPU seconds a second, and the most memory."""

    cpu_share: float
    peak_mib: float


@dataclass(frozen=True)
class Measured:
    """Where everything was kept; nvidia-smi's samples and its loop's CPU seconds a second."""

    out: Path
    uuid: str
    lengths_s: Sequence[float]
    monitor: Cost
    periods: Sequence[Period]
    smi_samples: Path | None
    smi_share: float | None


@dataclass(frozen=True)
class Window:
    """The energy of one window by the three methods, in joules; None: not measured."""

    duration_s: float
    counter_j: float | None
    trapezoid_j: float | None
    smi_j: float | None
    uncertainty_j: float | None


@dataclass(frozen=True)
class Experiment:
    """A folder and its record, with the foreground's window, that of its last attempt."""

    folder: Path
    record: Record
    window: RecordWindow

    @property
    def energy(self) -> Path:
        return self.folder / "energy"

    def gpu(self, uuid: str) -> dict[str, Any]:
        """Return what its monitor says of a GPU."""
        gpus: list[dict[str, Any]] = read_monitor(self.energy)["gpus"]
        return next(gpu for gpu in gpus if gpu["uuid"] == uuid)


Pair = tuple[Experiment, Experiment]  # the parallel experiment and its solo control


def report(measured: Measured) -> list[str]:
    """Return the lines. TandemError: no pair of experiments was measured."""
    experiments = read_experiments(measured.out)
    pairs = [
        (each, experiments[twin])
        for each in experiments.values()
        if each.record["control"] is None and (twin := each.record["twin"]) in experiments
    ]
    if not pairs:
        raise TandemError(f"no pair of experiments was measured: see {measured.out}")
    lines = [*heading(measured, pairs[0][0]), "", *table(measured.periods), ""]
    lines += energy_table(measured, pairs)
    for pair in pairs:
        lines += ["", *figures(*pair)]
    return [*lines, "", *cost_table(measured)]


def read_experiments(out: Path) -> dict[str, Experiment]:
    """Return the experiments whose foreground was measured, by id."""
    found = {}
    for file in sorted(out.glob("run_*/*/experiment.json")):
        record = read_record(file.parent)
        if window := foreground_window(record):
            found[record["experiment_id"]] = Experiment(file.parent, record, window)
    return found


def heading(measured: Measured, parallel: Experiment) -> list[str]:
    monitor, gpu = read_monitor(parallel.energy), parallel.gpu(measured.uuid)
    machine = parallel.record["environment"]
    missing = "; ".join(f"{name}: {reason}" for name, reason in gpu["missing"].items())
    facts = {
        "GPU": f"{gpu['name']}, power limit {gpu['power_limit_w']} W",
        "driver": f"{monitor['driver']}, NVML {monitor['nvml_version']}",
        "machine": f"{machine['cpu_model']}, {machine['cpu_logical_count']} CPUs, {machine['os']}",
        "trainings": trainings(parallel.record),
        "device, says the training": machine["device"],
        "power": f"{gpu['power_source']}",
        "not measured": missing or "nothing",
        "process ids map": "yes" if gpu["processes_mapped"] else "none was recognised",
    }
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return [f"## {today}: {gpu['name']}", "", *[f"- {name}: {v}" for name, v in facts.items()]]


def trainings(record: Record) -> str:
    behind = record["background"]
    assert behind
    return (
        f"{record['repository']} {record['model']} beside"
        f" {behind['repository']} {behind['model']} {json.dumps(behind['hyperparameters'])}"
    )


# -- energy -------------------------------------------------------------------------------


def energy_table(measured: Measured, pairs: Sequence[Pair]) -> list[str]:
    """Return a table of all windows: medians over windows of a length, lowest and highest."""
    lines = [
        "| training | windows | mean power | edges | trapezoid - counter | nvidia-smi - counter |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    beside, alone = zip(*pairs, strict=True)
    for name, experiments in (("alone", alone), ("together", beside)):
        for length_s in measured.lengths_s:
            found = [
                window_of(measured, each, *edges)
                for each in experiments
                for edges in spans(measured, each, length_s)
            ]
            lines.append(energy_line(name, f"of {length_s:g} s", found))
        whole = [window_of(measured, each, *edges_of(each)) for each in experiments]
        lines.append(energy_line(name, "whole", whole))
    if measured.smi_samples is None:
        lines += ["", "There is no nvidia-smi on this machine: its column is empty."]
    return lines


def edges_of(experiment: Experiment) -> tuple[float, float]:
    return experiment.window["start_boottime_s"], experiment.window["end_boottime_s"]


def spans(
    measured: Measured, experiment: Experiment, length_s: float
) -> Iterator[tuple[float, float]]:
    """Yield windows between rows that were asked for, one behind the other, in the foreground's."""
    from_s, to_s = edges_of(experiment)
    rows = read_rows(experiment.energy / experiment.gpu(measured.uuid)["file"])
    marks = [float(row["boottime_s"] or 0.0) for row in rows if row["kind"] == "mark"]
    marks = [when_s for when_s in marks if from_s <= when_s <= to_s]
    free_s = from_s
    for begin_s in marks:
        fitting = [end_s for end_s in marks if abs(end_s - begin_s - length_s) <= EDGE_S]
        if begin_s >= free_s and fitting:
            free_s = fitting[0]
            yield begin_s, free_s


def window_of(measured: Measured, experiment: Experiment, from_s: float, to_s: float) -> Window:
    gpus = window_facts(experiment.energy, from_s, to_s)["gpus"]
    gpu = next(gpu for gpu in gpus if gpu["uuid"] == measured.uuid)
    samples = smi_samples(measured.smi_samples)
    watts = [value for when_s, value in samples if from_s <= when_s < to_s]
    return Window(
        to_s - from_s,
        gpu["energy_counter_joules"],
        gpu["energy_trapezoid_joules"],
        sum(watts) if watts else None,  # as is usual: as if each sample held for one second
        gpu["energy_uncertainty_joules"],
    )


def smi_samples(file: Path | None) -> list[tuple[float, float]]:
    """Return (boottime in seconds, watts); lines without a number are none."""
    found = []
    for line in file.read_text().splitlines() if file else []:
        try:
            when_s, watts = map(float, line.split())
        except ValueError:
            continue
        found.append((when_s, watts))
    return found


def energy_line(name: str, length: str, windows: Sequence[Window]) -> str:
    if not windows:
        return f"| {name} | none {length}: the training is too short | | | | |"
    powers = [each.counter_j / each.duration_s for each in windows if each.counter_j is not None]
    cells = [
        name,
        f"{len(windows)} {length}",
        f"{statistics.mean(powers):.1f} W" if powers else "no counter",
        edges(windows),
        differences([(each.trapezoid_j, each.counter_j) for each in windows]),
        differences([(each.smi_j, each.counter_j) for each in windows]),
    ]
    return f"| {' | '.join(cells)} |"


def edges(windows: Sequence[Window]) -> str:
    """Return the median uncertainty by the windows' edges, in percent of the counter."""
    found = [
        100 * each.uncertainty_j / each.counter_j
        for each in windows
        if each.uncertainty_j is not None and each.counter_j
    ]
    return f"±{statistics.median(found):.2f} %" if found else "-"


def differences(pairs: Sequence[tuple[float | None, float | None]]) -> str:
    """Return the median difference in percent of the second, with lowest and highest."""
    found = [100 * (mine / its - 1) for mine, its in pairs if mine is not None and its]
    if not found:
        return "-"
    middle = f"{statistics.median(found):+.2f} %"
    return middle if len(found) == 1 else f"{middle} ({min(found):+.2f} to {max(found):+.2f})"


# -- the pair, the cost ----------------------------------------------------------------------


def figures(parallel: Experiment, solo: Experiment) -> list[str]:
    """Return a table of what the pair says, with the reasons for what it does not say."""
    ids = [experiment.record["experiment_id"] for experiment in (parallel, solo)]
    lines = [f"`{ids[0]}` and `{ids[1]}`:", ""]
    for experiment in (parallel, solo):
        if not experiment.record["valid"]:
            reasons = "; ".join(experiment.record["invalid_reasons"])
            lines += [f"`{experiment.record['experiment_id']}` is not valid: {reasons}", ""]
    lines += ["| figure | value | one standard deviation | kind |", "| --- | --- | --- | --- |"]
    for name, figure in interference(parallel.record, solo.record, {})["figures"].items():
        value, spread = (shown(figure[key]) for key in ("value", "clock_uncertainty"))
        reason = f": {figure['reason']}" if figure["reason"] else ""
        lines.append(f"| {name} | {value} | {spread} | {figure['label']}{reason} |")
    return lines


def shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def cost_table(measured: Measured) -> list[str]:
    """Return what was used to measure, as a table."""
    lines = [
        "| to measure | CPU, share of a core | memory |",
        "| --- | --- | --- |",
        f"| powermon at its defaults | {100 * measured.monitor.cpu_share:.2f} % |"
        f" {measured.monitor.peak_mib:.0f} MiB |",
    ]
    if measured.smi_share is not None:
        samples = smi_samples(measured.smi_samples)
        times = [when_s for when_s, _ in samples]
        period_s = statistics.median(after - before for before, after in pairwise(times))
        share = f"{100 * measured.smi_share:.2f} %"
        lines.append(f"| nvidia-smi, every {period_s:.2f} s (meant: 1 s) | {share} | - |")
    return lines
