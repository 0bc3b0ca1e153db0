"""The background of one experiment: started, seen to work, stopped, accounted for."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.background.auto import LoadNotReady, MemoryFull, says_memory_is_full
from tandem.background.dosing import Dosing, stop_all
from tandem.background.memory import MemoryUse
from tandem.background.rounds import (
    Stretch,
    failures,
    has_unknown_end,
    pauses,
    rate,
    read_rounds,
    running_s,
)
from tandem.base.logs import last_lines
from tandem.base.paths import BGRUN
from tandem.measure.powermon import Monitor
from tandem.plan.model import Background, Experiment, Size, Training
from tandem.processes.proc import alive, children, cpu_s, descendants, stat
from tandem.processes.reports import read_report
from tandem.processes.scripts import Script, Watch, end_script, start

NOT_STARTED_CODES = (126, 127)  # what a shell, and the keeper, say of a command that cannot run
WORK_CPU_S = 0.05
LAST_LINES = 10
ASIDE = "tried_"
LONGER, LONGER_S = 1.25, 0.5  # what lives so much longer than any crash did is not the next one


@dataclass
class Load:
    """The loop of one background of an experiment; `folder` gets its logs and rounds.

    `name` is how it is spoken of: "background", or "background 2" where there are several. `render`
    writes the script of a training into `script_file`. `memory` is what it holds of a GPU's,
    `dosing` stops and continues it where it is not to run all the time. Of sizes that are to be
    found, `chosen` is the one, `tried` tells of those that did not fit.
    """

    name: str
    experiment: Experiment
    background: Background
    render: Callable[[Training], None]
    script_file: Path
    folder: Path
    environment: Mapping[str, str]
    monitor: Monitor
    memory: MemoryUse
    dosing: Dosing | None = None
    script: Script | None = None
    launched_s: float = 0.0
    loop_pid: int = 0  # 0 until it has begun its first round
    is_stopping: bool = False
    reports: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    chosen: Size | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.training = self.background.training

    # -- starting ----------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop; its round numbers go on where an earlier start left off."""
        self.folder.mkdir(exist_ok=True)
        self.is_stopping, self.loop_pid = False, 0
        self.launched_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        arguments = ["--logs", str(self.folder), str(self.script_file)]
        self.script = start(BGRUN, arguments, self.folder / "bgrun.log", self.environment)
        self.monitor.belongs("background", self.script)
        if self.dosing:
            self.dosing.start(self.script)

    def is_choosing(self) -> bool:
        """Tell whether a size is still to be found."""
        return bool(self.background.auto) and self.chosen is None

    def use(self, size: Size) -> None:
        """Take the training with that size from the next start on."""
        self.training = self.background.at(size)
        self.render(self.training)
        self.memory.forget()

    def put_aside(self, size: Size, reason: str) -> None:
        """Keep what a size that does not fit has left in a folder of its own, and say why."""
        self.tried.append({"value": size.value, "reason": reason})
        left = [path for path in self.folder.iterdir() if not path.name.startswith(ASIDE)]
        aside = self.folder / f"{ASIDE}{size.value}"
        aside.mkdir()
        for path in left:
            path.rename(aside / path.name)

    def running(self) -> bool:
        """Tell whether the loop lives; without it, its keeper is only tidying up."""
        if self.script is None or self.script.ended():
            return False
        return not self.loop_pid or alive(self.loop_pid)

    def wait_ready(self, watch: Watch, tick: Callable[[], None]) -> None:
        """Return when the loop has been alive for the warm-up and has shown work.

        Raises LoadNotReady when it ends, cannot start its training, or shows no work in time.
        """
        assert self.script is not None
        waited_s = self.experiment.warmup_s + self.experiment.ready_timeout_s
        give_up_s = time.monotonic() + waited_s

        def after_tick(condition: Callable[[], object]) -> Callable[[], bool]:
            def is_true() -> bool:
                tick()
                return bool(condition()) or self.flaw() is not None

            return is_true

        watch.wait([self.script], give_up_s, after_tick(self.rounds), period_s=0.02)
        self.loop_pid = next(iter(children(self.script.pid)), 0)
        self.check_startable()
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        alive_s = now_s - self.rounds()[0].start_s if self.rounds() else 0.0
        warm_s = time.monotonic() + self.experiment.warmup_s - alive_s
        watch.wait([self.script], warm_s, after_tick(lambda: False), period_s=0.25)
        self.check_startable()
        watch.wait([self.script], give_up_s, after_tick(self.shows_work), period_s=0.1)
        if self.is_choosing():
            watch.wait([self.script], give_up_s, after_tick(self.has_used_gpu), period_s=0.1)
        self.check_startable()
        if self.is_choosing() and not self.has_used_gpu():
            raise self.not_ready(f"no use of the GPU in {waited_s:g} s: whether it fits is unknown")
        if not self.shows_work():
            raise self.not_ready(f"{self.what_is_missing()} in {waited_s:g} s")

    def check_startable(self) -> None:
        """Raise what is wrong with the loop, if anything is."""
        if (flaw := self.flaw()) is not None:
            raise flaw

    def flaw(self) -> LoadNotReady | None:
        """Return why it will not be a load: it has ended, rests, or no round can run.

        MemoryFull: a size is still to be found, and this one does not fit.
        """
        if (full := self.full_round()) is not None:
            lines = last_lines(self.folder / f"run_{full}.log", LAST_LINES)
            return MemoryFull(f"out of memory in round {full}", lines)
        if not self.running():
            return self.not_ready("the loop ended")
        rounds = self.rounds()
        ended = [stretch for stretch in rounds if stretch.end_s is not None]
        if ended and all(stretch.exit_code in NOT_STARTED_CODES for stretch in ended):
            return self.not_ready(f"its training cannot be run (exit code {ended[-1].exit_code})")
        return self.not_ready("all its rounds (max_rounds) are over") if self.rests() else None

    def rests(self) -> bool:
        """Tell whether there have been as many rounds as there may be: the load is gone."""
        most, rounds = self.background.dose.max_rounds, self.rounds()
        if most is None or not rounds or rounds[-1].end_s is None:
            return False
        return rounds[-1].last - rounds[0].first + 1 >= most

    def full_round(self) -> int | None:
        """Return a round that failed because the memory is full; None also where none may."""
        failed = [each.last for each in self.rounds() if each.failed] if self.is_choosing() else []
        logs = ((number, self.folder / f"run_{number}.log") for number in failed)
        return next((number for number, log in logs if says_memory_is_full(log)), None)

    def has_used_gpu(self) -> bool:
        """Tell whether a round succeeded, or the GPU was used, if that can be seen at all.

        Before that, nobody can say that what a training needs fits into the memory.
        """
        succeeded = any(stretch.completed for stretch in self.rounds())
        return succeeded or not self.memory.is_told or bool(self.memory.sm_max_percent)

    def shows_work(self) -> bool:
        """Tell whether a round of this start succeeded, or what runs writes or uses CPU time.

        After failed rounds it must have lived longer than they did, or it may be the next of them.
        One that holds GPU memory must be seen to use the GPU, one that is to be dosed must be.
        """
        rounds = self.rounds()
        if self.memory.idles() or (self.dosing and not self.dosing.has_begun()):
            return False
        if any(stretch.completed for stretch in rounds):
            return True
        if not rounds or rounds[-1].end_s is not None:
            return False
        failed_s = [stretch.running_s for stretch in rounds if stretch.failed]
        lived_s = time.clock_gettime(time.CLOCK_BOOTTIME) - rounds[-1].start_s
        if failed_s and lived_s < LONGER * max(failed_s) + LONGER_S:
            return False
        log = self.folder / f"run_{rounds[-1].first}.log"
        if log.exists() and log.stat().st_size > 0:
            return True
        return sum(map(cpu_s, self.training_processes())) >= WORK_CPU_S

    def what_is_missing(self) -> str:
        """Say why it does not show work."""
        failed = sum(stretch.failed for stretch in self.rounds())
        if self.dosing and not self.dosing.has_begun():
            return ": ".join(filter(None, ["its dose did not begin", self.dosing.problem]))
        if self.memory.idles():
            return "no use of the GPU"
        return f"no round succeeded, {failed} failed," if failed else "no output and no CPU time"

    def training_processes(self) -> list[int]:
        """Return who is below a round's keeper: whoever left the sessions of loop and keeper."""
        assert self.script is not None
        everyone = [(pid, stat(pid)) for pid in descendants(self.script.pid)]
        own_sessions = {str(self.script.pid), *(str(pid) for pid, _ in everyone[:1])}
        return [pid for pid, fields in everyone if fields and fields[3] not in own_sessions]

    def not_ready(self, reason: str) -> LoadNotReady:
        rounds = self.rounds()
        newest = [each for each in rounds if each.failed][-1:] or rounds[-1:]
        logs = [self.folder / f"run_{each.last}.log" for each in newest]
        logs.append(self.folder / "bgrun.log")
        lines = [line for log in logs for line in last_lines(log, LAST_LINES)]
        return LoadNotReady(f"{self.name} not ready: {reason}", lines[:LAST_LINES])

    # -- stopping ----------------------------------------------------------------------

    def stop(self) -> None:
        """End the loop and all below it, and keep its keeper's report."""
        if not self.script:
            return
        tell_to_stop([self])
        end_script(self.script, self.experiment.grace_s)
        self.script = None
        report = read_report(self.folder, since_s=self.launched_s)
        if report is None:
            self.problems.append(
                f"no report from the {self.name}'s keeper, which was killed or found the disk full"
            )
        else:
            self.reports.append(report)

    # -- accounting --------------------------------------------------------------------

    @property
    def rounds_file(self) -> Path:
        return self.folder / "rounds.tsv"

    def rounds(self) -> list[Stretch]:
        """Return the rounds since the latest start."""
        return [each for each in read_rounds(self.rounds_file) if each.start_s >= self.launched_s]

    def coverage(self, from_s: float, to_s: float) -> float | None:
        """Return the share, 0 to 1, of a window in which a training ran.

        None: the window is empty, or nobody was left to note the end of a round in it.
        """
        rounds = read_rounds(self.rounds_file)
        if to_s <= from_s or has_unknown_end(rounds, from_s, to_s):
            return None
        return min(1.0, running_s(rounds, from_s, to_s) / (to_s - from_s))

    def figures(self, from_s: float, to_s: float) -> dict[str, Any]:
        """Return how much load there was in a window, for the record: times in seconds."""
        rounds = read_rounds(self.rounds_file)
        coverage = self.coverage(from_s, to_s)
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
            "rounds_failed": failures(rounds, from_s, to_s),
            "rounds_per_second": per_second,
            "rate_reason": reason,
            "seconds_without": None if coverage is None else round(without_s, 3),
            "longest_gap_seconds": None if coverage is None else round(longest_gap_s, 3),
            "dose": self.dosing.facts(from_s, to_s) if self.dosing else None,
        }


def tell_to_stop(loads: Sequence[Load]) -> None:
    """Begin the stop of all in the same instant, that of their controllers just before it.

    Notice first whose loop had ended by itself.
    """
    going = [(load, load.script) for load in loads if load.script and not load.is_stopping]
    for load, _ in going:
        load.is_stopping = True
        if not load.running():
            load.problems.append(f"the {load.name} loop ended before the foreground")
    stop_all([load.dosing for load, _ in going if load.dosing])
    for load, script in going:
        if load.dosing and load.dosing.problem:
            load.problems.append(f"{load.name}: {load.dosing.problem}")
        script.signal(signal.SIGTERM)
