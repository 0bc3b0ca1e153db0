"""The backgrounds of an experiment: ready one and all, stopped together, accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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

    def running(self) -> bool:
        """Whether all are a load: one that rests is gone."""
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
