"""A run that several workers drain, whose experiments end as told: no process, no training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.plan.model import Experiment
from tandem.results.forecast import Forecast
from tandem.results.record import Record
from tandem.results.record_process import GpuNow
from tandem.run.pairs import finish
from tandem.work.boards import Site
from tandem.work.claims import Claims
from tandem.work.drain import GroupOrder

from support import records
from support.books import Workers

HERE = Site("n1", frozenset({"GPU-1"}))
FAILED = {
    "training_success": False,
    "error_message": "exit code 1",
    "attempts[0].error_message": "exit code 1",
    "attempts[0].reason": "ended",
}


class Drained:
    """A design of groups of a solo and one parallel experiment each."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.books = Workers(path, **{"blocks": 1, "loads": 1, **changes})
        self.path, self.plan, self.told = path, self.books.plan, self.books.told
        self.waits: list[float] = []

    def worker(self, name: str, site: Site = HERE, **more: Any) -> GroupOrder:
        """Return the order of a new worker."""
        folder = self.books.worker(name)
        claims = Claims(self.path, name)
        claims.open()
        facts: dict[str, Any] = {"left_s": lambda: float("inf"), "wait": self.waits.append}
        return GroupOrder(folder=folder, claims=claims, site=site, **facts | more)

    def run(self, order: GroupOrder, **changes: Mapping[str, Any]) -> list[str]:
        """Run what there is to run, each experiment with the changes of its id; return all ids."""
        done = []
        for experiment in order.each(Forecast(())):
            self.end(order, experiment, **changes.get(experiment.id, {}))
            done.append(experiment.id)
        return done

    def end(self, order: GroupOrder, experiment: Experiment, **changes: Any) -> None:
        self.books.begin(order.folder, experiment.id)
        record = self.record(order, experiment, **changes)
        order.note(experiment, record)
        finish(order.folder, record, 1.0)

    def record(self, order: GroupOrder, experiment: Experiment, **changes: Any) -> Record:
        gpus = [records.of(GpuNow, uuid=each) for each in order.site.boards]
        site = {"environment.hostname": order.site.host, "census.before.gpus": gpus or None}
        return self.books.record(experiment.id, order.folder.worker, **site, **changes)

    def killed(self, order: GroupOrder) -> None:
        """Have a worker end in the middle of what it does."""
        self.close(order)
        order.release()

    def close(self, order: GroupOrder) -> None:
        self.books.close(order.folder)

    def standing(self) -> dict[str, str]:
        """Return whose try stands for each experiment, by id."""
        return {
            each.name: each.readlink().parts[1] for each in self.path.iterdir() if each.is_symlink()
        }


def starting(order: GroupOrder) -> tuple[Any, Experiment]:
    """Return what an order gives, and the first of it."""
    given = order.each(Forecast(()))
    return given, next(given)
