"""Is the machine ready? What earlier runs left, who is on the GPUs, how backgrounds can be kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from tandem.base.errors import NotReadyError
from tandem.base.git import GitState, git_state
from tandem.base.paths import ROOT, as_seen_from_here
from tandem.base.variables import VISIBLE
from tandem.config.environments import environment_flaw
from tandem.config.program import folder_flaw, start_words
from tandem.machine.gpus import GpuBusyError, Sensors, process_lines
from tandem.machine.mps.leftovers import remove_left
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.presence import has_gpu, words_of
from tandem.plan.model import Experiment, Training
from tandem.processes import census
from tandem.processes.namespace import Isolation, off, probe
from tandem.processes.watch import Watch
from tandem.results.shared.local_samples import clear_up

Say = Callable[[str], None]


def remove_leftovers(say: Say) -> list[census.Found]:
    """Remove, and name, what an earlier run left behind when everything was killed.

    NotReadyError: something of it cannot be ended.
    """
    found, left = census.remove_all()
    of_mps, left_of_mps = remove_left()  # also what has lost its environment's mark
    found, left = [*found, *of_mps], [*left, *left_of_mps]
    for process in found:
        say(f"removed process {process.pid} ({process.name}) of an earlier run")
    if left:
        names = ", ".join(f"{process.pid} ({process.name})" for process in left)
        raise NotReadyError(f"still alive from an earlier run, and cannot be ended: {names}")
    return found


def see_trainings(experiments: Sequence[Experiment]) -> None:
    """See that all programs are there: a plan may be older than what became of the disks.

    NotReadyError: one is not, and every experiment of it would fail.
    """
    places = {
        (each.work_dir, start_words(each.command), each.environment.get("PATH"), each.commit)
        for each in trainings_of(experiments)
    }
    flaws = {
        folder_flaw(folder, command, path=path, is_fetched=commit is not None)
        for folder, command, path, commit in places
    }
    flaws |= {environment_flaw(each.environment) for each in trainings_of(experiments)}
    if flaws := flaws - {""}:
        raise NotReadyError("\n".join(sorted(flaws)))


def see_gpus(experiments: Sequence[Experiment], say: Say) -> None:
    """See that no training is given a GPU that this run has no lock of, or that is not there.

    NotReadyError: one is. Whether it is there, only NVML says; without NVML that is said.
    """
    ours = os.environ.get(VISIBLE)  # None: the whole machine is locked
    for training in trainings_of(experiments):
        theirs = training.environment.get(VISIBLE, "")
        if ours is not None and (others := others_in(theirs, ours)):
            raise NotReadyError(
                f"{training.repo} is to see GPU {', '.join(others)}, but {VISIBLE} is"
                f' "{ours}" for this run (change one of the two)'
            )
    first_places: dict[str, str] = {}  # NVML is asked once for each choice, not for each experiment
    for place, gpus in (given for each in experiments for given in gpus_given(each)):
        first_places.setdefault(gpus, place)
    for gpus, place in first_places.items():
        try:
            words = [word for each in gpus.split(",") if (word := each.strip())]
            each_one = [device for word in words for device in nvml.visible(word, True)]
        except nvml.UnknownGpuError as error:
            raise NotReadyError(f"{place}: {error}") from None
        except NvmlError as error:
            say(f'warning: {place}: "{gpus}" cannot be looked at: no GPU can be seen ({error})')
            return
        if len(set(each_one)) < len(each_one):
            raise NotReadyError(f'{place}: "{gpus}" names a GPU twice (remove one)')


def others_in(theirs: str, ours: str) -> list[str]:
    """Return what a choice of GPUs names that another does not; both may mean the same."""
    others = sorted(set(words_of(theirs)) - set(words_of(ours)))
    with suppress(NvmlError), opened():
        known, meant = {*nvml.visible(ours)}, {word: nvml.visible(word) for word in others}
        others = [word for word in others if not meant[word] or {*meant[word]} - known]
    return others


def gpus_given(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield where the settings give GPUs to a training of an experiment, and which.

    What the registry says to it, such as that it is to see none, is its own affair.
    """
    if experiment.place:
        yield from gpus_in_design(experiment)
        return
    entry = experiment.source_entry
    front = ".foreground" if "foreground" in entry else ""
    parts = [(front, entry.get("foreground", entry), experiment.foreground)]
    loads = entry.get("background", ())
    several = {".background": loads}
    if isinstance(loads, list):
        several = {f".background[{place}]": load for place, load in enumerate(loads)}
    trainings = (each.training for each in experiment.backgrounds)  # none for its control
    parts += [(*load, training) for load, training in zip(several.items(), trainings, strict=False)]
    for part, given, training in parts:
        if given.get("gpus") is not None:
            yield f"{experiment.source_path}{part}.gpus", training.environment[VISIBLE]


def gpus_in_design(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Yield the same of a design, where an entry need not hold what its experiments are given.

    GPUs that the registry gives are among them.
    """
    for training in trainings_of([experiment]):
        if gpus := training.environment.get(VISIBLE):
            yield f"{experiment.source_path} ({training.repo}/{training.model})", gpus


def see_nvml(say: Say) -> None:
    """Say that a GPU is here that will not be measured, as NVML cannot start, and what helps."""
    try:
        with opened():
            return
    except NvmlError as error:
        shown = os.environ.get(VISIBLE)
        if has_gpu(error) and (shown is None or words_of(shown)):
            why = error.with_hint()
            say(f"warning: this machine has a GPU that cannot be measured: {why}")
            say(
                'only records of trainings whose device is "cpu" in the registry will be valid'
                f" (or set {VISIBLE} to nothing: then this run uses no GPU)"
            )


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
        for line in device_holders() if gpus is None else process_lines(gpus):
            say(line)


def device_holders() -> list[str]:
    """Return who has a GPU's files open, which is all that is known without NVML."""
    return [
        f"a GPU is in use by process {found.pid} ({found.name})"
        for found in census.device_holders()
    ]


def bring_in_left_samples(say: Say) -> None:
    """Move what killed workers have measured from this machine's own disk to where it belongs."""
    for folder in clear_up():
        say(f"brought in the samples of {as_seen_from_here(folder)}, whose worker was killed")


def isolation_for(experiments: Iterable[Experiment], use_namespace: bool) -> Isolation:
    """Return how the backgrounds of these experiments can be kept."""
    if all(not experiment.backgrounds for experiment in experiments):
        return off("no background")
    return probe() if use_namespace else off("switched off")


def git_states(experiments: Sequence[Experiment]) -> dict[str, GitState]:
    """Return the git state of each folder before any training can change it; "" is Tandem's."""
    folders = {training.work_dir for training in trainings_of(experiments)}
    return {"": git_state(ROOT), **{str(folder): git_state(folder) for folder in folders}}


def trainings_of(experiments: Sequence[Experiment]) -> list[Training]:
    loads = [each.training for experiment in experiments for each in experiment.backgrounds]
    return [experiment.foreground for experiment in experiments] + loads
