"""Workers that are killed, stopped, or whose trainings fail: each experiment stands once."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.planned_run import events_of, planned_run, worker_command
from support.records import flaws
from support.stage import DEADLINE_S, Stage, stop, wait_for
from tandem.experiment.verify import verify_run
from tandem.processes.tree import send

long = pytest.mark.long

# The first foreground of all waits until it is told to go on.
FRONT = """if mkdir first 2>/dev/null; then until [ -e go ]; do sleep 0.02; done; fi
echo Test Accuracy: 50
sleep 0.3"""
BACK = "echo at work; exec sleep 1000"
NO_UTS = subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode
ON_HOST = ["unshare", "--uts", "sh", "-c", 'echo "$0" >/proc/sys/kernel/hostname; exec "$@"']


def build(stage: Stage, front: str = FRONT, repeats: int = 2, **settings: Any) -> Path:
    """Write a design of pairs, and make the folder of its run."""
    stage.build(front, BACK)
    design = {
        **{"settings_version": 2, "seed": 1, "max_retries": 0, "warmup_seconds": 0.2},
        **{"warmup_runs": 0, "order": "as_written", "repeats": repeats, **settings},
        "factors": {"background": [{"repo": "back", "model": "default"}, None]},
        "experiments": [{"foreground": {"repo": "front", "model": "default"}}],
    }
    (stage.folder / "settings.json").write_text(json.dumps(design))
    return planned_run(stage)


def work(stage: Stage, run: Path, *options: str, locks: str = "") -> subprocess.Popen[str]:
    """Start a worker. `locks`: as on a machine of its own, whose CPUs nobody else has."""
    if locks:
        (stage.folder / locks).mkdir(exist_ok=True)
        stage.more_environment = {"TANDEM_LOCKS": str(stage.folder / locks)}
    return stage.start(worker_command(stage, run, *options), start_new_session=True)


def end(worker: subprocess.Popen[str]) -> str:
    output, _ = worker.communicate(timeout=DEADLINE_S)
    return str(output)


def wait_for_first(stage: Stage) -> None:
    wait_for("the first foreground runs", (stage.folder / "repos/front/first").is_dir)


def rows(run: Path) -> dict[str, dict[str, str]]:
    with open(run / "summary.csv", newline="") as file:
        return {row["experiment_id"]: row for row in csv.DictReader(file)}


def check(stage: Stage, run: Path, count: int) -> None:
    """See that so many stand, each with one whole record, and that nobody is left."""
    table = rows(run)
    assert [row["valid"] for row in table.values() if row["counts"] == "True"] == ["True"] * count
    assert Counter(each.name for each in run.iterdir() if each.is_symlink()) == Counter([*table])
    for name in table:
        record = json.loads((run / name / "experiment.json").read_text())
        assert flaws(record) == []
        assert f"workers/{record['worker']}/{name}" == os.readlink(run / name)
    assert verify_run(run).differences == []
    assert [*(run / "claims").iterdir()] == []
    stage.wait_until_nothing_lives()


@pytest.mark.parametrize("what", ["worker", pytest.param("all of it", marks=long)])
def test_a_killed_worker_is_taken_over_at_once_on_its_host(stage: Stage, what: str) -> None:
    run = build(stage)
    first = work(stage, run, "--claim-expires", "1000")
    wait_for_first(stage)
    for pid in [first.pid, *(stage.everything() if what == "all of it" else [])]:
        send(pid, signal.SIGKILL)
    end(first)
    second = work(stage, run, "--claim-expires", "1000")
    said = end(second)
    assert (second.returncode, "waiting" in said) == (0, False), said
    check(stage, run, 4)


@long
def test_one_that_is_taken_over_while_it_sleeps_loses_and_says_so(stage: Stage) -> None:
    run = build(stage)
    slow = work(stage, run, "--claim-expires", "2", locks="slow")
    wait_for_first(stage)
    stop(slow.pid)
    fast = work(stage, run, "--claim-expires", "2", locks="fast")
    said = end(fast)
    assert fast.returncode == 0, said
    (stage.folder / "repos/front/go").touch()
    slow.send_signal(signal.SIGCONT)
    said = end(slow)
    assert slow.returncode == 0, said
    assert "c01_r1: another worker has taken it over, as this one was silent for long" in said
    lost = [each for each in events_of(run) if each["event"] == "lost"]
    ((loser, name),) = {(each["worker"], each["experiment"]) for each in lost}
    assert f"{name}: another worker's try stands" in said
    assert f"c01_r1 is left to the worker of {os.readlink(run / name)}" in said
    assert (run / "workers" / loser / name / "experiment.json").exists()
    check(stage, run, 4)


def test_a_worker_that_is_told_to_stop_gives_its_group_back(stage: Stage) -> None:
    run = build(stage)
    worker = work(stage, run)
    wait_for_first(stage)
    worker.send_signal(signal.SIGINT)
    said = end(worker)
    assert worker.returncode == -signal.SIGINT
    assert "nobody is at work on 2 groups: c01_r1, c01_r2\n" in said
    (state,) = [json.loads(file.read_text()) for file in run.glob("workers/*/state.json")]
    assert (state["status"], state["why"]) == ("stopped", "by SIGINT")
    assert [*(run / "claims").iterdir()] == []
    assert not [*run.glob("*/experiment.json")]
    stage.wait_until_nothing_lives()


def test_a_run_without_anything_missing_is_shown(stage: Stage) -> None:
    run = build(stage, "echo Test Accuracy: 50; sleep 0.3", repeats=1)
    first = work(stage, run)
    said = end(first)
    assert first.returncode == 0, said
    assert "this worker: c01_r1: 2 valid\n2 experiments: 2 valid\nresults: " in said
    again = work(stage, run)
    said = end(again)
    assert (again.returncode, "nothing is missing" in said) == (0, True)
    assert "2 experiments: 2 valid" in said
    assert len([*(run / "workers").iterdir()]) == 1
    check(stage, run, 2)


def test_groups_that_nobody_is_at_work_on_are_named(stage: Stage) -> None:
    run = build(stage, "echo Test Accuracy: 50; sleep 0.3")
    worker = work(stage, run, "--max-groups", "1")
    said = end(worker)
    assert worker.returncode == 1
    assert "4 experiments: 2 valid, 2 missing" in said
    assert "nobody is at work on 1 group: c01_r2\n" in said
    assert f"bin/tandem work {run}\n" in said


def test_without_time_nothing_is_begun(stage: Stage) -> None:
    run = build(stage)
    worker = work(stage, run, "--until", "2020-01-01")
    said = end(worker)
    assert (worker.returncode, "not started: the time is over (--until)" in said) == (1, True)
    assert not [*run.glob("workers/*")]


@long
@pytest.mark.skipif(NO_UTS != 0, reason="no UTS namespace, which only root may make")
def test_a_group_that_failed_on_one_host_is_left_to_another(stage: Stage) -> None:
    fails = "if [ $(uname -n) = bad ]; then exit 1; fi; echo Test Accuracy: 50; sleep 0.3"
    run = build(stage, fails, repeats=1)

    def on(host: str) -> tuple[int, str]:
        worker = stage.start([*ON_HOST, host, *worker_command(stage, run)])
        said = end(worker)
        return worker.returncode, said

    for _ in range(2):
        code, said = on("bad")
        assert code == 1
        assert "left to workers on other hosts, as trainings failed again and again on bad" in said
    names = {each.name for each in run.iterdir() if each.is_symlink()}
    assert len(names) == 2
    code, said = on("good")
    assert code == 0, said
    assert "c01_r1 runs again, whole (try 2): its trainings failed on bad" in said
    assert on("bad")[0] == 0
    check(stage, run, 2)
    hosts = {name: row["host"] for name, row in rows(run).items()}
    assert {hosts[name] for name in names} == {"bad"}
    assert {hosts[f"{name}_try2"] for name in names} == {"good"}
