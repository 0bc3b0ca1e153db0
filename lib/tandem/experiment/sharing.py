"""How the trainings of an experiment shared a GPU in fact, by what was seen of them.

Where nobody saw on which GPUs a training was, it was on those that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tandem.base.variables import VISIBLE
from tandem.config.options import MIG, MPS, TIME_SLICING
from tandem.measure.windows.places import absence, elsewhere, numbered
from tandem.nvml.boards import EXCLUSIVE_PROCESS, EXCLUSIVE_THREAD
from tandem.nvml.presence import words_of
from tandem.plan.model import Experiment, Plan, Training
from tandem.results.record_setup import GpuSetup
from tandem.results.record_window import GpuSeen, Window, WindowGpu, used_by

_ROLES = ("foreground", "background")


class UnsharedError(Exception):
    """No GPU was shared in any of the three ways, or it is not known in which; says why."""


def with_sharing(
    setup: GpuSetup, experiment: Experiment, plan: Plan, window: Window | None
) -> GpuSetup:
    """Return what the driver knew, with how the GPU was shared, and with the slices in use."""
    sharing = reason = None
    try:
        sharing = sharing_of(setup, experiment, plan, window)
    except UnsharedError as error:
        reason = str(error)
    unused = {gpu["uuid"] for gpu in window["gpus"] if _is_unused(gpu)} if window else set()
    mig = [each for each in setup["mig"] if each["uuid"] not in unused]
    return {**setup, "sharing": sharing, "sharing_reason": reason, "mig": mig}


def sharing_of(setup: GpuSetup, experiment: Experiment, plan: Plan, window: Window | None) -> str:
    """Return how the foreground shared the GPU with its background, or its twin's.

    Of a training without any it is how a second one would share it. UnsharedError: see there.
    """
    if window is None:
        raise UnsharedError("no foreground was measured")
    trainings = trainings_by_role(experiment, plan)
    if problem := next(problems_of_places(setup, trainings, window), None):
        raise UnsharedError(problem)
    if setup["mps"]:
        return under_mps(window)
    if theirs := [gpu for gpu in window["gpus"] if gpu["mps"]]:
        raise UnsharedError(f"a server of MPS that is not this run's was on {numbered(theirs)}")
    return by_places(setup, trainings, window)


def trainings_by_role(experiment: Experiment, plan: Plan) -> dict[str, Sequence[Training]]:
    """Return the trainings that share a GPU; those of a solo run are its twins' backgrounds."""
    parallel = [experiment, *plan.partners.get(experiment.id, ())]
    backgrounds = [each.training for one in parallel for each in one.backgrounds]
    return {"foreground": [experiment.foreground], "background": backgrounds}


def problems_of_places(
    setup: GpuSetup, trainings: dict[str, Sequence[Training]], window: Window
) -> Iterator[str]:
    """Yield why the trainings were not on the GPUs that they were to share."""
    if not window["gpus"]:
        yield window["gpus_reason"] or "there is no GPU"
    for role in _ROLES:
        if others := elsewhere(window, role):
            yield f"the {role} was on {numbered(others)}, which was not measured"
        words = given(trainings[role])
        strayed = [gpu for gpu in used_by(window, role) or () if not is_named(gpu, words, setup)]
        if strayed and words and not any(word.isdecimal() for word in words):
            yield f"the {role} was on {numbered(strayed)}, and was given {', '.join(words)}"
    if absent := absence(window, "foreground"):
        yield absent


def under_mps(window: Window) -> str:
    """Return that it was MPS; UnsharedError: a training was seen to be no client of its server."""
    for role in _ROLES:
        on = [gpu for gpu in window["gpus"] if used_it(gpu, role) and not gpu["mps"]]
        if on:
            raise UnsharedError(f"the {role} was on {numbered(on)}, and no client of MPS was")
    return MPS


def by_places(setup: GpuSetup, trainings: dict[str, Sequence[Training]], window: Window) -> str:
    """Return how trainings share what they are on, without MPS."""
    ours = places(setup, window, "foreground", trainings["foreground"])
    others = trainings["background"] or trainings["foreground"]
    theirs = places(setup, window, "background", others)
    if not {gpu["uuid"] for gpu in ours}.isdisjoint(gpu["uuid"] for gpu in theirs):
        has_slice = all(gpu["mig"] for gpu in ours)
        if not trainings["background"] and has_slice and setup["requested"].get("sharing") == MIG:
            return MIG
        return taking_turns(setup, ours)
    if {gpu["index"] for gpu in ours}.isdisjoint(gpu["index"] for gpu in theirs):
        both = f"the foreground on {numbered(ours)}, the background on {numbered(theirs)}"
        raise UnsharedError(f"the trainings were on different GPUs: {both}")
    return MIG


def taking_turns(setup: GpuSetup, gpus: Sequence[WindowGpu]) -> str:
    """Return that it was time slicing; UnsharedError: the compute mode lets no second one in."""
    indices = {gpu["index"] for gpu in gpus}
    for board in setup["boards"] or ():
        mode = board["compute_mode"]
        if board["index"] in indices and mode in (EXCLUSIVE_PROCESS, EXCLUSIVE_THREAD):
            where = f"GPU {board['index']} lets in one process alone"
            raise UnsharedError(f"{where}: its compute mode is {mode}")
    return TIME_SLICING


def places(
    setup: GpuSetup, window: Window, role: str, trainings: Sequence[Training]
) -> list[WindowGpu]:
    """Return the measured GPUs that a role was on, or was given; all where it was given none."""
    seen = {gpu["uuid"] for gpu in used_by(window, role) or ()}
    on = [gpu for gpu in window["gpus"] if gpu["uuid"] in seen]
    words = given(trainings)
    chosen = [gpu for gpu in window["gpus"] if is_named(gpu, words, setup)]
    return on or chosen or list(window["gpus"])


def given(trainings: Iterable[Training]) -> list[str]:
    """Return the words for GPUs that the settings or the registry give to trainings."""
    choices = (words_of(each.environment.get(VISIBLE, "")) for each in trainings)
    return list(dict.fromkeys(word for words in choices for word in words))


def is_named(gpu: GpuSeen | WindowGpu, words: Iterable[str], setup: GpuSetup) -> bool:
    """Whether one of these words names a GPU, or the board that it is a slice of."""
    boards = (each["board_uuid"] for each in setup["mig"] if each["uuid"] == gpu["uuid"])
    names = gpu["uuid"], *boards
    return any(
        word == str(gpu["index"]) or any(name.startswith(word) for name in names) for word in words
    )


def used_it(gpu: WindowGpu, role: str) -> bool | None:
    return gpu["foreground_seen"] if role == "foreground" else gpu["background_seen"]


def _is_unused(gpu: WindowGpu) -> bool:
    return all(used_it(gpu, role) is False for role in _ROLES)
