"""One background of an experiment: its loop started, stopped, and what its owner knows of it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.background.dosing import Dosing, stop_all
from tandem.background.judging import complaint, judge
from tandem.background.memory import MemoryUse
from tandem.background.rounds import LET_GO, ROUNDS, Stretch, event_line, read_rounds
from tandem.background.signs import Signs
from tandem.base.clock import boottime_s
from tandem.base.paths import BGRUN
from tandem.measure.powermon import Powermon
from tandem.plan.model import Background, Experiment, Size, Training
from tandem.processes.lines import append_line
from tandem.processes.proc import alive
from tandem.processes.reports import read_report
from tandem.processes.scripts import Script, end_script, start

ASIDE = "tried_"


@dataclass
class Loop:
    """The loop of one background of an experiment; `folder` gets its logs and rounds.

    `name` is how it is spoken of: "background", or "background 2" where there are several. `render`
    writes the script of a training into `script_file`. `memory` is what it holds of a GPU's,
    `dosing` stops and continues it where it is not to run all the time. Of sizes that are to be
    found, `chosen` is the one, `tried` tells of those that did not fit. `ready_by` says what showed
    that it was ready, as in the record.
    """

    name: str
    experiment: Experiment
    background: Background
    render: Callable[[Training], None]
    script_file: Path
    folder: Path
    environment: Mapping[str, str]
    monitor: Powermon
    memory: MemoryUse
    dosing: Dosing | None = None
    script: Script | None = None
    launched_s: float = 0.0
    starts: int = 0
    loop_pid: int = 0  # 0 until it has begun its first round
    ready_by: str | None = None
    is_stopping: bool = False
    reports: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    chosen: Size | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.training = self.background.training
        self.signs = Signs(self.training.log)
        self.known: tuple[tuple[int, int] | None, list[Stretch]] = None, []
        self.complained: set[str] = set()

    # -- starting ----------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop; its round numbers go on where an earlier start left off."""
        self.folder.mkdir(exist_ok=True)
        self.is_stopping, self.loop_pid = False, 0
        self.launched_s = boottime_s()
        self.starts += 1
        arguments = ["--logs", str(self.folder), str(self.script_file)]
        self.script = start(BGRUN, arguments, self.folder / "bgrun.log", self.environment)
        self.monitor.belongs("background", self.script)
        if self.dosing:
            self.dosing.start(self.script)

    def is_choosing(self) -> bool:
        """Whether a size is still to be found."""
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

    def can_show_training(self) -> bool:
        """Whether the registry has patterns by which its log can show that it trains."""
        return bool(self.training.log.patterns or self.training.log.epoch_pattern)

    def running(self) -> bool:
        """Whether the loop lives; without it, its keeper is only tidying up."""
        if self.script is None or self.script.ended():
            return False
        return not self.loop_pid or alive(self.loop_pid)

    def rests(self) -> bool:
        """Whether there have been as many rounds as there may be: no load is left."""
        most, rounds = self.background.dose.max_rounds, self.rounds()
        if most is None or not rounds or rounds[-1].end_s is None:
            return False
        return rounds[-1].last - rounds[0].first + 1 >= most

    # -- stopping ----------------------------------------------------------------------

    def stop(self) -> None:
        """End the loop and all below it, and keep its keeper's report."""
        if not self.script:
            return
        tell_to_stop([self])
        end_script(self.script, self.experiment.limits.grace_s)
        self.script = None
        report = read_report(self.folder, since_s=self.launched_s)
        if report is None:
            self.problems.append(
                f"no report from the {self.name}'s keeper, which was killed or found the disk full"
            )
        else:
            self.reports.append(report)
        self.judge_the_rest()

    def judge_the_rest(self) -> None:
        """Judge the rounds that ended last, which the loop has left to whoever reads its logs."""
        try:
            judge(self.folder, self.training.log)
        except OSError as error:
            self.problems.append(f"the {self.name}'s rounds could not be judged: {error.strerror}")

    def note_let_go(self) -> None:
        """Note that the round that runs may fail from now on, since it is about to be stopped."""
        for each in self.rounds()[-1:]:
            if each.end_s is None:
                with suppress(OSError):  # then it counts as failed
                    line = event_line(LET_GO, each.last, boottime_s())
                    append_line(str(self.rounds_file), line)

    # -- accounting --------------------------------------------------------------------

    @property
    def rounds_file(self) -> Path:
        return self.folder / ROUNDS

    def rounds(self) -> list[Stretch]:
        """Return the rounds since the latest start; the file is read when it has changed."""
        try:
            status = self.rounds_file.stat()
            state = status.st_mtime_ns, status.st_size
            if state != self.known[0]:
                self.known = state, read_rounds(self.rounds_file)
        except OSError:  # none has begun, or the disk is bad
            return []
        return [each for each in self.known[1] if each.start_s >= self.launched_s]

    def complaints(self) -> list[str]:
        """Return a warning of rounds that were no whole training, once of each kind."""
        found = []
        for kind in ("hollow", "without_metric"):
            rounds = [each for each in self.rounds() if getattr(each, kind)]
            if rounds and kind not in self.complained:
                self.complained.add(kind)
                found.append(f"warning: {self.name}: {complaint(rounds)}")
        return found

    def facts(self) -> dict[str, Any]:
        """Return what only this process knows of it, for outcome.json."""
        auto = self.background.auto
        return {
            "name": self.name,
            "logs": self.folder.name,
            "dose": self.dosing and self.dosing.folder.name,
            "dose_problem": self.dosing and self.dosing.problem,
            "starts": self.starts,
            "reports": self.reports,
            "problems": self.problems,
            "size": self.training.hyperparameters[auto[0].name] if auto else None,
            "chosen": self.chosen and self.chosen.value,
            "tried": self.tried,
            "gpu_memory": self.memory.facts(),
            "ready_by": self.ready_by,
        }


def tell_to_stop(loops: Sequence[Loop]) -> None:
    """Begin the stop of all in the same instant, that of their controllers just before it.

    Notice first whose loop had ended by itself.
    """
    going = [(loop, loop.script) for loop in loops if loop.script and not loop.is_stopping]
    for loop, _ in going:
        loop.is_stopping = True
        if not loop.running():
            loop.problems.append(f"the {loop.name} loop ended before the foreground")
    stop_all([loop.dosing for loop, _ in going if loop.dosing])
    for loop, script in going:
        if loop.dosing and loop.dosing.problem:
            loop.problems.append(f"{loop.name}: {loop.dosing.problem}")
        script.signal(signal.SIGTERM)
