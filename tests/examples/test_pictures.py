"""The pictures example: its data, its networks, its script and its entry in the registry.

What trains needs PyTorch: that of the Python named by TRAIN_PYTHON, as for train.sh, else that of
the Python which runs the tests, into which make test-all installs it; where there is none, those
tests are skipped. They train on the digits of the other example, enlarged, and on Fashion-MNIST
where Debian's package is installed.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import ROOT

PICTURES = ROOT / "examples" / "pictures"
SCRIPT = PICTURES / "train.sh"
FASHION = Path("/usr/share/datasets/fashion-mnist")
DIGITS = ROOT / "examples" / "digits" / "digits.csv.gz"
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

PYTHON = os.environ.get("TRAIN_PYTHON") or sys.executable
HAS_TORCH = sys.executable != PYTHON or importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(
    not HAS_TORCH, reason=f"no PyTorch in {PYTHON} (set TRAIN_PYTHON to a Python that has it)"
)
needs_fashion = pytest.mark.skipif(
    not FASHION.exists(), reason="Debian's package dataset-fashion-mnist is not installed"
)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TRAIN_PYTHON": PYTHON, **environment}
    texts = [str(part) for part in command]
    return subprocess.run(texts, env=env, capture_output=True, text=True, timeout=280, check=False)


def train(data: Path, flags: str) -> subprocess.CompletedProcess[str]:
    return run(SCRIPT, "--device", "cpu", "--data", data, *flags.split())


def evaluate(code: str, *arguments: str | Path) -> Any:
    """What the lines leave in `result`, run where the example's modules can be imported."""
    imports = "import json, sys, torch, models, pictures, train\nfrom pathlib import Path\n"
    script = f"{imports}{code}\nprint(json.dumps(result, default=str))"
    done = run(PYTHON, "-c", script, *arguments, PYTHONPATH=str(PICTURES), OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def losses(output: str) -> list[float]:
    return [float(text) for text in re.findall(r"^Epoch .* loss ([\d.]+)", output, re.MULTILINE)]


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def idx(array: np.ndarray[Any, Any]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the form of Fashion-MNIST's, with the digits as 28 x 28 pictures."""
    with gzip.open(DIGITS, "rt", encoding="ascii") as file:
        rows = np.array(list(csv.reader(file))[1:], int)
    enlarged = (15 * rows[:, :-1].reshape(-1, 8, 8)).repeat(3, 1).repeat(3, 2)
    images = np.pad(enlarged, ((0, 0), (2, 2), (2, 2)))
    folder = tmp_path_factory.mktemp("digits")
    held_out = np.arange(len(rows)) % 5 == 4
    for part, names in ((~held_out, (IMAGES, LABELS)), (held_out, (TEST_IMAGES, TEST_LABELS))):
        for name, array in zip(names, (images[part], rows[part, -1]), strict=True):
            (folder / name).write_bytes(gzip.compress(idx(array), mtime=0))
    return folder


@pytest.fixture(scope="module")
def registry_entry() -> dict[str, Any]:
    registry = json.loads((ROOT / "config" / "models_config.json").read_text())
    entry: dict[str, Any] = registry["models"]["pictures"]
    return entry


# The networks


@pytest.mark.long
@needs_torch
def test_parameters_are_as_many_as_in_the_papers() -> None:
    """For CIFAR-10: the papers say 0.27 million, and 7 with the classes of ImageNet taken off.

    One channel less of the 3x3 first layer is 9 weights less for each of its 16 or 64 outputs.
    """
    counts = evaluate(
        "result = [sum(p.numel() for p in make(channels, 0.1).parameters())\n"
        "          for make in models.MODELS.values() for channels in (3, 1)]"
    )
    assert counts == [269_722, 269_722 - 2 * 9 * 16, 6_956_298, 6_956_298 - 2 * 9 * 64]


@pytest.mark.long
@needs_torch
def test_depth_and_sides_are_as_in_the_papers() -> None:
    """Layers with weights, but for the shortcuts' none; the sides that the pictures shrink to."""
    code = """
result = {}
for name, make in models.MODELS.items():
    network, sides = make(3, 0.0), []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda _, __, output: sides.append(output.shape[-1]))
    scores = network(torch.zeros(2, 3, 32, 32))
    result[name] = [len(sides) + 1, sorted(set(sides)), list(scores.shape)]
"""
    assert evaluate(code) == {
        "resnet20": [20, [8, 16, 32], [2, 10]],
        "densenet121": [121, [4, 8, 16, 32], [2, 10]],
    }


@pytest.mark.long
@needs_torch
def test_dropout_stands_where_the_papers_have_it() -> None:
    """DenseNet: behind all 119 convolutions but the first one; 0 means no layer at all."""
    code = """
def count(make, share):
    return sum(isinstance(layer, torch.nn.Dropout) for layer in make(1, share).modules())
result = [count(make, share) for make in models.MODELS.values() for share in (0.0, 0.2)]
"""
    assert evaluate(code) == [0, 1, 0, 119]


@pytest.mark.long
@needs_torch
def test_pictures_move_by_four_pixels_and_half_are_mirrored() -> None:
    """An arrow of two pixels says where it went and whether it was mirrored."""
    code = """
torch.manual_seed(1)
images = torch.zeros(4000, 2, 32, 32, dtype=torch.uint8)
images[:, 0, 10, 20], images[:, 1, 10, 22] = 1, 2
moved = train.moved(images)
tail, head = moved[:, 0].nonzero()[:, 1:], moved[:, 1].nonzero()[:, 1:]
right = head[:, 1] - tail[:, 1]
shift_down = tail[:, 0] - 10
shift_right = torch.where(right > 0, tail[:, 1] - 20, tail[:, 1] - 11)
result = {
    "shape": list(moved.shape),
    "sums": [int(moved[:, 0].sum()), int(moved[:, 1].sum())],
    "level": bool((head[:, 0] == tail[:, 0]).all()),
    "arrows": sorted(set(right.tolist())),
    "mirrored": float((right < 0).float().mean()),
    "down": sorted(set(shift_down.tolist())),
    "right": sorted(set(shift_right.tolist())),
}
"""
    result = evaluate(code)
    assert result.pop("mirrored") == pytest.approx(0.5, abs=0.05)
    assert result == {
        "shape": [4000, 2, 32, 32],
        "sums": [4000, 8000],
        "level": True,
        "arrows": [-2, 2],
        "down": list(range(-4, 5)),
        "right": list(range(-4, 5)),
    }


@pytest.mark.long
@needs_torch
def test_learning_rate_falls_at_half_and_three_quarters() -> None:
    code = "result = [train.rate_in(n, train.Options(epochs=8)) for n in range(1, 9)]"
    assert evaluate(code) == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)


# The data


READ = """
def facts(folder):
    try:
        parts = pictures.read_pictures(Path(folder))
    except pictures.DataError as error:
        return str(error)
    return [[list(part.images.shape), part.labels.bincount(minlength=10).tolist(),
             int(part.images.sum())] for part in parts]
result = [facts(folder) for folder in sys.argv[1:]]
"""


@pytest.mark.long
@needs_torch
def test_grey_pictures_get_a_black_border(digits: Path, tmp_path: Path) -> None:
    """Packed by gzip or not."""
    for path in digits.iterdir():
        (tmp_path / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    packed, plain = evaluate(READ, digits, tmp_path)
    content = (tmp_path / Path(IMAGES).stem).read_bytes()[16:]
    assert packed == plain
    assert packed[0][0] == [1438, 1, 32, 32] and packed[1][0] == [359, 1, 32, 32]
    assert sum(packed[0][1]) == 1438 and packed[0][2] == sum(content)
    code = (
        "images = pictures.read_pictures(Path(sys.argv[1]))[0].images\n"
        "result = images[7, 0].tolist(), int(images[:, :, 2:-2, 2:-2].sum())"
    )
    image, inner = evaluate(code, digits)
    expected = np.frombuffer(content, np.uint8).reshape(-1, 28, 28)[7]
    assert inner == sum(content) and (np.array(image)[2:-2, 2:-2] == expected).all()


def cifar_record(label: int, red: int, green: int, blue: int) -> bytes:
    return bytes([label, *[red] * 1024, *[green] * 1024, *[blue] * 1024])


@pytest.mark.long
@needs_torch
def test_cifar_is_read_in_its_binary_form(tmp_path: Path) -> None:
    for number in range(1, 6):
        record = cifar_record(number, 10 * number, 100 + number, 200 + number)
        (tmp_path / f"data_batch_{number}.bin").write_bytes(record)
    (tmp_path / "test_batch.bin").write_bytes(cifar_record(9, 1, 2, 3) * 2)
    code = (
        "result = [[part.labels.tolist(), part.images.double().mean((2, 3)).tolist()]\n"
        "          for part in pictures.read_pictures(Path(sys.argv[1]))]"
    )
    colours = [[10 * number, 100 + number, 200 + number] for number in range(1, 6)]
    assert evaluate(code, tmp_path) == [[[1, 2, 3, 4, 5], colours], [[9, 9], [[1, 2, 3]] * 2]]


Damage = Callable[[Path], object]


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        content = gzip.decompress((folder / name).read_bytes())
        (folder / name).write_bytes(gzip.compress(change(content)))

    return damage


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no folder": (shutil.rmtree, "dataset-fashion-mnist"),
    "no labels": (lambda folder: (folder / LABELS).unlink(), "No such file"),
    "not gzip": (lambda folder: (folder / IMAGES).write_bytes(b"\0\0\x08\3"), "Not a gzipped file"),
    "cut off": (
        lambda folder: (folder / IMAGES).write_bytes((folder / IMAGES).read_bytes()[:9000]),
        "cannot read the pictures",
    ),
    "too short": (rewrite(IMAGES, lambda content: content[:-784]), f"{IMAGES} does not hold"),
    "no picture": (rewrite(IMAGES, lambda content: content[:16]), f"{IMAGES} does not hold"),
    "no bytes": (rewrite(LABELS, lambda content: b""), f"{LABELS} does not hold"),
    "swapped": (
        lambda folder: shutil.copy(folder / LABELS, folder / IMAGES),
        f"{IMAGES} does not hold",
    ),
    "fewer labels": (
        lambda folder: shutil.copy(folder / TEST_LABELS, folder / LABELS),
        "do not fit together",
    ),
    "label 10": (
        rewrite(LABELS, lambda content: content[:-1] + b"\n"),
        "do not fit together",
    ),
    "CIFAR in Python": (
        lambda folder: (folder / IMAGES).rename(folder / "data_batch_1"),
        "the binary version is read",
    ),
    "CIFAR cut off": (
        lambda folder: (folder / "data_batch_1.bin").write_bytes(cifar_record(1, 1, 1, 1)[:-1]),
        "data_batch_1.bin does not hold",
    ),
    "CIFAR in parts": (
        lambda folder: (folder / "data_batch_1.bin").write_bytes(cifar_record(1, 1, 1, 1)),
        "No such file",
    ),
}


@pytest.mark.long
@needs_torch
def test_damaged_data_is_one_sentence(digits: Path, tmp_path: Path) -> None:
    folders = []
    for name, (damage, _) in DAMAGES.items():
        folders.append(shutil.copytree(digits, tmp_path / name))
        damage(folders[-1])
    found = evaluate(READ, *folders)
    for (name, (_, expected)), folder, message in zip(DAMAGES.items(), folders, found, strict=True):
        assert isinstance(message, str), name
        assert expected in message and str(folder) in message and "\n" not in message


@pytest.mark.long
@needs_torch
def test_missing_data_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    result = train(tmp_path, "")
    assert result.returncode == 2
    assert re.fullmatch(r"train\.py: there are no pictures in .*--data\n", result.stderr)


@pytest.mark.long
@needs_torch
@needs_fashion
def test_fashion_mnist_is_whole() -> None:
    (training, test) = evaluate(READ, FASHION)[0]
    assert training[:2] == [[60000, 1, 32, 32], [6000] * 10]
    assert test[:2] == [[10000, 1, 32, 32], [1000] * 10]


# The training


@pytest.mark.long
@needs_torch
def test_resnet_learns_the_digits(digits: Path) -> None:
    few = "--epochs 4 --limit-train 512 --batch-size 16 --limit-test 100"
    result = train(digits, f"--learning-rate 0.05 {few}")
    lines = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"Device: cpu \(PyTorch [\w.+]+\)", lines[0])
    assert lines[1] == f"Data: 512 + 100 pictures of {digits}"
    for number, line in enumerate(lines[2:-1], start=1):
        numbers = r"loss \d\.\d{4} train accuracy \d+\.\d\d % \(\d+\.\d\d s\)"
        assert re.fullmatch(f"Epoch {number}/4 {numbers}", line)
    assert len(lines) == 7
    last = re.fullmatch(r"Test Accuracy: (\d+\.\d\d)", lines[-1])
    assert last and float(last[1]) > 30  # a guess is right in 10 %
    assert losses(result.stdout)[-1] < 0.7 * losses(result.stdout)[0]


