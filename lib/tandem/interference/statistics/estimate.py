"""What repeats say together: an estimate, its closed interval, its p-value. Standard library only.

The statistics are those of ranks.py, on logarithms where the figure is a ratio and above zero.
What differs by less than 1e-12 is tied: 1.25 and 0.8 lie equally far from 1.

The interval and the p-value cannot contradict each other. The interval is that of distributions
without ties, which with ties only holds the truth more often; its p-value is the smallest 1 - level
at which no effect lies outside. Where there are zeros or ties, the signs of mid-ranks are flipped
too (Pratt): if no effect is still possible by that test, the interval is drawn out to it, and the
p-value is the greater of both. So p <= 0.05 exactly where no effect lies outside of 95 %.
What estimates say of equivalence and of repeats still to come is in resolution.py.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tandem.interference.statistics.counting import (
    MOST_PAIRS,
    MOST_TIED,
    Null,
    rank_sums,
    signed_ranks,
)
from tandem.interference.statistics.many import TINY
from tandem.interference.statistics.ranks import (
    Points,
    cliffs_delta,
    differences,
    interval,
    interval_p,
    median,
    pair_means,
    rank_sum_p,
    signed_rank_p,
)

ENOUGH = 6  # pairs; of fewer even the whole range holds the pseudomedian in less than 95 %
LEVEL = Fraction(95, 100)
INNER_LEVEL = Fraction(90, 100)  # two one-sided tests at 5 % each
DECIMALS = 12

Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Estimate:
    """Where the values lie, or by what the values of `others` differ from them.

    `estimate` and the bounds have the unit of the values; of two samples they are the ratio
    others / values, or the difference others - values, as `scale` says. `low` and `high` are the
    closed interval of 95 %, `inner_low` and `inner_high` that of 90 %; None: too few values.
    `p` is None as well where there is no `no_effect`. `delta` is Cliff's, of two samples alone.
    `spread` is one standard deviation of the values (of their logarithms where `scale` is "ratio"),
    within the samples if there are two; None: not known, since no sample has two values.
    """

    count: int
    values: tuple[float, ...]
    others: tuple[float, ...]
    scale: Scale
    no_effect: float | None
    estimate: float
    low: float | None
    high: float | None
    inner_low: float | None
    inner_high: float | None
    p: float | None
    delta: float | None
    spread: float | None

    @property
    def below_resolution(self) -> bool | None:
        """Whether the interval holds no effect; None: there is no interval, or no such value."""
        if self.low is None or self.high is None or self.no_effect is None:
            return None
        return self.low <= self.no_effect <= self.high


def estimate_of(
    values: Sequence[float], no_effect: float | None, scale: Scale = "ratio"
) -> Estimate:
    """Return the pseudomedian of paired figures, with its interval from six values on.

    `no_effect` is what the figure is where nothing has an effect (None: nobody can say). A ratio
    that is not above zero in all values is treated as a difference. ValueError: no values, or one
    that is not finite.
    """
    used = _scale_of(scale, values, 1.0 if no_effect is None else no_effect)
    middle = no_effect if no_effect is not None else _nothing(used)
    centred = _centred(values, used, middle)
    return _estimate(
        pair_means(centred),
        signed_ranks(len(values)) if len(values) >= ENOUGH else None,
        _signed_rank_p_of_tied(centred),
        middle,
        values=tuple(values),
        scale=used,
        no_effect=no_effect,
        spread=spread_within(centred),
    )


def difference_of(
    first: Sequence[float], second: Sequence[float], scale: Scale = "ratio"
) -> Estimate:
    """Return by what the second of two independent samples differs from the first.

    There is an interval wherever one of 95 % exists: from four values in each sample on, or three
    and five. Errors and zeros as with estimate_of.
    """
    if not first or not second:
        raise ValueError("no values")
    used = _scale_of(scale, [*first, *second], 1.0)
    middle = _nothing(used)
    a, b = _centred(first, used, middle), _centred(second, used, middle)
    return _estimate(
        differences(a, b),
        rank_sums(len(a), len(b)),
        _rank_sum_p_of_tied(a, b),
        middle,
        values=tuple(first),
        others=tuple(second),
        scale=used,
        no_effect=middle,
        delta=cliffs_delta(a, b),
        spread=spread_within(a, b),
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number (Holm 1979), in the order given."""
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for place, at in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[at]))
        adjusted[at] = highest
    return adjusted


