"""Train ResNet-20 or DenseNet-121 on pictures of 32 x 32, on a GPU or the CPU.

SGD with momentum; the learning rate falls to a tenth at half and again at three quarters of the
epochs, as in the papers of both networks; pictures are moved by up to four pixels and mirrored at
random. The pictures lie on the device from the start, as bytes, so that the CPU has little to do.
Prints one line an epoch and the accuracy on the test pictures at the end.

Exit codes: 0 trained; 1 diverged, or the GPU's memory is full; 2 wrong arguments, or the data,
PyTorch or CUDA is missing.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

try:
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn
except (ImportError, OSError) as error:
    print(
        f"train.py: {sys.executable} has no usable PyTorch: {error}"
        f" (run {sys.executable} -m pip install torch, or set TRAIN_PYTHON to a Python with it)",
        file=sys.stderr,
    )
    raise SystemExit(2) from None

from models import MODELS
from pictures import SIDE, DataError, Pictures, default_folder, read_pictures

MOMENTUM = 0.9
SHIFT = 4  # pixels, at most, in each direction


class TrainingError(Exception):
    """Ends the training with one sentence and exit code 1."""


class DeviceError(Exception):
    """CUDA was asked for in vain."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What the flags set; the defaults here are the defaults of the flags."""

    model: str = "resnet20"
    epochs: int = 60
    learning_rate: float = 0.1
    batch_size: int = 128
    weight_decay: float = 0.0001
    dropout: float = 0.0
    seed: int = 1
    limit_train: int | None = None
    limit_test: int | None = None
    data: Path = dataclasses.field(default_factory=default_folder)
    device: str = "auto"


def moved(images: Tensor) -> Tensor:
    """Each picture moved by up to SHIFT pixels, black coming in, and half of them mirrored."""
    count, device = len(images), images.device
    padded = F.pad(images, (SHIFT,) * 4).permute(0, 2, 3, 1)
    pixels = torch.arange(SIDE, device=device)
    mirrored = torch.where(torch.rand(count, 1, device=device) < 0.5, pixels, SIDE - 1 - pixels)
    down, right = torch.randint(2 * SHIFT + 1, (2, count, 1), device=device)
    picture = torch.arange(count, device=device)[:, None, None]
    chosen = padded[picture, (down + pixels)[:, :, None], (right + mirrored)[:, None, :]]
    return chosen.permute(0, 3, 1, 2).contiguous()


def rate_in(epoch: int, options: Options) -> float:
    """The learning rate of an epoch, counted from 1."""
    done = (epoch - 1) / options.epochs
    return options.learning_rate * (0.1 if done >= 0.5 else 1) * (0.1 if done >= 0.75 else 1)


class Trainer:
    """A network with its optimizer and the pictures it learns from."""

    def __init__(self, pictures: Pictures, options: Options, device: str) -> None:
        self._pictures = pictures.to(device)
        self._options = options
        self._device = device
        network = MODELS[options.model](pictures.images.shape[1], options.dropout)
        self._network: nn.Module = network.to(device)
        self._optimizer = torch.optim.SGD(
            self._network.parameters(),
            lr=options.learning_rate,
            momentum=MOMENTUM,
            weight_decay=options.weight_decay,
        )

    def epoch(self, number: int) -> tuple[float, float]:
        """Train on every picture once; mean cross-entropy and percent right, as trained on."""
        self._network.train()
        for group in self._optimizer.param_groups:
            group["lr"] = rate_in(number, self._options)
        pictures, device = self._pictures, self._device
        count = len(pictures.labels)
        # Summed on the device: to read them after each step would make the GPU wait for the CPU.
        loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for batch in torch.randperm(count, device=device).split(self._options.batch_size):
            labels = pictures.labels[batch]
            scores = self._scores(moved(pictures.images[batch]))
            loss = F.cross_entropy(scores, labels)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            loss_sum += loss.detach() * len(batch)
            right += (scores.argmax(1) == labels).sum()
        return float(loss_sum) / count, 100 * float(right) / count

    @torch.no_grad()
    def accuracy(self, pictures: Pictures) -> float:
        """Percent of other pictures recognised, or a TrainingError where scores are not finite."""
        self._network.eval()
        size, right = self._options.batch_size, 0
        pictures = pictures.to(self._device)
        pieces = pictures.images.split(size), pictures.labels.split(size)
        for images, labels in zip(*pieces, strict=True):
            scores = self._scores(images)
            if not bool(scores.isfinite().all()):
                raise TrainingError("the training diverged in its last steps")
            right += int((scores.argmax(1) == labels).sum())
        return 100 * right / len(pictures.labels)

    def _scores(self, images: Tensor) -> Tensor:
        """Scores (n, classes) of images given as bytes; the network sees -1 to 1."""
        scores: Tensor = self._network(images.float() / 127.5 - 1)
        return scores


