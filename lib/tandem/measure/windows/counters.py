"""What a GPU's counters say of a window: means and maxima of its rows in gpm_N.csv."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.measure.rows import GPM_COLUMNS, Row, rows_between
from tandem.measure.windows.edges import number_in, time_of
from tandem.measure.windows.gaps import absence

METRICS = GPM_COLUMNS[3:]
SOURCE = "gpm"
LEAST_KNOWN = 0.5  # of the window, as for other means
ALL_KNOWN = 0.99  # more than that, and nothing is said of the rest
NOT_ASKED = 'not asked for ("counters": "gpm")'

Facts = dict[str, Any]


class CounterTally:
    """The rows of one file between two moments.

    A row has means from its `from_s` to its own moment: they count by how much of that lies in the
    window, and for a maximum if at least half of it does.
    """

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, to_s
        self.sums = dict.fromkeys(METRICS, 0.0)
        self.known_s = dict.fromkeys(METRICS, 0.0)
        self.peaks: dict[str, float] = {}
        self.disturbed_s = 0.0

    def add(self, row: Row) -> None:
        since_s, when_s = number_in(row, "from_s"), time_of(row)
        if since_s is None:
            return
        overlap_s = min(when_s, self.to_s) - max(since_s, self.from_s)
        if overlap_s <= 0.0:
            return
        values = {name: number_in(row, name) for name in METRICS}
        if not any(value is not None for value in values.values()):
            self.disturbed_s += overlap_s
        is_inside = overlap_s >= min(when_s - since_s, self.to_s - self.from_s) / 2.0
        for name, value in values.items():
            if value is not None:
                self.sums[name] += value * overlap_s
                self.known_s[name] += overlap_s
                if is_inside:
                    self.peaks[name] = max(value, self.peaks.get(name, -math.inf))

    @property
    def known_share(self) -> float:
        """The share of the window that all metrics are known of that have a mean, 0 to 1.

        Where none has a mean it is that of the one that is known best.
        """
        length_s = self.to_s - self.from_s
        if length_s <= 0.0:
            return 0.0
        shares = [min(known_s / length_s, 1.0) for known_s in self.known_s.values()]
        return min((each for each in shares if each >= LEAST_KNOWN), default=max(shares))

    def facts(self) -> Facts | None:
        """Return each metric's mean and maximum, None for one that is known too little."""
        if self.known_share < LEAST_KNOWN:
            return None
        found: Facts = {"source": SOURCE, "known_percent": round(100.0 * self.known_share, 2)}
        for name in METRICS:
            known_s = self.known_s[name]
            is_known = known_s >= LEAST_KNOWN * (self.to_s - self.from_s)
            found[f"{name}_mean"] = self.sums[name] / known_s if is_known else None
            found[f"{name}_max"] = self.peaks.get(name) if is_known else None
        return found


def counter_facts(folder: Path, gpu: Mapping[str, Any], from_s: float, to_s: float) -> Facts:
    """Return `counters` and `counters_reason` of a window for one GPU of monitor.json.

    Both may be there: the reason then says of what part of the window nothing is known.
    """
    file = gpu.get("counters_file")
    if file is None:
        return {"counters": None, "counters_reason": NOT_ASKED}
    tally = CounterTally(from_s, to_s)
    for row in rows_between(folder / file, from_s, to_s):
        tally.add(row)
    found = tally.facts()
    is_whole = found is not None and tally.known_share >= ALL_KNOWN
    return {"counters": found, "counters_reason": None if is_whole else _reason(gpu, tally)}


def _reason(gpu: Mapping[str, Any], tally: CounterTally) -> str:
    missing_s, why = absence(gpu, SOURCE, tally.from_s, tally.to_s)
    length_s = tally.to_s - tally.from_s
    if why and missing_s >= length_s:
        return why
    parts = [f"not read for {missing_s:.1f} s of {length_s:.1f} s: {why}"] if why else []
    if tally.disturbed_s > 0.0:
        what = "the counters wrapped, or somebody else reads them too"
        parts.append(f"impossible values for {tally.disturbed_s:.1f} s of {length_s:.1f} s: {what}")
    share = f"known of {100.0 * tally.known_share:.1f} % of the window"
    return "; ".join(parts) or f"{share}: samples lie too far from its edges"
