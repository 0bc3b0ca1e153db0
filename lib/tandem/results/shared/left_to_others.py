"""Groups that failed on a host, and are left to workers on other hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.plan.model import Experiment
from tandem.results.journal import LEFT_TO_OTHERS


def left_to_others(
    events: Sequence[Mapping[str, Any]], by_id: Mapping[str, Experiment]
) -> dict[str, tuple[str, ...]]:
    """Return the groups, by host, that failed there and that no other host has begun yet.

    `events` are those of all journals, and `by_id` are the experiments of the plan as it stands.
    """
    left = {
        str(event.get("group")): str(event.get("host"))
        for event in events
        if event["event"] == LEFT_TO_OTHERS
    }
    if not left:
        return {}
    hosts = {str(each.get("worker")): str(each["host"]) for each in events if each.get("host")}
    for event in events:
        experiment = by_id.get(str(event.get("experiment")))
        host = hosts.get(str(event.get("worker")))
        if event["event"] == "started" and experiment and host != left.get(experiment.group, host):
            del left[experiment.group]
    found: dict[str, list[str]] = {}
    for group, host in left.items():
        found.setdefault(host, []).append(group)
    return {host: tuple(groups) for host, groups in found.items()}
