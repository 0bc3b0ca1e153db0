"""Which run `--continue` goes on with: the newest whose settings and registry still mean the same.

A run keeps both as they were read; a change of words alone, which no plan depends on, is none. Runs
of earlier versions kept only digests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.base.errors import TandemError
from tandem.base.files import sha256_of
from tandem.base.text import printable
from tandem.config.jsonfile import JsonFile
from tandem.config.meaning import differences, meaning_of_registry, meaning_of_settings
from tandem.config.registry import Registry, absolute
from tandem.plan.file import NAME as PLAN
from tandem.plan.file import REGISTRY, SETTINGS, read_plan_file
from tandem.plan.model import Plan

_MOST_LINES = 10
_UNKNOWN = "it has changed, and that run kept no copy that could say where"


@dataclass(frozen=True)
class Sought:
    """What a run is to have been planned from: files as they are now, and a seed, None for any."""

    results: Path
    settings: JsonFile
    registry: Registry
    seed: int | None

    def found(self) -> tuple[Path, Plan] | None:
        """Return the newest run that was planned from the same, with its plan."""
        same = (each for each in self._runs() if not self._changes(*each))
        return next(same, None)

    def changes(self) -> list[str]:
        """Return lines that say what has changed since the newest run of the settings file."""
        for run, plan in self._runs():
            lines = self._changes(run, plan)
            more = len(lines) - _MOST_LINES
            lines[_MOST_LINES:] = [f"and {more} more"] if more > 0 else []
            return [f"a new run begins: what {run} was planned from has changed", *lines]
        return []

    def _runs(self) -> Iterator[tuple[Path, Plan]]:
        """Yield the runs of the settings file, newest first."""
        file = absolute(self.settings.path)
        for path in sorted(self.results.glob(f"run_*/{PLAN}"), key=_age, reverse=True):
            try:
                plan = read_plan_file(path.parent)
            except TandemError:
                continue  # of another version, say
            if plan.settings_file == file:
                yield path.parent.resolve(), plan

    def _changes(self, run: Path, plan: Plan) -> list[str]:
        lines = []
        if plan.settings_sha256 != self.settings.sha256:
            lines += self._of_settings(_kept(run / SETTINGS, plan.settings_sha256))
        if plan.registry_sha256 != self.registry.sha256:
            lines += self._of_registry(_kept(run / REGISTRY, plan.registry_sha256), plan.root)
        if plan.root != self.registry.root:
            lines.append(f"--root: {plan.root} -> {self.registry.root}")
        if self.seed not in (None, plan.seed):
            lines.append(f"--seed: {plan.seed} -> {self.seed}")
        return lines

    def _of_settings(self, kept: Any) -> list[str]:
        file = printable(str(self.settings.path))
        if kept is None:
            return [f"{file}: {_UNKNOWN}"]
        names = {name for each in self.registry.repos.values() for name in each.hyperparameters}
        old, new = (meaning_of_settings(each, names) for each in (kept, self.settings.value))
        return [f"{file}: {path}: {old} -> {new}" for path, old, new in differences(old, new)]

    def _of_registry(self, kept: Any, root: Path) -> list[str]:
        files, last = self.registry.file_of, self.registry.files[-1]
        if kept is None:
            return [f"{printable(str(last))}: {_UNKNOWN}"]
        old = meaning_of_registry(kept, root)
        new = meaning_of_registry(json.loads(self.registry.copy), self.registry.root)
        return [
            f"{printable(str(files.get(name, last)))}: {path}: {before} -> {now}"
            for name in {**old, **new}
            for path, before, now in differences(_only(name, old), _only(name, new), "models")
        ]


def _only(name: str, models: Mapping[str, Any]) -> dict[str, Any]:
    return {name: models[name]} if name in models else {}


def _kept(file: Path, sha256: str | None) -> Any:
    """Return what a run keeps of a file, None where that is not what it was planned from."""
    try:
        return json.loads(file.read_bytes()) if sha256_of(file) == sha256 else None
    except (OSError, ValueError):
        return None


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.parent.name
