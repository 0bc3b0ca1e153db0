"""Which experiments a worker runs: whole groups, one after the other, that nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tandem.base.text import duration_text
from tandem.plan.model import Experiment
from tandem.plan.tries import TRY, cold_start_of, names_of_next_try, newest_try
from tandem.results.forecast import Forecast
from tandem.results.journal import LEFT_TO_OTHERS
from tandem.results.record_file import record_of
from tandem.results.shared.commit import standing_try
from tandem.results.shared.worker_folder import WorkerFolder
from tandem.run.groups import Order, is_due, say_again, why_invalid
from tandem.work.boards import Site, site_of
from tandem.work.claims import Claims, Heartbeat
from tandem.work.failing import Failing
from tandem.work.together import adopt

_MARGIN_S = 0.1  # a claim is looked at when it is stale, and not just before


@dataclass(kw_only=True)
class GroupOrder(Order):
    """The order of a worker: it claims a group, runs what is missing of it, and goes on.

    `site` is where it runs; `left_s` says for how long there is time, and `wait` waits so many
    seconds. `groups` are those that it has claimed so far: none is claimed twice.
    """

    folder: WorkerFolder
    claims: Claims
    site: Site
    left_s: Callable[[], float]
    wait: Callable[[float], None]
    most_groups: int | None = None
    groups: list[str] = field(default_factory=list)
    is_out_of_time: bool = False
    heartbeat: Heartbeat | None = None
    settled: set[str] = field(default_factory=set)  # ended whole, and nothing is to run again
    failing: Failing = field(init=False)

    def __post_init__(self) -> None:
        self.failing = Failing(self.folder)

    def each(self, forecast: Forecast) -> Iterator[Experiment]:
        """Yield what is missing of each group that this worker claims.

        The journal tells at the end which groups have failed on this host, and are left to others.
        """
        yield from self.claimed(forecast)
        for group in self.failed_here():
            self.folder.journal.add(LEFT_TO_OTHERS, group=group, host=self.site.host)

    def failed_here(self) -> list[str]:
        """Return the groups that only failed on this host so far."""
        groups = self.folder.plan.groups
        return [each for each in groups if self.failing.host(each) == self.site.host]

    def claimed(self, forecast: Forecast) -> Iterator[Experiment]:
        has_waited = False
        while self.most_groups is None or len(self.groups) < self.most_groups:
            group = self.folder.disk.patient(lambda: self.next_group(forecast))
            if group:
                yield from self.whole(group)
                self.release()
            elif self.is_out_of_time or (late_s := self.folder.disk.patient(self.late_s)) is None:
                return
            else:
                if not has_waited:
                    self.folder.say("waiting for other workers that have been silent for long")
                has_waited = True
                self.wait(min(late_s + _MARGIN_S, self.claims.heartbeat_s))

    # -- a group is taken ------------------------------------------------------------------

    def next_group(self, forecast: Forecast) -> str | None:
        """Claim the first group that is to run, and that nobody is at work on; None: none is."""
        self.folder.refresh()
        others = self.claims.others()
        for group in self.groups_to_run():
            if group in others or group in self.groups:
                continue
            if not self.has_time_for(group, forecast):
                return None
            if self.claim(group):
                return group
        return None

    def claim(self, group: str) -> bool:
        """Claim a group; False: another worker has, or has ended it just before."""
        if not self.claims.take(group):
            return False
        self.groups.append(group)
        self.heartbeat = Heartbeat(self.claims, group)
        is_to_run = False
        try:
            self.folder.refresh()
            adopt(self.folder, [each.id for each in self.folder.plan.groups[group]])
            is_to_run = self.is_to_run(group)
        finally:  # the disk may be bad
            if not is_to_run:
                self.release()
                self.groups.remove(group)
        return is_to_run

    def release(self) -> None:
        """Give back what this worker has claimed, if it has."""
        if self.heartbeat:
            self.heartbeat.end()
            self.claims.give_back(self.heartbeat.group)
            self.heartbeat = None

    def groups_to_run(self) -> list[str]:
        """Return the groups of which something is to run here, those that run again at the end."""
        todo = [each for each in self.folder.plan.groups if self.is_to_run(each)]
        return sorted(todo, key=lambda group: not self.missing_of(group))

    def is_to_run(self, group: str) -> bool:
        return bool(self.missing_of(group)) or self.runs_again(group)

    def missing_of(self, group: str) -> list[Experiment]:
        """Return what has not ended of the newest try of a group."""
        newest = newest_try(self.folder.plan.groups[group])
        return [each for each in newest if each.id not in self.folder.rows]

    def runs_again(self, group: str) -> bool:
        """Whether a group that has ended whole is to have another try, by this worker."""
        if group in self.settled:
            return False
        host = self.failing.host(group)
        newest = newest_try(self.folder.plan.groups[group])
        if host is None and not is_due(self.folder, newest) and not self.is_mixed(newest):
            self.settled.add(group)
        return group not in self.settled and host != self.site.host

    def has_time_for(self, group: str, forecast: Forecast) -> bool:
        """Whether all that a group lacks will probably have ended in time; it is said if not."""
        missing, _ = self.todo(group)
        seconds = [forecast.of(each) or 0.0 for each in [*missing, *self.cold_starts(missing)]]
        left_s = self.left_s()
        self.is_out_of_time = left_s <= 0 or left_s < sum(seconds)
        if self.is_out_of_time:
            about = f"{group} would take about {duration_text(sum(seconds))}, and " * any(seconds)
            self.folder.say(f"no new group: {about}the time is over soon (--until)")
        return not self.is_out_of_time

    def cold_starts(self, missing: Sequence[Experiment]) -> list[Experiment]:
        """Return what is run and thrown away before some experiments, each as often as that."""
        first = {cold_start_of(each): each for each in reversed(missing)}
        return [each for each in first.values() for _ in range(self.cold_runs(each))]

    def late_s(self) -> float | None:
        """Return how long to wait for workers that are late; None: there is nothing to wait for."""
        return self.claims.late_s(set(self.groups_to_run()) - set(self.groups))

    # -- a group is run --------------------------------------------------------------------

    def whole(self, group: str) -> Iterator[Experiment]:
        """Yield what is to run of a group, and of its further tries, until it stands whole."""
        while todo := self.next_try(group):
            for experiment in todo:
                if self.is_left_to_another(experiment):
                    return
                yield experiment
                if self.is_left_to_another(experiment):
                    return
            if any(each.id not in self.folder.rows for each in todo):
                return  # one has left no record, and would not the next time

    def next_try(self, group: str) -> list[Experiment]:
        """Return what is to run of a group now, added to the plan if need be; [] nothing more."""
        todo, why = self.todo(group)
        if why is None:
            return todo
        say_again(self.folder, todo, why)
        return self.folder.add(TRY, names_of_next_try(todo))

    def todo(self, group: str) -> tuple[list[Experiment], str | None]:
        """Return what is to run of a group, and why whole, as a next try; None: as it stands."""
        newest, missing = newest_try(self.folder.plan.groups[group]), self.missing_of(group)
        if missing:
            site = self.other_site([each for each in newest if each not in missing])
            return (newest, f"a part of it was run on {site.text()}") if site else (missing, None)
        if self.is_mixed(newest):
            return newest, "workers on several boards have run parts of it"
        host = self.failing.host(group)
        if host not in (None, self.site.host):
            return newest, f"its trainings failed on {host}"
        is_again = is_due(self.folder, newest)
        return (newest, why_invalid(self.folder, newest)[0]) if is_again else ([], None)

    def other_site(self, ended: Sequence[Experiment]) -> Site | None:
        """Return where some of these were run that is not here; None: all were run here."""
        records = (record_of(each.id, self.folder.path) for each in ended)
        sites = (site_of(record) for record in records if record)
        return next((site for site in sites if site != self.site), None)

    def is_mixed(self, ended: Sequence[Experiment]) -> bool:
        """Whether two workers ended parts of a try on two boards, each taken for gone meanwhile."""
        rows = [self.folder.rows[each.id] for each in ended]
        if len({(row["host"], row["board"]) for row in rows}) < 2:
            return False  # so no record needs to be read
        records = [it for each in ended if (it := record_of(each.id, self.folder.path))]
        return len({it["worker"] for it in records}) > 1 < len({site_of(it) for it in records})

    def is_left_to_another(self, experiment: Experiment) -> bool:
        """Whether another worker is ahead in this group, which must not be mixed of two boards."""
        if self.heartbeat and self.heartbeat.is_lost:
            self.heartbeat.is_lost = False
            self.folder.say(
                f"{self.heartbeat.group}: another worker has taken it over, as this one was silent"
                " for long; what is recorded first counts"
            )
        look = partial(standing_try, self.folder.path, experiment.id)
        standing = self.folder.disk.patient(look)
        if standing is None or self.folder.is_own(standing, experiment.id):
            return False
        self.folder.say(f"{experiment.group} is left to the worker of {standing}")
        return True
