"""The adapters and the registry's entries for other people's repositories, on stand-ins.

The repositories themselves, their data and a GPU are not needed: see README.md beside this file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from support.stage import processes, wait_for
from tandem.log.follow import EpochReader

CIFAR = "repos/data/cifar-10-batches-py"
RESNET, REID = "pytorch_resnet_cifar10", "Person_reID_baseline_pytorch"
EXAMPLE = ROOT / "examples" / "resnet_beside_densenet.json"
MODULES = (
    *("torchvision", "timm", "pretrainedmodels", "six", "pytorch_metric_learning", "scipy"),
    *("matplotlib", "tqdm", "yaml"),
)
DEADLINE_S = 90.0  # a hang guard, not a figure


@dataclass
class Place:
    """A root with stand-ins for both repositories and folders for their data."""

    root: Path

    def environment(self, **more: str) -> dict[str, str]:
        unset = ("TANDEM_OUT", "PYTHONDONTWRITEBYTECODE")
        kept = {name: text for name, text in os.environ.items() if name not in unset}
        path = f"{self.root / 'programs'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"PATH": path, "PYTHONPATH": str(self.root / "modules")}
        return {**kept, **own, "TORCH_HOME": str(self.root / "torch"), **more}

    def driver(
        self, command: str, settings: Path, *options: str, **more: str
    ) -> subprocess.CompletedProcess[str]:
        places = ["--root", str(self.root)]
        if command == "run":
            places += ["--results", str(self.root / "results"), "--grace", "2"]
        return subprocess.run(
            [sys.executable, str(ROOT / "driver.py"), command, *places, *options, str(settings)],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def settings(self, foreground: dict[str, Any], background: dict[str, Any] | None) -> Path:
        entry = {"foreground": {"mode": "default", **foreground}, "background": background}
        top = {"mode": "parallel", "warmup_seconds": 0.5, "max_retries": 0, "seed": 1}
        if background is None:
            top["mode"], entry = "default", foreground
        path = self.root / "settings.json"
        path.write_text(json.dumps({**top, "experiments": [entry]}))
        return path

    def records(self) -> list[dict[str, Any]]:
        files = sorted(self.root.glob("results/run_*/*/experiment.json"))
        return [json.loads(file.read_text()) for file in files]

    def by_hand(
        self,
        repository: str,
        adapter: str,
        *arguments: str,
        python_flags: Sequence[str] = (),
        **more: str,
    ) -> Any:
        return subprocess.run(
            [sys.executable, *python_flags, str(ROOT / "adapters" / adapter), *arguments],
            cwd=self.root / "repos" / repository,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def files(self) -> set[str]:
        folders = [self.root / "repos" / name for name in (RESNET, REID)]
        return {str(path) for folder in folders for path in folder.rglob("*")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Whatever runs in it, nothing in a repository's folder changes."""
    made = Place(tmp_path / "a root")
    for name in (RESNET, REID):
        source, ignored = (
            ROOT / "tests" / "support" / "standins" / name,
            shutil.ignore_patterns("__pycache__"),
        )
        shutil.copytree(source, made.root / "repos" / name, ignore=ignored)
    (made.root / CIFAR).mkdir(parents=True)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (made.root / CIFAR / name).touch()
        os.truncate(made.root / CIFAR / name, 31_000_000)  # takes no space on the disk
    (made.root / CIFAR / "batches.meta").touch()
    for name in ("train", "val", "gallery", "query"):
        (made.root / "repos" / "Market" / "pytorch" / name).mkdir(parents=True)
    (made.root / "modules").mkdir()
    for name in MODULES:  # a stand-in imports none
        (made.root / "modules" / f"{name}.py").touch()
    strange = made.root / "programs" / "python"  # not the one that trains
    strange.parent.mkdir()
    strange.write_text("#!/bin/sh\nexit 1\n")
    strange.chmod(0o755)
    before = made.files()
    yield made
    assert made.files() == before


def reid(model: str, **values: float) -> dict[str, Any]:
    return {"repo": REID, "model": model, "hyperparameters": {"epochs": 10, **values}}


def left_over(place: Place) -> list[Path]:
    return list(place.root.rglob("saved"))


def test_the_example_is_what_it_says_and_is_planned(place: Place) -> None:
    done = place.driver("check", EXAMPLE, "--seed", "1", "--json")
    found = json.loads(done.stdout)
    errors = [problem for problem in found["problems"] if problem["severity"] == "error"]
    assert (done.returncode, errors) == (0, [])
    [experiment], [entry] = found["plan"]["experiments"], found["plan"]["entries"]
    python = shutil.which("python3", path=place.environment()["PATH"])
    rate = experiment["hyperparameters"]["learning_rate"]
    assert 0.05 <= rate <= 0.15
    assert experiment["command"] == [
        *(python, str(ROOT / "adapters" / "resnet_cifar10.py"), "--data", "../data"),
        *("--arch", "resnet20", "--lr", repr(rate)),
    ]
    [background] = [each["training"] for each in entry["backgrounds"]]
    assert background["command"] == [
        *(python, str(ROOT / "adapters" / "person_reid.py"), "--data", "../Market/pytorch"),
        *("--use_dense", "--total_epoch", "60", "--lr", "0.05", "--droprate", "0.5"),
    ]
    assert background["work_dir"] == str(place.root / "repos" / REID)