@pytest.mark.long
@needs_torch
def test_densenet_learns_a_few_digits(digits: Path) -> None:
    few = "--epochs 3 --limit-train 16 --batch-size 8 --limit-test 8"
    result = train(digits, f"--model densenet121 --learning-rate 0.01 {few}")
    assert (result.returncode, result.stderr) == (0, "")
    assert "Test Accuracy: " in result.stdout
    assert losses(result.stdout)[-1] < losses(result.stdout)[0]


@pytest.mark.long
@needs_torch
@needs_fashion
@pytest.mark.parametrize("model", ["resnet20", "densenet121"])
def test_trains_on_fashion_mnist_for_a_few_steps(model: str) -> None:
    few = "--epochs 1 --limit-train 24 --batch-size 8 --limit-test 8"
    result = train(FASHION, f"--model {model} --dropout 0.2 {few}")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(losses(result.stdout)) == 1 and "Test Accuracy: " in result.stdout


@pytest.mark.long
@needs_torch
def test_a_seed_means_the_same_numbers(digits: Path) -> None:
    few = "--epochs 1 --limit-train 65 --batch-size 32 --limit-test 50 --dropout 0.2"
    outputs = [train(digits, f"{few} --seed {seed}").stdout for seed in (7, 7, 8)]
    first, again, other = (re.sub(r" \(\d+\.\d\d s\)", "", output) for output in outputs)
    assert "Test Accuracy" in first
    assert first == again
    assert first != other


