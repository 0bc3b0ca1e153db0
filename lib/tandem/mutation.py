"""Draw hyperparameter values: reproducible everywhere, distinct, never the default."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import islice, product
from random import Random

from tandem.errors import UsageError
from tandem.problems import quote
from tandem.registry import Hyperparameter

Number = int | float

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
    hyperparameters: Sequence[Hyperparameter], count: int, random: Random
) -> list[dict[str, Number]]:
    """`count` combinations of values by name, all different, none with a default in it.

    Floats are rounded to six significant digits and stay inside their range. A larger count
    begins with the values of a smaller one. Every hyperparameter must have a range. Raises
    UsageError when there are fewer than `count` combinations, saying how many there are unless
    that depends on a range of floats.
    """
    _refuse_too_few(hyperparameters, count, random)
    drawn: dict[tuple[Number, ...], None] = {}
    while len(drawn) < count:
        values = _new_combination(hyperparameters, drawn, random)
        if values is None:
            raise _too_few(hyperparameters, count, "too few distinct values")
        drawn[values] = None
    names = [hyperparameter.name for hyperparameter in hyperparameters]
    return [dict(zip(names, values, strict=True)) for values in drawn]


def _refuse_too_few(hyperparameters: Sequence[Hyperparameter], count: int, random: Random) -> None:
    available = 1
    for hyperparameter in hyperparameters:
        # Nobody counts the floats of a range: there are millions in all but the narrowest.
        is_countable = _is_countable(hyperparameter)
        available *= len(_choices(hyperparameter, count, random)) if is_countable else count
    if available < count:
        raise _too_few(hyperparameters, count, f"only {available}")


def _too_few(hyperparameters: Sequence[Hyperparameter], count: int, available: str) -> UsageError:
    names = ", ".join(quote(hyperparameter.name) for hyperparameter in hyperparameters)
    kind = "values" if len(hyperparameters) == 1 else "combinations"
    return UsageError(
        f"{count} different {kind} of {names} are wanted, but without the default there are"
        f" {available} (lower runs_per_config or widen the range)"
    )


def _new_combination(
    hyperparameters: Sequence[Hyperparameter], drawn: dict[tuple[Number, ...], None], random: Random
) -> tuple[Number, ...] | None:
    for _ in range(_ATTEMPTS):
        found = [_draw_one(hyperparameter, random) for hyperparameter in hyperparameters]
        values = tuple(value for value in found if value is not None)
        if len(values) == len(found) and values not in drawn:
            return values
    # Chance finds no new one: take the first that is left. Among one more combination than
    # were drawn there must be one, unless a range of floats is nearly used up.
    needed = len(drawn) + 1
    every = product(*(_choices(it, needed, random) for it in hyperparameters))
    return next((values for values in every if values not in drawn), None)


def _draw_one(hyperparameter: Hyperparameter, random: Random) -> Number | None:
    for _ in range(_ATTEMPTS):
        value = _sample(hyperparameter, random)
        if value != hyperparameter.default:
            return value
    return next(iter(_choices(hyperparameter, 1, random)), None)


def _sample(hyperparameter: Hyperparameter, random: Random) -> Number:
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


def _choices(hyperparameter: Hyperparameter, most: int, random: Random) -> list[Number]:
    """Up to `most` values to draw, the default left out; of a range of floats some by chance."""
    values = _values(hyperparameter, random)
    return list(islice((value for value in values if value != hyperparameter.default), most))


def _values(hyperparameter: Hyperparameter, random: Random) -> Iterator[Number]:
    low, high = _bounds(hyperparameter)
    only_zero = hyperparameter.zero_probability == 1
    if only_zero or (hyperparameter.zero_probability and not low <= 0 <= high):
        yield 0 if hyperparameter.kind == "int" else 0.0
    if only_zero:
        return
    if hyperparameter.kind == "int":
        yield from range(int(low), int(high) + 1)
    elif low == high:
        yield float(low)  # counted before anything is drawn, it must leave the stream alone
    else:
        yield from dict.fromkeys(_in_range(hyperparameter, random) for _ in range(_ATTEMPTS))


def _is_countable(hyperparameter: Hyperparameter) -> bool:
    low, high = _bounds(hyperparameter)
    return hyperparameter.kind == "int" or low == high or hyperparameter.zero_probability == 1
