"""Draw hyperparameter values: reproducible everywhere, distinct, never the default."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import islice, product
from random import Random

from tandem.base.errors import UsageError
from tandem.base.text import quote
from tandem.config.hyperparameter import Hyperparameter, Value

Number = int | float
Combination = tuple[Value, ...]  # one value of each hyperparameter, in their order

_DIGITS = 6  # significant digits of a drawn float
_ATTEMPTS = 100
# Decimal's logarithm is correctly rounded everywhere; that of the C library differs by machine.
_EXACT = Context(prec=25)


def stream(seed: int, *identity: object) -> Random:
    """A random stream that depends on the seed and the identity alone.

    Each entry has its own, so that one more entry leaves the values of the others as they were.
    Only `random()` is to be called: its sequence is the same in every Python version.
    """
    text = json.dumps([seed, *identity], ensure_ascii=True)
    return Random(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


def draw(
    hyperparameters: Sequence[Hyperparameter],
    count: int,
    random: Random,
    taken: frozenset[Combination] = frozenset(),
    hint: str = "lower runs_per_config, or let the registry allow more",
) -> list[dict[str, Value]]:
    """`count` combinations of values by name, all different, none with a default in it.

    None of `taken` is drawn, which is as `drawable` leaves it. Floats are rounded to six
    significant digits and stay inside their range. A larger count begins with the values of a
    smaller one. Every hyperparameter must have a range or choices. Raises UsageError when fewer
    than `count` combinations are left, saying how many there are unless a range of floats is among
    them, and the hint.
    """
    available = _available(hyperparameters)
    if available is not None and available - len(taken) < count:
        raise _too_few(hyperparameters, count, available, len(taken), hint)
    drawn: dict[Combination, None] = {}
    rest = _rest(hyperparameters, count, drawn, taken, random)
    while len(drawn) < count:
        values = _by_chance(hyperparameters, drawn, taken, random)
        if values is None:
            values = next(rest, None)
        if values is None:
            raise _too_few(hyperparameters, count, None, len(taken), hint)
        drawn[values] = None
    names = [hyperparameter.name for hyperparameter in hyperparameters]
    return [dict(zip(names, values, strict=True)) for values in drawn]


def drawable(
    hyperparameters: Sequence[Hyperparameter], combinations: Iterable[Combination]
) -> frozenset[Combination]:
    """Those of the combinations that could be drawn: in their ranges, without a default."""
    return frozenset(
        values
        for values in combinations
        if all(
            value != hyperparameter.default and _is_inside(hyperparameter, value)
            for hyperparameter, value in zip(hyperparameters, values, strict=True)
        )
    )


def _available(hyperparameters: Sequence[Hyperparameter]) -> int | None:
    """Return how many combinations there are; None where a range of floats is among them.

    Nobody counts those: there are millions in all but the narrowest.
    """
    if any(it.kind == "float" and it.low != it.high for it in hyperparameters):
        return None
    return math.prod(map(_count, hyperparameters))


def _too_few(
    hyperparameters: Sequence[Hyperparameter],
    count: int,
    available: int | None,
    taken: int,
    hint: str,
) -> UsageError:
    names = ", ".join(quote(hyperparameter.name) for hyperparameter in hyperparameters)
    kind = "values" if len(hyperparameters) == 1 else "combinations"
    there_are = "too few distinct values" if available is None else f"only {available}"
    has_default = any(hyperparameter.default is not None for hyperparameter in hyperparameters)
    if available is not None and taken:
        number = available - taken
        are = "is" if number == 1 else "are"
        of = " without the default" if has_default else ""
        left = f"only {number} {are} left: {available}{of}, less {taken} in historical_csvs"
    else:
        less = ["the default"] * has_default + [f"the {taken} in historical_csvs"] * bool(taken)
        left = f"{'without ' if less else ''}{' and '.join(less)} there are {there_are}".strip()
    return UsageError(f"{count} different {kind} of {names} are wanted, but {left} ({hint})")


def _by_chance(
    hyperparameters: Sequence[Hyperparameter],
    drawn: Collection[Combination],
    taken: Collection[Combination],
    random: Random,
) -> Combination | None:
    """A new combination, or None where chance finds none."""
    for _ in range(_ATTEMPTS):
        found = [_draw_one(hyperparameter, random) for hyperparameter in hyperparameters]
        values = tuple(value for value in found if value is not None)
        if len(values) == len(found) and values not in drawn and values not in taken:
            return values
    return None


def _rest(
    hyperparameters: Sequence[Hyperparameter],
    count: int,
    drawn: Collection[Combination],
    taken: Collection[Combination],
    random: Random,
) -> Iterator[Combination]:
    """The combinations that are neither drawn nor taken at the moment they are asked for.

    Among one more than are used there must be a new one, unless a range of floats is nearly used
    up. What can be counted is gone through once in all, what cannot anew for each.
    """

    def new(most: int) -> Iterator[Combination]:
        every = product(*(_choices(it, most, random) for it in hyperparameters))
        return (values for values in every if values not in drawn and values not in taken)

    if _available(hyperparameters) is not None:
        yield from new(count + len(taken))
        return
    while (values := next(new(len(drawn) + len(taken) + 1), None)) is not None:
        yield values


def _draw_one(hyperparameter: Hyperparameter, random: Random) -> Value | None:
    for _ in range(_ATTEMPTS):
        value = _sample(hyperparameter, random)
        if value != hyperparameter.default:
            return value
    return next(iter(_choices(hyperparameter, 1, random)), None)


def _sample(hyperparameter: Hyperparameter, random: Random) -> Value:
    if choices := hyperparameter.choices:
        return choices[int(random.random() * len(choices))]
    zero = 0 if hyperparameter.kind == "int" else 0.0
    if hyperparameter.zero_probability and random.random() < hyperparameter.zero_probability:
        return zero
    return _in_range(hyperparameter, random)


def _in_range(hyperparameter: Hyperparameter, random: Random) -> Number:
    low, high = _bounds(hyperparameter)
    share = random.random()
    if hyperparameter.kind == "int":
        # Half a step more at either end gives the ends the chance of all others.
        if hyperparameter.distribution == "log_uniform":
            value = round(_log_between(low - 0.5, high + 0.5, share))
        else:
            value = int(low) + int(share * (int(high) - int(low) + 1))
        return min(max(value, int(low)), int(high))
    if hyperparameter.distribution == "log_uniform":
        return _rounded_within(_log_between(low, high, share), low, high)
    return _rounded_within(low + (high - low) * share, low, high)


def _log_between(low: float, high: float, share: float) -> Decimal:
    start, width = _logarithms(low, high)
    return _EXACT.exp(_EXACT.fma(width, Decimal(share), start))


@lru_cache
def _logarithms(low: float, high: float) -> tuple[Decimal, Decimal]:
    start = _EXACT.ln(Decimal(low))
    return start, _EXACT.subtract(_EXACT.ln(Decimal(high)), start)


def _rounded_within(value: float | Decimal, low: float, high: float) -> float:
    return min(max(float(f"{value:.{_DIGITS - 1}e}"), float(low)), float(high))


def _bounds(hyperparameter: Hyperparameter) -> tuple[Number, Number]:
    if hyperparameter.low is None or hyperparameter.high is None:
        raise UsageError(f"{quote(hyperparameter.name)} has no range, so it cannot be drawn")
    return hyperparameter.low, hyperparameter.high


def _choices(hyperparameter: Hyperparameter, most: int, random: Random) -> list[Value]:
    """Up to `most` values to draw, the default left out; of a range of floats some by chance."""
    values = _values(hyperparameter, random)
    return list(islice((value for value in values if value != hyperparameter.default), most))


def _values(hyperparameter: Hyperparameter, random: Random) -> Iterator[Value]:
    if hyperparameter.choices:
        yield from hyperparameter.choices
        return
    low, high = _bounds(hyperparameter)
    if _has_zero_beside(hyperparameter):
        yield 0 if hyperparameter.kind == "int" else 0.0
    if hyperparameter.zero_probability == 1:
        return
    if hyperparameter.kind == "int":
        yield from range(int(low), int(high) + 1)
    elif low == high:
        yield float(low)
    else:
        yield from dict.fromkeys(_in_range(hyperparameter, random) for _ in range(_ATTEMPTS))


def _has_zero_beside(hyperparameter: Hyperparameter) -> bool:
    """Whether 0 is drawn without being in the range that is drawn from."""
    low, high = _bounds(hyperparameter)
    chance = hyperparameter.zero_probability
    return chance == 1 or (chance > 0 and not low <= 0 <= high)


def _count(hyperparameter: Hyperparameter) -> int:
    """Return how many values can be drawn of choices, an int, or a float that has only one."""
    if hyperparameter.choices:
        return sum(value != hyperparameter.default for value in hyperparameter.choices)
    low, high = _bounds(hyperparameter)
    in_range = 1 if low == high else int(high) - int(low) + 1
    if hyperparameter.zero_probability == 1:
        in_range = 0
    is_lost = _is_inside(hyperparameter, hyperparameter.default)
    return in_range + _has_zero_beside(hyperparameter) - is_lost


def _is_inside(hyperparameter: Hyperparameter, value: object) -> bool:
    """Whether the value would be drawn if it were not the default."""
    if hyperparameter.choices:
        return value in hyperparameter.choices
    if not isinstance(value, (int, float)):
        return False
    chance = hyperparameter.zero_probability
    if value == 0 and chance:
        return True
    low, high = _bounds(hyperparameter)
    is_in_range = chance < 1 and low <= value <= high
    return is_in_range and (hyperparameter.kind == "float" or value == int(value))
