"""Which parallel experiments are repeats of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.base.variables import VISIBLE
from tandem.config.options import Dose, as_settings
from tandem.interference.usable import flags, used_gpu
from tandem.results.record import Record, foreground_window

# Repeats agree in all of these.
KEYS = ("foreground", "values", "background", "hyperparameters", "dose", "device")
USUAL = as_settings(Dose())
SEED = "seed"  # what differs in nothing else is a repeat


def group_of(record: Record) -> tuple[str, ...]:
    """Return what is repeated, in the order of KEYS.

    A foreground's values that were drawn are not among it: they differ from repeat to repeat.
    """
    background, environment = record["background"], record["environment"]
    assert background is not None
    window = foreground_window(record)
    is_known = "gpus_used" in record  # not before version 4
    is_on_gpu = not is_known or used_gpu(window) is not False
    gpus = ", ".join(gpu["name"] for gpu in (window["gpus"] if window and is_on_gpu else []))
    drawn = {*record["mutated"], SEED}
    given = {name: v for name, v in record["hyperparameters"].items() if name not in drawn}
    return (
        f"{record['repository']}/{record['model']}",
        flags(given | gpus_given(environment)),
        f"{background['repository']}/{background['model']}",
        flags(background["hyperparameters"]),
        dose_of(background["parts"]),
        ", ".join(filter(None, (environment["device"], gpus or environment["cpu_model"]))),
    )


def dose_of(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return what is unusual of each background's dose, and its GPUs; of several by its number."""
    found: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        unusual = {name: part[name] for name, usual in USUAL.items() if part[name] != usual}
        words = {name: f"{value:.15g}" for name, value in unusual.items()} | gpus_given(part)
        before = f"{number}." if len(parts) > 1 else ""
        found |= {before + name: word for name, word in words.items()}
    return flags(found)


def gpus_given(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the GPUs that a training was given, where it was."""
    gpus = facts["env"].get(VISIBLE)
    return {} if gpus is None else {"gpus": gpus}
