"""The files of an experiment that tell more, as far as they are there."""

from __future__ import annotations

from os.path import exists
from pathlib import Path

_FILES = {
    "record": "experiment.json",
    "log": "training.log",
    "energy": "energy/",
    "interference": "interference.json",
    "background's logs": "background_logs/",
}


def files_of(folder: Path, *kinds: str) -> list[tuple[str, str]]:
    """Return what each file tells and its path in the experiment's folder."""
    wanted = {kind: _FILES[kind] for kind in kinds or _FILES}
    return [(kind, name) for kind, name in wanted.items() if exists(f"{folder}/{name}")]