@pytest.mark.long
@needs_torch
@pytest.mark.parametrize("flags", ["--epochs 2", "--epochs 1 --batch-size 64"])
def test_divergence_ends_with_1_and_says_so(digits: Path, flags: str) -> None:
    """In the epoch's loss, or only in the scores of the test behind the last step."""
    few = "--limit-train 64 --batch-size 16 --limit-test 8"
    result = train(digits, f"{few} --learning-rate 1e37 {flags}")
    assert result.returncode == 1
    assert "nan" not in result.stdout and "Test Accuracy" not in result.stdout
    assert re.fullmatch(r"train\.py: the training diverged.*\n", result.stderr)


@pytest.mark.long
@needs_torch
def test_bad_flags_are_one_sentence() -> None:
    flags = [
        "--epochs 0", "--epochs 1.5", "--batch-size 0", "--learning-rate 0", "--learning-rate inf",
        "--dropout 1", "--weight-decay -1e-9", "--seed -1", "--seed 4294967296", "--device tpu",
        "--limit-train 0", "--limit-test none", "--model resnet", "--epoch 3", "--epochs 1 more",
    ]  # fmt: skip
    code = """
import contextlib, io
result = []
for flags in sys.argv[1:]:
    with contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            train.main(flags.split())
        except SystemExit as error:
            result.append([error.code, told.getvalue()])
"""
    result = evaluate(code, *flags)
    assert len(result) == len(flags)
    for code, told in result:
        assert code == 2
        assert re.fullmatch(r"train\.py: .*\n", told)


