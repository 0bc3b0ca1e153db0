"""When a board's clocks were held back, and by what: by the driver's counters, else by reasons."""

from __future__ import annotations

from tandem.measure.columns import Piece
from tandem.measure.rows import THROTTLED
from tandem.measure.windows.throttle import HELD_BACK
from tandem.report.details.thinning import Axis


class HeldBack:
    """The buckets of time in which each reason held a board back."""

    def __init__(self, title: str, axis: Axis) -> None:
        self.title, self.axis = title, axis
        self.counted: dict[str, set[int]] = {}
        self.seen: dict[str, set[int]] = {}
        self._sums: dict[str, float] = {}

    @property
    def buckets(self) -> dict[str, set[int]]:
        """Return the buckets by reason. {}: nothing held it back, or nobody counted."""
        return {name: at for name, at in (self.counted or self.seen).items() if at}

    def add(self, piece: Piece) -> None:
        for reason in THROTTLED:
            self._count(reason, piece)
        cells = piece.texts("event_reasons")
        if cells is None or (cells.count(cells[0]) == len(cells) and not _names(cells[0])):
            return
        for bucket, begin, end in self.axis.parts(piece.times_s):
            for cell in set(cells[begin:end]):
                for name in _names(cell):
                    self.seen.setdefault(name, set()).add(bucket)

    def _count(self, reason: str, piece: Piece) -> None:
        if (known := piece.known(f"throttled_{reason}_s")) is None:
            return
        times_s, sums = known
        held = self.counted.setdefault(reason, set())
        before = self._sums.get(reason, sums[0])
        for bucket, begin, end in self.axis.parts(times_s):
            if max(sums[begin], sums[end - 1]) > before:
                held.add(bucket)
            before = sums[end - 1]
        self._sums[reason] = before


def _names(cell: str) -> list[str]:
    try:
        bits = int(cell or "0", 16)
    except ValueError:
        return []
    return [name for bit, name in HELD_BACK.items() if bits >> bit & 1]
