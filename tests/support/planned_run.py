"""A run that workers drain, of a stage's settings: its folder, and the command of a worker."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tandem.plan.planner import read_plan
from tandem.results.folder import make_run_folder

from support import ROOT
from support.stage import GRACE_S, Stage


def planned_run(stage: Stage, results: Path | None = None, seed: int | None = None) -> Path:
    """Make the folder of a run that nobody has worked on yet."""
    files = stage.folder / "settings.json", stage.folder / "registry.json"
    reading = read_plan(*files, root=stage.folder, seed=seed, grace_s=GRACE_S)
    assert reading.plan, reading.problems
    return make_run_folder(results or stage.folder / "results", reading.plan, reading.copies)


def worker_command(stage: Stage, run: Path, *options: str) -> list[str]:
    """Return the command of a worker, which sees no process of this machine."""
    return [
        *(sys.executable, str(ROOT / "driver.py"), "work", "--no-report"),
        *("--proc", str(stage.folder / "no_proc"), *options, str(run)),
    ]


def events_of(run: Path) -> list[dict[str, Any]]:
    """Return the lines of all journals of a run's workers."""
    texts = [journal.read_text() for journal in sorted(run.glob("workers/*/journal.jsonl"))]
    return [json.loads(line) for text in texts for line in text.splitlines()]
