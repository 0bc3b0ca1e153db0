"""`tandem run --plan-only`: a run's folder for workers, which are started by hand."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from support import ROOT
from support.stage import Stage
from tandem.results.latest import NAME as LATEST


def test_it_makes_the_folder_and_workers_drain_it(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 50", None, runs_per_config=2)
    done = stage.run("--plan-only")
    assert done.returncode == 0, done.stdout
    assert "2 experiments in 2 groups; nothing has run" in done.stdout
    match = re.search(r"tandem work (\S+)$", done.stdout, re.MULTILINE)
    assert match, done.stdout
    run = Path(match[1])
    assert {each.name for each in run.iterdir()} == {"plan.json", "settings.json", "registry.json"}
    assert (run.parent / LATEST).resolve() == run
    work = [sys.executable, str(ROOT / "driver.py"), "work", "--no-report", str(run)]
    done = stage.run_command([*work, "--proc", str(stage.folder / "no_proc")])
    assert done.returncode == 0, done.stdout
    assert len([*run.glob("*/experiment.json")]) == 2


def test_it_goes_on_with_no_run(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 50", None)
    done = stage.run("--plan-only", "--continue")
    assert done.returncode == 2
    assert "--plan-only makes a new run" in done.stdout
    assert not (stage.folder / "results").exists()
