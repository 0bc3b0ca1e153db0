"""How the text of a command-line option is read: lengths of time, shares, numbers, moments.

The error of each says what the option takes.
"""

from __future__ import annotations

import argparse
import math
import re
import time
from datetime import datetime, timedelta

from tandem.base.text import quote

_INTEGER = re.compile(r"-?[0-9]{1,30}")
_PROCESS_ID = re.compile(r"[1-9][0-9]{0,9}")


def number(text: str) -> float:
    """A number that is finite."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"a number, not {quote(text)}")
    return value


def seconds(text: str) -> float:
    """A length of time in seconds, 0 or more."""
    try:
        value = number(text)
    except argparse.ArgumentTypeError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"a number of seconds, not {quote(text)}")
    return value


def integer(text: str) -> int:
    """A whole number."""
    if not _INTEGER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"a whole number, not {quote(text)}")
    return int(text)


def process_id(text: str) -> int:
    if not _PROCESS_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"a process id, not {quote(text)}")
    return int(text)


def percent(text: str) -> float:
    """A share, written as percent (2%), above 0."""
    try:
        value = float(text.strip().removesuffix("%")) / 100 if text.strip().endswith("%") else 0.0
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"percent, such as 2%, not {quote(text)}")
    return value


def count(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or not (value := int(text[:9])) >= 1:
        raise argparse.ArgumentTypeError(f"a whole number, 1 or more, not {quote(text)}")
    return value


def moment(text: str) -> float:
    """Seconds of UTC, of a date and time in ISO 8601, or of when the clock next shows HH:MM.

    Without an offset both are local time.
    """
    try:
        clock = time.strptime(text, "%H:%M")
    except ValueError:
        return _date_and_time(text)
    now = datetime.now()
    when = now.replace(hour=clock.tm_hour, minute=clock.tm_min, second=0, microsecond=0)
    return (when if when > now else when + timedelta(days=1)).timestamp()


def _date_and_time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        message = f"HH:MM, or a date and time in ISO 8601, not {quote(text)}"
        raise argparse.ArgumentTypeError(message) from None
