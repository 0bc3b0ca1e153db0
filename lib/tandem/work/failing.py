"""Groups whose trainings failed again and again on one host: another host is to try them once.

Such a host may lack what the trainings need. Workers that were killed do not count: what was cut
off has no record, and a training that was stopped has not failed by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem.plan.tries import newest_try
from tandem.results.folder import RunFolder
from tandem.results.record import Record
from tandem.results.record_file import record_of

MOST_FAILURES = 2
_BY_ITSELF = ("ended", "timeout", "not started")  # how an attempt ends that nobody has stopped


@dataclass
class Failing:
    """Says on which host a group has failed; `counts` are failed attempts, by experiment."""

    folder: RunFolder
    counts: dict[str, int] = field(default_factory=dict)

    def host(self, group: str) -> str | None:
        """Return the host on which all tries of a group were run, if they failed there; else None.

        They failed if the newest has ended whole, a training in it failed, and so many attempts
        did.
        """
        rows, members = self.folder.rows, self.folder.plan.groups[group]
        newest = newest_try(members)
        if any(each.id not in rows for each in newest):
            return None
        if all(rows[each.id]["training_success"] is True for each in newest):
            return None
        ended = [each.id for each in members if each.id in rows]
        hosts = {str(rows[name]["host"]) for name in ended}
        failures = sum(map(self.count, ended))
        return hosts.pop() if len(hosts) == 1 and failures >= MOST_FAILURES else None

    def count(self, name: str) -> int:
        """Return how many attempts at the foreground of an experiment have failed."""
        if name not in self.counts:
            record = record_of(name, self.folder.path)
            self.counts[name] = failures_in(record) if record else 0
        return self.counts[name]


def failures_in(record: Record) -> int:
    return sum(
        each["error_message"] is not None and each["reason"] in _BY_ITSELF
        for each in record["attempts"]
    )
