"""Train a multi-layer perceptron on the handwritten digits in digits.csv.gz.

Two hidden layers, mini-batch SGD with momentum, every training image also shifted by one pixel
in each direction. Prints one line an epoch and the accuracy on the held-out images at the end.
Runs in NumPy on the CPU, or in PyTorch on a GPU: the arithmetic is written once, in operations
that both libraries spell alike, so the two train alike.

Exit codes: 0 trained; 1 diverged; 2 wrong arguments, or data, NumPy or CUDA is missing.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import importlib
import importlib.util
import math
import signal
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

try:
    import numpy as np
except ImportError as error:
    print(f"train.py: {sys.executable} has no usable NumPy: {error}", file=sys.stderr)
    raise SystemExit(2) from None

DATA_FILE = Path(__file__).resolve().parent / "digits.csv.gz"
IMAGE_COUNT = 1797
SIDE = 8
BRIGHTEST = 16
CLASS_COUNT = 10
MOMENTUM = 0.9

Array = Any  # numpy.ndarray or torch.Tensor


class TrainingError(Exception):
    """Ends the training with one sentence and an exit code."""

    exit_code = 2


class DivergedError(TrainingError):
    """The loss, or a score, is no longer a finite number."""

    exit_code = 1


@dataclasses.dataclass(frozen=True)
class Options:
    """What the flags set; the defaults here are the defaults of the flags."""

    epochs: int = 45
    learning_rate: float = 0.01
    batch_size: int = 16
    dropout: float = 0.2
    weight_decay: float = 0.0001
    seed: int = 1
    hidden_width: int = 256
    device: str = "auto"


@dataclasses.dataclass(frozen=True)
class Backend:
    """The library that computes; `put` copies a NumPy array to where it computes."""

    label: str
    library: Any
    put: Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class Digits:
    """Images (n, 64) from 0 to 1 and one-hot labels (n, 10), both float32."""

    images: Array
    labels: Array


def read_digits(path: Path) -> tuple[Digits, Digits]:
    """The digits for training, and every fifth of the file for testing, or a TrainingError."""
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            rows = [line.split(",") for line in file]
        table = np.array(rows[1:], np.int64)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise TrainingError(f"cannot read the digits in {path}: {error}") from error
    limits = [BRIGHTEST] * SIDE * SIDE + [CLASS_COUNT - 1]
    shape = (IMAGE_COUNT, len(limits))
    if table.shape != shape or (table < 0).any() or (table > limits).any():
        raise TrainingError(f"{path} does not hold the {IMAGE_COUNT} digits: restore the file")
    images = table[:, :-1].astype(np.float32) / BRIGHTEST
    one_hot = np.eye(CLASS_COUNT, dtype=np.float32)[table[:, -1]]
    held_out = np.arange(IMAGE_COUNT) % 5 == 4
    training, test = (Digits(images[part], one_hot[part]) for part in (~held_out, held_out))
    return training, test


def with_shifts(digits: Digits) -> Digits:
    """Nine copies of every image: as it is, and moved by one pixel in the eight directions."""
    padded = np.pad(digits.images.reshape(-1, SIDE, SIDE), ((0, 0), (1, 1), (1, 1)))
    moved = [
        padded[:, row : row + SIDE, column : column + SIDE].reshape(-1, SIDE * SIDE)
        for row in range(3)
        for column in range(3)
    ]
    return Digits(np.concatenate(moved), np.tile(digits.labels, (9, 1)))


class Perceptron:
    """Two hidden ReLU layers and softmax, trained by SGD; all randomness comes from `rng`."""

    def __init__(self, backend: Backend, rng: np.random.Generator, options: Options) -> None:
        self._backend = backend
        self._rng = rng
        self._options = options
        self._parameters: list[Array] = []
        width = options.hidden_width
        for inputs, outputs in ((SIDE * SIDE, width), (width, width), (width, CLASS_COUNT)):
            weights = rng.standard_normal((inputs, outputs), np.float32)
            self._parameters.append(backend.put(weights * np.float32(math.sqrt(2 / inputs))))
            self._parameters.append(backend.put(np.zeros(outputs, np.float32)))
        self._velocities = [parameter * 0 for parameter in self._parameters]

    def scores(self, images: Array) -> Array:
        """Log-probabilities up to a constant a row, (n, 10), without dropout."""
        w1, b1, w2, b2, w3, b3 = self._parameters
        hidden = (images @ w1 + b1).clip(0, None)
        hidden = (hidden @ w2 + b2).clip(0, None)
        return hidden @ w3 + b3

    def train(self, images: Array, labels: Array) -> tuple[float, int]:
        """One step on a batch; returns its mean cross-entropy and how many were right."""
        w1, b1, w2, b2, w3, b3 = self._parameters
        mask1, mask2 = self._mask(len(labels)), self._mask(len(labels))
        hidden1 = (images @ w1 + b1).clip(0, None) * mask1
        hidden2 = (hidden1 @ w2 + b2).clip(0, None) * mask2
        scores = hidden2 @ w3 + b3
        loss, slope3 = self._loss(scores, labels)
        slope2 = (slope3 @ w3.T) * (hidden2 > 0) * mask2
        slope1 = (slope2 @ w2.T) * (hidden1 > 0) * mask1
        gradients = []
        for inputs, slope in ((images, slope1), (hidden1, slope2), (hidden2, slope3)):
            gradients += [inputs.T @ slope, slope.sum(0)]
        self._step(gradients)
        return float(loss), count_right(scores, labels)

    def _mask(self, rows: int) -> Array:
        """Dropout factors (rows, width): 0, or what keeps the expected sum as it was."""
        kept = 1 - self._options.dropout
        drawn = self._rng.random((rows, self._options.hidden_width), np.float32)
        return self._backend.put((drawn < kept) * np.float32(1 / kept))

    def _loss(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Mean cross-entropy and its slope by `scores`, safe from overflow in exp."""
        library = self._backend.library
        scores = scores - library.amax(scores, 1)[:, None]
        exponents = library.exp(scores)
        totals = exponents.sum(1)[:, None]
        loss = ((library.log(totals) - scores) * labels).sum() / len(labels)
        return loss, (exponents / totals - labels) / len(labels)

    def _step(self, gradients: list[Array]) -> None:
        rate, decay = self._options.learning_rate, self._options.weight_decay
        for index, gradient in enumerate(gradients):
            parameter, velocity = self._parameters[index], self._velocities[index]
            velocity *= MOMENTUM
            velocity += gradient + decay * parameter
            parameter -= rate * velocity


