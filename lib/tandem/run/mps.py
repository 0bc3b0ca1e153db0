"""Whether this machine can run experiments under MPS: seen before anything starts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress

from tandem.base.errors import NotReadyError
from tandem.base.text import quote
from tandem.base.variables import MPS_MEMORY, MPS_PERCENTAGE, VISIBLE
from tandem.experiment.mps import is_under_mps
from tandem.machine.mps.control import PROGRAM
from tandem.machine.mps.folder import NoFolderError, make_folder
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.boards import compute_capability
from tandem.nvml.devices import Device
from tandem.plan.model import Experiment, Training

SHARED_MEMORY = "/dev/shm"

_OLDEST, _OLDEST_WITH_LIMITS = (3, 5), (7, 0)
_LIMIT = re.compile(r"([0-9]+)=([1-9][0-9]*)([GM])B?")
_MIB = {"G": 1024.0, "M": 1.0}


def see_mps(experiments: Sequence[Experiment]) -> None:
    """See that those under MPS can be; NotReadyError: one cannot, and what to do about it."""
    under = [each for each in experiments if is_under_mps(each)]
    if not under:
        return
    first = f'{under[0].source_path}: "sharing" is "mps"'
    if problem := next(_problems_of_machine(), None):
        raise NotReadyError(f"{first}, and {problem}")
    flaws: dict[str, None] = {}
    seen = set()
    for each in under:
        trainings = _trainings(each)
        key = each.source_path, *(tuple(it.environment.items()) for it in trainings)
        if key not in seen:
            seen.add(key)
            flaws |= {f"{each.source_path}: {flaw}": None for flaw in flaws_of(trainings)}
    if flaws:
        raise NotReadyError("\n".join(flaws))


def _problems_of_machine() -> Iterator[str]:
    if shutil.which(PROGRAM) is None:
        what = "NVIDIA's driver brings it, some systems in a package of its own"
        yield f'there is no {PROGRAM} on PATH ({what}; or use "time_slicing")'
    if not os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        how = "in a container: give it one, as docker does without --ipc=none"
        yield f"there is no {SHARED_MEMORY} that this user may write to ({how})"
    try:
        make_folder().remove()
    except NoFolderError as error:
        yield f"no folder can be made for its sockets: {error} (make room in /tmp)"


def flaws_of(trainings: Sequence[Training]) -> Iterator[str]:
    """Yield why the trainings of an experiment, the foreground first, cannot be clients."""
    chosen = trainings[0].environment.get(VISIBLE, os.environ.get(VISIBLE))
    try:
        with opened():
            gpus = nvml.visible(chosen)
            yield from _board_flaws(gpus, trainings)
            yield from _limit_flaws(gpus, trainings)
    except NvmlError as error:
        yield f'"sharing" is "mps", and no GPU can be seen: {error.with_hint()}'


def _board_flaws(gpus: Sequence[Device], trainings: Sequence[Training]) -> Iterator[str]:
    limited = any(each.environment.keys() & {MPS_MEMORY, MPS_PERCENTAGE} for each in trainings)
    for board in nvml.boards():
        if not any(gpu.index == board.index for gpu in gpus):
            continue
        if any(gpu.mig is not None for gpu in gpus if gpu.index == board.index):
            how = 'set "sharing" to "mig", or choose a GPU that is whole'
            yield f'"sharing" is "mps", and GPU {board.index} is in MIG mode ({how})'
        with suppress(NvmlError):
            found = compute_capability(board)
            have = f"GPU {board.index} ({board.name}) has compute capability {found[0]}.{found[1]}"
            if found < _OLDEST:
                yield f'{have}, and MPS needs 3.5 ("time_slicing" works)'
            elif found < _OLDEST_WITH_LIMITS and limited:
                yield f'{have}, and limits of "mps" need 7.0 (remove "mps" of the trainings)'


def _limit_flaws(gpus: Sequence[Device], trainings: Sequence[Training]) -> Iterator[str]:
    """Yield where limits of memory have no form, or are more together than the board has."""
    asked: dict[int, list[float]] = {}
    for training in trainings:
        text = training.environment.get(MPS_MEMORY, "")
        for word in filter(None, text.split(",")):
            found = _LIMIT.fullmatch(word.strip())
            if found is None:
                how = 'write a number and a limit in G or M: "0=4G"'
                yield f"{MPS_MEMORY} is {quote(text)} ({how})"
            elif int(found[1]) >= len(gpus):
                there = ", ".join(f"{place}" for place in range(len(gpus))) or "none"
                yield f"{MPS_MEMORY} is {quote(text)}, and the GPUs here are {there}"
            else:
                asked.setdefault(int(found[1]), []).append(float(found[2]) * _MIB[found[3]])
    for place, amounts in asked.items():
        total_mib = nvml.memory_total_mib(gpus[place])
        if sum(amounts) > total_mib:
            sums = " + ".join(f"{each:.0f}" for each in amounts)
            has = f"GPU {gpus[place].index} has {total_mib:.0f} MiB"
            yield f"pinned_device_mem_limit of all is {sums} MiB, and {has} (ask for less)"


def _trainings(experiment: Experiment) -> list[Training]:
    return [experiment.foreground, *(each.training for each in experiment.backgrounds)]
