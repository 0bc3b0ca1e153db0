"""What the driver finds out while an experiment runs, until it becomes the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from tandem.background.backgrounds import Backgrounds
from tandem.base.clock import Moment, boottime_s, now
from tandem.base.git import GitState
from tandem.experiment.gpu_setup import gpu_setup_facts
from tandem.experiment.mps import isolation_of
from tandem.experiment.outcome import VERSION, Outcome, WindowEdges
from tandem.machine.board_setup import BoardNow
from tandem.machine.clocks.held import Held
from tandem.machine.faults import BoardFaultsSeen
from tandem.machine.gpu_locks import GpuLocks
from tandem.machine.gpus import Gpu
from tandem.machine.sharing import Sharing
from tandem.plan.model import Experiment
from tandem.processes.census import Found
from tandem.processes.namespace import Isolation
from tandem.processes.watch import Interrupted
from tandem.results.record import MachineFile, Position, Status
from tandem.results.record_process import Census, Process
from tandem.results.record_setup import MpsDaemon


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all experiments of a process; `git` and `worker` as in Outcome."""

    isolation: Isolation
    host: Mapping[str, Any]
    git: Mapping[str, GitState]
    leftovers: Sequence[Found]  # of earlier runs, removed when this one started
    locks: GpuLocks
    worker: str | None
    sharing: Sharing = field(default_factory=Sharing)  # what is known of it beforehand


@dataclass(frozen=True)
class Before:
    """What was before an experiment, as in Outcome.

    `describe` says what the machine is now; `end_describing` ends what that has begun.
    """

    cooldown: Mapping[str, Any] | None
    cpu_governor: str | None
    cut_off: Sequence[str]
    describe: Callable[[], MachineFile]
    end_describing: Callable[[], None]
    position: Position


@dataclass
class Seen:
    """What is found out on the way, for the outcome; `gpus` None: NVML does not answer."""

    clock: Moment = field(default_factory=now)
    status: Status = "finished"
    error_message: str | None = None
    stop_reason: str = "foreground ended"
    windows: list[WindowEdges] = field(default_factory=list)
    monitor_problem: str | None = None
    idle_context_problem: str | None = None  # why there is no such window, where it was asked for
    boards: list[BoardNow] | str = "the experiment ended before they were looked at"  # why not
    mps: list[MpsDaemon] = field(default_factory=list)
    held: Held = field(default_factory=Held)
    gpus_before: list[Gpu] | None = None
    gpus_after: list[Gpu] | None = None
    busy: list[str] = field(default_factory=list)  # why they were not free, and it ran all the same
    holders_before: list[Found] = field(default_factory=list)
    holders_after: list[Found] = field(default_factory=list)
    strays: list[Found] = field(default_factory=list)
    left: list[Found] = field(default_factory=list)
    locks_removed: list[str] = field(default_factory=list)
    machine: MachineFile | None = None
    sharing: Sharing = field(default_factory=Sharing)
    faults: list[BoardFaultsSeen] | None = None
    interrupted: Interrupted | None = None
    has_lost_disk: bool = False  # the run's disk was bad meanwhile, so that it is to run again


def outcome_of(
    experiment: Experiment,
    around: Surroundings,
    before: Before,
    seen: Seen,
    *,
    attempts: int,
    backgrounds: Backgrounds | None,
) -> Outcome:
    """Return what only this process knows, for the record."""
    isolation = isolation_of(experiment, around.isolation)
    loops: Any = [loop.facts() for loop in backgrounds.each] if backgrounds else []
    return Outcome(
        outcome_version=VERSION,
        experiment_id=experiment.id,
        worker=around.worker,
        clock=seen.clock.readings(),
        started_s=round(seen.clock.boottime_s, 6),
        ended_s=round(boottime_s(), 6),
        status=seen.status,
        error_message=seen.error_message,
        stop_reason=seen.stop_reason,
        attempts=attempts,
        windows=seen.windows,
        backgrounds=loops,
        misfits=list(backgrounds.misfits) if backgrounds else [],
        monitor_problem=seen.monitor_problem,
        idle_context_problem=seen.idle_context_problem,
        before=census_facts(seen.holders_before, seen.gpus_before),
        after=census_facts(seen.holders_after, seen.gpus_after),
        busy=seen.busy,
        leftovers=processes(around.leftovers),
        strays_killed=processes(seen.strays),
        left=processes(seen.left),
        locks_removed=seen.locks_removed,
        cut_off=before.cut_off,
        position=before.position,
        cooldown=before.cooldown,
        machine=seen.machine,
        faults=seen.faults,
        gpu_setup=gpu_setup_facts(experiment, seen.boards, seen.held, seen.mps),
        cpu_governor=before.cpu_governor,
        isolation={"mode": isolation.mode, "reason": isolation.reason},
        host=around.host,
        node_shared=seen.sharing.is_shared,
        node_shared_reason=seen.sharing.reason,
        git={folder: around.git[folder] for folder in folders_of(experiment)},
    )


def folders_of(experiment: Experiment) -> list[str]:
    """Return the folders whose state in git the record tells; "" is Tandem's own."""
    trainings = experiment.foreground, *(each.training for each in experiment.backgrounds)
    return list(dict.fromkeys(["", *(str(training.work_dir) for training in trainings)]))


def census_facts(holders: Sequence[Found], gpus: Sequence[Gpu] | None) -> Census:
    now_there = None if gpus is None else [asdict(gpu) for gpu in gpus]
    return {"gpu_holders": processes(holders), "gpus": cast(Any, now_there)}


def processes(found: Sequence[Found]) -> list[Process]:
    return [{"pid": each.pid, "name": each.name} for each in found]
