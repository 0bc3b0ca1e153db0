"""Trainings that write into the folder of their own experiment, or remove it."""

from __future__ import annotations

import json

import pytest
from support.stage import Stage
from tandem.experiment.verify import verify_run


@pytest.mark.parametrize(
    "spoil",
    ["rm -r $d", "rm -r $d; touch $d", "mkdir $d/outcome.json", "mkdir $d/experiment.json"],
)
def test_a_training_that_spoils_its_folder_spoils_no_other(stage: Stage, spoil: str) -> None:
    """It has no record, is missing, and runs again when it is gone on with."""
    folder = 'd=$(echo "$PWD"/../../results/run_*/front_default_001)'
    front = f"[ -e ran ] || {{ touch ran; {folder}; {spoil}; }}; echo Test Accuracy: 5"
    stage.build(front, None, runs_per_config=2)
    done = stage.run()
    assert done.returncode == 1, done.stdout
    assert "experiment 1 of 2: no record: " in done.stdout
    assert "2 experiments: 1 valid, 1 missing" in done.stdout
    (run,) = stage.folder.glob("results/run_*")
    command = [*stage.command()[:3], "--resume", str(run)]
    done = stage.run_command(command)
    assert done.returncode == 0, done.stdout
    assert "2 experiments: 2 valid" in done.stdout
    assert verify_run(run).differences == []


def test_a_record_that_a_training_made_is_none(stage: Stage) -> None:
    """Here the second makes its own of the first one's, whole, and prints no metric."""
    runs = '"$PWD"/../../results/run_*'
    forge = f"sed s/_001/_002/ {runs}/front_default_001/experiment.json"
    forge += f" >$(echo {runs}/front_default_002)/experiment.json"
    front = f"[ -e ran ] && {{ {forge}; exit; }}; touch ran; echo Test Accuracy: 5"
    stage.build(front, None, runs_per_config=2)
    done = stage.run()
    assert done.returncode == 1, done.stdout
    (run,) = stage.folder.glob("results/run_*")
    record = json.loads((run / "front_default_002" / "experiment.json").read_text())
    [reason] = record["invalid_reasons"]
    assert reason.startswith("no metric found in the foreground's log; looked for accuracy")
    assert verify_run(run).differences == []