def test_the_example_runs_as_it_stands(place: Place) -> None:
    done = place.driver("run", EXAMPLE, "--seed", "1", STANDIN_EPOCH_S="0.03")
    [record] = place.records()
    assert record["training_success"], done.stderr
    assert set(record["invalid_reasons"]) <= {
        reason for reason in record["invalid_reasons"] if reason.startswith("coverage")
    }
    assert 50 <= record["performance_metrics"]["test_accuracy"] <= 90
    assert (record["required_metrics"], record["epochs_done"]) == (["test_accuracy"], 200)
    assert record["background"]["rounds_failed"] == 0
    assert record["background"]["rounds_completed"] >= 1
    [round_1] = place.root.glob("results/run_*/*/background_logs/run_1.log")
    assert "Rank@1:0.550000" in round_1.read_text()
    assert record["environment"]["pin"]["matches"] is None  # a stand-in is at no commit
    assert "whether its folder is at commit d5489e8995e8 is not known" in done.stderr
    assert left_over(place) == []


@pytest.mark.long
def test_both_trainings_of_one_repository_keep_apart(place: Place) -> None:
    settings = place.settings(
        reid("hrnet18", learning_rate=0.03, seed=1), reid("pcb", learning_rate=0.07, seed=2)
    )
    done = place.driver("run", settings, STANDIN_EPOCH_S="0.6")
    [record] = place.records()
    assert record["training_success"], done.stderr
    metrics = record["performance_metrics"]
    assert (metrics["rank1"], metrics["rank5"]) == (0.53, 0.63)
    assert re.search(r"training · epoch \d of 9 · .*background round 1", done.stderr)
    assert "shares the foreground's folder" not in done.stderr
    [log] = place.root.glob("results/run_*/*/background_logs/run_1.log")
    assert "Rank@1:0.570000" in log.read_text()
    assert left_over(place) == []


@pytest.mark.long
def test_progress_that_is_drawn_over_itself_hides_neither_epochs_nor_metrics(
    place: Place,
) -> None:
    place.driver("run", place.settings({"mode": "default", **reid("densenet121")}, None))
    [record] = place.records()
    [log] = place.root.glob("results/run_*/*/attempts/1/training.log")
    assert b"\r99%|##   | 12936/12936" in log.read_bytes() or b"\r100%|" in log.read_bytes()
    assert EpochReader(log, None).poll() == (9, 9)
    assert (record["epochs_done"], record["valid"]) == (10, True)


@pytest.mark.long
def test_seeds_arrive_and_without_one_runs_differ(place: Place) -> None:
    def metrics(repository: str, model: str, **values: Any) -> dict[str, float]:
        shutil.rmtree(place.root / "results", ignore_errors=True)
        entry = {"repo": repository, "model": model, "mode": "default", "hyperparameters": values}
        done = place.driver("run", place.settings(entry, None))
        [record] = place.records()
        assert record["valid"], done.stderr
        return dict(record["performance_metrics"])

    for name, model, epochs in ((RESNET, "resnet110", 2), (REID, "pcb", 10)):
        one = metrics(name, model, epochs=epochs, seed=7)
        assert metrics(name, model, epochs=epochs, seed=7) == one
        assert metrics(name, model, epochs=epochs, seed=8) != one
        assert metrics(name, model, epochs=epochs) != metrics(name, model, epochs=epochs)


def test_data_and_modules_that_are_not_there_are_found_before_anything_starts(
    place: Place,
) -> None:
    settings = place.settings({"repo": RESNET, "model": "resnet20"}, reid("pcb"))
    assert place.driver("check", settings).returncode == 0
    (place.root / "repos/Market/pytorch/query").rmdir()
    (place.root / CIFAR / "data_batch_3").unlink()
    (place.root / "modules" / "six.py").unlink()
    done = place.driver("run", settings)
    assert (done.returncode, place.records()) == (2, [])
    for sentence in (
        'needs "../data/cifar-10-batches-py/data_batch_3", which is not in "',
        'needs "../Market/pytorch/query", which is not in "',
        'has no module "six" (',
        'see "The data" in docs/repositories.md',
    ):
        assert sentence in done.stderr


