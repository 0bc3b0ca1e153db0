"""What a long sweep costs before its first experiment: planning it, and going on with it.

Usage: python bench/scale.py [EXPERIMENTS]. Prints wall-clock seconds and the largest memory of the
process (RSS; no less than that of this benchmark), for a quarter, a half and all of 10,000
experiments: the cost is to grow linearly. Of a design it is planning and writing plan.json, and
reading plan.json. Exit code 1 above the limits.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.stage import Stage  # noqa: E402
from tandem.plan.file import read_plan_file  # noqa: E402
from tandem.results import table  # noqa: E402
from tandem.results.columns import columns_of  # noqa: E402
from tandem.results.journal import Journal  # noqa: E402

LONGEST_S, MOST_MIB = 3.0, 200.0
PLAN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tandem.plan.planner import read_plan
from tandem.results.folder import make_run_folder
folder = Path(sys.argv[2])
reading = read_plan(folder / "settings.json", folder / "registry.json", root=folder, seed=1)
print(make_run_folder(folder / "results", reading.plan, reading.copies))
"""
READ = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tandem.plan.file import read_plan_file
print(len(read_plan_file(Path(sys.argv[2])).experiments))
"""
RATE = {"flag": "--rate", "type": "float", "default": 0.1, "range": [1e-7, 1e-3]}
SEED = {"flag": "--seed", "type": "int", "default": 1, "range": [0, 9999]}


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for count in (most // 4, most // 2, most):
        for what, entries in (
            ("entries of one run", [entry(1)] * count),
            ("runs of one entry", [entry(count)]),
        ):
            with tempfile.TemporaryDirectory() as name:
                bench(Path(name), count, what, entries)
        with tempfile.TemporaryDirectory() as name:
            bench_design(Path(name), count)


def entry(runs: int) -> dict[str, Any]:
    names = {"repo": "front", "model": "default"}
    return {**names, "mutate": ["rate"], "runs_per_config": runs}


def design(count: int) -> dict[str, Any]:
    """Five repeats of drawn configurations: alone, and beside a background at three doses."""
    names = {"repo": "front", "model": "default"}
    drawn = {"rate": {"draw": True}}
    factors = {"background": [None, {**names, "repo": "back"}], "intensity": [0.25, 0.5, 1]}
    entry = {"foreground": {**names, "hyperparameters": drawn}, "factors": factors}
    counts = {"draws": count // 20, "repeats": 5, "vary": ["seed"]}
    return {"settings_version": 2, **counts, "experiments": [entry]}


def bench(folder: Path, count: int, what: str, entries: list[dict[str, Any]]) -> None:
    stage, run = bench_plan(folder, f"plan {count} {what}", {"experiments": entries})
    end_all_but_one(run, stage)
    command = [sys.executable, str(ROOT / "driver.py"), "run", "--no-report", "--resume", str(run)]
    begin_s = time.time()
    _, memory_mib = measure(command, stage)
    show(f"resume {count} {what}", started_s(run) - begin_s, memory_mib)


def bench_design(folder: Path, count: int) -> None:
    stage, run = bench_plan(folder, f"plan {count} of a design", design(count))
    command = [sys.executable, "-c", READ, str(ROOT / "lib"), str(run)]
    show(f"read the plan of {count} of a design", *measure(command, stage))


def bench_plan(folder: Path, what: str, settings: dict[str, Any]) -> tuple[Stage, Path]:
    """Measure planning and writing the plan; return the stage and the run's folder."""
    stage = Stage(folder)
    stage.build("echo Test Accuracy: 50", "echo Test Accuracy: 50")
    registry = json.loads((folder / "registry.json").read_text())
    registry["models"]["front"]["supported_hyperparams"] |= {"rate": RATE, "seed": SEED}
    (folder / "registry.json").write_text(json.dumps(registry))
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [sys.executable, "-c", PLAN, str(ROOT / "lib"), str(folder)]
    show(what, *measure(command, stage))
    return stage, next(folder.glob("results/run_*"))


def end_all_but_one(run: Path, stage: Stage) -> None:
    """Write what all experiments but the last leave in a run's folder, from one that really ran."""
    one = run_one(stage)
    with open(one.parent / "summary.csv", newline="") as file:
        row = next(csv.DictReader(file))
    record = (one / "experiment.json").read_bytes()
    experiments = read_plan_file(run).experiments[:-1]
    columns = columns_of(read_plan_file(run))
    for experiment in experiments:
        (run / experiment.id).mkdir()
        own = record.replace(row["experiment_id"].encode(), experiment.id.encode())
        (run / experiment.id / "experiment.json").write_bytes(own)
    rows = [
        {
            **row,
            "experiment_id": experiment.id,
            "hyperparam_rate": str(experiment.foreground.hyperparameters["rate"]),
        }
        for experiment in experiments
    ]
    table.rewrite(run / "summary.csv", columns, rows)
    lines = [
        json.dumps({"event": event, "utc": "", "experiment": experiment.id, "duration_s": 60.0})
        for experiment in experiments
        for event in ("started", "ended")
    ]
    (run / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))
    Journal(run).close()


def run_one(stage: Stage) -> Path:
    """Really run one experiment; return its folder."""
    subprocess.run(
        [
            *stage.command()[:-1],
            *("--repo", "front", "--model", "default", "--results", str(stage.folder / "one")),
        ],
        env=stage.environment,
        check=True,
        capture_output=True,
    )
    return next(stage.folder.glob("one/run_*/*/experiment.json")).parent


def started_s(run: Path) -> float:
    """Return when the one experiment that was missing was started, in seconds of UTC."""
    lines = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
    (when,) = (line["utc"] for line in lines if line["event"] == "started" and line["utc"])
    return datetime.fromisoformat(when).timestamp()


def measure(command: list[str], stage: Stage) -> tuple[float, float]:
    """Run a command; return its seconds and its largest memory in MiB."""
    begin_s = time.monotonic()
    process = subprocess.Popen(
        command, env=stage.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench: error: {command}: exit code {process.returncode}")
    return time.monotonic() - begin_s, usage.ru_maxrss / 1024


def show(what: str, duration_s: float, memory_mib: float) -> None:
    print(f"{what:<42} {duration_s:6.2f} s  {memory_mib:5.0f} MiB  at most 3 s, 200 MiB")
    if duration_s > LONGEST_S or memory_mib > MOST_MIB:
        raise SystemExit(f"bench: error: {what}: too much")


if __name__ == "__main__":
    main()
