"""A moment as files have it, in ISO 8601."""

from __future__ import annotations

from datetime import datetime, timezone


def moment_of(text: object) -> datetime | None:
    """Return a moment in UTC; None: the text is none, or does not say in which zone."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(timezone.utc) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
