"""The frozen plan of a run: every experiment with every value decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tandem.config.options import Controls, Course, Dose, GpuSetup, Limits, Validity
from tandem.log.rules import LogRules

BATCH_SIZE = "batch_size"  # the hyperparameter that GPU memory hangs on most
SOLO, WARM_UP = "solo", "warm_up"  # of Experiment.control


@dataclass(frozen=True)
class Training:
    """One training with its values fixed.

    `hyperparameters` are exactly those passed as flags, `mutated` the names among them that were
    drawn. `command` is the argv; its first element is the train script as the registry writes it,
    relative to `work_dir`, the absolute folder of the repository, or another program's own path.
    `environment` are variables of its alone. `log` says how to read what it prints. `commit` is the
    one at which the registry wants the folder, None where it does not say. `memory_limit` names the
    frameworks that may be told of a limit of the GPU's memory in ways that older versions of them
    refuse. `device` is what it is meant to run on: "gpu", "cpu" or "auto". `helpers` are the names
    of programs that may go on for a moment when it has ended. In the first `out_words` of the
    command, {out} stands for the folder of its log, or for one of a background's round alone.
    """

    repo: str
    model: str
    hyperparameters: Mapping[str, bool | int | float | str]
    mutated: tuple[str, ...]
    command: tuple[str, ...]
    work_dir: Path
    log: LogRules
    environment: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    memory_limit: tuple[str, ...] = ()
    device: str = "auto"
    helpers: tuple[str, ...] = ()
    out_words: int = 0


@dataclass(frozen=True)
class Size:
    """One value of a background's hyperparameter `name` that is to be found, and its command."""

    name: str
    value: int
    command: tuple[str, ...]


@dataclass(frozen=True)
class Background:
    """A training that loops as load beside the foreground.

    `auto` are the sizes, the largest first, of which the first that fits into the GPU's memory is
    taken; `training` has the largest. Without any, everything is decided.
    """

    training: Training
    dose: Dose
    auto: tuple[Size, ...] = ()

    def at(self, size: Size) -> Training:
        """Return the training with that size."""
        values = {**self.training.hyperparameters, size.name: size.value}
        return replace(self.training, hyperparameters=values, command=size.command)


@dataclass(frozen=True)
class Place:
    """Where an experiment stands in a design.

    `config` numbers the foreground's configurations through the whole plan, `background_number`
    the loads (background and dose) of an entry, None for the foreground alone, and
    `foreground_number` the foregrounds of an entry, all from 1. `repeat` is which run of its
    configuration it is, `block` the block that it runs in, `position` its place in its group.
    """

    config: int
    foreground_number: int
    background_number: int | None
    repeat: int
    block: int
    position: int
    group: str


@dataclass(frozen=True)
class Experiment:
    """One foreground training with its backgrounds, if any.

    `id` is the folder name, safe characters only, unique in the plan. `source_path` says where the
    entry stands in the settings file ("experiments[3]") and `source_entry` is that entry as
    written. `warnings` are the lines of those that concern this entry or a repository that it uses.
    `control` is "solo" for the same foreground run without its backgrounds, and "warm_up" for a run
    that is thrown away. A parallel experiment names its control's id in `twin`, a control that of
    its parallel experiment where it is the control of that one alone. `place` is None for settings
    of version 1. `try_number` counts the tries of a group.
    """

    number: int
    id: str
    foreground: Training
    backgrounds: tuple[Background, ...]
    foreground_mode: str
    source_path: str
    source_entry: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)
    warnings: tuple[str, ...] = ()
    controls: Controls = field(default_factory=Controls)
    validity: Validity = field(default_factory=Validity)
    gpu_setup: GpuSetup = field(default_factory=GpuSetup)
    control: str | None = None
    twin: str | None = None
    place: Place | None = None
    course: Course = field(default_factory=Course)
    try_number: int = 1

    @property
    def group(self) -> str:
        """What its group is called: the experiments that are compared with each other.

        All tries of a group have one name.
        """
        if self.place:
            return self.place.group
        name = self.twin if self.control == SOLO and self.twin else self.id
        return name.removesuffix(try_suffix(self.try_number))

    @property
    def is_warm_up(self) -> bool:
        """Whether it is thrown away."""
        return self.control == WARM_UP

    @property
    def mode(self) -> str:
        """`parallel` beside backgrounds, else `mutation` or `default`."""
        return "parallel" if self.backgrounds else self.foreground_mode


def try_suffix(number: int) -> str:
    """Return what ends the ids of a group's try: nothing of the first."""
    return f"_try{number}" if number > 1 else ""


@dataclass(frozen=True)
class Plan:
    """All experiments of a run, in order, and the seed that the drawn values come from.

    The digests are those of the files as they were read, None where there was no file. `governor`
    is the frequency governor that the CPUs are to have during the run; None for any. Where the
    registry has several files, `registry_file` is the last, and its digest that of all as one.
    """

    name: str
    settings_file: Path | None
    registry_file: Path
    root: Path
    seed: int
    experiments: tuple[Experiment, ...]
    settings_sha256: str | None = None
    registry_sha256: str | None = None
    governor: str | None = None
    earlier_registries: tuple[Path, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Experiment]:
        """Every experiment by its id."""
        return {experiment.id: experiment for experiment in self.experiments}

    @cached_property
    def partners(self) -> Mapping[str, tuple[Experiment, ...]]:
        """The parallel experiments of each control, by the control's id."""
        found: dict[str, list[Experiment]] = {}
        for experiment in self.experiments:
            if experiment.backgrounds and experiment.twin:
                found.setdefault(experiment.twin, []).append(experiment)
        return {name: tuple(parallel) for name, parallel in found.items()}

    @cached_property
    def groups(self) -> Mapping[str, tuple[Experiment, ...]]:
        """The experiments of each group, with those of all its tries, but without warm-ups."""
        found: dict[str, list[Experiment]] = {}
        for experiment in self.experiments:
            if not experiment.is_warm_up:
                found.setdefault(experiment.group, []).append(experiment)
        return {name: tuple(members) for name, members in found.items()}
