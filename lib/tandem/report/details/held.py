"""When a board's clocks were held back, and by what: by the driver's counters, else by reasons."""

from __future__ import annotations

from tandem.measure.columns import Piece, number_of
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
        """Look at the counter's first and last value in each bucket: it only grows."""
        sums = piece.texts(f"throttled_{reason}_s") or ()
        for bucket, begin, end in self.axis.parts(piece.times_s) if any(sums) else ():
            held = self.counted.setdefault(reason, set())
            for total in map(number_of, (sums[begin], sums[end - 1])):
                if total is not None and total > self._sums.get(reason, total):
                    held.add(bucket)
                if total is not None:
                    self._sums[reason] = total


def _names(cell: str) -> list[str]:
    try:
        bits = int(cell or "0", 16)
    except ValueError:
        return []
    return [name for bit, name in HELD_BACK.items() if bits >> bit & 1]
