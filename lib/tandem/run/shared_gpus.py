"""Whether this machine lets trainings share a GPU as they are to: seen before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

from tandem.base.errors import NotReadyError
from tandem.base.variables import VISIBLE
from tandem.config.options import CONDITIONS, MIG, MPS, TIME_SLICING, Dose, as_settings
from tandem.machine.board_setup import compute_mode_of
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.boards import EXCLUSIVE_PROCESS, EXCLUSIVE_THREAD, PROHIBITED
from tandem.nvml.devices import Device
from tandem.plan.model import Experiment, Training

_ALONE = (EXCLUSIVE_PROCESS, EXCLUSIVE_THREAD)
_HOW_TO_LET_IN = "the administrator changes it with: nvidia-smi -i {index} -c DEFAULT"

_NO_GPU = 'of a training that uses no GPU the registry says "device": "cpu"'


@dataclass(frozen=True)
class Part:
    """A training of an experiment, and the GPUs that it is to use, as far as that is known.

    Of several that it is merely shown it uses the first; `is_given` says that they were chosen.
    """

    name: str
    gpus: tuple[Device, ...]
    is_given: bool
    dose: Dose = field(default_factory=Dose)

    @property
    def shown(self) -> str:
        """What it was given, for a message."""
        return ", ".join(map(name_of, self.gpus)) if self.is_given else "no GPU of its own"


@dataclass
class Machine:
    """What NVML says of the GPUs, each asked for once."""

    choices: dict[str | None, tuple[Device, ...]] = field(default_factory=dict)

    @cached_property
    def boards(self) -> list[nvml.Board]:
        return nvml.boards()

    @cached_property
    def modes(self) -> dict[int, str | None]:
        """The compute mode of each board by its index."""
        return {board.index: compute_mode_of(board) for board in self.boards}

    def chosen(self, selection: str | None) -> tuple[Device, ...]:
        if selection not in self.choices:
            self.choices[selection] = tuple(nvml.visible(selection))
        return self.choices[selection]

    def slices(self) -> str:
        """Return which MIG slices there are, for a message."""
        every = (device for board in self.boards for device in board.devices)
        found = [name_of(each) for each in every if each.mig is not None]
        none = "none: an administrator makes them, see docs/sharing.md"
        return f"there is {', '.join(found) or none}"

    def parts_of(self, experiment: Experiment) -> list[Part]:
        """Return the trainings of an experiment; one whose device is the CPU uses no GPU."""
        loads = experiment.backgrounds
        names = [f"background {n}" for n in range(1, 1 + len(loads))]
        parts = [self._part("foreground", experiment.foreground, Dose())]
        for name, load in zip(names if len(loads) > 1 else ["background"], loads, strict=False):
            parts.append(self._part(name, load.training, load.dose))
        return parts

    def _part(self, name: str, training: Training, dose: Dose) -> Part:
        selection = training.environment.get(VISIBLE, os.environ.get(VISIBLE))
        gpus = () if training.device == "cpu" else self.chosen(selection)
        is_given = selection is not None
        return Part(name, gpus if is_given else gpus[:1], is_given, dose)


def see_sharing(experiments: Sequence[Experiment]) -> None:
    """See that the boards can be shared, and set, as each experiment wants it.

    NotReadyError: they cannot, or nobody can say whether they can.
    """
    flaws: dict[str, None] = {}
    try:
        with opened():
            machine = Machine()
            for experiment in _unlike(experiments):
                for flaw in flaws_of(experiment, machine):
                    flaws[f"{experiment.source_path}: {flaw}"] = None
    except NvmlError as error:
        for experiment in experiments:
            if keys := _asked(experiment):
                why = f"no GPU can be seen: {error.with_hint()}"
                raise NotReadyError(f"{experiment.source_path}.{keys[0]}: {why}") from None
    if flaws:
        raise NotReadyError("\n".join(flaws))


def flaws_of(experiment: Experiment, machine: Machine) -> Iterator[str]:
    """Yield why an experiment cannot share this machine's GPUs as it is to."""
    parts, sharing = machine.parts_of(experiment), experiment.gpu_setup.sharing
    if sharing and not any(part.gpus for part in parts):
        yield f'"sharing" is "{sharing}", and none of its trainings is given a GPU that is here'
        return
    yield from _prohibited(parts, machine)
    if sharing != MPS:
        yield from _exclusive(parts, sharing, machine)
    if way := _WAYS.get(sharing or ""):
        yield from way(parts, machine)
    yield from _memory(parts)


def _prohibited(parts: Sequence[Part], machine: Machine) -> Iterator[str]:
    for part in parts:
        for index in _boards(part.gpus):
            if machine.modes[index] == PROHIBITED:
                why = f"its compute mode is {PROHIBITED}"
                how = f"{_HOW_TO_LET_IN.format(index=index)}; {_NO_GPU}"
                yield f"the {part.name} cannot use GPU {index}: {why} ({how})"


