"""What explains the slowdown of some pairs: the derived bounds of each, and their middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tandem.interference.compare.parts import real, text
from tandem.results.record_pair import Explanation

SUMS = ("sm_active", "dram_active")


@dataclass(frozen=True)
class Why:
    """What explains one slowdown; see the module explanation of interference/.

    `clocks` and `rest` are the bounds, None with a `reason`. `held_percent` is by limit, the
    highest of all boards beside the background. `sums_percent` are the highest of all boards.
    """

    clocks: float | None = None
    rest: float | None = None
    reason: str | None = None
    held_percent: Mapping[str, float] = field(default_factory=dict)
    sums_percent: Mapping[str, float] = field(default_factory=dict)


def why_of(explanation: Explanation) -> Why:
    """Return what counts of an explanation; KeyError, TypeError, ValueError: a part is missing."""
    clocks = explanation["slowdown_by_clocks_at_most"]
    rest = explanation["slowdown_by_the_rest_at_least"]
    held: dict[str, float] = {}
    sums: dict[str, float] = {}
    for board in explanation["boards"]:
        beside = board["throttled"]["parallel"]
        for limit, share in (beside["by_limit_percent"] if beside else {}).items():
            held[limit] = max(real(share) or 0.0, held.get(limit, 0.0))
        for name, activity in (
            ("sm_active", board["sm_active"]),
            ("dram_active", board["dram_active"]),
        ):
            if (total := real(activity["sum_percent"])) is not None:
                sums[name] = max(total, sums.get(name, 0.0))
    reason = text(clocks["reason"] or rest["reason"] or "")
    return Why(real(clocks["value"]), real(rest["value"]), reason or None, held, sums)


def whys(found: Iterable[Why | None]) -> dict[str, Any]:
    """Return the middle of the bounds of some pairs, and the most of what may have caused them."""
    known = [each for each in found if each]
    return {
        "label": "derived",
        "pairs": sum(each.clocks is not None for each in known),
        "slowdown_by_clocks_at_most": _middle([each.clocks for each in known]),
        "slowdown_by_the_rest_at_least": _middle([each.rest for each in known]),
        "held_percent_at_most": _most(known),
        **{
            f"{name}_sum_percent": _middle([each.sums_percent.get(name) for each in known])
            for name in SUMS
        },
        "missing": dict(Counter(each.reason for each in known if each.reason)),
    }


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _most(found: Sequence[Why]) -> dict[str, float]:
    most: dict[str, float] = {}
    for each in found:
        for limit, share in each.held_percent.items():
            most[limit] = max(share, most.get(limit, 0.0))
    return most
