"""Drawn values: the same everywhere, distinct, in range, never the default, never forever."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.base.errors import UsageError
from tandem.config.hyperparameter import Hyperparameter
from tandem.plan.draw import draw, drawable, stream


def parameter(
    kind: str,
    low: float,
    high: float,
    default: float | None = None,
    distribution: str = "uniform",
    *,
    zero_probability: float = 0.0,
    name: str = "x",
) -> Hyperparameter:
    return Hyperparameter(name, "--x", kind, default, low, high, distribution, zero_probability)


def drawn(hyperparameter: Hyperparameter, count: int, seed: int = 1) -> list[Any]:
    return [values["x"] for values in draw([hyperparameter], count, stream(seed))]


def test_the_values_of_a_seed_are_these_on_every_machine() -> None:
    rate = parameter("float", 5e-5, 1.5e-4, 1e-4, "log_uniform")
    assert drawn(rate, 3) == [0.000138447, 0.000138755, 0.000115311]
    assert drawn(parameter("float", 0.0, 0.3), 3) == [0.278113, 0.27872, 0.228181]
    assert drawn(parameter("int", 1000, 20000, 10000, "log_uniform"), 3) == [16073, 16171, 9762]
    assert drawn(parameter("int", 0, 9999), 3) == [9270, 9290, 7606]
    assert drawn(parameter("int", 2, 10, 10), 8) == [8, 3, 5, 2, 7, 4, 9, 6]
    pair = [parameter("float", 0.5, 0.5, name="a"), parameter("int", 0, 9999)]
    assert draw(pair, 2, stream(1)) == [{"a": 0.5, "x": 9290}, {"a": 0.5, "x": 1291}]


def test_streams_depend_on_seed_and_identity_alone() -> None:
    rate = [parameter("float", 0, 1)]
    assert draw(rate, 3, stream(1, "a", ["b"])) == draw(rate, 3, stream(1, "a", ["b"]))
    assert draw(rate, 3, stream(1, "a")) != draw(rate, 3, stream(2, "a"))
    assert draw(rate, 3, stream(1, "a")) != draw(rate, 3, stream(1, "b"))


def test_more_runs_begin_with_the_values_of_fewer() -> None:
    folds = parameter("int", 2, 10, 10)
    assert drawn(folds, 8)[:3] == drawn(folds, 3)


def test_all_values_of_a_small_range_can_be_had_and_no_more() -> None:
    folds = parameter("int", 2, 10, 10)
    assert sorted(drawn(folds, 8)) == [2, 3, 4, 5, 6, 7, 8, 9]
    with pytest.raises(UsageError, match=r'9 different values of "x".* only 8 '):
        drawn(folds, 9)


def test_combinations_are_distinct_and_counted() -> None:
    pair = [parameter("int", 1, 3, 2, name="a"), parameter("float", 0.5, 0.5, name="b")]
    assert sorted(values["a"] for values in draw(pair, 2, stream(1))) == [1, 3]
    with pytest.raises(UsageError, match=r'3 different combinations of "a", "b".* only 2 '):
        draw(pair, 3, stream(1))


def test_the_default_alone_cannot_be_drawn() -> None:
    with pytest.raises(UsageError, match="only 0 "):
        drawn(parameter("float", 0.5, 0.5, 0.5), 1)


def test_a_default_of_the_other_number_type_is_never_drawn() -> None:
    assert drawn(parameter("int", 1, 2, 1.0), 1) == [2]


def test_zero_comes_with_its_probability_and_only_once() -> None:
    decay = parameter("float", 1e-5, 1e-3, None, "log_uniform", zero_probability=0.999)
    values = drawn(decay, 5)
    assert values[0] == 0.0
    assert all(1e-5 <= value <= 1e-3 for value in values[1:])
    assert 0.0 not in drawn(
        parameter("float", 1e-5, 1e-3, 0.0, "log_uniform", zero_probability=0.999), 5
    )
    with pytest.raises(UsageError, match="too few distinct values"):
        drawn(parameter("float", 1e-5, 1e-3, None, "log_uniform", zero_probability=1.0), 2)


def test_what_chance_would_hardly_find_is_found_all_the_same() -> None:
    rare = [parameter("int", 5, 5, zero_probability=1e-15), parameter("int", 1, 1, name="y")]
    assert [values["x"] for values in draw(rare, 2, stream(1))] == [5, 0]
    often = [parameter("float", 0, 1, zero_probability=1 - 1e-15), parameter("int", 1, 1, name="y")]
    assert len({values["x"] for values in draw(often, 4, stream(1))}) == 4


def test_the_ends_of_an_int_are_as_likely_as_the_rest() -> None:
    random = stream(1)
    counts = Counter(draw([parameter("int", 1, 4)], 1, random)[0]["x"] for _ in range(4000))
    assert sorted(counts) == [1, 2, 3, 4]
    assert all(850 < count < 1150 for count in counts.values())


def test_log_uniform_ints_follow_the_logarithm_at_the_ends_too() -> None:
    random = stream(1)
    hyperparameter = parameter("int", 1, 3, None, "log_uniform")
    counts = Counter(draw([hyperparameter], 1, random)[0]["x"] for _ in range(6000))
    for value in (1, 2, 3):
        share = math.log((value + 0.5) / (value - 0.5)) / math.log(3.5 / 0.5)
        assert abs(counts[value] / 6000 - share) < 0.03


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.100002, [0.1, 0.100001, 0.100002]),
        (0.999999, 1.00001, [0.999999, 1.0, 1.00001]),
        (-0.1, -0.0999998, [-0.1, -0.0999999, -0.0999998]),
        (0.12345671, 0.12345679, [0.12345679]),
        (7.0, 7.0, [7.0]),
    ],
)
def test_the_floats_of_a_narrow_range_can_be_had_and_no_more(
    low: float, high: float, expected: list[float]
) -> None:
    hyperparameter = parameter("float", low, high)
    assert sorted(drawn(hyperparameter, len(expected))) == expected
    with pytest.raises(UsageError, match=r"there are (too few distinct values|only 1) \(lower"):
        drawn(hyperparameter, len(expected) + 1)


def test_a_range_that_holds_the_default_alone_has_too_few() -> None:
    with pytest.raises(UsageError, match="too few distinct values"):
        drawn(parameter("float", 0.12345671, 0.12345679, 0.12345679), 1)
    both = [parameter("float", 0.1, 0.100002, name="a"), parameter("int", 1, 2, name="b")]
    assert len(draw(both, 6, stream(1))) == 6
    with pytest.raises(UsageError, match=r'7 different combinations of "a", "b".* too few'):
        draw(both, 7, stream(1))


KFOLD = parameter("int", 2, 10, 10, name="kfold")


def folds(count: int, taken: list[float], seed: int = 1) -> list[Any]:
    used = drawable([KFOLD], [(value,) for value in taken])
    return [values["kfold"] for values in draw([KFOLD], count, stream(seed), used)]


def test_what_is_taken_is_not_drawn_whatever_type_its_number_has() -> None:
    assert folds(8, []) == [8, 3, 5, 2, 7, 4, 9, 6]
    assert folds(4, [3.0, 2.0, 99.0]) == [8, 5, 7, 4]
    assert sorted(folds(3, [2.0, 3.0, 4.0, 5.0, 6.0])) == [7, 8, 9]
    rate = [parameter("float", 5e-5, 1.5e-4, 1e-4, "log_uniform")]
    values = draw(rate, 3, stream(1), frozenset({(0.000138755,)}))
    assert [it["x"] for it in values][:2] == [0.000138447, 0.000115311]


@pytest.mark.parametrize("taken", [[], [8.0], [3.0, 5.0, 7.0], [2.0, 4.0, 6.0, 8.0]])
def test_more_runs_begin_with_the_values_of_fewer_beside_history_too(taken: list[float]) -> None:
    longest = folds(8 - len(taken), taken)
    assert not set(longest) & set(taken)
    for count in range(len(longest)):
        assert folds(count, taken) == longest[:count]


def test_how_many_are_left_is_said_with_what_is_taken() -> None:
    with pytest.raises(UsageError) as told:
        folds(4, [2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 11.0])
    assert str(told.value) == (
        '4 different values of "kfold" are wanted, but only 3 are left: 8 without the default,'
        " less 5 in historical_csvs (lower runs_per_config, or let the registry allow more)"
    )
    with pytest.raises(UsageError, match="only 1 is left"):
        folds(2, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    with pytest.raises(UsageError, match="only 0 are left"):
        folds(1, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])


def test_what_cannot_be_counted_is_too_few_with_what_is_taken() -> None:
    narrow = [parameter("float", 0.1, 0.100002)]
    used = frozenset({(0.100001,)})
    assert sorted(it["x"] for it in draw(narrow, 2, stream(1), used)) == [0.1, 0.100002]
    with pytest.raises(UsageError) as told:
        draw(narrow, 3, stream(1), used)
    assert str(told.value) == (
        '3 different values of "x" are wanted, but without the 1 in historical_csvs'
        " there are too few distinct values (lower runs_per_config, or let the registry allow more)"
    )


def test_what_could_not_be_drawn_takes_nothing() -> None:
    pair = [
        parameter("int", 2, 5, 4, name="a"),
        parameter("float", 1e-5, 1e-3, 1e-4, "log_uniform", zero_probability=0.3, name="b"),
    ]
    kept = {(2.0, 1e-5), (5.0, 1e-3), (3.0, 0.0), (3.0, 0.00012345678901)}
    lost = {(4.0, 1e-5), (2.5, 1e-5), (1.0, 1e-5), (2.0, 1e-4), (2.0, 0.01), (0.0, 1e-5)}
    assert drawable(pair, kept | lost) == kept
    only_zero = parameter("int", 2, 5, zero_probability=1.0)
    assert drawable([only_zero], [(0.0,), (3.0,)]) == {(0.0,)}


def test_a_combination_is_taken_only_whole() -> None:
    pair = [parameter("int", 1, 2, name="a"), parameter("int", 1, 2, name="b")]
    values = draw(pair, 2, stream(1), frozenset({(1.0, 2.0), (2.0, 1.0)}))
    assert sorted((it["a"], it["b"]) for it in values) == [(1, 1), (2, 2)]


def test_the_last_of_many_are_found_behind_all_that_is_taken() -> None:
    wide = [parameter("int", 0, 100_049)]
    used = frozenset((float(value),) for value in range(100_000))
    values = [it["x"] for it in draw(wide, 50, stream(1), used)]
    assert sorted(values) == list(range(100_000, 100_050))


@pytest.mark.parametrize(
    ("low", "high", "default", "zero_probability", "count"),
    [
        *((5, 5, None, 0.0, 1), (5, 5, 5, 0.0, 0), (1, 3, 2, 0.5, 3), (0, 3, 0, 0.5, 3)),
        *((1, 3, 0, 0.5, 3), (1, 3, 9, 1.0, 1), (1, 3, 0, 1.0, 0), (1, 3, True, 0.0, 2)),
        (1, 3, "2", 0.0, 3),
    ],
)
def test_the_number_that_is_told_is_the_number_that_can_be_had(
    low: int, high: int, default: Any, zero_probability: float, count: int
) -> None:
    it = [parameter("int", low, high, default, zero_probability=zero_probability)]
    assert len({values["x"] for values in draw(it, count, stream(1))}) == count
    with pytest.raises(UsageError, match=rf"only {count} \("):
        draw(it, count + 1, stream(1))


def test_a_value_that_can_never_be_drawn_leaves_no_combination() -> None:
    pair = [parameter("int", 1, 1, 1, name="a"), parameter("float", 0, 1, name="b")]
    with pytest.raises(UsageError, match="too few distinct values"):
        draw(pair, 1, stream(1))


def test_choices_are_drawn_each_as_often_and_the_default_never() -> None:
    optimizer = replace(parameter("str", 0, 0), low=None, high=None, choices=("a", "b", "c"))
    assert drawn(optimizer, 3) == ["c", "a", "b"]
    assert sorted(drawn(replace(optimizer, default="b"), 2)) == ["a", "c"]
    with pytest.raises(UsageError, match=r"only 2 \("):
        drawn(replace(optimizer, default="b"), 3)
    first = Counter(value for seed in range(600) for value in drawn(optimizer, 1, seed))
    assert all(150 < first[value] < 250 for value in "abc")
    used = drawable([optimizer], [("a",), ("c",), ("other",)])
    assert used == {("a",), ("c",)}
    assert draw([optimizer], 1, stream(1), used) == [{"x": "b"}]


def test_choices_beside_a_range() -> None:
    amp = Hyperparameter("amp", "--amp", "switch", None, None, None, "uniform", 0.0)
    both = [replace(amp, choices=(False, True)), parameter("int", 1, 3)]
    combinations = {(it["amp"], it["x"]) for it in draw(both, 6, stream(1))}
    assert combinations == {(amp, x) for amp in (False, True) for x in (1, 2, 3)}
    both[1] = parameter("float", 0, 1)
    assert len(draw(both, 50, stream(1))) == 50


@given(
    low=st.floats(1e-12, 1e6),
    factor=st.floats(1.001, 1e6),
    distribution=st.sampled_from(["uniform", "log_uniform"]),
    seed=st.integers(0, 2**63),
    count=st.integers(1, 20),
)
def test_floats_are_in_range_distinct_and_short(
    low: float, factor: float, distribution: str, seed: int, count: int
) -> None:
    hyperparameter = parameter("float", low, low * factor, low, distribution)
    values = drawn(hyperparameter, count, seed)
    assert len(set(values)) == count
    assert low not in values
    for value in values:
        assert low <= value <= low * factor
        assert value in (float(f"{value:.5e}"), low * factor)


@given(
    low=st.integers(-(2**53), 2**53),
    width=st.integers(0, 100),
    seed=st.integers(0, 2**63),
    data=st.data(),
)
def test_ints_are_in_range_and_distinct(
    low: int, width: int, seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, width + 1))
    values = drawn(parameter("int", low, min(low + width, 2**53)), min(count, 1), seed)
    assert all(isinstance(value, int) and low <= value <= low + width for value in values)
    assert len(set(values)) == len(values)