def _exclusive(parts: Sequence[Part], sharing: str | None, machine: Machine) -> Iterator[str]:
    """Yield where two processes are to take turns, and only one may come."""
    met = {gpu for pair in combinations(parts, 2) for gpu in _common(*pair)}
    wanted = {gpu for part in parts for gpu in part.gpus} if sharing == TIME_SLICING else met
    for index in _boards(wanted):
        if (mode := machine.modes[index]) in _ALONE:
            why = f"its compute mode is {mode}, which lets in one process alone"
            how = f'{_HOW_TO_LET_IN.format(index=index)}; or set "sharing" to "mps"; {_NO_GPU}'
            yield f"no two trainings can take turns on GPU {index}: {why} ({how})"


def _time_slicing(parts: Sequence[Part], machine: Machine) -> Iterator[str]:
    for first, second in combinations(parts, 2):
        if not _common(first, second):
            given = f"the {first.name} is given {first.shown}, the {second.name} {second.shown}"
            yield f'"sharing" is "time_slicing", and they share no GPU: {given} (change "gpus")'


def _mig(parts: Sequence[Part], machine: Machine) -> Iterator[str]:
    unfit = [part for part in parts if not _has_one_slice(part)]
    for part in unfit:
        given = f"the {part.name} is given {part.shown}"
        how = f'"gpus": "MIG-..."; {machine.slices()}'
        yield f'"sharing" is "mig", and {given}: it needs one MIG slice ({how})'
    for first, second in combinations([part for part in parts if part not in unfit], 2):
        both = f"{first.name} and {second.name}"
        [ours], [theirs] = first.gpus, second.gpus
        if ours == theirs:
            how = f"give each a slice of its own; {machine.slices()}"
            yield f'"sharing" is "mig", and {both} are given one slice, {ours.uuid} ({how})'
        elif ours.index != theirs.index:
            where = f"GPU {ours.index} and GPU {theirs.index}"
            how = f"give them slices of one board; {machine.slices()}"
            yield f'"sharing" is "mig", and {both} are given slices of {where} ({how})'


def _memory(parts: Sequence[Part]) -> Iterator[str]:
    """Yield where trainings are to have more memory together than their GPU has."""
    asked: dict[Device, list[float]] = {}
    for part in parts:
        if len(part.gpus) == 1:
            [gpu] = part.gpus
            with suppress(NvmlError):
                asked.setdefault(gpu, []).append(_asked_mib(part.dose, gpu))
    for gpu, amounts in asked.items():
        with suppress(NvmlError):
            total_mib = nvml.memory_total_mib(gpu)
            if sum(amounts) > total_mib:
                amount = " + ".join(f"{each:.0f}" for each in amounts if each)
                has = f"{name_of(gpu)} has {total_mib:.0f} MiB"
                yield f"{amount} MiB of GPU memory are asked for, and {has} (ask for less)"


def _asked_mib(dose: Dose, gpu: Device) -> float:
    if dose.gpu_memory_fraction is not None:
        return dose.gpu_memory_fraction * nvml.memory_total_mib(gpu)
    return dose.gpu_memory_mib or 0.0


_WAYS: dict[str, Callable[[Sequence[Part], Machine], Iterator[str]]] = {
    TIME_SLICING: _time_slicing,
    MIG: _mig,
}


def _unlike(experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    """Yield one of all experiments that share the same GPUs in the same way."""
    seen = set()
    for each in experiments:
        trainings = [each.foreground, *(load.training for load in each.backgrounds)]
        key = (
            *(each.source_path, each.gpu_setup.sharing),
            *((one.environment.get(VISIBLE), one.device) for one in trainings),
            *(
                (load.dose.gpu_memory_mib, load.dose.gpu_memory_fraction)
                for load in each.backgrounds
            ),
        )
        if key not in seen:
            seen.add(key)
            yield each


def _asked(experiment: Experiment) -> list[str]:
    """Return the settings keys that nobody can heed without NVML."""
    given = as_settings(experiment.gpu_setup)
    return [key for key in CONDITIONS if given[key] is not None]


def _common(first: Part, second: Part) -> set[Device]:
    return {*first.gpus} & {*second.gpus}


def _boards(gpus: Iterable[Device]) -> list[int]:
    return sorted({gpu.index for gpu in gpus})


def _has_one_slice(part: Part) -> bool:
    return part.is_given and len(part.gpus) == 1 and part.gpus[0].mig is not None


def name_of(gpu: Device) -> str:
    """Return a GPU as messages name it: a board's number, or a slice's UUID and profile."""
    if gpu.mig is None:
        return f"GPU {gpu.index}"
    return f"{gpu.uuid} ({gpu.profile or 'a MIG slice'} of GPU {gpu.index})"
