"""Whether the machine was quiet: nobody else on its CPUs, no swapping, no clocks held down."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from tandem.experiment.validity.reason import Kind, Reason
from tandem.experiment.validity.set_boards import limited_boards
from tandem.results.record import Record, foreground_window
from tandem.results.record_window import Window

OTHERS_PERCENT = 10.0  # of all CPUs; more is warned of
THROTTLED_PERCENT = 5.0  # of the time
BY_POWER = ("power", "sw_power_cap")  # what a power limit that was asked for does


class Disturbance(NamedTuple):
    """Something of a window that may disturb; `percent` is above `limit` where it counts."""

    kind: Kind
    text: str
    percent: float | None  # None: not known
    warned_above: float
    limit: float | None

    @property
    def counts(self) -> bool:
        """Whether it is a reason: above its limit, or perhaps so."""
        return self.limit is not None and (self.percent is None or self.percent > self.limit)


def reasons(record: Record) -> Iterator[Reason]:
    for each in _disturbances(record):
        if each.counts:
            is_known = each.percent is not None
            yield Reason(each.text, each.kind if is_known else "unknown quiet", is_known)


def warnings(record: Record) -> Iterator[str]:
    for each in _disturbances(record):
        if not each.counts and each.percent is not None and each.percent > each.warned_above:
            yield each.text


def _disturbances(record: Record) -> Iterator[Disturbance]:
    beside, limits = foreground_window(record), record["validity"]
    for window in record["windows"]:
        if window is beside or window["attempt"] is None:
            name = f"in the {window['name']} window"
            where = "beside the foreground" if window is beside else name
            yield from _of_cpus(window, where, limits["max_others_cpu_percent"])
            yield from _of_clocks(
                window, where, limits["max_throttled_percent"], limited_boards(record)
            )


def _of_cpus(window: Window, where: str, limit: float | None) -> Iterator[Disturbance]:
    machine = window["machine"]
    others = machine["others_cpu_percent"]
    text = f"others used {others} % of all CPUs {where}"
    if others is None:
        why = machine["others_cpu_reason"]
        text = f"how much others used the CPUs {where} is not known: {why}"
    yield Disturbance("cpus", text, others, OTHERS_PERCENT, limit)
    steal = machine["steal_percent"] or 0.0
    taken = f"other virtual machines took {steal} % of all CPUs {where}"
    yield Disturbance("cpus", taken, steal, OTHERS_PERCENT, limit)
    swapped_mib = machine["swapped_in_mib"] or 0.0
    swapped = f"{swapped_mib} MiB came back from swap {where}"
    yield Disturbance("cpus", swapped, swapped_mib, 0.0, None)


def _of_clocks(
    window: Window, where: str, limit: float | None, limited: Collection[int]
) -> Iterator[Disturbance]:
    for gpu in window["gpus"]:
        name = f"GPU {gpu['index']}"
        if not gpu["throttled_percent"]:
            unknown = f"whether the clocks of {name} were held down {where} is not reported"
            yield Disturbance("clocks", unknown, None, THROTTLED_PERCENT, limit)
        for reason, percent in gpu["throttled_percent"].items():
            text = f"{name}: {reason} held the clocks down for {percent} % of the time {where}"
            is_asked_for = reason in BY_POWER and gpu["index"] in limited
            of_this = None if is_asked_for else limit
            yield Disturbance("clocks", text, percent, THROTTLED_PERCENT, of_this)