def spread_within(*samples: Sequence[float]) -> float | None:
    """Return the standard deviation within the samples, in common; None: it has no freedom."""
    freedom = sum(len(sample) - 1 for sample in samples)
    means = [statistics.fmean(sample) for sample in samples]
    squares = math.fsum(
        (value - mean) ** 2 for mean, sample in zip(means, samples, strict=True) for value in sample
    )
    return math.sqrt(squares / freedom) if freedom else None


# -- parts -----------------------------------------------------------------------------


def _estimate(
    points: Points,
    null: Null | None,
    tied_p: float,
    middle: float,
    *,
    values: tuple[float, ...],
    scale: Scale,
    no_effect: float | None,
    spread: float | None,
    others: tuple[float, ...] = (),
    delta: float | None = None,
) -> Estimate:
    """Return what the points say; they lie about 0, which stands for the middle."""
    if isinstance(points, list):
        nearly = slice(bisect_left(points, -TINY), bisect_right(points, TINY))
        points[nearly] = [0.0] * len(points[nearly])
    bounds: list[float | None] = []
    for level in (LEVEL, INNER_LEVEL):
        ends = interval(points, null, level) if null else None
        keeps = no_effect is not None and tied_p > float(1 - level)
        bounds += _stretched(ends, keeps)
    p = None
    if null and bounds[0] is not None and no_effect is not None:
        p = max(tied_p, interval_p(points, null, 0.0))
    low, high, inner_low, inner_high = (
        None if end is None else _as_figure(end, scale, middle) for end in bounds
    )
    return Estimate(
        count=len(values),
        values=values,
        others=others,
        scale=scale,
        no_effect=no_effect,
        estimate=_as_figure(median(points), scale, middle),
        low=low,
        high=high,
        inner_low=inner_low,
        inner_high=inner_high,
        p=p,
        delta=delta,
        spread=spread,
    )


def _stretched(ends: tuple[float, float] | None, to_zero: bool) -> list[float | None]:
    if ends is None:
        return [None, None]
    return [min(ends[0], 0.0), max(ends[1], 0.0)] if to_zero else [*ends]


def _scale_of(scale: Scale, values: Sequence[float], no_effect: float) -> Scale:
    if not values:
        raise ValueError("no values")
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not finite")
    return "ratio" if scale == "ratio" and min(*values, no_effect) > 0 else "difference"


def _nothing(scale: Scale) -> float:
    return 1.0 if scale == "ratio" else 0.0


def _centred(values: Sequence[float], scale: Scale, middle: float) -> list[float]:
    if scale == "ratio":
        return [math.log(value / middle) for value in values]
    return [value - middle for value in values]


def _as_figure(centred: float, scale: Scale, middle: float) -> float:
    return middle * math.exp(centred) if scale == "ratio" else middle + centred


def _signed_rank_p_of_tied(values: Sequence[float]) -> float:
    """Return the p-value with mid-ranks, or 0 where nothing is tied: the points then say all.

    It is 0, too, where there is too much to count: the interval by itself is cautious enough.
    """
    rounded = [round(value, DECIMALS) for value in values]
    is_tied = len({0.0, *map(abs, rounded)}) < len(rounded) + 1
    return signed_rank_p(rounded) if is_tied and len(rounded) <= MOST_PAIRS else 0.0


def _rank_sum_p_of_tied(first: Sequence[float], second: Sequence[float]) -> float:
    a, b = ([round(value, DECIMALS) for value in each] for each in (first, second))
    return rank_sum_p(a, b) if len({*a, *b}) < len(a) + len(b) <= MOST_TIED else 0.0
