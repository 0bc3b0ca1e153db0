"""What so many repeats can tell: the smallest effect, equivalence within a margin, how many more.

Equivalence goes by two one-sided tests (Schuirmann 1987): the interval of 90 % within the margins.
What is said of repeats that are still to come goes by the spread of those seen, as if they were
normal: the interval's half width is then that of a mean, wider by sqrt(pi / 3), and 2.5 repeats are
lost on not knowing the spread (found by simulation; from seven on it is right within 4 %).
Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from tandem.interference.statistics.estimate import ENOUGH, INNER_LEVEL, LEVEL, Estimate

CHANCE = 0.8  # with which repeats to come shall tell
MOST_REPEATS = 1000
LOST_REPEATS = 2.5
FEWEST_IN_EACH = 4  # of two samples, for an interval of 95 %
WIDER_THAN_MEAN = math.sqrt(math.pi / 3)

Answer = Literal["less", "more", "not known"]
_NORMAL = NormalDist()
_BEYOND = _NORMAL.inv_cdf((1 + float(LEVEL)) / 2)
_WITHIN = _NORMAL.inv_cdf((1 + float(INNER_LEVEL)) / 2)


@dataclass(frozen=True)
class Equivalence:
    """Whether two things differ by less than a margin, by more, or whether that is not known.

    `more_repeats` is about how many more would tell with a chance of 80 % (of two samples: in
    each); None: it is known, or 1000 would not do, since the estimate lies at the margin.
    """

    answer: Answer
    more_repeats: int | None


def equivalence(estimate: Estimate, margin: float) -> Equivalence | None:
    """Return whether an effect is smaller than a margin, which is a share (0.02: 2 %).

    "less": the interval of 90 % lies within the margins; a ratio's are 1 / 1.02 and 1.02, so that
    it does not matter which of two is compared with which. "more": that of 95 % lies outside. Each
    is wrong in at most 5 %. None: no effect is 0 or unknown, of which there are no percents.
    """
    middle = estimate.no_effect
    if not middle:
        return None
    farthest = math.log1p(margin) if estimate.scale == "ratio" else margin * abs(middle)

    def from_middle(figure: float) -> float:
        return math.log(figure / middle) if estimate.scale == "ratio" else figure - middle

    if None not in (bounds := (estimate.inner_low, estimate.inner_high)):
        low, high = (from_middle(each) for each in bounds if each is not None)
        if -farthest < low and high < farthest:
            return Equivalence("less", None)
    if None not in (bounds := (estimate.low, estimate.high)):
        low, high = (from_middle(each) for each in bounds if each is not None)
        if low > farthest or high < -farthest:
            return Equivalence("more", None)
    return Equivalence("not known", _more(estimate, abs(from_middle(estimate.estimate)), farthest))


def smallest_effect(pairs: int, spread: float) -> float | None:
    """Return the smallest effect that pairs show in four of five designs; None: below six pairs.

    `spread` is one standard deviation of the logarithm of a pair's ratio, the effect a share of the
    ratio (0.03: a ratio of 1.03 or 1 / 1.03).
    """
    if pairs < ENOUGH:
        return None
    if pairs == ENOUGH:  # all six must have one sign
        return math.expm1(_NORMAL.inv_cdf(CHANCE ** (1 / ENOUGH)) * spread)
    return math.expm1((_BEYOND + _NORMAL.inv_cdf(CHANCE)) * _deviation(pairs, spread))


# -- parts -----------------------------------------------------------------------------


def _more(estimate: Estimate, effect: float, margin: float) -> int | None:
    """Return how many more repeats would tell on which side of the margin the effect lies."""
    first, second = len(estimate.values), len(estimate.others)
    fewest = max(FEWEST_IN_EACH - min(first, second) if second else ENOUGH - first, 1)
    if estimate.spread is None:
        return fewest  # then the spread is known
    for more in range(fewest, MOST_REPEATS + 1):
        if second:
            deviation = _deviation_of_two(first + more, second + more, estimate.spread)
        else:
            deviation = _deviation(first + more, estimate.spread)
        if _chance(effect, margin, deviation) >= CHANCE:
            return more
    return None


def _chance(effect: float, margin: float, deviation: float) -> float:
    """Return with which chance an estimate of that deviation tells less, or more."""
    if deviation == 0:
        return float(effect != margin)
    within = _NORMAL.cdf((margin - effect) / deviation - _WITHIN)
    below = _NORMAL.cdf(_WITHIN - (margin + effect) / deviation)
    beyond = _NORMAL.cdf((effect - margin) / deviation - _BEYOND)
    return max(0.0, within - below) + beyond


def _deviation(repeats: int, spread: float) -> float:
    return spread * WIDER_THAN_MEAN / math.sqrt(repeats - LOST_REPEATS)


def _deviation_of_two(first: int, second: int, spread: float) -> float:
    lost = 0.7  # by simulation as well
    return spread * WIDER_THAN_MEAN / math.sqrt(1 / (1 / first + 1 / second) - lost)
