"""What a run does next: what is missing, block by block, with warm-ups and groups that run again.

All of it follows from the plan, the journal and the records. So a run that is killed at any moment
goes on with the same: a group that was cut off with those of its experiments that are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tandem.experiment.validity.verdict import may_pass
from tandem.plan.model import WARM_UP, Experiment, Plan
from tandem.plan.tries import (
    TRY,
    Cold,
    block_of,
    by_block,
    cold_start_of,
    lost_additions,
    name_of_warm_up,
    names_of_next_try,
    newest_try,
)
from tandem.results.cut_off import CUT_OFF
from tandem.results.folder import RunFolder
from tandem.results.forecast import Forecast
from tandem.results.record import Record
from tandem.results.record_file import record_of
from tandem.results.standing import begun_in

Try = list[Experiment]  # of a group


@dataclass
class Order:
    """The experiments that are still to run; `warm` counts what this process has run so far."""

    folder: RunFolder
    warm: Counter[Cold] = field(default_factory=Counter)

    def each(self, forecast: Forecast) -> Iterator[Experiment]:
        """Yield what is missing; the forecast is told what a block gets more at its end."""
        for block, missing in by_block(self.folder.missing()):
            todo = missing
            while todo:
                yield from todo
                todo = add_tries(self.folder, due(self.folder, block))
                forecast.expect(todo)

    def cold_runs(self, experiment: Experiment) -> int:
        """Return how many runs are to be thrown away before an experiment."""
        return max(0, experiment.course.warmup_runs - self.warm[cold_start_of(experiment)])

    def warm_ups(self, experiment: Experiment) -> Iterator[Experiment]:
        """Add to the plan, and yield, what is thrown away before an experiment.

        One that starts no foreground (its background is not ready, say) warms nothing, so there may
        be twice as many.
        """
        for _ in range(2 * self.cold_runs(experiment)):
            if self.cold_runs(experiment):
                name = name_of_warm_up(self.folder.plan, experiment)
                yield from self.folder.add(WARM_UP, {name: experiment.id})

    def note(self, experiment: Experiment, record: Record) -> None:
        """Note that an experiment has run; where no foreground was started, nothing is warm."""
        if record["attempts"]:
            self.warm[cold_start_of(experiment)] += 1


def add_tries(folder: RunFolder, groups: Sequence[Try]) -> list[Experiment]:
    """Add a further try of each of these groups to the plan, and return all their experiments."""
    names = {new: old for members in groups for new, old in names_of_next_try(members).items()}
    for members in groups:
        say_again(folder, members, why_invalid(folder, members)[0])
    return folder.add(TRY, names) if names else []


def say_again(folder: RunFolder, members: Try, why: str) -> None:
    """Say why a group gets a further try; `members` are those of its newest."""
    number = members[0].try_number + 1
    folder.say(f"{members[0].group} runs again, whole (try {number}): {why}")


def add_lost(folder: RunFolder) -> None:
    """Add again what a journal that was lost no longer tells of, by the folders that are there.

    How often an experiment was started, too: two processes are told apart by that.
    """
    begun = begun_in(folder.path)
    starts = len(begun) + len(list((folder.path / CUT_OFF).glob("*")))
    folder.journal.starts = max(folder.journal.starts, starts)
    for event in lost_additions(folder.plan, begun):
        folder.add(event["as"], event["experiments"])


def add_due(folder: RunFolder) -> None:
    """Add what a kill at the very end of a block has kept from being added."""
    if not any(each.course.rerun_invalid for each in folder.planned.experiments):
        return  # nothing ever runs again by itself
    unfinished = {block_of(each) for each in folder.missing()}
    blocks = dict.fromkeys(map(block_of, folder.planned.experiments))
    whole = [block for block in blocks if block not in unfinished]
    add_tries(folder, [members for block in whole for members in due(folder, block)])


def due(folder: RunFolder, block: int | None) -> list[Try]:
    """Return the groups of a block that run again by themselves."""
    return [
        members
        for members in newest_tries(folder.plan)
        if block_of(members[0]) == block and is_due(folder, members)
    ]


def is_due(folder: RunFolder, members: Try) -> bool:
    """Whether a group runs again by itself; `members` are those of its newest try.

    That has ended whole, something in it is not valid and may be so the next time, and it has not
    run again as often as it may.
    """
    return (
        members[0].try_number <= members[0].course.rerun_invalid
        and all(each.id in folder.rows for each in members)
        and any(is_invalid(folder, each) and is_worth_it(folder, each) for each in members)
    )


def add_invalid(folder: RunFolder) -> None:
    """Add a further try of every group whose newest try has something in it that is not valid.

    The rest of a try that has not ended whole is not run any more.
    """
    add_tries(folder, [each for each in newest_tries(folder.plan) if why_invalid(folder, each)])


def newest_tries(plan: Plan) -> list[Try]:
    return [newest_try(members) for members in plan.groups.values()]


def is_invalid(folder: RunFolder, experiment: Experiment) -> bool:
    """Whether an experiment has ended, and its record does not count."""
    row = folder.rows.get(experiment.id)
    return row is not None and row["valid"] is not True


def is_worth_it(folder: RunFolder, experiment: Experiment) -> bool:
    record = record_of(experiment.id, folder.path)
    return record is not None and may_pass(record)


def why_invalid(folder: RunFolder, members: Sequence[Experiment]) -> list[str]:
    """Return which experiments are not valid, each with its reasons."""
    invalid = [each.id for each in members if is_invalid(folder, each)]
    return [f"{name} is not valid: {folder.rows[name]['invalid_reasons']}" for name in invalid]


def may_run(plan: Plan, missing: Sequence[Experiment]) -> list[Experiment]:
    """Return all that may run: what is missing, and what may run again at the end of its block."""
    blocks, names = {block_of(each) for each in missing}, {each.id for each in missing}
    return [
        each
        for each in plan.experiments
        if each.id in names or (each.course.rerun_invalid and block_of(each) in blocks)
    ]
