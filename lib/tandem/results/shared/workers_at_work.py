"""The workers of a run by their files: what each does, or how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tandem.results.alive import Standing, age_s_of, standing_of
from tandem.results.owner import STALE_S
from tandem.results.shared.worker_name import WorkerName, parsed
from tandem.results.shared.workers import workers_of
from tandem.results.state import State, read_state


@dataclass(frozen=True)
class Worker:
    """A worker of a run; None for what is not known.

    `why` says why it was stopped, has failed or is gone, `age_s` how old its state is.
    """

    name: str
    standing: Standing
    why: str | None
    host: str | None
    age_s: float | None
    state: State | None

    @property
    def is_stale(self) -> bool:
        """Whether it should be at work, and nothing was heard of it for a minute."""
        is_old = self.age_s is not None and self.age_s > STALE_S
        return self.standing == "not known" or (self.standing == "running" and is_old)

    @property
    def is_at_work(self) -> bool:
        return self.standing == "running" and not self.is_stale

    @property
    def experiment(self) -> str | None:
        """The experiment that it is at, if it still is at work."""
        current = self.state.experiment if self.state else None
        return current.id if current and self.standing in {"running", "not known"} else None

    @property
    def training_left_s(self) -> float | None:
        """How long its foreground will still train; None: it does not now, or it is not known."""
        return self.state.left_s if self.state and self.state.phase == "training" else None


def workers_in(run: Path) -> list[Worker]:
    """Return all workers of a run, by name; [] where it has none."""
    found = [worker_in(folder) for folder in workers_of(run)]
    return list(_with_restarts(found))


def worker_in(folder: Path) -> Worker:
    """Return the worker that has a folder."""
    state = read_state(folder)
    age_s = age_s_of(state)
    name = parsed(folder.name)
    host = state.owner.host if state else name.host if name else None
    standing, why = standing_of(folder, state, age_s, host)
    return Worker(folder.name, standing, why, host, age_s, state)


def at_work_in(run: Path) -> int:
    """Return how many workers are at work in a run."""
    return sum(each.is_at_work for each in workers_in(run))


def _with_restarts(workers: Sequence[Worker]) -> Iterator[Worker]:
    """Yield workers; one whose job was started again is gone, whatever it wrote last."""
    named = [(parsed(each.name), each) for each in workers]
    newest: dict[str, WorkerName] = {}
    for name, _ in named:
        if name and newest.setdefault(name.ident, name).is_before(name):
            newest[name.ident] = name
    for name, each in named:
        is_open = each.standing in {"running", "not known"}
        if name and is_open and name.is_before(newest[name.ident]):
            why = f"started again as {newest[name.ident]}"
            yield replace(each, standing="not running", why=why)
        else:
            yield each
