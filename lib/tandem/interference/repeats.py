"""What repeats of a figure say together: the median, and how sure it is. Standard library only."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from tandem.interference.quantity import Quantity, widening

ENOUGH_BLOCKS = 6  # the interval's coverage is 75 % at three, 94 % from five on
RESAMPLES = 2000
SEED = 1
SD_IN_95 = 1.96


@dataclass(frozen=True)
class Repeats:
    """A figure's repeats; `low` and `high` are what `spread` says.

    `spread` is "95 %" (bootstrap interval of the median), "range" (all values), or None of one
    value. `uncertainty` is one standard deviation of the median, None if not known.
    """

    pairs: int
    blocks: int
    median: float
    low: float
    high: float
    spread: str | None
    uncertainty: float | None


def repeats_of(blocks: Sequence[Sequence[Quantity]]) -> Repeats:
    """Return what the values say; those of one block share a baseline, and count as one draw.

    No block may be empty. The uncertainty is the larger of two: what the values' own say, taken as
    independent from block to block, and what their scatter says, which knows how runs differ: from
    six blocks on by the bootstrap interval, below by the standard deviation.
    """
    values = [each.value for block in blocks for each in block]
    low, high = min(values), max(values)
    spread: str | None = None
    sure = [of_own([each.uncertainty for each in chain(*blocks)], len(blocks))]
    if len(blocks) >= ENOUGH_BLOCKS:
        low, high = interval_of_median([[each.value for each in block] for block in blocks])
        spread = "95 %"
        sure.append((high - low) / 2 / SD_IN_95)
    elif len(values) > 1:
        spread = "range"
        sure.append(of_scatter(values, len(blocks)))
    uncertainty = max((each for each in sure if each is not None), default=None)
    median = statistics.median(values)
    return Repeats(len(values), len(blocks), median, low, high, spread, uncertainty)


def interval_of_median(blocks: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the 95 % percentile-bootstrap interval; whole blocks are drawn, with replacement.

    Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13. The ends are always
    values or middles of two, so few blocks have steps: of normal values the interval covers 93 %
    at six, 87 % at seven, 90 to 95 % beyond. The same values always give the same interval.
    """
    generator = random.Random(SEED)
    medians = sorted(
        statistics.median(chain.from_iterable(generator.choices(blocks, k=len(blocks))))
        for _ in range(RESAMPLES)
    )
    tail = round(RESAMPLES * 0.025)
    return medians[tail], medians[-1 - tail]


def of_scatter(values: Sequence[float], blocks: int) -> float:
    return statistics.stdev(values) * widening(len(values) - 1) * narrowing(blocks)


def of_own(uncertainties: Sequence[float | None], blocks: int) -> float | None:
    known = [each for each in uncertainties if each is not None]
    if len(known) < len(uncertainties):
        return None
    return math.sqrt(statistics.fmean(each**2 for each in known)) * narrowing(blocks)


def narrowing(blocks: int) -> float:
    """Return a median's standard deviation as a share of that of one of its (normal) values.

    As a mean's, but from three on by sqrt(pi / 2) wider. What shares a baseline counts as one.
    """
    return (math.sqrt(math.pi / 2) if blocks > 2 else 1.0) / math.sqrt(blocks)


def is_below_resolution(repeats: Repeats, no_effect: float) -> bool | None:
    """Whether a median differs from no effect by less than twice its uncertainty."""
    if repeats.uncertainty is None:
        return None
    return abs(repeats.median - no_effect) < 2 * repeats.uncertainty
