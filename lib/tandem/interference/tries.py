"""Which experiments of a run count: those of the newest whole try of each group, no warm-ups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from tandem.results.record import UNFINISHED, Record

WARM_UP = "warm_up"


@dataclass(frozen=True)
class Try:
    """An experiment as a part of one try of its group."""

    experiment_id: str
    group: str
    number: int
    has_ended: bool
    is_warm_up: bool


def try_of(record: Record) -> Try:
    """Return it; before version 5 every experiment has a group of its own here."""
    facts = cast(Mapping[str, Any], record)
    return Try(
        record["experiment_id"],
        facts.get("group", record["experiment_id"]),
        facts.get("try_number", 1),
        record["status"] not in UNFINISHED,
        record["control"] == WARM_UP,
    )


def that_count(tries: Iterable[Try]) -> set[str]:
    """Return the ids of those that count.

    A try is whole when as many of its experiments have ended as there are in any try of its group.
    """
    groups: dict[str, dict[int, list[Try]]] = defaultdict(lambda: defaultdict(list))
    for each in tries:
        if not each.is_warm_up:
            groups[each.group][each.number].append(each)
    return {each.experiment_id for group in groups.values() for each in newest_whole(group)}


def newest_whole(group: Mapping[int, list[Try]]) -> list[Try]:
    ended = {number: sum(each.has_ended for each in tries) for number, tries in group.items()}
    most = max(ended.values())
    return group[max(number for number, count in ended.items() if count == most)]