def train(training: Pictures, test: Pictures, options: Options, device: str) -> float:
    """Train, print a line an epoch; the share of test pictures recognised, in percent.

    Raises TrainingError when the loss, or a score, is no longer a finite number.
    """
    torch.manual_seed(options.seed)
    trainer = Trainer(training, options, device)
    for epoch in range(1, options.epochs + 1):
        start_s = time.perf_counter()
        loss, accuracy = trainer.epoch(epoch)
        if not math.isfinite(loss):
            raise TrainingError(f"the training diverged: loss {loss} in epoch {epoch}")
        duration_s = time.perf_counter() - start_s
        means = f"loss {loss:.4f} train accuracy {accuracy:.2f} %"
        print(f"Epoch {epoch}/{options.epochs} {means} ({duration_s:.2f} s)", flush=True)
    return trainer.accuracy(test)


def choose_device(wanted: str) -> tuple[str, str]:
    """PyTorch's name of the device for --device, and how it is shown; DeviceError without it."""
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        version = torch.__version__
        raise DeviceError(f"--device cuda: PyTorch {version} finds no CUDA device (--device cpu)")
    if wanted == "cpu" or not has_cuda:
        return "cpu", f"cpu (PyTorch {torch.__version__})"
    return "cuda", f"cuda ({torch.cuda.get_device_name()}, PyTorch {torch.__version__})"


def keep_to_limit(device: str) -> None:
    """Let PyTorch allocate no more than the share of the GPU that Tandem names, if it names one."""
    share = os.environ.get("TANDEM_GPU_MEMORY_FRACTION")
    if share and device == "cuda":
        torch.cuda.set_per_process_memory_fraction(float(share))


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
    seed = _number(int, 0, 2**32 - 1, "a whole number from 0 to 4294967295")
    rate = _number(float, sys.float_info.min, sys.float_info.max, "a positive finite number")
    decay = _number(float, 0, sys.float_info.max, "a finite number from 0 up")
    share = _number(float, 0, math.nextafter(1, 0), "a number from 0 up to, but not, 1")
    show_defaults = argparse.ArgumentDefaultsHelpFormatter
    about = "Train a convolutional network on 32 x 32 pictures and report its test accuracy."
    result = _Parser("train.py", None, about, formatter_class=show_defaults, allow_abbrev=False)
    add = result.add_argument
    add("--model", choices=tuple(MODELS), help="which network")
    add("--epochs", type=count, metavar="N", help="passes over the training pictures")
    add("--learning-rate", type=rate, metavar="X", help="step size of SGD at the start")
    add("--batch-size", type=count, metavar="N", help="pictures a step")
    add("--weight-decay", type=decay, metavar="X", help="L2 penalty on all parameters")
    add("--dropout", type=share, metavar="X", help="share of features left out in a step")
    add("--seed", type=seed, metavar="N", help="the same seed gives the same numbers on a CPU")
    add("--limit-train", type=count, metavar="N", help="train on the first N (None: all)")
    add("--limit-test", type=count, metavar="N", help="test on the first N (None: all)")
    add("--data", type=Path, metavar="DIR", help="Fashion-MNIST's files, or CIFAR-10's (binary)")
    add("--device", choices=("auto", "cpu", "cuda"), help="auto: CUDA if PyTorch finds it")
    result.set_defaults(**vars(Options()))
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    options = Options(**vars(parser().parse_args(arguments)))
    try:
        device, label = choose_device(options.device)
        print(f"Device: {label}", flush=True)
        keep_to_limit(device)
        training, test = read_pictures(options.data)
        training, test = training.first(options.limit_train), test.first(options.limit_test)
        print(f"Data: {len(training.labels)} + {len(test.labels)} pictures of {options.data}")
        print(f"Test Accuracy: {train(training, test, options, device):.2f}", flush=True)
    except (DataError, DeviceError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    except torch.cuda.OutOfMemoryError as error:
        message = f"the GPU's memory is full (a smaller --batch-size needs less): {error}"
        print(f"train.py: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # Ctrl-C and a closed pipe end it as they end any Unix program: by the signal, no traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise SystemExit(main())
