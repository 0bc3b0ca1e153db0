"""What a settings file says, read: its entries, each value of one type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.config.options import Controls, Course, Dose, GpuSetup, Limits, Validity
from tandem.config.problems import Problem


@dataclass(frozen=True)
class TrainingEntry:
    """A foreground or background as the settings give it.

    `mode` is "mutation" or "default". `mutate` holds the names to draw and where each is written;
    with `draws_all` every supported one is drawn, and `mutate` holds those that are named all the
    same. `hyperparameters` are the values to pass. `repo` or `model` is None where an error was
    found. `places` says where each of these keys is written, an alias by its own name. `gpus` are
    those that it may see, as CUDA_VISIBLE_DEVICES takes them; None: as it comes. `mps` is what it
    may use under MPS.
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
    mps: Mapping[str, Any] = field(default_factory=dict)


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
    gpu_setup: GpuSetup


@dataclass(frozen=True)
class Range:
    """What to draw a hyperparameter from: both ends are included."""

    low: float
    high: float
    distribution: str


@dataclass(frozen=True)
class ForegroundDesign:
    """A foreground of a design, each of its hyperparameters given, varied or drawn.

    `given` are values to pass, `factors` the levels of those that are varied, `drawn` what to draw
    from; None: the registry's range or choices. `places` says where keys and hyperparameters
    ("hyperparameters.epochs") are written. `repo` or `model` is None where an error was found.
    """

    path: str
    repo: str | None
    model: str | None
    given: Mapping[str, Any]
    factors: Mapping[str, tuple[Any, ...]]
    drawn: Mapping[str, Range | None]
    places: Mapping[str, str]
    gpus: str | None = None
    mps: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BackgroundLevel:
    """One level of the factor "background": what loops side by side; nothing: the foreground alone.

    `source` is the level as it is written, None for the solo level.
    """

    path: str
    source: Any
    backgrounds: tuple[BackgroundEntry, ...]


@dataclass(frozen=True)
class DesignEntry:
    """One entry of settings of version 2: the product of its factors, less what is excluded.

    `intensities` is empty where the dose is each background's own. `draws` counts the drawn
    configurations for each combination of the factors' levels, `repeats` the runs of each
    configuration; those of the foreground's hyperparameters named in `vary` differ from repeat to
    repeat. `gpu_setups` are the conditions under which each configuration runs, whole groups.
    `order` is "blocks" or "as_written". `source` is the entry as written.
    """

    path: str
    source: Mapping[str, Any]
    foregrounds: tuple[ForegroundDesign, ...]
    backgrounds: tuple[BackgroundLevel, ...]
    intensities: tuple[float, ...]
    draws: int
    repeats: int
    vary: tuple[str, ...]
    exclude: tuple[Mapping[str, Any], ...]
    order: str
    course: Course
    limits: Limits
    controls: Controls
    validity: Validity
    gpu_setups: tuple[GpuSetup, ...]
    places: Mapping[str, str]


@dataclass(frozen=True)
class Settings:
    """The entries in their order, and all that is to be said about the file.

    Version 1 has `entries`, version 2 `designs`. One that an error in `problems` lies inside cannot
    run. `sha256` is that of the file, `copy` what it holds, and
    `tables` are those of earlier results whose values are not to be drawn again, by where each is
    named.
    """

    file: Path | None
    name: str
    seed: int | None
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    sha256: str | None = None
    copy: bytes = b""
    governor: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    designs: tuple[DesignEntry, ...] = ()
