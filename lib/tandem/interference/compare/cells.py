"""What a parallel experiment is a measurement of: experiments that agree in it are repeats.

It is what was asked for: trainings, values, dose, commits, clocks and limits that were set, the
kind of device. What came out (observed clocks, throttling, temperature) is not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tandem.base.variables import VISIBLE
from tandem.config.options import MPS_VARIABLES, Dose, as_settings
from tandem.interference.compare.setup import POWER_LIMIT, Setup, setup_of
from tandem.interference.usable import flags, used_gpu
from tandem.results.record import Record, foreground_window
from tandem.results.record_background import Background
from tandem.results.record_window import WindowGpu

USUAL = as_settings(Dose())
INTENSITY = "intensity"
SEED = "seed"  # what differs in nothing else is a repeat
UNKNOWN_CODE = "a commit that is not known"
_DIGITS_SHOWN = 12  # of a commit
_SET_ON_BOARDS = {
    "power_limit_watts": "power limit {:.15g} W",
    "clock_application_graphics_mhz": "graphics clock set to {:.15g} MHz",
    "clock_application_memory_mhz": "memory clock set to {:.15g} MHz",
}


@dataclass(frozen=True)
class Load:
    """A background and its dose, as text; `intensity` is None where it is nothing's, or mixed."""

    background: str
    hyperparameters: str
    dose: str
    intensity: float | None
    dose_but_intensity: str


@dataclass(frozen=True)
class Cell:
    """Repeats agree in all of these, and in the foreground's values.

    `code` has the commits of all trainings; a run's own name where a tree was not as committed.
    `setup` is how the boards were shared and what was asked of them; `settings` has the governor,
    and the limits and clocks that somebody had set on the boards in use before.
    """

    foreground: str
    load: Load
    device: str
    hardware: str
    code: str
    setup: Setup
    settings: str


def cell_of(record: Record, run: str, machine: Mapping[str, Any] | None) -> Cell:
    """Return what a parallel record of a run is a measurement of; `machine` is its machine.json."""
    environment = record["environment"]
    hardware = hardware_of(record)
    return Cell(
        foreground=f"{record['repository']}/{record['model']}",
        load=load_of(record),
        device=", ".join(filter(None, (environment["device"], hardware))),
        hardware=hardware or "an unknown device",
        code=code_of(record, run),
        setup=setup_of(record, gpus_in_use(record)),
        settings=settings_of(record, machine),
    )


# -- the background --------------------------------------------------------------------


def load_of(record: Record) -> Load:
    background = background_of(record)
    parts, own_gpus = background["parts"], record["environment"]["env"].get(VISIBLE)
    intensities = {part["intensity"] for part in parts}
    return Load(
        background=trainings_of(background),
        hyperparameters=flags(background["hyperparameters"]),
        dose=dose_of(parts, own_gpus),
        intensity=intensities.pop() if len(intensities) == 1 else None,
        dose_but_intensity=dose_of([{**part, INTENSITY: None} for part in parts], own_gpus),
    )


def background_of(record: Record) -> Background:
    """Return the background of a parallel record; ValueError: it has none."""
    if (background := record["background"]) is None:
        raise ValueError("no background")
    return background


def trainings_of(background: Mapping[str, Any]) -> str:
    """Return which training loops; of several, which do."""
    parts = background["parts"]
    each_one = parts if len(parts) > 1 else [background]
    return " + ".join(f"{each['repository']}/{each['model']}" for each in each_one)


def dose_of(parts: Sequence[Mapping[str, Any]], own_gpus: str | None = None) -> str:
    """Return what is unusual of each background's dose and its GPUs; of several by its number."""
    found: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        unusual = {name: part[name] for name, usual in USUAL.items() if part[name] != usual}
        words = {name: f"{value:.15g}" for name, value in unusual.items()}
        words |= gpus_apart(part["env"].get(VISIBLE), own_gpus)
        words |= {n: part["env"][name] for n, name in MPS_VARIABLES.items() if name in part["env"]}
        before = f"{number}." if len(parts) > 1 else ""
        found |= {before + name: word for name, word in words.items()}
    return flags(found)


def gpus_apart(gpus: str | None, own_gpus: str | None) -> dict[str, str]:
    """Return which GPUs a background was given, where it was not the foreground's own.

    Boards of one model are as good as each other: only how many are shared is told.
    """
    if gpus is None or gpus == own_gpus:
        return {}
    if own_gpus is None:
        return {"gpus": gpus}
    theirs, ours = (set(each.replace(" ", "").split(",")) for each in (gpus, own_gpus))
    return {"gpus": f"{len(theirs)}_of_which_{len(theirs & ours)}_shared"}


# -- the machine -----------------------------------------------------------------------


def gpus_in_use(record: Record) -> list[WindowGpu]:
    """Return the boards that were measured, none where the foreground was on none of them."""
    window = foreground_window(record)
    is_known = "gpus_used" in record  # not before version 4
    is_on_gpu = not is_known or used_gpu(window) is not False
    return window["gpus"] if window and is_on_gpu else []


def hardware_of(record: Record) -> str:
    names = ", ".join(gpu["name"] for gpu in gpus_in_use(record))
    return names or record["environment"]["cpu_model"] or ""


def board_of(record: Record) -> str:
    """Return which boards, or without one which machine, a record is of."""
    uuids = ", ".join(gpu["uuid"] for gpu in gpus_in_use(record))
    return uuids or record["environment"]["hostname"]


def settings_of(record: Record, machine: Mapping[str, Any] | None) -> str:
    """Return what was set of clocks and power, as far as it is known; the usual limit is not."""
    governor = record["environment"]["cpu_governor"]
    words = [f"governor {governor}"] if governor else []
    used = {gpu["uuid"] for gpu in gpus_in_use(record)}
    asked: Mapping[str, Any] = cast(Mapping[str, Any], record).get("gpu_setup") or {}
    is_own_limit = bool((asked.get("requested") or {}).get(POWER_LIMIT))
    boards = (machine or {}).get("boards")
    for board in boards if isinstance(boards, list) else []:
        if not isinstance(board, dict) or board.get("uuid") not in used:
            continue
        for name, text in _SET_ON_BOARDS.items():
            usual = board.get(name.replace("_watts", "_default_watts"))
            value = None if is_own_limit and name == POWER_LIMIT else board.get(name)
            if isinstance(value, (int, float)) and (name != "power_limit_watts" or value != usual):
                words.append(text.format(value))
    return ", ".join(dict.fromkeys(words))


# -- the code --------------------------------------------------------------------------


def code_of(record: Record, run: str) -> str:
    """Return at which commits the trainings' repositories were.

    Nobody knows what stood in a tree that was not as committed, only that one run used it: so its
    code is that run's own.
    """
    background = background_of(record)
    commands: list[Mapping[str, Any]] = [record["environment"], *background["parts"]]
    return ", ".join(dict.fromkeys(state_of(each, run) for each in commands))


def state_of(command: Mapping[str, Any], run: str) -> str:
    git: Mapping[str, Any] = command.get("repository_git") or {}
    if git.get("dirty"):
        name = str(git["commit"] or "no commit")[:_DIGITS_SHOWN]
        return f"{name} with changes, in {run}"
    return str(git["commit"])[:_DIGITS_SHOWN] if git.get("commit") else UNKNOWN_CODE
