"""How much of a load backgrounds were in a stretch of time, from the files that they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tandem.background.dose.files import dose_facts
from tandem.background.rounds import (
    Stretch,
    cpu_s,
    ended_in,
    has_unknown_end,
    pauses,
    rate,
    running_s,
)
from tandem.measure.windows.sleeps import Sleep, awake_s

OF_EACH = ("cpu_seconds", "dose")  # figures that are told of each background alone


@dataclass(frozen=True)
class Dosed:
    """What a dose controller was to do (see Dosing), the folder of its files, what went wrong."""

    folder: Path
    mode: str
    target: float
    problem: str | None

    def figures(self, from_s: float, to_s: float) -> dict[str, Any]:
        """Return what the controller did in a window, see dose_facts."""
        facts = dose_facts(self.folder, self.mode, self.target, from_s, to_s)
        if self.problem:
            facts["reason"] = "; ".join(filter(None, [self.problem, facts["reason"]]))
        return facts


@dataclass(frozen=True)
class Account:
    """One background's rounds, and how they were dosed; None: they were not.

    `slept` is when the machine was suspended: that is no part of any time.
    """

    rounds: Sequence[Stretch]
    dosed: Dosed | None = None
    slept: Sequence[Sleep] = ()

    @property
    def awake(self) -> Sequence[Stretch]:
        """Return the rounds with their moments as they would be without the suspensions."""
        return [awake(stretch, self.slept) for stretch in self.rounds]

    def coverage(self, from_s: float, to_s: float) -> float | None:
        """Return the share, 0 to 1, of a window in which a training ran.

        None: the window is empty, or nobody was left to note the end of a round in it.
        """
        rounds = self.awake
        from_s, to_s = awake_s(from_s, self.slept), awake_s(to_s, self.slept)
        if to_s <= from_s or has_unknown_end(rounds, from_s, to_s):
            return None
        return min(1.0, running_s(rounds, from_s, to_s) / (to_s - from_s))

    def figures(self, from_s: float, to_s: float) -> dict[str, Any]:
        """Return how much load there was in a window, for the record: times in seconds."""
        coverage, rounds = self.coverage(from_s, to_s), self.awake
        dose = self.dosed.figures(from_s, to_s) if self.dosed else None
        if dose and any(from_s <= sleep.from_s <= to_s for sleep in self.slept):
            names = "duty_mean", "stopped_seconds", "sm_avg_percent"
            dose |= dict.fromkeys(names) | {"reason": "the machine was suspended in the window"}
        from_s, to_s = awake_s(from_s, self.slept), awake_s(to_s, self.slept)
        completed, per_second = rate(rounds, from_s, to_s)
        without_s, longest_gap_s = pauses(rounds, from_s, to_s)
        reason = None
        if per_second is None:
            reason = "no whole round in the window"
            if completed:
                reason = "another round lies between, or they took less than a millisecond"
        return {
            "coverage": coverage,
            "rounds_completed": completed,
            "rounds_failed": sum(each.failed for each in ended_in(rounds, from_s, to_s)),
            "rounds_hollow": sum(each.hollow for each in ended_in(rounds, from_s, to_s)),
            "rounds_per_second": per_second,
            "rate_reason": reason,
            "seconds_without": None if coverage is None else round(without_s, 3),
            "longest_gap_seconds": None if coverage is None else round(longest_gap_s, 3),
            "cpu_seconds": cpu_s(rounds, from_s, to_s),
            "dose": dose,
        }


def awake(stretch: Stretch, slept: Sequence[Sleep]) -> Stretch:
    """Return a round with its moments, and its time, without the suspensions."""
    if not slept:
        return stretch
    start_s = awake_s(stretch.start_s, slept)
    if stretch.end_s is None:
        return replace(stretch, start_s=start_s)
    end_s = awake_s(stretch.end_s, slept)
    slept_s = (stretch.end_s - stretch.start_s) - (end_s - start_s)
    running = max(0.0, stretch.running_s - slept_s)
    return replace(stretch, start_s=start_s, end_s=end_s, running_s=running)


def coverage_of(accounts: Sequence[Account], from_s: float, to_s: float) -> float | None:
    """Return the share, 0 to 1, of a window in which all were running; None: not known.

    Of several it is the least that it can be: as if no two paused in the same instant.
    """
    shares = [account.coverage(from_s, to_s) for account in accounts]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return None
    return max(0.0, 1 - sum(1 - share for share in known))


def figures_of(accounts: Sequence[Account], from_s: float, to_s: float) -> dict[str, Any]:
    """Return how much load there was in a window, together and, as `parts`, each."""
    parts = [account.figures(from_s, to_s) for account in accounts]
    if len(parts) == 1:
        together = {name: value for name, value in parts[0].items() if name not in OF_EACH}
        return {**together, "parts": parts}
    return {
        "coverage": coverage_of(accounts, from_s, to_s),
        "rounds_completed": sum(part["rounds_completed"] for part in parts),
        "rounds_failed": sum(part["rounds_failed"] for part in parts),
        "rounds_hollow": sum(part["rounds_hollow"] for part in parts),
        "rounds_per_second": None,
        "rate_reason": "several backgrounds have no common rate of rounds",
        "seconds_without": None,
        "longest_gap_seconds": None,
        "parts": parts,
    }
