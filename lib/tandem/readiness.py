"""Is the machine ready? What earlier runs left, who is on the GPUs, how backgrounds can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tandem import census
from tandem.environment import git_state
from tandem.errors import NotReadyError
from tandem.launch import Watch
from tandem.measure.busy import GpuBusyError, Sensors, people
from tandem.namespace import Isolation, off, probe
from tandem.paths import ROOT
from tandem.plan import Experiment, Training
from tandem.resolve import folder_flaw

Say = Callable[[str], None]


def remove_leftovers(say: Say) -> list[census.Found]:
    """Remove, and name, what an earlier run left behind when everything was killed.

    NotReadyError: something of it cannot be ended.
    """
    found, left = census.remove_all()
    for process in found:
        say(f"removed process {process.pid} ({process.name}) of an earlier run")
    if left:
        names = ", ".join(f"{process.pid} ({process.name})" for process in left)
        raise NotReadyError(f"still alive from an earlier run, and cannot be ended: {names}")
    return found


def see_trainings(experiments: Iterable[Experiment]) -> None:
    """See that all train scripts are there: a plan may be older than what became of the disks.

    NotReadyError: one is not, and every experiment of it would fail.
    """
    places = {(each.work_dir, each.command[0]): None for each in trainings_of(experiments)}
    if flaws := sorted({flaw for place in places if (flaw := folder_flaw(*place))}):
        raise NotReadyError("\n".join(flaws))


def see_who_is_there(sensors: Sensors, watch: Watch, say: Say) -> None:
    """Show who is on the GPUs; NotReadyError if they are busy, and that is not allowed."""
    try:
        gpus, reasons = sensors.wait_free(watch, say)
    except GpuBusyError as error:
        raise NotReadyError(
            f"{error} (wait for that with --wait-idle SECONDS, or run beside it, with records"
            " that say so, with --allow-busy)"
        ) from None
    if not reasons:
        for line in device_holders() if gpus is None else people(gpus):
            say(line)


def device_holders() -> list[str]:
    """Return who has a GPU's files open, which is all that is known without NVML."""
    return [
        f"a GPU is in use by process {found.pid} ({found.name})"
        for found in census.device_holders()
    ]


def isolation_for(experiments: Iterable[Experiment], use_namespace: bool) -> Isolation:
    """Return how the backgrounds of these experiments can be kept."""
    if all(experiment.background is None for experiment in experiments):
        return off("no background")
    return probe() if use_namespace else off("switched off")


def git_states(experiments: Iterable[Experiment]) -> dict[str, dict[str, Any]]:
    """Return the git state of each folder before any training can change it; "" is Tandem's."""
    folders = {training.work_dir for training in trainings_of(experiments)}
    return {"": git_state(ROOT), **{str(folder): git_state(folder) for folder in folders}}


def trainings_of(experiments: Iterable[Experiment]) -> list[Training]:
    pairs = [(experiment.foreground, experiment.background) for experiment in experiments]
    return [training for pair in pairs for training in pair if training]
