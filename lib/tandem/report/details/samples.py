"""What the sensors said in an experiment, thinned: panels of lines over one axis of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.base.json_object import json_object
from tandem.base.text import counted
from tandem.measure.columns import CsvColumns, Piece
from tandem.measure.rows import ROLES, SUSPENDED
from tandem.report.details.held import HeldBack
from tandem.report.details.rates import Rate
from tandem.report.details.thinning import Axis, Envelope, Moments, gaps

GAP_ROWS = 2.5  # so many rows apart, a line is broken
FOREGROUND, BACKGROUND, WHOLE, OTHERS = "foreground", "background", "whole", "others"
_Lines = list[tuple[str, ...]]
_GPU: dict[
    str, tuple[str, _Lines]
] = {  # the panels of a board: their unit, then of each line its kind, name and columns
    "power": ("W", [(WHOLE, "board", "power_min_w", "power_max_w")]),
    "use": (
        "%",
        [
            (FOREGROUND, "foreground", "foreground_sm_percent"),
            (BACKGROUND, "background", "background_sm_percent"),
            (OTHERS, "strangers", "strangers_sm_percent"),
            (WHOLE, "board", "sm_percent"),
        ],
    ),
    "memory": (
        "MiB",
        [
            (FOREGROUND, "foreground", "foreground_memory_mib"),
            (BACKGROUND, "background", "background_memory_mib"),
            (OTHERS, "strangers", "strangers_memory_mib"),
            (WHOLE, "board", "memory_used_mib"),
        ],
    ),
    "clocks": ("MHz", [(WHOLE, "SM", "sm_clock_mhz"), (OTHERS, "memory", "memory_clock_mhz")]),
}
_COUNTERS: dict[str, tuple[str, _Lines]] = {
    "counters": (
        "%",
        [(WHOLE, "SMs active", "sm_active_percent"), (OTHERS, "DRAM", "dram_active_percent")],
    )
}


@dataclass
class Curve:
    """One line of a panel; `kind` says how it is drawn."""

    kind: str
    name: str
    envelope: Envelope

    def span(self, unit: str) -> str:
        """Return the least and the largest value in words."""
        texts = dict.fromkeys(map(_short, (self.envelope.least, self.envelope.largest)))
        return f"{' to '.join(texts)} {unit}"

    def halved(self) -> Curve:
        return Curve(self.kind, self.name, self.envelope.halved())


@dataclass
class Summed(Curve):
    """A line of how fast a sum grows."""

    rate: Rate


@dataclass
class Panel:
    """Lines of one quantity, from zero to the largest."""

    title: str
    unit: str
    curves: list[Curve]


@dataclass
class Samples:
    """What was read: panels, by board when clocks were held back, by file when it has no rows."""

    panels: list[Panel] = field(default_factory=list)
    held: list[HeldBack] = field(default_factory=list)
    unsampled: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    suspended: list[tuple[float, float]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class SampleReader:
    """Reads the CSV files of a folder `energy/`, each once from begin to end."""

    def __init__(self, folder: Path, axis: Axis) -> None:
        self.folder, self.axis = folder, axis
        self.monitor = json_object(folder / "monitor.json") or {}
        row_s = self.monitor.get("row_s")
        self.row_s = row_s if isinstance(row_s, float) and row_s > 0.0 else 1.0
        self.limit_s = GAP_ROWS * self.row_s
        self.found = Samples()
        self._rows = Moments((), (), [])  # of the piece that is read now
        self._slept: tuple[float, float] | None = None  # when, and for how long until then

    def read(self) -> Samples:
        if not any(self.folder.glob("*.csv")):
            self.found.remarks.append("There are no samples: pruned, or never written.")
            return self.found
        machine = self._machine()  # first: it tells of suspensions
        for path, title in self._boards():
            self._board(path, title)
            counters = path.with_name(path.name.replace("gpu", "gpm", 1))
            if counters.exists():
                self._lines(counters, title, _COUNTERS)
        panels = [*self.found.panels, *machine]
        self.found.panels = [panel for panel in panels if panel.curves]
        for panel in self.found.panels:
            for curve in panel.curves:
                curve.envelope.break_at(self.found.suspended)
        return self.found

    def _pieces(self, name: str) -> Iterator[Piece]:
        source, last_s = CsvColumns(self.folder / name), list[float]()
        try:
            for piece in source.pieces():
                self._rows = self._moments(piece.times_s)
                between = gaps([*last_s, piece.times_s[0]], self.limit_s) + self._rows.gaps
                if between:
                    self.found.unsampled.setdefault(name, []).extend(between)
                last_s = piece.times_s[-1:]
                yield piece
        except OSError as error:
            why = error.strerror or error
            self.found.remarks.append(f"energy/{name} cannot be read: {why}.")
        if source.damaged_lines:
            lines = counted(source.damaged_lines, "damaged line")
            self.found.remarks.append(f"energy/{name}: {lines} left out.")

    # -- boards ------------------------------------------------------------------------

    def _boards(self) -> list[tuple[Path, str]]:
        """Return the file of each board that was sampled, and what the board is called."""
        told = self.monitor.get("gpus")
        known = {
            str(gpu.get("file")): _board_name(gpu)
            for gpu in (told if isinstance(told, list) else ())
            if isinstance(gpu, dict)
        }
        files = sorted(self.folder.glob("gpu_*.csv"))
        gone = sorted(known.keys() - {path.name for path in files})
        self.found.remarks += [f"energy/{name} is not there." for name in gone]
        return [(path, known.get(path.name, path.stem)) for path in files]

    def _board(self, path: Path, title: str) -> None:
        held = HeldBack(title, self.axis)
        self._lines(path, title, _GPU, held.add)
        self.found.held.append(held)

    def _lines(
        self,
        path: Path,
        title: str,
        panels: Mapping[str, tuple[str, _Lines]],
        heed: Callable[[Piece], None] = lambda _: None,
    ) -> None:
        """Read the panels of one file; `heed` is shown each piece of it, too."""
        lines = {
            (panel, kind): (Curve(kind, name, self._envelope()), columns)
            for panel, (_, them) in panels.items()
            for kind, name, *columns in them
        }
        for piece in self._pieces(path.name):
            for curve, columns in lines.values():
                self._add(curve.envelope, piece, columns)
            heed(piece)
        for panel, (unit, _) in panels.items():
            curves = [curve for (name, _), (curve, _) in lines.items() if name == panel]
            self.found.panels.append(Panel(f"{title} {panel}", unit, _telling(curves)))

    def _moments_of(self, piece: Piece, times_s: Sequence[float]) -> Moments:
        return self._rows if times_s is piece.times_s else self._moments(times_s)

    def _moments(self, times_s: Sequence[float]) -> Moments:
        return self.axis.moments(times_s, self.limit_s)

    def _envelope(self) -> Envelope:
        return Envelope(self.axis, self.limit_s)

    def _add(self, envelope: Envelope, piece: Piece, columns: Sequence[str]) -> None:
        """Add a column, or two: the least and the largest of each row."""
        for place, column in enumerate(columns):
            if (known := piece.known(column)) is None:
                continue
            times_s, values = known
            moments = self._moments_of(piece, times_s)
            (envelope.widen if place else envelope.add)(moments, values)

    # -- the machine -------------------------------------------------------------------

    def _machine(self) -> list[Panel]:
        """Return the panels of CPUs and of main memory."""
        use = {f"{role}_cpu_s": self._summed(role, role) for role in ROLES}
        memory = {f"{role}_pss_mib": Curve(role, role, self._envelope()) for role in ROLES}
        power: dict[str, Summed] = {}
        for piece in self._pieces("cpu.csv"):
            self._note_sleeps(piece)
            for column in (name for name in piece.names if name.endswith("_uj")):
                kind = OTHERS if column.startswith("dram") else WHOLE
                name = column.removesuffix("_uj").replace("_", " ")
                power.setdefault(column, self._summed(kind, name, 1e-6))
            self._add_rates({**use, **power}, piece)
            for column, curve in memory.items():
                self._add(curve.envelope, piece, [column])
        use["busy_cpu_s"] = self._summed(WHOLE, "machine")
        for piece in self._pieces("machine.csv"):
            self._add_rates({"busy_cpu_s": use["busy_cpu_s"]}, piece)
        return [
            Panel("CPU power", "W", _telling(power.values())),
            Panel("CPU use", "CPUs", _telling(use.values())),
            Panel("main memory", "MiB", _telling(memory.values())),
        ]

    def _summed(self, kind: str, name: str, factor: float = 1.0) -> Summed:
        return Summed(kind, name, self._envelope(), Rate(self.row_s, self.limit_s, factor))

    def _add_rates(self, curves: Mapping[str, Summed], piece: Piece) -> None:
        for column, curve in curves.items():
            if known := piece.known(column):
                times_s, rates = curve.rate.of(*known, self.found.suspended)
                curve.envelope.add(self._moments_of(piece, times_s), rates)

    def _note_sleeps(self, piece: Piece) -> None:
        times_s, sums = piece.known(SUSPENDED) or ([], [])
        if self._slept and sums and sums[0] == sums[-1] == self._slept[1]:
            self._slept = times_s[-1], sums[-1]
            return
        for at, total in zip(times_s, sums, strict=True):
            if self._slept and total > self._slept[1] + 0.001:
                self.found.suspended.append((self._slept[0], at))
            self._slept = at, total


def _board_name(gpu: Mapping[str, Any]) -> str:
    """Return `GPU 0`, or `GPU 0 MIG 1`: MIG devices of one board have its index."""
    _, _, device = str(gpu.get("file")).removesuffix(".csv").partition("_mig_")
    return f"GPU {gpu.get('index')}" + (f" MIG {device}" if device else "")


def _telling(curves: Iterable[Curve]) -> list[Curve]:
    """Return the lines that have a value, and of strangers one that is not zero."""
    known = (curve for curve in curves if curve.envelope.bounds)
    return [it for it in known if it.name != "strangers" or it.envelope.largest > 0.0]


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
