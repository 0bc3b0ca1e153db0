"""Thinning for the eye: every spike is kept, and nothing is drawn across what was not measured."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as some
from tandem.report.details.rates import Rate
from tandem.report.details.samples import Curve
from tandem.report.details.thinning import Axis, Envelope, gaps
from tandem.report.plots.timeline import HIGH, path_of

LIMIT_S = 2.5
numbers = some.floats(0.0, 1000.0)
series = some.lists(some.tuples(some.floats(0.01, 9.0), numbers), min_size=1, max_size=200)


def thinned(
    times_s: Sequence[float], values: Sequence[float], buckets: int, piece: int = 7
) -> Envelope:
    """Return the envelope of values that come in pieces."""
    axis = Axis(0.0, times_s[-1] + 1.0, buckets)
    made = Envelope(axis, LIMIT_S)
    for at in range(0, len(times_s), piece):
        made.add(axis.moments(times_s[at : at + piece], LIMIT_S), values[at : at + piece])
    return made


def moments(steps: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    times_s, now_s = [], 0.0
    for step_s, _ in steps:
        now_s += step_s
        times_s.append(now_s)
    return times_s, [value for _, value in steps]


@given(series, some.integers(1, 64), some.integers(1, 50))
def test_every_spike_is_kept(steps: list[tuple[float, float]], buckets: int, piece: int) -> None:
    times_s, values = moments(steps)
    made = thinned(times_s, values, buckets, piece)
    by_bucket: dict[int, list[float]] = {}
    for when_s, value in zip(times_s, values, strict=True):
        by_bucket.setdefault(made.axis.bucket(when_s), []).append(value)
    assert made.bounds == {at: (min(them), max(them)) for at, them in by_bucket.items()}


@given(series)
def test_half_as_many_buckets_keep_every_spike(steps: list[tuple[float, float]]) -> None:
    times_s, values = moments(steps)
    half = thinned(times_s, values, 32).halved()
    for when_s, value in zip(times_s, values, strict=True):
        low, high = half.bounds[min(thinned(times_s, values, 32).axis.bucket(when_s) // 2, 15)]
        assert low <= value <= high
    assert (half.least, half.largest) == (min(values), max(values))


@given(series)
def test_no_line_is_drawn_over_a_gap(steps: list[tuple[float, float]]) -> None:
    times_s, values = moments(steps)
    made = thinned(times_s, values, 1000)
    stretches = [[bucket for bucket, _, _ in stretch] for stretch in made.stretches()]
    for before_s, after_s in gaps(times_s, LIMIT_S):
        before, after = made.axis.bucket(before_s), made.axis.bucket(after_s)
        assert before == after or not any(before in it and after in it for it in stretches)


def points(path: str) -> list[tuple[int, int]]:
    """Return where the pen of a path is at the end of each step."""
    found: list[tuple[int, int]] = []
    x = y = 0
    for step, text in re.findall(r"([Mlhv])([-\d ]+)", path):
        numbers = [int(each) for each in re.findall(r"-?\d+", text)]
        if step == "M":
            x, y = numbers
        else:
            x += numbers[0] if step in "lh" else 0
            y += numbers[-1] if step in "lv" else 0
        found.append((x, y))
    return found


@given(series, some.integers(1, 64))
def test_the_drawn_line_reaches_the_least_and_the_largest_of_each_bucket(
    steps: list[tuple[float, float]], buckets: int
) -> None:
    made = thinned(*moments(steps), buckets)
    top = made.largest or 1.0
    drawn: dict[int, set[int]] = {}
    level: tuple[int, int] | None = None
    for x, y in points(path_of(made, top)):
        drawn.setdefault(x, set()).add(y)
        if level and level[1] == y:  # a level step passes the buckets between
            for between in range(level[0], x):
                drawn.setdefault(between, set()).add(y)
        level = x, y
    for bucket, bounds in made.bounds.items():
        wanted = {HIGH - 1 - round((HIGH - 2) * value / top) for value in bounds}
        near = {y + off for y in drawn[bucket] for off in (-1, 0, 1)}
        assert wanted <= near


def test_a_spike_of_one_row_in_six_hours_is_in_the_path() -> None:
    times_s = [float(n) for n in range(21_600)]
    values = [300.0] * len(times_s)
    values[12_345] = 700.0
    made = thinned(times_s, values, 640, piece=1000)
    path = path_of(made, made.largest)
    assert min(y for _, y in points(path)) == 1
    assert len(path) < 60


def test_a_rate_is_that_of_the_sum_and_stops_at_a_suspension() -> None:
    times_s, sums = [0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 1.0, 3.0, 3.5]
    assert Rate(1.0, LIMIT_S).of(times_s, sums, []) == ([1.0, 2.0, 3.0, 4.0], [0.5, 0.5, 2.0, 0.5])
    slept = Rate(1.0, LIMIT_S).of(times_s, sums, [(2.0, 3.0)])
    assert slept == ([1.0, 2.0, 4.0], [0.5, 0.5, 0.5])


def test_rows_near_each_other_make_no_spike_and_a_sum_that_was_set_back_no_rate() -> None:
    rate = Rate(1.0, LIMIT_S)
    assert rate.of([0.0, 1.0, 1.01], [0.0, 0.5, 0.51], []) == ([1.0], [0.5])
    assert rate.of([2.0], [1.0], []) == ([2.0], [0.5])
    assert rate.of([3.0, 4.0], [0.0, 0.5], []) == ([4.0], [0.5])
    assert rate.of([9.0], [2.0], []) == ([], [])


def test_a_line_says_what_it_spans() -> None:
    made = thinned([0.0, 1.0], [5.0, 5.0], 4)
    assert Curve("whole", "board", made).span("W") == "5 W"
    assert (
        Curve("whole", "board", thinned([0.0, 1.0], [0.5, 1234.5], 4)).span("W") == "0.5 to 1234 W"
    )
