"""The number that a match in a log stands for, as programs write numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tandem.base.text import printable
from tandem.log.expressions import DASH, VOID_WORDS

_SHOWN_CHARACTERS = 60
_LAST = re.compile(rf"{VOID_WORDS}|\d", re.IGNORECASE)
_IS_VOID = re.compile(f"(?:{VOID_WORDS}|{DASH})", re.IGNORECASE)
_AROUND = " \t\"'`()[]{}<>=:;,|"
_LOOKS_LIKE = re.compile(r"[-+]?(?:\d[\d.,_']*|\.\d[\d.]*)(?:e[-+]?\d+)?[%.]*", re.IGNORECASE)
_EXPONENT = r"(?:e[-+]?\d+)?"
_NUMBER = re.compile(
    r"(?:(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d*)?"  # in thousands: 1,234.5
    rf"|(?:\d|\.\d)(?:[\d.]|_(?=\d))*){_EXPONENT}",
    re.IGNORECASE,
)
_COMMA_NUMBER = re.compile(rf"(?:(?:\d|\.\d)(?:[\d.]|_(?=\d))*(?:,\d+)?){_EXPONENT}", re.IGNORECASE)
_COMMA_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|[\d_]*,\d+")
_POINT_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
_HYPHEN_AFTER = re.compile(r"[\w)\]}%+-]")
_DECIMALS_AFTER = re.compile(r",\d+(?!\d*\.\d)")
_WITH_COMMAS = re.compile(r"\d[\d.,]*")
_COMMA_AFTER = re.compile(r",\d")
_WHOLE_BEFORE = re.compile(r"(?<![\d.])\d+,\Z")
# What makes a number another one: 1'234, 0x1f, 1.5 x 10^-3, and 1.#QNAN, which is none.
_GOES_ON = re.compile(
    r"#[A-Z]|'\d{3}(?!\d)|\s?[\u00d7*x]\s?10(?:\^|\*\*|[\u207b\u2070-\u2079\u00b9\u00b2\u00b3])"
)


@dataclass(frozen=True)
class Reading:
    """What a match says: its number, or why it has none, and where in the line that stands."""

    value: float | None
    reason: str | None
    begin: int
    end: int
    is_dash: bool = False


def read(match: re.Match[str], decimal_comma: bool) -> Reading:
    """Return what the last group says that holds a number, or nothing in the place of one.

    A pattern without groups says the last number in the text that it matched. A group that holds a
    part of a number stands for the whole as the log has it: `([0-9.]+)` gives 9.5e-05 of `9.5e-05`,
    and so does `.*([0-9]+)`. The dash before a number is its sign, also outside the group, unless
    it stands behind a letter, digit, closing bracket, % or sign, where it is a hyphen: 0.7 of
    `top-0.7`. A full stop behind a number ends a sentence: `97.` is 97.0. What cannot be read for
    certain (`1,234`, `1_000`, `1.2.3`) or is not finite (`nan`, `1e999`) is None.
    """
    line = match.string
    spans = [match.span(group) for group in range(1, match.re.groups + 1)]
    if not spans:
        spans = [found.span() for found in _LAST.finditer(line, *match.span())][-1:]
        spans = spans or [match.span()]
    for begin, end in reversed(spans):
        text = line[begin:end].strip(_AROUND)
        if _IS_VOID.fullmatch(text):
            reason = f"last value is {printable(text)}"
            return Reading(None, reason, begin, end, is_dash=not re.search(r"\w", text))
        if _LOOKS_LIKE.fullmatch(text):
            return _whole(line, begin, end, decimal_comma)
    begin, end = next((span for span in reversed(spans) if span[0] >= 0), match.span())
    return Reading(None, f"last value is {_quoted(line[begin:end])}", begin, end)


def _whole(line: str, begin: int, end: int, decimal_comma: bool) -> Reading:
    """The number in the line of which a stretch is at least a part."""
    pattern = _COMMA_NUMBER if decimal_comma else _NUMBER
    found = next((found for found in pattern.finditer(line) if found.end() > begin), None)
    if found is None or found.start() >= end:
        return Reading(None, f"last value is {_quoted(line[begin:end])}", begin, end)
    value = None if _goes_on(line, found) else _number(found[0], decimal_comma)
    if not decimal_comma and _has_decimal_comma(line, found):
        whole = next(each for each in _WITH_COMMAS.finditer(line) if each.end() >= found.end())
        text = _quoted(whole[0])
        reason = f'a decimal comma or a list: {text} ("decimal_comma" in the registry can tell)'
        return Reading(None, reason, begin, end)
    if value is None:
        reason = f"last value cannot be read for certain: {_quoted(found[0])}"
        return Reading(None, reason, begin, end)
    if not math.isfinite(value):
        return Reading(None, f"last value is {found[0]}, which is too large", begin, end)
    sign = -1.0 if _is_negative(line, found.start(), begin) else 1.0
    return Reading(sign * value, None, begin, end)


def _quoted(text: str) -> str:
    return f'"{printable(text[:_SHOWN_CHARACTERS])}"'


def _goes_on(line: str, found: re.Match[str]) -> bool:
    """Whether more belongs to a number than a pattern for numbers finds."""
    if found[0] == "0" and re.match(r"x[\da-f]", line[found.end() : found.end() + 2], re.I):
        return True
    if "," in found[0] and _COMMA_AFTER.match(line, found.end()):
        return True
    return bool(_GOES_ON.match(line, found.end()))


def _has_decimal_comma(line: str, found: re.Match[str]) -> bool:
    """Whether a number without a point goes on behind a comma, or is what stands behind it."""
    text = found[0]
    if not text.isdecimal():
        return False
    if _DECIMALS_AFTER.match(line, found.end()):
        return True
    return bool(_WHOLE_BEFORE.search(line, max(0, found.start() - 40), found.start()))


def _number(text: str, decimal_comma: bool) -> float | None:
    plain = text.removesuffix(".")
    if decimal_comma:
        digits = re.split("e", plain, maxsplit=1, flags=re.IGNORECASE)[0]
        if _POINT_THOUSANDS.fullmatch(digits):
            return None
        if "," in digits and not _COMMA_THOUSANDS.fullmatch(digits):
            return None
        if "," in digits:
            plain = plain.replace(".", "").replace(",", ".")
    if "," in plain or "_" in plain:
        return None
    try:
        return float(plain)
    except ValueError:
        return None


def _is_negative(line: str, first: int, group: int) -> bool:
    """Whether a minus sign stands before the digits at `first`, wherever the group begins."""
    if line[first - 1 : first] != "-":
        return False
    return group < first or not _HYPHEN_AFTER.match(line[first - 2 : first - 1])
