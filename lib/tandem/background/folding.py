"""Old rounds merged into stretches, so that rounds.tsv stays bounded. Standard library only."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tandem.background.rounds import Stretch

SIGNALS = range(129, 193)  # what shells and keepers make of an end by a signal
KILLED = 137


def fold(stretches: Sequence[Stretch], keep: int) -> list[Stretch]:
    """Merge all but the newest `keep` rounds into at most `keep` stretches of equal length."""
    old, new = stretches[:-keep], stretches[-keep:]
    if len(old) <= keep:
        return list(stretches)
    size = 1
    while len({(stretch.first - 1) // size for stretch in old}) > keep:
        size *= 2
    groups: dict[int, list[Stretch]] = {}
    for stretch in old:
        groups.setdefault((stretch.first - 1) // size, []).append(stretch)
    return [merged(group) for group in groups.values()] + list(new)


def merged(group: Sequence[Stretch]) -> Stretch:
    if len(group) == 1:
        return group[0]
    cpu_s = [stretch.cpu_s for stretch in group]
    return Stretch(
        group[0].first,
        group[-1].last,
        group[0].start_s,
        max(stretch.end_s or stretch.start_s for stretch in group),
        sum(stretch.running_s for stretch in group),
        sum(stretch.completed for stretch in group),
        sum(stretch.failed for stretch in group),
        sum(stretch.stopped for stretch in group),
        sum(stretch.open for stretch in group),
        hollow=sum(stretch.hollow for stretch in group),
        without_metric=sum(stretch.without_metric for stretch in group),
        unjudged=sum(stretch.unjudged for stretch in group),
        cpu_s=None if None in cpu_s else sum(filter(None, cpu_s)),
        exit_code=next(filter(None, map(signalled, reversed(group))), None),
        longest_pause_s=max(
            *(stretch.longest_pause_s for stretch in group),
            *(
                after.start_s - (before.end_s or before.start_s)
                for before, after in itertools.pairwise(group)
            ),
        ),
    )


def signalled(stretch: Stretch) -> int | None:
    """Return the exit code of a failed round that a signal ended, as does its keeper's loss."""
    if stretch.reason == "lost":
        return KILLED
    return stretch.exit_code if stretch.failed and stretch.exit_code in SIGNALS else None