def count_right(scores: Array, labels: Array) -> int:
    """How many rows of `scores` are highest where one-hot `labels` are."""
    return int((scores.argmax(1) == labels.argmax(1)).sum())


def train(backend: Backend, options: Options) -> float:
    """Train, print a line an epoch; the share of test images recognised, in percent.

    Raises TrainingError for unreadable data and DivergedError.
    """
    training, test = read_digits(DATA_FILE)
    training = with_shifts(training)
    rng = np.random.default_rng(options.seed)
    network = Perceptron(backend, rng, options)
    images, labels = backend.put(training.images), backend.put(training.labels)
    count = len(training.labels)
    for epoch in range(1, options.epochs + 1):
        start_s = time.perf_counter()
        order = backend.put(rng.permutation(count))
        loss_sum, right_sum = 0.0, 0
        for first in range(0, count, options.batch_size):
            batch = order[first : first + options.batch_size]
            loss, right = network.train(images[batch], labels[batch])
            if not math.isfinite(loss):
                raise DivergedError(f"the training diverged: loss {loss} in epoch {epoch}")
            loss_sum += loss * len(batch)
            right_sum += right
        means = f"loss {loss_sum / count:.4f} train accuracy {100 * right_sum / count:.2f} %"
        duration_s = time.perf_counter() - start_s
        print(f"Epoch {epoch}/{options.epochs} {means} ({duration_s:.2f} s)", flush=True)
    scores = network.scores(backend.put(test.images))
    if not math.isfinite(float(scores.sum())):
        raise DivergedError("the training diverged in its last step")
    return 100 * count_right(scores, backend.put(test.labels)) / len(test.labels)


def torch_backend(device: str) -> Backend:
    """PyTorch on `device`, a name such as "cuda" or "cpu"; ImportError or OSError without it."""
    torch = importlib.import_module("torch")
    if device == "cuda" and not torch.cuda.is_available():
        raise ImportError("PyTorch finds no CUDA device")
    model = f"{torch.cuda.get_device_name()}, " if device == "cuda" else ""
    label = f"{device} ({model}PyTorch {torch.__version__})"
    return Backend(label, torch, lambda array: torch.tensor(array, device=device))


def choose_backend(device: str) -> Backend:
    """The backend for --device; TrainingError if CUDA was asked for in vain."""
    if device == "cuda" or (device == "auto" and importlib.util.find_spec("torch")):
        try:
            return torch_backend("cuda")
        except (ImportError, OSError) as error:
            if device == "cuda":
                message = f"--device cuda needs PyTorch with CUDA: {error} (use --device cpu)"
                raise TrainingError(message) from error
    return Backend(f"cpu (NumPy {np.__version__})", np, np.asarray)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def _number(kind: type, lowest: float, highest: float, wanted: str) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return convert


def parser() -> argparse.ArgumentParser:
    """The command line; what it parses are the fields of Options."""
    count = _number(int, 1, math.inf, "a whole number from 1 up")
    width = _number(int, 1, 4096, "a whole number from 1 to 4096")
    seed = _number(int, 0, 2**32 - 1, "a whole number from 0 to 4294967295")
    rate = _number(float, sys.float_info.min, sys.float_info.max, "a positive finite number")
    decay = _number(float, 0, sys.float_info.max, "a finite number from 0 up")
    share = _number(float, 0, math.nextafter(1, 0), "a number from 0 up to, but not, 1")
    show_defaults = argparse.ArgumentDefaultsHelpFormatter
    about = "Train a small network on handwritten digits and report its test accuracy."
    result = _Parser("train.py", None, about, formatter_class=show_defaults, allow_abbrev=False)
    add = result.add_argument
    add("--epochs", type=count, metavar="N", help="passes over the training images")
    add("--learning-rate", type=rate, metavar="X", help="step size of SGD")
    add("--batch-size", type=count, metavar="N", help="images a step")
    add("--dropout", type=share, metavar="X", help="share of hidden units left out in a step")
    add("--weight-decay", type=decay, metavar="X", help="L2 penalty on all parameters")
    add("--seed", type=seed, metavar="N", help="the same seed gives the same numbers")
    add("--hidden-width", type=width, metavar="N", help="units in each hidden layer")
    add("--device", choices=("auto", "cpu", "cuda"), help="auto: CUDA if PyTorch finds it")
    result.set_defaults(**dataclasses.asdict(Options()))
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    options = Options(**vars(parser().parse_args(arguments)))
    try:
        backend = choose_backend(options.device)
        print(f"Device: {backend.label}", flush=True)
        with np.errstate(all="ignore"):  # a divergence is found by its loss, and named
            accuracy_percent = train(backend, options)
    except TrainingError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return error.exit_code
    print(f"Test Accuracy: {accuracy_percent:.2f}", flush=True)
    return 0


if __name__ == "__main__":
    # Ctrl-C and a closed pipe end it as they end any Unix program: by the signal, no traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise SystemExit(main())
