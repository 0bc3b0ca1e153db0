"""The settings file: which experiments to run, every value in one place and of one type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.text import show
from tandem.config.design.designs import read_designs
from tandem.config.design.unknown import about_unknown
from tandem.config.dialect import Level
from tandem.config.entries import DesignEntry, Entry, Settings
from tandem.config.jsonfile import read_json
from tandem.config.keys import tables_of
from tandem.config.problems import Problem, ProblemsError
from tandem.config.schema import sift
from tandem.config.version_1 import Reader, read_entries

MAX_ENTRIES = 100_000


def load_settings(path: Path) -> Settings:
    """Read a settings file; what is wrong with single entries is told in `problems`.

    Raises ProblemsError when the file as a whole cannot be used.
    """
    file = read_json(path)
    written = file.value
    _refuse_unlike(path, written)
    value, problems = sift(written, "settings", str(path), about_unknown)
    if not isinstance(value, dict):
        raise ProblemsError(problems)
    entries: tuple[Entry, ...] = ()
    designs: tuple[DesignEntry, ...] = ()
    version = int(value.get("settings_version", 1))
    if version == 2:
        designs, found = read_designs(value, written, str(path), problems)
    elif "experiments" in value:
        entries, found = read_entries(value, written, str(path), problems)
    else:
        raise ProblemsError(problems)
    return Settings(
        file=path,
        name=value.get("experiment_name", path.stem),
        seed=int(value["seed"]) if "seed" in value else None,
        entries=entries,
        problems=tuple(found),
        sha256=file.sha256,
        copy=file.data,
        governor=value.get("governor") or None,
        tables=tables_of(value),
        version=version,
        designs=designs,
    )


def _refuse_unlike(path: Path, written: Any) -> None:
    """Refuse what would give only puzzling problems, or too many."""
    if isinstance(written, list):
        message = 'must be an object, not a list (write {"experiments": ...} around it)'
        raise ProblemsError([Problem("error", "", message, str(path))])
    version = written.get("settings_version", 1) if isinstance(written, dict) else 1
    if version not in (1, 2) or isinstance(version, bool):
        message = f"must be 1 or 2, not {show(version)} (a file without it is version 1)"
        raise ProblemsError([Problem("error", "settings_version", message, str(path))])
    entries = written.get("experiments") if isinstance(written, dict) else None
    if isinstance(entries, list) and len(entries) > MAX_ENTRIES:
        message = f"{len(entries)} entries, and {MAX_ENTRIES} are the most (split the file)"
        raise ProblemsError([Problem("error", "experiments", message, str(path))])


def settings_from_arguments(
    repo: str, model: str, mutate: Sequence[str] | None, runs: int
) -> Settings:
    """Return settings for one training without a background, from the command line.

    `mutate` None passes no hyperparameters; ["all"] draws every one. Raises UsageError for a
    number of runs below 1.
    """
    if runs < 1:
        raise UsageError(f"the number of runs must be at least 1, not {runs}")
    source: dict[str, Any] = {"repo": repo, "model": model, "mode": "default"}
    if mutate is not None:
        source |= {"mode": "mutation", "mutate": list(mutate)}
    source["runs_per_config"] = runs
    reader = Reader("", ())
    top = Level("top level", "", {})
    entry = reader.read_entry(Level("entry", "arguments", source), top, source)
    entries = (entry,) if entry else ()
    return Settings(None, f"{repo}_{model}", None, entries, tuple(reader.problems))
