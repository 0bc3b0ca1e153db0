"""What a parallel experiment and its control tell together, noted in the parallel record."""

from __future__ import annotations

from typing import Any

from tandem.interference.figures import interference
from tandem.results.folder import RunFolder
from tandem.results.record import record_of


def pair(record: dict[str, Any], folder: RunFolder) -> dict[str, Any] | None:
    """Note in a parallel record what it and its control, so far as there is one, mean together.

    Returns the parallel record if it is the earlier of the two, and must be written anew.
    """
    twin = record["twin"]
    other = record_of(twin, folder.path) if twin in folder.journal.ended else None
    parallel, solo = (other, record) if record["control"] else (record, other)
    if parallel is None or parallel["background"] is None:
        return None
    parallel["interference"] = interference(parallel, solo)
    return None if parallel is record else parallel
