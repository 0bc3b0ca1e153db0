"""The frozen plan of a run: every experiment with every value decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Training:
    """One training with its values fixed.

    `hyperparameters` are exactly those passed as flags, `mutated` the names among them that were
    drawn. `command` is the argv; its first element is the train script as the registry writes it,
    relative to `work_dir`, the absolute folder of the repository.
    """

    repo: str
    model: str
    hyperparameters: Mapping[str, int | float | str]
    mutated: tuple[str, ...]
    command: tuple[str, ...]
    work_dir: Path
    log_patterns: Mapping[str, str]


@dataclass(frozen=True)
class Experiment:
    """One foreground training with its background, if any.

    `id` is the folder name, safe characters only, unique in the plan. `timeout_s` is None when
    the foreground may take as long as it likes; the other times are in seconds.
    `source_path` says where the entry stands in the settings file ("experiments[3]") and
    `source_entry` is that entry as written. `warnings` are the lines of those that concern this
    entry or a repository that it uses.
    """

    number: int
    id: str
    foreground: Training
    background: Training | None
    foreground_mode: str
    max_retries: int
    timeout_s: float | None
    warmup_s: float
    ready_timeout_s: float
    restart_delay_s: float
    grace_s: float
    source_path: str
    source_entry: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        """`parallel` beside a background, else `mutation` or `default`."""
        return "parallel" if self.background else self.foreground_mode


@dataclass(frozen=True)
class Plan:
    """All experiments of a run, in order, and the seed that the drawn values come from."""

    name: str
    settings_file: Path | None
    registry_file: Path
    root: Path
    seed: int
    experiments: tuple[Experiment, ...]
