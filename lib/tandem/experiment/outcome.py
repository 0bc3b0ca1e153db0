"""outcome.json: what only the driver's memory knew when an experiment ended, written once.

Beside the plan and what trainings, keepers, loops and the monitor wrote, it is all that a record is
made from. Every value is as in the file; moments are in seconds on CLOCK_BOOTTIME.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypedDict

from tandem.base.clock import Moment
from tandem.base.errors import UsageError
from tandem.base.files import write_whole
from tandem.base.git import GitState
from tandem.machine.faults import BoardFaultsSeen
from tandem.results.record import Isolation, MachineFile, Position, Status
from tandem.results.record_process import Census, Process
from tandem.results.record_setup import GpuSetup

NAME = "outcome.json"
VERSION = 3


class BackgroundOutcome(TypedDict):
    """What a loop's owner knew of it: see Loop.facts."""

    name: str
    logs: str  # the folder of its logs, beside the outcome
    dose: str | None  # the folder of its dose controller's files
    dose_problem: str | None
    starts: int
    reports: list[dict[str, Any]]  # of its keeper, one a start, as far as it wrote one
    problems: list[str]
    size: int | None  # the newest that was started, where one is to be found
    chosen: int | None  # the one that was found
    tried: list[dict[str, Any]]
    gpu_memory: dict[str, Any]
    ready_by: str | None


class WindowEdges(TypedDict):
    """A stretch of time that was measured without a foreground.

    `name` is idle, idle_context or background.
    """

    name: str
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Outcome:
    """The outcome of one experiment.

    `worker` is whose try it is, where several workers drain the run, else None.
    `clock` is the one pair of readings, from which moments are shown in UTC. `attempts` is how many
    there were. `busy` says why the GPUs were not free, where it ran all the same. `leftovers` are
    those of earlier runs, `strays_killed` those of this experiment, `left` could not be ended.
    `idle_context_problem` says why there is no such window, where it was asked for.
    `locks_removed` says which locks somebody removed meanwhile.
    `cut_off` says where earlier tries at this experiment lie, `cooldown` what came of the one
    before it (None: it was the first). `faults` are those of the boards in use (None: NVML does not
    answer), `gpu_setup` is how they were shared and set. `node_shared` is whether others may have
    worked on this machine; None: not known, for the reason beside it. `git` has the state of each
    folder; "" is Tandem's own.
    """

    outcome_version: int
    experiment_id: str
    worker: str | None
    clock: Mapping[str, float]
    started_s: float
    ended_s: float
    status: Status
    error_message: str | None
    stop_reason: str
    attempts: int
    windows: Sequence[WindowEdges]
    backgrounds: Sequence[BackgroundOutcome]
    misfits: Sequence[str]
    monitor_problem: str | None
    idle_context_problem: str | None
    before: Census
    after: Census
    busy: Sequence[str]
    leftovers: Sequence[Process]
    strays_killed: Sequence[Process]
    left: Sequence[Process]
    locks_removed: Sequence[str]
    cut_off: Sequence[str]
    position: Position
    cooldown: Mapping[str, Any] | None
    machine: MachineFile | None
    faults: Sequence[BoardFaultsSeen] | None
    gpu_setup: GpuSetup
    cpu_governor: str | None
    isolation: Isolation
    host: Mapping[str, Any]
    node_shared: bool | None
    node_shared_reason: str | None
    git: Mapping[str, GitState]

    def utc(self, boottime_s: float) -> str:
        """Return a moment in ISO 8601."""
        return Moment(self.clock["boottime_s"], self.clock["utc_s"]).iso_at(boottime_s)

    def rapl_reason(self) -> str | None:
        """Return why RAPL's joules may be others' as well; None: they are this run's alone."""
        if self.node_shared is False:
            return None
        return f"RAPL counts the whole machine, and {self.node_shared_reason}"


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Write it, whole; OSError: it could not be (FileNotFoundError: the folder is gone)."""
    text = json.dumps(vars(outcome), ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(str(folder / NAME), f"{text}\n".encode(errors="backslashreplace"))


def read_outcome(folder: Path) -> Outcome:
    """Return the outcome in an experiment's folder; UsageError: there is none, or it is damaged."""
    file = folder / NAME
    try:
        value = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{folder}: holds no {NAME} (it did not end, or is too old)") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror} (check the file)") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{file}: not JSON (restore it)") from None
    names = {each.name for each in fields(Outcome)}
    if not isinstance(value, dict) or value.keys() != names or value["outcome_version"] != VERSION:
        raise UsageError(f"{file}: not as this version of Tandem writes it (restore it)")
    return Outcome(**value)
