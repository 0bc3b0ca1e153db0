"""How long the epochs of a foreground took, without its start and what follows its last epoch.

That is from when the first epoch was first seen in the log to when the last one was. One epoch is
not in it: the first where a training prints an epoch's line at its end, the last where it prints it
at its beginning. The log is looked at every LOOK_S, so each end is late by up to that, taken as
random.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from tandem.interference.quantity import Quantity, Reading
from tandem.log.follow import LOOK_S
from tandem.results.record import Record

LATE_S = 1.0  # who waits so long before it is seen was kept back by the training
MOST_LATE = 0.25  # the share of epochs that may: the driver may have been held up once


def epochs_s(record: Record, place: str, twin: Record | None = None) -> Reading:
    """Return the seconds of a record's epochs, or why they are not known.

    Its twin must have shown the same first and last epoch.
    """
    times_s = times_of(record)
    if problem := not_timed(times_s):
        return f"{place}: {problem}"
    theirs_s = times_of(twin) if twin else {}
    if theirs_s and ends(theirs_s) != ends(times_s):
        ours, theirs = ("{} to {}".format(*ends(each)) for each in (times_s, theirs_s))
        return f"{place}: epochs {ours} were seen instead of {theirs}"
    first, last = ends(times_s)
    return Quantity(times_s[last] - times_s[first], LOOK_S * math.sqrt(2 / 12))


def times_of(record: Record) -> dict[int, float]:
    """Return when each epoch was first seen, in seconds after the training's start, in that order.

    None can have come after the training's end, whenever it was seen. A number outside those that
    the record tells of is that of another training, such as a network that was loaded.
    """
    first, last = record["epochs"]["first"], record["epochs"]["last"]
    end_s = record["duration_seconds"]
    if first is None or last is None or end_s is None:
        return {}
    return {
        each["epoch"]: min(each["seconds"], end_s)
        for each in record["epoch_times"]
        if int(first) <= each["epoch"] <= last
    }


def ends(times_s: dict[int, float]) -> tuple[int, int]:
    """Return the lowest and the highest epoch."""
    return min(times_s), max(times_s)


def not_timed(times_s: dict[int, float]) -> str | None:
    """Return why the epochs that were seen have no duration; None if they have."""
    if len(times_s) < 2:
        return "fewer than two epochs were seen in the log"
    if (next(iter(times_s)), list(times_s)[-1]) != ends(times_s):
        return "its epochs were not seen in their order"
    late = kept_back(sorted(times_s.values()))
    if late > MOST_LATE * len(times_s):
        return f"{late} of {len(times_s)} epochs were seen late (is its output buffered?)"
    return None


def kept_back(times_s: Sequence[float]) -> int:
    """Return how many epochs were seen together with others though they cannot have come so.

    A program that writes into a file in blocks shows several epochs at once, after a while without
    any. Of those that were seen first nobody knows how long a while: the pace of the others tells.
    """
    counts = Counter(times_s)
    moments_s = list(counts)
    later = len(times_s) - counts[moments_s[0]]
    pace_s = (moments_s[-1] - moments_s[0]) / later if later else math.inf
    late = [
        counts[now_s]
        for before_s, now_s in pairwise(moments_s)
        if counts[now_s] > 1 and now_s - before_s > LATE_S
    ]
    if counts[moments_s[0]] > 1 and (counts[moments_s[0]] - 1) * pace_s > LATE_S:
        late.append(counts[moments_s[0]])
    return sum(late)
