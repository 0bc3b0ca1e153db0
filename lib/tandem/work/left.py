"""What is still to run of a run when one of its workers ends, and who is at work on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.base.paths import as_seen_from_here, how_to_go_on, how_to_type
from tandem.base.text import counted, some_of
from tandem.results.columns import Row
from tandem.results.shared.commit import standing_try
from tandem.results.shared.jobs import FOLDER, SUBMITTED
from tandem.results.shared.worker_folder import WorkerFolder
from tandem.work.drain import GroupOrder

MOST_NAMED = 5


@dataclass(frozen=True)
class Left:
    """Groups that have not ended.

    `with_others` says which other worker is at work on a group; `with_nobody` are the groups that
    nobody is at work on. `failed` are left to other hosts, as they failed on `host`.
    """

    with_others: Mapping[str, str]
    with_nobody: Sequence[str]
    failed: Sequence[str]
    host: str

    @property
    def is_in_hand(self) -> bool:
        """Whether no worker needs to be started for any of them."""
        return not self.with_nobody and not self.failed

    def lines(self, run: Path) -> list[str]:
        """Return lines that say so, and how to go on."""
        lines = []
        if self.with_others:
            pairs = [f"{group} ({worker})" for group, worker in self.with_others.items()]
            lines.append(f"other workers are at work on {some_of(pairs, MOST_NAMED)}")
        if self.with_nobody:
            groups = counted(len(self.with_nobody), "group")
            named = some_of(self.with_nobody, MOST_NAMED)
            lines.append(f"nobody is at work on {groups}: {named}")
            lines.append(f"to go on: {how_to_start_workers(run)}")
        if self.failed:
            lines.append(
                f"left to workers on other hosts, as trainings failed again and again on"
                f" {self.host}: {some_of(self.failed, MOST_NAMED)}"
            )
        return lines


def how_to_start_workers(run: Path) -> str:
    """Return the command that starts workers again, as a person here would type it."""
    if (run / FOLDER / SUBMITTED).exists():
        return how_to_go_on(run)
    return how_to_type("work", str(as_seen_from_here(run)))


def left_by(order: GroupOrder) -> Left:
    """Return what a worker leaves; OSError: the folder cannot be read."""
    claims, todo = order.claims.others(), order.groups_to_run()
    with_others = {name: claims[name].worker or "not known" for name in todo if name in claims}
    with_nobody = [each for each in todo if each not in claims]
    return Left(with_others, with_nobody, order.failed_here(), order.site.host)


def own_rows(folder: WorkerFolder) -> dict[str, Row]:
    """Return the rows of the experiments of which this worker's own try stands, by id."""
    return {
        name: row
        for name, row in folder.rows.items()
        if folder.is_own(standing_try(folder.path, name), name)
    }
