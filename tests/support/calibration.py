"""How right the stated deviation of a window's energy is, board by board: many windows of each."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.measure.windows.window import window_facts

from support.simulated import BEGIN_S, Curve, Sensors, Watched, monitor

IDLE_W, HIGH_W = 60.0, 300.0
GAPPED = "NVIDIA H100 80GB HBM3"
DEVIATIONS = (2.0, 3.0)
LEAST_SHARES = (0.95, 0.99)  # of windows, within so many stated deviations

Load = Callable[[random.Random, float, float], Curve]


@dataclass(frozen=True)
class Window:
    """One simulated window: by how much its energy is off, and what it states of that.

    `sigma_j` is None where it has no energy.
    """

    error_j: float
    sigma_j: float | None
    truth_j: float

    @property
    def deviations(self) -> float:
        assert self.sigma_j is not None
        return abs(self.error_j) / self.sigma_j


@dataclass(frozen=True)
class Board:
    """A kind of board, what it is made to do, and how often the monitor is held up."""

    name: str
    counter_s: float | None
    power_s: Sequence[float] = (0.02, 0.1)  # one of these
    wave_s: float | None = None  # of a load on a gapped sensor
    stalls: int = 0


BOARDS = [
    *(Board(f"counter every {1000 * each:g} ms", each) for each in (0.02, 0.1, 0.3, 1.0)),
    *(
        Board(f"no counter, power every {1000 * each:g} ms", None, (each,))
        for each in (0.02, 0.1, 1.0)
    ),
    *(Board(f"gapped, a wave of {each:g} s", 0.1, (0.1,), each) for each in (0.1, 0.37, 0.5, 0.7)),
    Board("counter every 100 ms, monitor held up", 0.1, stalls=2),
    Board("no counter, monitor held up", None, (0.1,), stalls=2),
]


def windows(board: Board, count: int, seed: int = 1) -> list[Window]:
    """Return so many windows of a board, the same ones for a seed."""
    chance = random.Random(f"{board.name} {seed}")
    return [window(board, chance) for _ in range(count)]


def window(board: Board, chance: random.Random) -> Window:
    from_s = BEGIN_S + chance.uniform(5.0, 6.0)
    to_s = from_s + chance.choice([1.0, 3.0, 10.0, 30.0]) * chance.uniform(1.0, 1.5)
    begin_s, end_s = from_s + chance.uniform(0.005, 0.05), to_s - chance.uniform(0.0, 0.03)
    is_gapped = board.wave_s is not None
    load = steady_wave(board.wave_s) if board.wave_s else chance.choice([pulse, wave, beside])
    curve = load(chance, begin_s, end_s)
    power_s = chance.choice(board.power_s)
    sensors = Sensors(
        board.counter_s,
        power_s,
        chance.choice([0.5, 4.0]),
        is_gapped,
        chance.uniform(0.0, board.counter_s or 1.0),
        chance.uniform(0.0, power_s),
    )
    held = [
        (chance.uniform(from_s - 2.0, to_s + 1.0), chance.uniform(1.0, 3.0))
        for _ in range(board.stalls)
    ]
    watched = Watched(
        curve,
        sensors,
        [(from_s, to_s)],
        held,
        GAPPED if is_gapped else "Simulated",
        chance=random.Random(chance.random()),
    )
    with tempfile.TemporaryDirectory() as name:
        monitor(watched, Path(name))
        gpu = window_facts(Path(name), from_s, to_s)["gpus"][0]
    truth_j = curve.energy_j(to_s) - curve.energy_j(from_s)
    if gpu["energy_joules"] is None:
        return Window(0.0, None, truth_j)
    return Window(gpu["energy_joules"] - truth_j, gpu["energy_uncertainty_joules"], truth_j)


# -- what a training draws -------------------------------------------------------------------------


def pulse(chance: random.Random, begin_s: float, end_s: float) -> Curve:
    return Curve([(0.0, IDLE_W), (begin_s, chance.uniform(150.0, 400.0)), (end_s, IDLE_W)])


def wave(chance: random.Random, begin_s: float, end_s: float) -> Curve:
    """A training whose power goes up and down, in steps of 0.3 to 3 s."""
    period_s = 0.3 * 10.0 ** chance.uniform(0.0, 1.0)
    return turns((begin_s, end_s), period_s, chance.uniform(0.3, 0.7), chance.random())


def steady_wave(period_s: float) -> Load:
    def load(chance: random.Random, begin_s: float, end_s: float) -> Curve:
        return turns((begin_s, end_s), period_s, 0.5, chance.random())

    return load


def beside(chance: random.Random, begin_s: float, end_s: float) -> Curve:
    """A training that draws steady power beside a background, whose wave it does not stop."""
    period_s = 0.3 * 10.0 ** chance.uniform(0.0, 1.0)
    other = turns((BEGIN_S - 3.0, end_s + 5.0), period_s, 0.5, chance.random())
    moments = sorted({*other.times_s, begin_s, end_s})
    more_w = chance.uniform(100.0, 250.0)
    return Curve(
        [(at_s, other.power_w(at_s) + more_w * (begin_s <= at_s < end_s)) for at_s in moments]
    )


def turns(span_s: tuple[float, float], period_s: float, duty: float, phase: float) -> Curve:
    """Return power that is high for a share of each period, between two moments."""
    begin_s, end_s = span_s
    changes = [(0.0, IDLE_W)]
    at_s = begin_s - phase * period_s
    while at_s < end_s:
        for when_s, power_w in ((at_s, HIGH_W), (at_s + duty * period_s, IDLE_W)):
            if when_s < end_s:
                changes.append((max(when_s, begin_s), power_w))
        at_s += period_s
    return Curve([*changes, (end_s, IDLE_W)])


# -- the table -------------------------------------------------------------------------------------


def known(found: Sequence[Window]) -> list[Window]:
    """Return the windows that have an energy; the others say why they have none."""
    return [each for each in found if each.sigma_j is not None]


def shares(found: Sequence[Window]) -> list[float]:
    """Return which share of windows lies within each of DEVIATIONS."""
    return [
        statistics.mean(each.deviations <= limit for each in known(found)) for limit in DEVIATIONS
    ]


def missed(found: Sequence[Window]) -> bool:
    return any(share < least for share, least in zip(shares(found), LEAST_SHARES, strict=True))


HEADER = (
    "| board | windows | without energy | error, median | stated, median | within 2 | within 3 |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def line(board: Board, found: Sequence[Window]) -> str:
    """Return a line of the table: errors and stated deviations in percent of the energy."""
    some = known(found)
    error = statistics.median(100.0 * abs(each.error_j) / each.truth_j for each in some)
    stated = statistics.median(100.0 * (each.sigma_j or 0.0) / each.truth_j for each in some)
    within = " | ".join(f"{100.0 * share:.1f} %" for share in shares(found))
    cells = (
        f"{board.name} | {len(found)} | {len(found) - len(some)} | {error:.2f} % | {stated:.2f} %"
    )
    return f"| {cells} | {within} |" + (" MISSED" if missed(found) else "")
