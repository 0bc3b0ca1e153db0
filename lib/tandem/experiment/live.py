"""What a run shows while it runs: messages, the live line, and the same in state.json."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tandem.base.clock import boottime_s
from tandem.plan.model import Experiment
from tandem.processes.scripts import HURRY
from tandem.report.progress import Progress
from tandem.results.newest import read_newest
from tandem.results.owner import this_process
from tandem.results.state import VERSION, Counts, Current, OwnBoard, State, StateFile, Status

# What is not known of a phase, where nothing else is said.
NOTHING: Mapping[str, Any] = dict.fromkeys(
    ("epoch", "epochs", "rounds", "coverage_so_far", "elapsed_s", "left_s", "run_left_s")
)


class Shown:
    """The state of a run: on the terminal, and in its folder."""

    def __init__(
        self, progress: Progress, run: Path, counts: Counts, boards: Sequence[OwnBoard] = ()
    ) -> None:
        self.progress, self.run, self.file = progress, run, StateFile(run)
        self.state = State(
            version=VERSION,
            written=utc_text(),
            owner=this_process(),
            status="running",
            why=None,
            phase="starting",
            experiment=None,
            newest=None,
            counts=counts,
            ends=None,
            boards=tuple(boards),
            **NOTHING,
        )

    def show(self, state: State, *, at_once: bool = False) -> None:
        """Show a state; the file gets it every two seconds, or at once."""
        newest = self.state.newest
        is_due = at_once or self.file.is_due()
        if is_due and state.experiment:
            newest = read_newest(self.run / state.experiment.id / "energy", boottime_s())
        self.state = replace(state, written=utc_text(), newest=newest)
        self.progress.update(self.state)
        if is_due:
            self.file.write(self.state)

    def end(self, status: Status, why: str | None, counts: Counts) -> None:
        """Write how the run has ended."""
        last = Shown(self.progress, self.run, counts, self.state.boards).state
        self.file.write(replace(last, status=status, why=why, phase=status))


@dataclass
class Live:
    """The messages and the state of one experiment; `current` says which one it is.

    `expected_s` is how long it will take and `later_s` how long those after it, None: not known.
    """

    shown: Shown
    current: Current
    counts: Counts
    expected_s: float | None = None
    later_s: float | None = None
    begin_s: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        each = self.current
        self.shown.progress.event(f"{each.what} {each.number} of {each.total}: {text}")

    def say_stopping(self, signum: int, trainings: Sequence[str], grace_s: float) -> None:
        """Say for whom a stop by a signal waits, how long at most, and what ends the wait."""
        again = "Ctrl-C again" if signum == signal.SIGINT else "a second signal"
        if trainings:
            who, wait_s = " and the ".join(trainings), min(grace_s, HURRY.left_s())
            text = f"stopping: waiting up to {round(wait_s, 1):g} s for the {who} to end"
            self.say(f"{text}; {again} kills at once")

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show what a program has printed, below a message about it."""
        for line in lines:
            self.shown.progress.event(f"    {line}")

    def show(self, phase: str, *, at_once: bool = False, **known: Any) -> None:
        """Show the phase and what is `known` of it, by the names of a State.

        `left_s` is how long the phase will take. How long the run will go on follows from it.
        """
        facts = {**NOTHING, "run_left_s": self.run_left_s(known.get("left_s")), **known}
        run_left_s = facts["run_left_s"]
        ends = None if run_left_s is None else utc_text(run_left_s)
        state = replace(
            self.shown.state,
            phase=phase,
            experiment=self.current,
            counts=self.counts,
            ends=ends,
            **facts,
        )
        self.shown.show(state, at_once=at_once)

    def run_left_s(self, left_s: float | None) -> float | None:
        """Return how long the run will go on; None: not known."""
        if self.later_s is None:
            return None
        if left_s is None and self.expected_s is not None:
            left_s = self.expected_s - (time.monotonic() - self.begin_s)
        return None if left_s is None else max(left_s, 0.0) + self.later_s


def current_of(experiment: Experiment, number: int, total: int) -> Current:
    """Return an experiment as the state shows it."""
    what = "warm-up before experiment" if experiment.is_warm_up else "experiment"
    beside = tuple(f"{each.training.repo} {each.training.model}" for each in experiment.backgrounds)
    values = experiment.foreground.hyperparameters
    return Current(experiment.id, what, number, total, dict(values), beside)


def utc_text(later_s: float = 0.0) -> str:
    """Return now, or a moment later than that, in ISO 8601."""
    when = datetime.now(timezone.utc) + timedelta(seconds=min(later_s, 1e9))
    return when.isoformat(timespec="seconds")
