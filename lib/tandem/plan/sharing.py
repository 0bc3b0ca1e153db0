"""Trainings that share a GPU: what stands against it in the settings, and what MPS gives each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tandem.base.text import printable, quote
from tandem.base.variables import VISIBLE
from tandem.config.entries import BackgroundEntry, ForegroundDesign, TrainingEntry
from tandem.config.options import MIG, MPS, MPS_VARIABLES, TIME_SLICING, Validity
from tandem.config.problems import join
from tandem.plan.context import is_in_entry
from tandem.plan.model import Background, Training
from tandem.plan.resolve import Resolved

_SLICE = "MIG-"
_THRESHOLD = "min_background_sm_percent"  # of "validity"
_UNTRIED = "whether a client may be stopped and continued there is not known"

Flaw = tuple[str, str]  # the place in the settings, and what is wrong there


@dataclass(frozen=True)
class Member:
    """A training that shares: where it is written, and the GPUs that it may see.

    These are in the words of CUDA_VISIBLE_DEVICES, of the settings or else of the registry; None:
    neither says it. `dose_places` says where its dose is written, where it is one that stops it,
    and `target_place` where a use of the GPU is that is to be found.
    """

    path: str
    gpus: str | None
    dose_places: tuple[str, ...] = ()
    target_place: str = ""

    @property
    def gpus_place(self) -> str:
        return join(self.path, "gpus")


def member_of(training: TrainingEntry | ForegroundDesign, resolved: Resolved) -> Member:
    """Return the foreground as what shares."""
    own = resolved.repository.environment.get(VISIBLE)
    return Member(training.path, own if training.gpus is None else training.gpus)


def load_of(given: BackgroundEntry, resolved: Resolved, intensity_place: str = "") -> Member:
    """Return a background as what shares; its intensity may be written at a place of its own."""
    dose, path = given.dose, given.training.path
    target = "" if dose.target_sm_percent is None else join(path, "target_gpu_utilization")
    places = [target] if target else []
    if dose.intensity is not None and dose.intensity < 1:
        places.append(intensity_place or join(path, "intensity"))
    member = member_of(given.training, resolved)
    return replace(member, dose_places=tuple(places), target_place=target)


def sharing_flaws(
    sharing: str | None, foreground: Member, backgrounds: Sequence[Member]
) -> Iterator[Flaw]:
    """Yield why a foreground and what loops beside it cannot share a GPU in this way."""
    if sharing == MPS:
        yield from _mps_flaws(foreground, backgrounds)
    elif sharing == MIG:
        yield from _mig_flaws(foreground, backgrounds)
    elif sharing == TIME_SLICING:
        for each in backgrounds:
            if _are_apart(foreground.gpus, each.gpus):
                how = "give both the same, or remove the sharing"
                message = f"the foreground has {quote(foreground.gpus or '')}: no GPU is shared"
                yield each.gpus_place, f'{message} by "time_slicing" ({how})'


def threshold_flaws(
    sharing: str | None, validity: Validity, path: str, source: Mapping[str, Any]
) -> Iterator[Flaw]:
    """Yield why no record of an entry can be valid when a GPU is shared in this way.

    `source` is the entry as it is written, at `path`; else the threshold stands at the top.
    """
    if sharing in (MPS, MIG) and validity.min_background_sm_percent > 0:
        is_own = _THRESHOLD in source.get("validity", {}) and is_in_entry(path)
        place = join(join(path, "validity") if is_own else "validity", _THRESHOLD)
        message = f'no record would be valid: under "{sharing}" use by process is not reported'
        yield place, f"{message} (remove it, or give it to entries with other sharing alone)"


def _mps_flaws(foreground: Member, backgrounds: Sequence[Member]) -> Iterator[Flaw]:
    for each in backgrounds:
        if each.gpus != foreground.gpus:
            wrong = each if each.gpus is not None else foreground
            message = f"foreground {_named(foreground.gpus)}, background {_named(each.gpus)}"
            how = 'under "mps" all have the same "gpus", written alike'
            yield wrong.gpus_place, f"{message}: nothing would be shared ({how})"
        for place in each.dose_places:
            message = f'no dose under "mps": {_UNTRIED}'
            yield place, f'{message} (remove it; "mps" of a training limits its share of the SMs)'


def _mig_flaws(foreground: Member, backgrounds: Sequence[Member]) -> Iterator[Flaw]:
    given = _is_slice(foreground.gpus)
    for each in (foreground, *backgrounds):
        if not _is_slice(each.gpus):
            how = 'write "gpus": "MIG-..."; nvidia-smi -L lists them'
            message = f'under "mig" each training has one slice, not {_named(each.gpus)} ({how})'
            yield each.gpus_place, message
        elif each is not foreground and given and not _are_apart(foreground.gpus, each.gpus):
            how = 'name another slice; "time_slicing" and "mps" share one'
            message = 'the slice of the foreground: under "mig" each has one of its own'
            yield each.gpus_place, f"{message} ({how})"
        if each.target_place:
            message = 'no target under "mig": the use of a slice is not reported'
            yield each.target_place, f'{message} (give an "intensity")'


def _is_slice(gpus: str | None) -> bool:
    return gpus is not None and gpus.startswith(_SLICE) and "," not in gpus


def _are_apart(one: str | None, other: str | None) -> bool:
    """Whether two choices of GPUs surely have none in common: all are named in one way.

    The beginning of a UUID stands for it.
    """
    if not one or not other:
        return False
    pairs = [(left, right) for left in one.split(",") for right in other.split(",")]
    return all(_way(left) == _way(right) and not _may_be_one(left, right) for left, right in pairs)


def _way(gpu: str) -> str:
    return "index" if gpu.isdecimal() else gpu.partition("-")[0]


def _may_be_one(left: str, right: str) -> bool:
    if left.isdecimal():
        return int(left) == int(right)
    return left.startswith(right) or right.startswith(left)


def _named(gpus: str | None) -> str:
    return "without gpus" if gpus is None else quote(gpus)


# -- what MPS gives each ---------------------------------------------------------------


def under_mps(training: Training, given: Mapping[str, Any]) -> Training:
    """Return the training with what it may use under MPS."""
    if not given:
        return training
    variables = {MPS_VARIABLES[key]: _text(value) for key, value in given.items()}
    return replace(training, environment={**training.environment, **variables})


def background_under_mps(background: Background, given: Mapping[str, Any]) -> Background:
    """Return the background with what it may use under MPS."""
    return replace(background, training=under_mps(background.training, given))


def mps_words(training: Training) -> list[str]:
    """Return what a training may use under MPS as words: `active_thread_percentage=50`."""
    given = training.environment
    return [
        f"{key}={printable(given[name])}" for key, name in MPS_VARIABLES.items() if name in given
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{Decimal(str(value)).normalize():f}"
