"""The runs that a page is about: what each is called there, and what of it counts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from tandem.plan.tries import still_to_run
from tandem.results.reading import ExperimentReading, RunReading, Standing

NAME = "report.html"
ENDED: tuple[Standing, ...] = ("valid", "not valid")


@dataclass(frozen=True)
class ReportedRun(RunReading):
    """A run on a page. `label` tells it from the others there: its folder's name, as far as needed.

    `link` leads to its folder from where the page lies if nobody has said where it is to lie.
    """

    label: str
    link: str

    def without_path(self, text: str) -> str:
        """Return a text in which the run's folder has its label: no page tells where it lay."""
        return text.replace(str(self.path), self.label)


def reported(paths: Sequence[Path]) -> list[ReportedRun]:
    """Return some runs, each folder once, in the order in which they are given."""
    folders = list(dict.fromkeys(path.resolve() for path in paths))
    labels = labels_of(folders)
    links = _links(folders)
    return [ReportedRun(*each) for each in zip(folders, labels, links, strict=True)]


def labels_of(folders: Sequence[Path]) -> list[str]:
    """Return the last name of each folder, with the names above it where two are the same."""
    for length in range(1, max(len(folder.parts) for folder in folders)):
        names = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def _links(folders: Sequence[Path]) -> Iterator[str]:
    """Yield how to get to each folder: one run has its page in it, several beside the first."""
    home = home_of(folders)
    for folder in folders:
        yield "" if folder == home else f"{quote(os.fsencode(os.path.relpath(folder, home)))}/"


def home_of(paths: Sequence[Path]) -> Path:
    """Return the folder in which the page of some runs lies if nobody says another."""
    folders = {path.resolve() for path in paths}
    return paths[0].resolve() if len(folders) == 1 else paths[0].resolve().parent


@dataclass
class Standings:
    """How the experiments of a run stand, when all have been noted.

    What counts is counted once: not warm-ups, and of a group that has run again one try alone.
    `set_aside` counts what has ended and does not count, by why.
    """

    run: RunReading
    seen: dict[str, tuple[Standing, bool]] = field(default_factory=dict)

    def note(self, experiment: ExperimentReading) -> None:
        self.seen[experiment.id] = experiment.standing, experiment.counts

    @property
    def counts(self) -> dict[str, int]:
        """How many that count are valid, not valid, cut off, damaged and missing; no zeros."""
        found = Counter(standing for _, standing in self._counting())
        return {kind: found[kind] for kind in get_args(Standing) if found[kind]}

    def _counting(self) -> Iterator[tuple[str, Standing]]:
        ended = {name for name, (standing, _) in self.seen.items() if standing in ENDED}
        plan = self.run.plan
        to_run = {each.id for each in still_to_run(plan, ended)} if plan else self.seen.keys()
        for name, (standing, counts) in self.seen.items():
            if counts if standing in ENDED else name in to_run:
                yield name, standing

    def names(self, wanted: Standing) -> list[str]:
        """Return which of those that count have a standing."""
        return [name for name, standing in self._counting() if standing == wanted]

    @property
    def set_aside(self) -> dict[str, int]:
        """How many have ended that do not count: warm-ups, and of groups that ran again."""
        return {kind: len(names) for kind, names in self.names_set_aside.items() if names}

    @property
    def names_set_aside(self) -> dict[str, list[str]]:
        by_id = self.run.plan.by_id if self.run.plan else {}
        out = [name for name, (it, counts) in self.seen.items() if it in ENDED and not counts]
        warm_ups = [name for name in out if name in by_id and by_id[name].is_warm_up]
        again = [name for name in out if name not in warm_ups]
        return {"warm-up": warm_ups, "of a group that ran again": again}