@pytest.mark.long
@needs_torch
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_without_a_traceback(digits: Path, number: signal.Signals) -> None:
    command = [str(SCRIPT), "--data", str(digits), "--device", "cpu"]
    environment = {**os.environ, "TRAIN_PYTHON": PYTHON}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith(b"Device:")
        process.send_signal(number)
        assert process.wait(timeout=120) == -number
        assert process.stderr.read() == b""


@pytest.mark.long
@needs_torch
def test_cuda_in_vain_is_one_sentence(digits: Path) -> None:
    result = run(SCRIPT, "--data", digits, "--device", "cuda", CUDA_VISIBLE_DEVICES="")
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"train\.py: --device cuda: PyTorch .* no CUDA device.*\n", result.stderr)


def test_missing_pytorch_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('this PyTorch is broken')\n")
    result = run(SCRIPT, TRAIN_PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(
        r"train\.py: .* no usable PyTorch: this .* pip install torch.*TRAIN_PYTHON.*\n",
        result.stderr,
    )


# The script


@pytest.mark.parametrize("chosen", ["own", "venv", "path"])
def test_script_chooses_its_python(tmp_path: Path, chosen: str) -> None:
    script = tmp_path / "my project" / "examples" / "pictures" / "train.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, script)
    echo = '#!/bin/sh\nprintf "%s|" "$OMP_NUM_THREADS" "$MKL_NUM_THREADS" NAME "$@"\n'
    executable(tmp_path / "bin" / "python3", echo.replace("NAME", "path"))
    own = executable(tmp_path / "own python", echo.replace("NAME", "own"))
    if chosen != "path":
        venv = tmp_path / "my project" / ".venv" / "bin" / "python"
        executable(venv, echo.replace("NAME", "venv"))
    environment = {
        "TRAIN_PYTHON": str(own) if chosen == "own" else "",
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "",
    }
    link = tmp_path / "link to train"
    link.symlink_to(script)
    result = run(link, "--seed", "a b", **environment)
    assert (result.returncode, result.stderr) == (0, "")
    expected = ["3", "1", chosen, f"{script.parent}/train.py", "--seed", "a b"]
    assert result.stdout.split("|")[:-1] == expected


def test_script_names_a_python_that_is_not_there(tmp_path: Path) -> None:
    result = run(SCRIPT, TRAIN_PYTHON=str(tmp_path / "none"))
    assert result.returncode == 2
    assert re.fullmatch(r"train\.sh: error: no Python at .*/none .*\n", result.stderr)


# The registry and the settings


@pytest.mark.long
@needs_torch
def test_registry_names_the_flags_and_defaults_of_the_training(
    registry_entry: dict[str, Any],
) -> None:
    hyperparameters = registry_entry["supported_hyperparams"]
    flags = [
        [entry["flag"], str(value)]
        for entry in hyperparameters.values()
        for value in entry.get("range", [1])
    ]
    code = """
parse = train.parser().parse_args
values = [vars(parse(flags)) for flags in json.loads(sys.argv[1])]
result = [vars(parse([])), list(models.MODELS), values]
"""
    defaults, models, values = evaluate(code, json.dumps(flags))
    assert models == registry_entry["models"]
    assert defaults["model"] in models and registry_entry["model_flag"] == "--model"
    for name in ("model", "data", "device"):
        del defaults[name]
    assert {name: entry["default"] for name, entry in hyperparameters.items()} == defaults
    parsed = iter(values)
    for name, entry in hyperparameters.items():
        for value in entry.get("range", [1]):
            assert next(parsed)[name] == value


def test_gpu_pair_plans_a_pair_and_its_control() -> None:
    settings = ROOT / "examples" / "gpu_pair.json"
    result = run(sys.executable, ROOT / "driver.py", "check", "--json", settings)
    check = json.loads(result.stdout)
    assert result.returncode == 0
    assert not any(problem["severity"] in ("error", "warning") for problem in check["problems"])
    parallel, solo = check["plan"]["experiments"]
    entry, control = check["plan"]["entries"]
    assert (entry["control"], control["control"]) == (None, "solo")
    assert parallel["command"] == solo["command"]
    assert parallel["command"][:4] == ["./train.sh", "--model", "resnet20", "--learning-rate"]
    (background,) = entry["backgrounds"]
    assert background["training"]["command"][:3] == ["./train.sh", "--model", "densenet121"]
