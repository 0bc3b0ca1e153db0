"""Backgrounds that end well and do nothing, that only fail, and that are honest and look idle."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
from support.stage import PATTERNS, Stage, wait_for

BURN = "import time; t = time.process_time()\nwhile time.process_time() - t < {}: pass"
BURNS = f'python3 -S -c "{BURN.format(0.3)}"'
FRONT = "sleep {}; echo Test Accuracy: 90"


def require(stage: Stage, repository: str, **entry: Any) -> None:
    """Add to what the registry says of a repository of this stage."""
    file = stage.folder / "registry.json"
    registry = json.loads(file.read_text())
    patterns = {"performance_metrics": {"log_patterns": PATTERNS}}
    registry["models"][repository] |= {**patterns, **entry}
    file.write_text(json.dumps(registry))


@pytest.mark.long
def test_rounds_without_the_required_metric_are_no_load(stage: Stage) -> None:
    """As of a program that says that it has no GPU, and exits 0."""
    stage.build(FRONT.format(4), f"{BURNS}; echo no GPU, bye", ready_timeout_seconds=4)
    require(stage, "back", required_metrics=["accuracy"])
    done = stage.run()
    assert done.returncode == 1, done.stdout
    why = "exit code 0, but no accuracy in its log"
    assert "warning: background: round 1 was hollow" in done.stdout
    assert why in done.stdout
    record = stage.record()
    background = record["background"]
    assert (background["rounds_completed"], background["rounds_failed"]) == (0, 0)
    assert background["rounds_hollow"] >= 2
    assert background["rounds_unjudged"] == 0  # those that ended last too
    assert (
        f"no background round succeeded ({background['rounds_hollow']} hollow)"
        in (record["invalid_reasons"])
    )
    assert background["parts"][0]["ready_by"] == "work"
    assert record["windows"][-1]["load"]["rounds_per_second"] is None
    rounds = (stage.experiment / "background_logs/rounds.tsv").read_text()
    assert "\thollow\tno accuracy in its log\n" in rounds
    assert "could not be judged" not in "; ".join(record["warnings"])


@pytest.mark.long
def test_a_background_that_only_fails_ends_the_foreground(stage: Stage) -> None:
    fails = f"[ ! -e '{stage.folder}/fails' ] || {{ echo no data >&2; exit 9; }}"
    stage.build(stage.worker("front"), f"{fails}; {stage.worker('back')}", max_failed_rounds=2)
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    stage.release("fails")
    rounds = stage.experiment / "background_logs/rounds.tsv"
    pid = next(pid for pid, line in stage.trainings().items() if str(stage.folder / "back") in line)
    os.kill(pid, signal.SIGKILL)
    output, _ = driver.communicate()
    assert driver.returncode == 1
    assert "background failed: its last 2 rounds failed quickly; the foreground is ended" in output
    assert "    no data\n" in output
    record = stage.record()
    assert (record["status"], record["training_success"]) == ("background failed", False)
    assert record["attempts"][0]["reason"] == "signal SIGTERM"
    assert record["background"]["rounds_failed"] == rounds.read_text().count("\tended\n")
    assert stage.everything() == {}


@pytest.mark.parametrize(
    ("back", "ready_by"),
    [
        ("echo Epoch 1/9; {worker}", "epoch"),
        ("echo Test Accuracy: 7; {worker}", "metric"),
        ("[ -e once ] && exec sleep 0.05; touch once; echo Test Accuracy: 7", "round"),
    ],
)
def test_what_shows_that_a_background_trains(stage: Stage, back: str, ready_by: str) -> None:
    stage.build(FRONT.format(0.3), back.format(worker=stage.worker("back")))
    require(stage, "back")
    assert stage.run().returncode in (0, 1)
    (part,) = stage.record()["background"]["parts"]
    assert part["ready_by"] == ready_by


def test_a_background_that_prints_at_its_end_alone_is_honest(stage: Stage) -> None:
    stage.build(stage.worker("front"), stage.worker("back"), ready_timeout_seconds=1)
    require(stage, "back", required_metrics=["accuracy"])
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    wait_for("some time", lambda: len(stage.trainings()) == 2)
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert "warning: background has shown no epoch and no metric, only work" in output
    record = stage.record()
    assert (record["valid"], record["background"]["parts"][0]["ready_by"]) == (True, "work")
    assert any("by its work alone" in warning for warning in record["warnings"])


@pytest.mark.long
@pytest.mark.parametrize("dose", [{}, {"intensity": 0.05}])
def test_a_background_that_prints_nothing_is_valid(stage: Stage, dose: dict[str, float]) -> None:
    """Also one that is dosed, where it works fully when it runs; and it makes nobody wait."""
    burn = BURN.format(1e9)
    stage.build(FRONT.format(4), f'exec python3 -S -c "{burn}"', [dose])
    done = stage.run()
    assert done.returncode == 0, done.stdout
    record = stage.record()
    assert (record["valid"], record["invalid_reasons"]) == (True, [])
    assert record["background"]["parts"][0]["ready_by"] == "work"


def test_a_background_that_sleeps_is_no_load(stage: Stage) -> None:
    stage.build(FRONT.format(1.5), "echo works; exec sleep 1000")
    done = stage.run()
    assert done.returncode == 1
    (reason,) = stage.record()["invalid_reasons"]
    assert reason.startswith("the background did next to nothing beside the foreground: at most 0.")
