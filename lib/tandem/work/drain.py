"""Which experiments a worker runs: whole groups, one after the other, that nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tandem.plan.model import Experiment
from tandem.results.worker_folder import WorkerFolder
from tandem.run.groups import Order
from tandem.work.claims import Claims, Heartbeat
from tandem.work.together import adopt


@dataclass
class GroupOrder(Order):
    """The order of a worker: it claims a group, runs what is missing of it, and goes on."""

    folder: WorkerFolder
    claims: Claims = field(kw_only=True)
    most_groups: int | None = field(default=None, kw_only=True)
    groups_run: int = field(default=0, kw_only=True)

    def each(self, expect: Callable[[Sequence[Experiment]], None]) -> Iterator[Experiment]:
        """Yield what is missing of each group that this worker claims."""
        while self.most_groups is None or self.groups_run < self.most_groups:
            group = self.next_group()
            if group is None:
                return
            heartbeat = Heartbeat(self.claims, group)
            try:
                yield from self.missing_of(group)
            finally:
                heartbeat.end()
                self.claims.give_back(group)
            self.groups_run += 1

    def next_group(self) -> str | None:
        """Claim the first group that is missing and that nobody is at work on; None: none is."""
        self.folder.refresh()
        taken = self.claims.taken()
        missing = dict.fromkeys(each.group for each in self.folder.missing())
        free = (group for group in missing if group not in taken and self.claims.take(group))
        for group in free:
            self.folder.refresh()  # it may have been ended just before it was claimed
            adopt(self.folder, [each.id for each in self.folder.plan.groups[group]])
            if self.missing_of(group):
                return group
            self.claims.give_back(group)
        return None

    def missing_of(self, group: str) -> list[Experiment]:
        """Return what is missing of a group, in its order."""
        return [each for each in self.folder.missing() if each.group == group]
