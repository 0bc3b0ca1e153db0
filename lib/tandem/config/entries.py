"""What a settings file says, read: its entries, each value of one type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.config.options import Controls, Dose, Limits, Validity
from tandem.config.problems import Problem


@dataclass(frozen=True)
class TrainingEntry:
    """A foreground or background as the settings give it.

    `mode` is "mutation" or "default". `mutate` holds the names to draw and where each is written;
    with `draws_all` every supported one is drawn, and `mutate` holds those that are named all the
    same. `hyperparameters` are the values to pass. `repo` or `model` is None where an error was
    found. `places` says where each of these keys is written, an alias by its own name. `gpus` are
    those that it may see, as CUDA_VISIBLE_DEVICES takes them; None: as it comes.
    """

    path: str
    mode: str
    repo: str | None
    model: str | None
    mutate: Mapping[str, str]
    draws_all: bool
    hyperparameters: Mapping[str, Any]
    places: Mapping[str, str]
    gpus: str | None = None


@dataclass(frozen=True)
class BackgroundEntry:
    """A background as the settings give it, with how much of a load it is to be."""

    training: TrainingEntry
    dose: Dose


@dataclass(frozen=True)
class Entry:
    """One entry that is to run, `runs` times. `source` is the entry as written."""

    path: str
    source: Mapping[str, Any]
    foreground: TrainingEntry
    backgrounds: tuple[BackgroundEntry, ...]
    runs: int
    limits: Limits
    controls: Controls
    validity: Validity


@dataclass(frozen=True)
class Settings:
    """The entries in their order, and all that is to be said about the file.

    An entry that an error in `problems` lies inside cannot run. `sha256` is that of the file,
    `tables` are those of earlier results whose values are not to be drawn again, by where each is
    named.
    """

    file: Path | None
    name: str
    seed: int | None
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    sha256: str | None = None
    governor: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
