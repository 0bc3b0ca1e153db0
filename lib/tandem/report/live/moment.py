"""The time of day of a moment, as a clock on the wall shows it where the reader is."""

from __future__ import annotations

from datetime import datetime

from tandem.base.moments import moment_of


def clock_text(utc: str | None, now: datetime | None = None) -> str | None:
    """Return the time of day of a moment in ISO 8601, with its date if that is not today's.

    None where there is no moment. `now` is a time with its zone, the reader's own.
    """
    now = now or datetime.now().astimezone()
    when = moment_of(utc)
    if when is None:
        return None
    try:
        local = when.astimezone(now.tzinfo)
    except (OverflowError, ValueError):
        return None
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"
