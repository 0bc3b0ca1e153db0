"""Workers of one machine, one for each of its GPUs: what they say, how they end, what they make."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from support.planned_run import planned_run, worker_command
from support.stage import DEADLINE_S, Stage, training_line, wait_for
from support.summary import rows_of
from tandem.experiment.verify import verify_run
from tandem.processes.tree import send

long = pytest.mark.long


def build(stage: Stage, gpu: SimGpu, repeats: int, work_s: float, **front: Any) -> Path:
    """Write a design of pairs on simulated boards, and make the folder of its run."""
    stage.more_environment = gpu.environment({})
    stage.build(
        training_line(gpu.command(work_seconds=work_s)), training_line(gpu.command(seconds=1000))
    )
    design = {
        **{"settings_version": 2, "seed": 1, "max_retries": 0, "warmup_seconds": 0.2},
        **{"warmup_runs": 0, "cooldown_seconds": 0, "repeats": repeats},
        "factors": {"background": [{"repo": "back", "model": "default"}, None]},
        "experiments": [{"foreground": {"repo": "front", "model": "default", **front}}],
    }
    (stage.folder / "settings.json").write_text(json.dumps(design))
    return planned_run(stage)


@pytest.fixture
def four_gpus(tmp_path: Path, simgpu_library: Path) -> Iterator[SimGpu]:
    with SimGpu(tmp_path / "four.state", simgpu_library, devices=4) as made:
        yield made


def boards(run: Path) -> dict[str, set[str]]:
    """Return the boards of each group."""
    found: dict[str, set[str]] = {}
    for row in rows_of(run):
        found.setdefault(row["group"], set()).add(row["board"])
    return found


def compared(stage: Stage, run: Path) -> Any:
    """Return which experiments compare puts together of a run."""
    command = [*worker_command(stage, run)[:2], "compare", "--format", "json", str(run)]
    done = stage.run_command(command)
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    keys = ("foreground", "background", "values", "unit", "configurations", "experiments")
    groups = [{key: each[key] for key in keys} for each in found["groups"]]
    return groups, found["left_out"], found["damaged"]


@long
def test_four_workers_make_what_one_run_makes(stage: Stage, four_gpus: SimGpu) -> None:
    run = build(stage, four_gpus, repeats=6, work_s=0.5)
    alone = stage.run("--seed", "1")
    assert alone.returncode == 0, alone.stdout
    (other,) = (each for each in run.parent.glob("run_*") if each != run)
    crew = stage.run_command(worker_command(stage, run, "--gpus", "all"))
    assert crew.returncode == 0, crew.stdout
    for number in range(4):
        assert f"GPU {number}: this worker: c01_r" in crew.stdout
    assert (run / "plan.json").read_bytes() == (other / "plan.json").read_bytes()
    names = ("experiment_id", "group", "twin", "try_number", "counts", "valid", "hyperparameters")
    ours, theirs = (
        sorted(tuple(row.get(name) for name in names) for row in rows_of(each))
        for each in (run, other)
    )
    assert ours == theirs
    assert all(len(each) == 1 for each in boards(run).values())
    assert len(set.union(*boards(run).values())) == 4
    assert compared(stage, run) == compared(stage, other)
    ((pairs,), *_) = compared(stage, run)
    assert (pairs["unit"], pairs["experiments"]) == ("pair", 6)
    assert verify_run(run).differences == []
    stage.wait_until_nothing_lives()


def test_two_workers_are_told_apart_and_stopped_together(stage: Stage, two_gpus: SimGpu) -> None:
    run = build(stage, two_gpus, repeats=2, work_s=1000)
    crew = stage.start(worker_command(stage, run, "--gpus", "0,1"), start_new_session=True)
    log = "workers/*/*/attempts/*/training.log"
    wait_for("both work", lambda: sum(each.stat().st_size > 0 for each in run.glob(log)) == 2)
    crew.send_signal(signal.SIGINT)
    said, _ = crew.communicate(timeout=DEADLINE_S)
    assert crew.returncode == -signal.SIGINT, said
    for number in range(2):
        assert f"GPU {number}: stopped by SIGINT" in said
    assert all(line.startswith(("GPU 0: ", "GPU 1: ")) for line in said.splitlines())
    states = [json.loads(file.read_text())["status"] for file in run.glob("workers/*/state.json")]
    assert states == ["stopped", "stopped"]
    assert [*(run / "claims").iterdir()] == []
    stage.wait_until_nothing_lives()


@long
@pytest.mark.parametrize("who", ["the crew", "a worker"])
def test_one_of_them_is_killed(stage: Stage, two_gpus: SimGpu, who: str) -> None:
    run = build(stage, two_gpus, repeats=2, work_s=1000 if who == "the crew" else 1.5)
    crew = stage.start(worker_command(stage, run, "--gpus", "all"), start_new_session=True)
    log = "workers/*/*/attempts/*/training.log"
    wait_for("both work", lambda: len([*run.glob(log)]) == 2)
    if who == "the crew":
        crew.kill()
        crew.communicate(timeout=DEADLINE_S)
        stage.wait_until_nothing_lives()
        return
    first = min(run.glob("workers/*/state.json"))
    send(json.loads(first.read_text())["owner"]["pid"], signal.SIGKILL)
    said, _ = crew.communicate(timeout=DEADLINE_S)
    assert crew.returncode == 128 + signal.SIGKILL, said
    assert all(row["valid"] == "True" for row in rows_of(run))
    assert len([row for row in rows_of(run) if row["counts"] == "True"]) == 4
    assert all(len(each) == 1 for each in boards(run).values())
    stage.wait_until_nothing_lives()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("0,7", 2, '--gpus: no GPU "7"; there is 0 (Simulated GPU, GPU-51500000-'),
        ("1,GPU-51500001", 2, "--gpus: 1,GPU-51500001 names a GPU twice (remove one)"),
        ("0", 3, "front is to see GPU 1, but CUDA_VISIBLE_DEVICES is"),
        ("all", 3, "GPU 0: tandem: error: front is to see GPU 1, but CUDA_VISIBLE_DEVICES is"),
    ],
)
def test_gpus_that_cannot_be_given(
    stage: Stage, two_gpus: SimGpu, words: str, code: int, said: str
) -> None:
    run = build(stage, two_gpus, repeats=1, work_s=0.3, gpus=[1])
    done = stage.run_command(worker_command(stage, run, "--gpus", words))
    assert said in done.stdout
    assert (done.returncode, "Traceback" in done.stdout) == (code, False)
    if words == "all":  # the board that the settings give has run it
        assert len(rows_of(run)) == 2


def test_without_nvml_no_gpu_can_be_chosen(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 50", None)
    run = planned_run(stage)
    done = stage.run_command(worker_command(stage, run, "--gpus", "all"))
    assert (done.returncode, "without --gpus a worker" in done.stdout) == (3, True)
    assert not (run / "workers").exists()
