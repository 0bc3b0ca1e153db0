"""An object in a file of JSON, for whoever only looks: a damaged file is as none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tandem.base.files import read_regular


def json_object(file: Path) -> dict[str, Any] | None:
    """Return the object that a file holds; None: it holds none, or cannot be read."""
    try:
        found = json.loads(read_regular(file))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
