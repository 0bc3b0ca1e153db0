"""The rows about a moment, and no others."""

from __future__ import annotations

from collections import deque

from tandem.measure.rows import Row
from tandem.measure.windows.edges import time_of


class Nearby:
    """The rows about a moment, picked as all rows pass by in their order.

    They begin with the last one at or before `reach_s` earlier, and end with the first one at or
    after `reach_s` later, so they do not depend on what else is read.
    """

    def __init__(self, when_s: float, reach_s: float) -> None:
        self.first_s, self.last_s = when_s - reach_s, when_s + reach_s
        self.rows: deque[Row] = deque()
        self.is_complete = False

    def add(self, row: Row) -> None:
        if self.is_complete:
            return
        while len(self.rows) > 1 and time_of(self.rows[1]) <= self.first_s:
            self.rows.popleft()
        self.rows.append(row)
        self.is_complete = time_of(row) >= self.last_s
