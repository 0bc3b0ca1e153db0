"""The backgrounds of an experiment: ready one and all, stopped together, accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.background.footprints import Room
from tandem.background.loop import Loop, tell_to_stop
from tandem.background.memory import MemoryWatch
from tandem.background.warmup import (
    BackgroundNotReady,
    MemoryFull,
    check_startable,
    wait_ready,
)
from tandem.processes.scripts import Script
from tandem.processes.watch import Watch


@dataclass
class Backgrounds:
    """All loads of an experiment, at least one.

    `misfits` say what cannot fit into a GPU's memory, `room` is what the foreground leaves of it.
    """

    each: Sequence[Loop]
    misfits: Sequence[str] = ()
    room: Room | None = None
    memory: MemoryWatch = field(default_factory=MemoryWatch)

    @property
    def scripts(self) -> list[Script]:
        return [load.script for load in self.each if load.script]

    @property
    def problems(self) -> list[str]:
        return [problem for load in self.each for problem in load.problems]

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [report for load in self.each for report in load.reports]

    def running(self) -> bool:
        """Tell whether all are a load: one that rests is gone."""
        return all(load.running() and not load.rests() for load in self.each)

    def ensure(self, watch: Watch, tick: Callable[[], None], say: Callable[[str], None]) -> None:
        """Start whichever is not running, and return when all are ready.

        BackgroundNotReady: one is not.

        They warm up side by side. Those whose size is to be found come after all others, one by
        one: they get the memory that is left.
        """
        missing = [load for load in self.each if not load.running()]
        decided = [load for load in missing if not load.is_choosing()]
        for load in missing:
            load.stop()
        for load in decided:
            load.start()
        for load in decided:
            wait_ready(load, watch, tick)
        for load in missing:
            if load.is_choosing():
                choose(load, watch, tick, say, self.crowding)
        for load in self.each:
            check_startable(load)  # others may have taken long

    def crowding(self) -> str:
        """Say why the foreground will not fit beside what they hold; "": it will, or who knows."""
        return self.room.lacking([load.memory for load in self.each]) if self.room else ""

    def look(self) -> list[str]:
        """See what there is to be seen while they run, and return warnings."""
        for load in self.each:
            if load.dosing and not load.is_stopping:
                load.dosing.check()  # where it has died, the trainings must go on
        return self.look_at_memory()

    def look_at_memory(self) -> list[str]:
        """Note what GPU memory they hold, once a second at most; return warnings about limits."""
        return self.memory.look([(load.memory, load.script) for load in self.each])

    def tell_to_stop(self) -> None:
        tell_to_stop(self.each)

    def stop(self) -> None:
        """End all of them, which are told before any is waited for."""
        self.tell_to_stop()
        for load in self.each:
            load.stop()

    def coverage(self, from_s: float, to_s: float) -> float | None:
        """Return the share, 0 to 1, of a window in which all were running; None: not known.

        Of several it is the least that it can be: as if no two paused in the same instant.
        """
        shares = [load.coverage(from_s, to_s) for load in self.each]
        known = [share for share in shares if share is not None]
        if len(known) < len(shares):
            return None
        return max(0.0, 1 - sum(1 - share for share in known))

    def figures(self, from_s: float, to_s: float) -> dict[str, Any]:
        """Return how much load there was in a window, together and, as `parts`, each."""
        parts = [load.figures(from_s, to_s) for load in self.each]
        if len(parts) == 1:
            together = {name: value for name, value in parts[0].items() if name != "dose"}
            return {**together, "parts": parts}
        return {
            "coverage": self.coverage(from_s, to_s),
            "rounds_completed": sum(part["rounds_completed"] for part in parts),
            "rounds_failed": sum(part["rounds_failed"] for part in parts),
            "rounds_per_second": None,
            "rate_reason": "several backgrounds have no common rate of rounds",
            "seconds_without": None,
            "longest_gap_seconds": None,
            "parts": parts,
        }


def choose(
    load: Loop,
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
    sizes, lines = load.background.auto, list[str]()
    for size in sizes:
        load.use(size)
        load.start()
        try:
            wait_ready(load, watch, tick)
            if size is not sizes[-1] and (reason := crowding()):
                raise MemoryFull(reason, [])
        except MemoryFull as problem:
            load.stop()
            load.put_aside(size, str(problem))
            lines = problem.lines
            say(f"{load.name}: {size.name} {size.value} does not fit: {problem}")
            continue
        load.chosen = size
        say(f"{load.name}: {size.name} {size.value} fits")
        return
    tried = ", ".join(str(size.value) for size in sizes)
    reason = f"{load.name} not ready: none of {sizes[0].name} {tried} fits into the GPU's memory"
    raise BackgroundNotReady(reason, lines)
