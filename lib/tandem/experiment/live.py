"""What a person sees of one experiment while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tandem.report.progress import Progress, Rounds, View


@dataclass
class Live:
    """The messages and the live line of experiment `number` of `total`.

    `expected_s` is how long it will take and `later_s` how long those after it, None: not known.
    `what` is what it is called, where it is no experiment of its own.
    """

    progress: Progress
    number: int
    total: int
    expected_s: float | None = None
    later_s: float | None = None
    what: str = "experiment"
    begin_s: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        self.progress.event(f"{self.what} {self.number} of {self.total}: {text}")

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show what a program has printed, below a message about it."""
        for line in lines:
            self.progress.event(f"    {line}")

    def show(
        self,
        phase: str,
        epochs: tuple[int | None, int | None],
        rounds: Rounds | None,
        elapsed_s: float,
        left_s: float | None,
    ) -> None:
        """Show the phase, the epoch and how many there are; None for what is not known."""
        run_left_s = self.run_left_s(left_s)
        place = self.number, self.total, phase
        view = View(*place, *epochs, rounds, elapsed_s, left_s, run_left_s, self.what)
        self.progress.update(view)

    def cool_down(self, passed_s: float, left_s: float, run_left_s: float | None) -> None:
        """Show that the GPUs cool down before it."""
        place = self.number, self.total, "cooling down"
        view = View(*place, None, None, None, passed_s, left_s, run_left_s, self.what)
        self.progress.update(view)

    def run_left_s(self, left_s: float | None) -> float | None:
        """Return how long the run will go on; None: not known, or this is the last experiment."""
        if not self.later_s:
            return None
        if left_s is None:
            left_s = (self.expected_s or 0.0) - (time.monotonic() - self.begin_s)
        return max(left_s, 0.0) + self.later_s
