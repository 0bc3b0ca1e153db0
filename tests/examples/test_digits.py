"""The digits example: its data, its training, its script and its entry in the registry."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import ROOT

DIGITS = ROOT / "examples" / "digits"
DATA = DIGITS / "digits.csv.gz"
SCRIPT = DIGITS / "train.sh"
ONE_EPOCH = ("--epochs", "1", "--batch-size", "64", "--hidden-width", "32", "--device", "cpu")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TANDEM_PYTHON": sys.executable, **environment}
    texts = [str(part) for part in command]
    return subprocess.run(texts, env=env, capture_output=True, text=True, timeout=120, check=False)


def without_times(output: str) -> str:
    return re.sub(r" \(\d+\.\d\d s\)$", "", output, flags=re.MULTILINE)


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def module() -> dict[str, Any]:
    return runpy.run_path(str(DIGITS / "train.py"))


@pytest.fixture(scope="module")
def registry_entry() -> dict[str, Any]:
    registry = json.loads((ROOT / "config" / "models_config.json").read_text())
    entry: dict[str, Any] = registry["models"]["digits"]
    return entry


# The data


def test_data_holds_the_digits_as_published() -> None:
    with gzip.open(DATA, "rt", encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = [[int(cell) for cell in row] for row in rows]
    assert header == [f"pixel_{row}_{column}" for row in range(8) for column in range(8)] + [
        "label"
    ]
    assert len(numbers) == 1797
    assert {len(row) for row in numbers} == {65}
    assert {pixel for row in numbers for pixel in row[:-1]} == set(range(17))
    counts = Counter(row[-1] for row in numbers)
    assert [counts[label] for label in range(10)] == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip


def test_data_file_carries_no_time_and_no_name() -> None:
    assert DATA.read_bytes()[3:8] == b"\0\0\0\0\0"


def test_no_test_image_is_trained_on(module: dict[str, Any]) -> None:
    training, test = module["read_digits"](DATA)
    assert (len(training.images), len(test.images)) == (1438, 359)
    trained_on = {image.tobytes() for image in training.images}
    assert not any(image.tobytes() in trained_on for image in test.images)


def test_shifts_keep_labels_and_move_by_one_pixel(module: dict[str, Any]) -> None:
    training, _ = module["read_digits"](DATA)
    shifted = module["with_shifts"](training)
    count = len(training.images)
    images = shifted.images.reshape(9, count, 8, 8)
    originals = training.images.reshape(count, 8, 8)
    assert (images[4] == originals).all()
    assert (images[0][:, 1:, 1:] == originals[:, :-1, :-1]).all()
    assert (images[8][:, :-1, :-1] == originals[:, 1:, 1:]).all()
    assert (shifted.labels.reshape(9, count, 10) == training.labels).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: None,
        lambda text: b"",
        lambda text: b"pixel_0_0,label\n1,2\n",
        lambda text: gzip.compress(text)[:5000],
        lambda text: gzip.compress(text)[:-20000] + b"\0" * 20000,
        lambda text: gzip.compress(text.rsplit(b"\n", 2)[0] + b"\n"),
        lambda text: gzip.compress(text.replace(b",16,", b",17,", 1)),
        lambda text: gzip.compress(text.replace(b",16,", b",-1,", 1)),
        lambda text: gzip.compress(text.replace(b",16,", b",1.5,", 1)),
        lambda text: gzip.compress(text.replace(b",16,", b",\xff,", 1)),
        lambda text: gzip.compress(text[:-2] + b"10\n"),
    ],
    ids=[
        "missing", "empty", "not gzip", "cut off", "garbled", "a row short",
        "too bright", "negative", "fraction", "not ASCII", "label 10",
    ],
)  # fmt: skip
def test_damaged_data_is_one_sentence(
    module: dict[str, Any], tmp_path: Path, damage: Callable[[bytes], bytes | None]
) -> None:
    path = tmp_path / "digits.csv.gz"
    content = damage(gzip.decompress(DATA.read_bytes()))
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(module["TrainingError"]) as caught:
        module["read_digits"](path)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_data_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    copy = shutil.copy(DIGITS / "train.py", tmp_path)
    result = run(sys.executable, copy, "--device", "cpu")
    assert result.returncode == 2
    assert re.fullmatch(r"train\.py: cannot read the digits in .*\n", result.stderr)


# The training


def test_recognises_96_percent_of_the_held_out_digits() -> None:
    """Eight of the 45 epochs that are the default: enough for 97 %, in a fifth of the time."""
    result = run(SCRIPT, "--epochs", "8", "--device", "cpu")
    lines = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"Device: cpu \(NumPy [\d.]+\)", lines[0])
    for number, line in enumerate(lines[1:-1], start=1):
        numbers = r"loss \d\.\d{4} train accuracy \d\d\.\d\d % \(\d+\.\d\d s\)"
        assert re.fullmatch(f"Epoch {number}/8 {numbers}", line)
    assert len(lines) == 10
    last = re.fullmatch(r"Test Accuracy: (\d+\.\d\d)", lines[-1])
    assert last and float(last[1]) >= 96


def test_a_step_follows_the_slope_of_the_loss(module: dict[str, Any]) -> None:
    """The steepest entry of each parameter moves by what finite differences say."""
    digits, _ = module["read_digits"](DATA)
    images, labels = digits.images[:64].astype(float), digits.labels[:64]
    options = module["Options"](learning_rate=1, dropout=0, weight_decay=0, hidden_width=16)
    backend = module["choose_backend"]("cpu")
    network = module["Perceptron"](backend, np.random.default_rng(1), options)
    before = [parameter.astype(float) for parameter in network._parameters]

    def loss(index: int, entry: tuple[int, ...], change: float) -> float:
        network._parameters = [parameter.copy() for parameter in before]
        network._parameters[index][entry] += change
        return float(network._loss(network.scores(images), labels)[0])

    network._parameters = [parameter.copy() for parameter in before]
    network._velocities = [parameter * 0 for parameter in before]
    network.train(images, labels)
    after = network._parameters
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        entry = np.unravel_index(np.abs(old - new).argmax(), old.shape)
        slope = (loss(index, entry, 1e-6) - loss(index, entry, -1e-6)) / 2e-6
        assert abs(slope) > 1e-3
        assert (old - new)[entry] == pytest.approx(slope, rel=1e-4)


def test_a_seed_means_the_same_numbers() -> None:
    first, again, other = (
        without_times(run(SCRIPT, *ONE_EPOCH, "--seed", seed).stdout) for seed in "778"
    )
    assert "Test Accuracy" in first
    assert first == again
    assert first != other


ONE_STEP = "--batch-size 20000"  # the loss is still finite, the scores after it are not


@pytest.mark.parametrize(
    "flags", ["--learning-rate 1e6", "--weight-decay 1e300", f"{ONE_STEP} --learning-rate 1e300"]
)
def test_divergence_ends_with_1_and_says_so(flags: str) -> None:
    result = run(SCRIPT, *ONE_EPOCH, *flags.split())
    assert result.returncode == 1
    assert "nan" not in result.stdout and "Test Accuracy" not in result.stdout
    assert re.fullmatch(r"train\.py: the training diverged.*\n", result.stderr)


@pytest.mark.parametrize(
    "flags",
    [
        "--epochs 0", "--epochs 1.5", "--epochs", "--batch-size 0", "--hidden-width 4097",
        "--learning-rate -1", "--learning-rate 0", "--learning-rate nan", "--learning-rate inf",
        "--learning-rate fast", "--dropout 1", "--dropout -0.1", "--weight-decay -1e-9",
        "--weight-decay inf", "--seed -1", "--seed 4294967296", "--device tpu", "--epoch 3",
        "--epochs 1 more",
    ],
)  # fmt: skip
def test_bad_flags_are_one_sentence(
    module: dict[str, Any], capsys: pytest.CaptureFixture[str], flags: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        module["main"](flags.split())
    output = capsys.readouterr()
    assert caught.value.code == 2
    assert output.out == ""
    assert re.fullmatch(r"train\.py: .*\n", output.err)


def test_term_ends_it_by_that_signal() -> None:
    command = [sys.executable, str(DIGITS / "train.py"), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Device:")
        process.terminate()
        assert process.wait(timeout=120) == -signal.SIGTERM


# The device


@pytest.fixture
def broken_torch(tmp_path: Path) -> str:
    (tmp_path / "torch.py").write_text("raise ImportError('this PyTorch is broken')\n")
    return str(tmp_path)


def test_cuda_in_vain_is_one_sentence(broken_torch: str) -> None:
    result = run(SCRIPT, "--device", "cuda", PYTHONPATH=broken_torch)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"train\.py: --device cuda .*this PyTorch is broken.*\n", result.stderr)


def test_auto_falls_back_to_the_cpu(broken_torch: str) -> None:
    result = run(SCRIPT, *ONE_EPOCH, "--device", "auto", PYTHONPATH=broken_torch)
    assert result.returncode == 0
    assert result.stdout.startswith("Device: cpu (NumPy ")


def test_cpu_never_imports_pytorch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('PyTorch was imported')\n")
    result = run(SCRIPT, *ONE_EPOCH, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_pytorch_trains_as_numpy_does(module: dict[str, Any]) -> None:
    options = module["Options"](epochs=3, hidden_width=64)
    with_torch = module["train"](module["torch_backend"]("cpu"), options)
    assert with_torch == pytest.approx(
        module["train"](module["choose_backend"]("cpu"), options), abs=2
    )


# The script


def test_script_runs_from_anywhere_with_the_python_it_is_told(tmp_path: Path) -> None:
    wrapper = executable(
        tmp_path / "a folder" / "my python",
        f'#!/bin/sh\necho "threads $OMP_NUM_THREADS" >&2\nexec "{sys.executable}" "$@"\n',
    )
    link = tmp_path / "link to train"
    link.symlink_to(SCRIPT)
    elsewhere = ("env", "-u", "OMP_NUM_THREADS", "-C", wrapper.parent)
    result = run(*elsewhere, link, *ONE_EPOCH, TANDEM_PYTHON=str(wrapper))
    assert (result.returncode, result.stderr) == (0, "threads 1\n")
    assert "Test Accuracy" in result.stdout


@pytest.mark.parametrize("has_venv", [True, False])
def test_script_prefers_the_project_environment(tmp_path: Path, has_venv: bool) -> None:
    script = tmp_path / "my project" / "examples" / "digits" / "train.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, script)
    echo = '#!/bin/sh\nprintf "%s|" "$OMP_NUM_THREADS" NAME "$@"\n'
    executable(tmp_path / "bin" / "python3", echo.replace("NAME", "path"))
    if has_venv:
        venv = tmp_path / "my project" / ".venv" / "bin" / "python"
        executable(venv, echo.replace("NAME", "venv"))
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    result = run(script, "--seed", "a b", TANDEM_PYTHON="", PATH=path, OMP_NUM_THREADS="3")
    expected = ["3", "venv" if has_venv else "path", f"{script.parent}/train.py", "--seed", "a b"]
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split("|")[:-1] == expected


def test_script_names_a_python_that_is_not_there(tmp_path: Path) -> None:
    result = run(SCRIPT, TANDEM_PYTHON=str(tmp_path / "none"))
    assert result.returncode == 2
    assert re.fullmatch(r"train\.sh: error: no Python at .*/none .*\n", result.stderr)


# The registry and the settings


def test_registry_names_the_flags_and_defaults_of_the_training(
    module: dict[str, Any], registry_entry: dict[str, Any]
) -> None:
    parser = module["parser"]()
    defaults = vars(parser.parse_args([]))
    del defaults["device"]
    hyperparameters = registry_entry["supported_hyperparams"]
    assert {name: entry["default"] for name, entry in hyperparameters.items()} == defaults
    for name, entry in hyperparameters.items():
        lowest, highest = entry["range"]
        assert type(entry["default"]).__name__ == entry["type"]
        assert lowest <= entry["default"] <= highest
        for value in (lowest, highest):
            assert vars(parser.parse_args([entry["flag"], str(value)]))[name] == value


@pytest.mark.parametrize("name", ["parallel.json", "single.json"])
def test_settings_use_what_the_registry_has(name: str, registry_entry: dict[str, Any]) -> None:
    settings = json.loads((ROOT / "examples" / name).read_text())
    (entry,) = settings["experiments"]
    for training in (
        (entry,) if name == "single.json" else (entry["foreground"], entry["background"])
    ):
        assert training["repo"] == "digits"
        assert training["model"] in registry_entry["models"]
        named = {*training.get("hyperparameters", {}), *training.get("mutate", [])}
        assert named and named <= registry_entry["supported_hyperparams"].keys()
