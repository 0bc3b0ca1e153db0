"""The backgrounds of an experiment: ready one and all, stopped together, accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tandem.background.account import Account, coverage_of
from tandem.background.footprints import Held, Room, misfits, room_beside
from tandem.background.loop import Loop, tell_to_stop
from tandem.background.memory import MemoryWatch
from tandem.background.rounds import ended, quick_failures
from tandem.background.warmup import (
    BackgroundFailed,
    BackgroundNotReady,
    MemoryFull,
    check_startable,
    wait_ready,
)
from tandem.base.clock import boottime_s, suspended_s
from tandem.plan.model import Experiment
from tandem.processes.scripts import Script
from tandem.processes.watch import Watch


@dataclass
class Backgrounds:
    """All backgrounds of an experiment, at least one.

    `misfits` say what cannot fit into a GPU's memory, `room` is what the foreground leaves of it.
    """

    each: Sequence[Loop]
    misfits: Sequence[str] = ()
    room: Room | None = None
    memory: MemoryWatch = field(default_factory=MemoryWatch)

    @property
    def scripts(self) -> list[Script]:
        return [loop.script for loop in self.each if loop.script]

    def running(self) -> bool:
        """Whether all put load on the GPU: one that rests does not."""
        return all(loop.running() and not loop.rests() for loop in self.each)

    def ensure(self, watch: Watch, tick: Callable[[], None], say: Callable[[str], None]) -> None:
        """Start whichever is not running, and return when all are ready.

        BackgroundNotReady: one is not.

        They warm up side by side. Those whose size is to be found come after all others, one by
        one: they get the memory that is left.
        """
        missing = [loop for loop in self.each if not loop.running()]
        decided = [loop for loop in missing if not loop.is_choosing()]
        for loop in missing:
            loop.stop()
        for loop in decided:
            loop.start()
        for loop in decided:
            wait_ready(loop, watch, tick)
        for loop in missing:
            if loop.is_choosing():
                choose(loop, watch, tick, say, self.crowding)
        for loop in self.each:
            check_startable(loop)  # others may have taken long

    def heed(self, experiment: Experiment, held: Held) -> Sequence[str]:
        """Take what trainings have held before, and return what cannot fit into a GPU's memory."""
        self.misfits = misfits(experiment, held)
        self.room = room_beside(experiment.foreground, held)
        return self.misfits

    def crowding(self) -> str:
        """Say why the foreground will not fit beside what they hold; "": it will, or who knows."""
        return self.room.lacking([loop.memory for loop in self.each]) if self.room else ""

    def look(self) -> list[str]:
        """See what there is to be seen while they run, and return warnings."""
        for loop in self.each:
            if loop.dosing and not loop.is_stopping:
                loop.dosing.check()  # where it has died, the trainings must go on
        return self.complaints() + self.look_at_memory()

    def complaints(self) -> list[str]:
        """Return warnings of rounds that were no whole trainings, once of each kind."""
        return [text for loop in self.each for text in loop.complaints()]

    def check_failing(self, since_s: float) -> None:
        """Raise BackgroundFailed where one only fails, and none of its rounds ended well since.

        `since_s` is on CLOCK_BOOTTIME.
        """
        for loop in self.each:
            rounds = loop.rounds()
            failures, most = quick_failures(rounds), loop.experiment.limits.max_failed_rounds
            ended_s = (each.end_s for each in rounds if each.completed)
            if failures >= most and not any(end_s and end_s >= since_s for end_s in ended_s):
                raise BackgroundFailed(loop, failures)

    def state(self) -> tuple[int, int, int] | None:
        """Return the newest round of the first, how many of all failed, and how many were hollow.

        All since the latest start. None: there is no round.
        """
        newest = self.each[0].rounds()[-1:] if self.scripts else []
        rounds = [each for loop in self.each for each in loop.rounds()]
        failed, hollow = sum(each.failed for each in rounds), sum(each.hollow for each in rounds)
        return (newest[0].last, failed, hollow) if newest else None

    def coverage_since(self, from_s: float, slept_s: float) -> float | None:
        """Return the share of the time since a moment on CLOCK_BOOTTIME in which all were running.

        A round that runs has run until now. None: not known, as where the machine has been
        suspended since it had been for `slept_s`.
        """
        if suspended_s(slept_s) != slept_s:
            return None
        now_s = boottime_s()
        accounts = [
            Account([ended(each, now_s) if each is running else each for each in rounds])
            for loop in self.each
            for rounds in [loop.rounds()]
            for running in [rounds[-1] if rounds and rounds[-1].open and loop.running() else None]
        ]
        return coverage_of(accounts, from_s, now_s)

    def look_at_memory(self) -> list[str]:
        """Note what GPU memory they hold, once a second at most; return warnings about limits."""
        return self.memory.look([(loop.memory, loop.script) for loop in self.each])

    def tell_to_stop(self) -> None:
        tell_to_stop(self.each)

    def stop(self) -> None:
        """End all of them, which are told before any is waited for."""
        self.tell_to_stop()
        for loop in self.each:
            loop.stop()


def choose(
    loop: Loop,
    watch: Watch,
    tick: Callable[[], None],
    say: Callable[[str], None],
    crowding: Callable[[], str],
) -> None:
    """Have the largest size running and ready.

    BackgroundNotReady: none fits, or one fails otherwise.

    `crowding` says why the foreground will not fit beside what is held now, "" if it will. The
    smallest size is taken all the same, as one that is not to be found would be.
    """
    sizes, lines = loop.background.auto, list[str]()
    for size in sizes:
        loop.use(size)
        loop.start()
        try:
            wait_ready(loop, watch, tick)
            if size is not sizes[-1] and (reason := crowding()):
                raise MemoryFull(reason, [])
        except MemoryFull as problem:
            loop.stop()
            loop.put_aside(size, str(problem))
            lines = problem.lines
            say(f"{loop.name}: {size.name} {size.value} does not fit: {problem}")
            continue
        loop.chosen = size
        say(f"{loop.name}: {size.name} {size.value} fits")
        return
    tried = ", ".join(str(size.value) for size in sizes)
    reason = f"{loop.name} not ready: none of {sizes[0].name} {tried} fits into the GPU's memory"
    raise BackgroundNotReady(reason, lines)
