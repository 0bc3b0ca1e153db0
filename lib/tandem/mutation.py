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
    UsageError when there are fewer than `count` combinations, saying how many there are.
    """
    _refuse_too_few(hyperparameters, count)
    drawn: dict[tuple[Number, ...], None] = {}
    while len(drawn) < count:
        drawn[_new_combination(hyperparameters, drawn, random)] = None
    names = [hyperparameter.name for hyperparameter in hyperparameters]
    return [dict(zip(names, values, strict=True)) for values in drawn]


def _refuse_too_few(hyperparameters: Sequence[Hyperparameter], count: int) -> None:
    available = 1
    for hyperparameter in hyperparameters:
        # Counting stops at what is needed: a range of floats holds millions.
        available *= len(list(islice(choices(hyperparameter), count)))
    if available < count:
        names = ", ".join(quote(hyperparameter.name) for hyperparameter in hyperparameters)
        kind = "values" if len(hyperparameters) == 1 else "combinations"
        raise UsageError(
            f"{count} different {kind} of {names} are wanted, but without the default there are"
            f" only {available} (lower runs_per_config or widen the range)"
        )


def _new_combination(
    hyperparameters: Sequence[Hyperparameter], drawn: dict[tuple[Number, ...], None], random: Random
) -> tuple[Number, ...]:
    for _ in range(_ATTEMPTS):
        values = tuple(_draw_one(hyperparameter, random) for hyperparameter in hyperparameters)
        if values not in drawn:
            return values
    # Chance finds no new one: take the first that is left. Among one more combination than
    # were drawn there must be one.
    needed = len(drawn) + 1
    every = product(*(list(islice(choices(h), needed)) for h in hyperparameters))
    return next(values for values in every if values not in drawn)


def _draw_one(hyperparameter: Hyperparameter, random: Random) -> Number:
    for _ in range(_ATTEMPTS):
        value = _sample(hyperparameter, random)
        if value != hyperparameter.default:
            return value
    return next(choices(hyperparameter))


def _sample(hyperparameter: Hyperparameter, random: Random) -> Number:
    zero = 0 if hyperparameter.kind == "int" else 0.0
    if hyperparameter.zero_probability and random.random() < hyperparameter.zero_probability:
        return zero
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


def choices(hyperparameter: Hyperparameter) -> Iterator[Number]:
    """Every value that can be drawn, each once, without the default."""
    for value in _with_zero(hyperparameter):
        if value != hyperparameter.default:
            yield value


def _with_zero(hyperparameter: Hyperparameter) -> Iterator[Number]:
    low, high = _bounds(hyperparameter)
    only_zero = hyperparameter.zero_probability == 1
    if only_zero or (hyperparameter.zero_probability and not low <= 0 <= high):
        yield 0 if hyperparameter.kind == "int" else 0.0
    if only_zero:
        return
    if hyperparameter.kind == "int":
        yield from range(int(low), int(high) + 1)
    else:
        yield from _floats(float(low), float(high))


def _floats(low: float, high: float) -> Iterator[float]:
    if high > 0:
        yield from _descending(max(low, 0.0), high)
    if low <= 0 <= high:
        yield 0.0
    if low < 0:
        yield from (-value for value in _descending(max(-high, 0.0), -low))


def _descending(low: float, high: float) -> Iterator[float]:
    """What the floats from `high` down to `low`, neither negative, are rounded to."""
    value, end = _rounded_within(high, low, high), _rounded_within(low, low, high)
    yield value
    digits, exponent = _digits(value)
    while value > end:
        step = float(f"{digits}e{exponent}")
        if end < step < value:
            yield step
        value = min(step, value)
        digits -= 1
        if digits < 10 ** (_DIGITS - 1):
            digits, exponent = 10**_DIGITS - 1, exponent - 1
    if 0 < end < high:
        yield end


def _digits(value: float) -> tuple[int, int]:
    """Whole `digits` and `exponent`: the rounded value is digits times ten to the exponent."""
    mantissa, exponent = f"{value:.{_DIGITS - 1}e}".split("e")
    return int(mantissa.replace(".", "")), int(exponent) - (_DIGITS - 1)