@pytest.mark.parametrize("lost", [True, False])
def test_an_adapter_starts_nothing_on_data_that_is_not_whole(place: Place, lost: bool) -> None:
    file = place.root / CIFAR / "test_batch"
    if lost:
        file.unlink()
    else:
        os.truncate(file, 30_000_000)
    done = place.by_hand(RESNET, "resnet_cifar10.py", "--data", "../data")
    assert (done.returncode, done.stdout) == (127, "")
    assert f'"{file}" is missing or not whole' in done.stderr
    (place.root / "repos/Market/pytorch/query").rmdir()
    done = place.by_hand(REID, "person_reid.py", "--data", "../Market/pytorch")
    assert (done.returncode, done.stdout) == (127, "")
    assert 'there is no "' in done.stderr


@pytest.mark.long
def test_a_background_that_cannot_run_is_found_before_the_foreground_starts(
    place: Place,
) -> None:
    background = reid("pcb") | {"hyperparameters": {"epochs": 9}}
    settings = place.settings({"repo": RESNET, "model": "resnet20"}, background)
    done = place.driver("run", settings)
    assert done.returncode == 1
    assert "the foreground is not started" in done.stderr
    assert "9 epochs are too few" in done.stderr
    [record] = place.records()
    assert (record["status"], record["attempts"]) == ("background not ready", [])


def test_a_python_without_pytorch_is_named(place: Place) -> None:
    bare = place.root / "repos" / "bare"
    bare.mkdir()
    # Without site-packages, as PyTorch may be installed.
    done = place.by_hand("bare", "resnet_cifar10.py", "--data", "../data", python_flags=("-S",))
    assert (done.returncode, done.stderr) == (
        127,
        f"resnet_cifar10: error: {sys.executable} has no module torch"
        " (docs/repositories.md: choosing the Python)\n",
    )


@pytest.mark.long
def test_an_evaluation_whose_failure_test_py_hides_is_no_valid_run(place: Place) -> None:
    evaluation = place.root / "repos" / REID / "evaluate_gpu.py"
    evaluation.write_text("raise SystemExit('out of memory')\n")
    place.driver("run", place.settings({"mode": "default", **reid("pcb")}, None))
    [record] = place.records()
    assert (record["training_success"], record["valid"]) == (True, False)
    assert record["invalid_reasons"] == [
        "required metrics not found in the foreground's log: rank1, map"
    ]


def test_by_hand_an_adapter_ends_as_its_program_does_and_cleans_up(
    place: Place, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    usual = {"TANDEM_OUT": str(out)}
    data = ("--data", "../data")
    done = place.by_hand(RESNET, "resnet_cifar10.py", *data, "--epochs", "1", "--keep", **usual)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "saved" / "save_temp" / "model.th").read_text() == "resnet32"
    done = place.by_hand(RESNET, "resnet_cifar10.py", *data, "--arch", "resnet21", **usual)
    assert (done.returncode, list(out.iterdir())) == (2, [])
    own = {"TMPDIR": str(tmp_path / "tmp")}
    Path(own["TMPDIR"]).mkdir()
    done = place.by_hand(RESNET, "resnet_cifar10.py", *data, "--epochs", "1", **own)
    assert (done.returncode, list(Path(own["TMPDIR"]).iterdir())) == (0, [])


@pytest.mark.long
def test_batch_size_and_memory_limit_reach_all_that_a_round_runs(place: Place) -> None:
    words = ("--data", "../Market/pytorch", "--total_epoch", "10", "--seed", "1")
    limit = {"TANDEM_GPU_MEMORY_FRACTION": "0.25", "STANDIN_GPU": "1"}
    done = place.by_hand(REID, "person_reid.py", *words, "--batchsize", "16", **limit)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    programs = ("train.py", "test.py", "evaluate_gpu.py")
    assert [line for line in lines if line.endswith(" of GPU 0")] == [
        f"{program}: 0.25 of GPU 0" for program in programs
    ]
    assert lines[lines.index("-------test-----------") + 1] == "16"
    done = place.by_hand(REID, "person_reid.py", *words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[lines.index("-------test-----------") + 1] == "256"
    assert "GPU 0" not in done.stdout


def test_a_stopped_adapter_stops_its_program_and_cleans_up(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    adapter = subprocess.Popen(
        [sys.executable, str(ROOT / "adapters" / "resnet_cifar10.py"), "--data", "../data"],
        cwd=place.root / "repos" / RESNET,
        env=place.environment(TANDEM_OUT=str(out), STANDIN_EPOCH_S="100"),
        stdout=subprocess.DEVNULL,
    )
    try:
        program = str(place.root / "repos" / RESNET / "trainer.py")
        wait_for("it trains", lambda: processes(program) and (out / "saved" / "save_temp").exists())
    finally:
        adapter.send_signal(signal.SIGTERM)
        assert adapter.wait(DEADLINE_S) == 128 + signal.SIGTERM
    assert processes(program) == {}
    assert list(out.iterdir()) == []
