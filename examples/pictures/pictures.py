"""Read Fashion-MNIST or CIFAR-10 from a folder into tensors of 32 x 32 pictures."""

from __future__ import annotations

import dataclasses
import gzip
import math
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 32
IDX_SIDE = 28
CLASS_COUNT = 10
OWN_FOLDER = Path(__file__).resolve().parent / "data"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
ADVICE = (
    "install Debian's package dataset-fashion-mnist, or put the files of Fashion-MNIST, or those"
    f" of CIFAR-10's binary version, into {OWN_FOLDER}, or name their folder with --data"
)
IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
IDX_TEST_NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR_NAMES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR_TEST_NAMES = ("test_batch.bin",)


class DataError(Exception):
    """Says in one sentence what is wrong with the pictures, and what to do."""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Images (n, channels, 32, 32) from 0 to 255, uint8, and labels (n,) from 0 to 9, int64."""

    images: Tensor
    labels: Tensor

    def first(self, count: int | None) -> Pictures:
        """The first `count` of them; None: all."""
        return Pictures(self.images[:count], self.labels[:count])

    def to(self, device: str) -> Pictures:
        return Pictures(self.images.to(device), self.labels.to(device))


def default_folder() -> Path:
    """The folder data/ beside this file where there is one, else that of Debian's package."""
    return OWN_FOLDER if OWN_FOLDER.exists() else DEBIAN_FOLDER


def read_pictures(folder: Path) -> tuple[Pictures, Pictures]:
    """The pictures to train on and those to test on, or a DataError."""
    try:
        if (folder / CIFAR_NAMES[0]).exists():
            return _read_cifar(folder, CIFAR_NAMES), _read_cifar(folder, CIFAR_TEST_NAMES)
        if any(path.exists() for path in _idx_paths(folder, IDX_NAMES[0])):
            return _read_idx(folder, *IDX_NAMES), _read_idx(folder, *IDX_TEST_NAMES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read the pictures in {folder}: {error}") from error
    if (folder / "data_batch_1").exists():
        raise DataError(
            f"{folder} holds CIFAR-10's Python version; the binary version is read"
            " (cifar-10-binary.tar.gz from the same place)"
        )
    raise DataError(f"there are no pictures in {folder}: {ADVICE}")


def _read_cifar(folder: Path, names: tuple[str, ...]) -> Pictures:
    """Records of one byte for the label, then 3 x 32 x 32 bytes: red, green, blue."""
    size = 1 + 3 * SIDE * SIDE
    parts = []
    for name in names:
        content = (folder / name).read_bytes()
        if not content or len(content) % size:
            raise DataError(f"{folder / name} does not hold CIFAR-10's pictures: restore the file")
        parts.append(_bytes(content).reshape(-1, size))
    records = torch.cat(parts)
    return _checked(folder, records[:, 1:].reshape(-1, 3, SIDE, SIDE), records[:, 0])


def _read_idx(folder: Path, images_name: str, labels_name: str) -> Pictures:
    """Grey pictures of 28 x 28, here with a black border of two pixels."""
    images = _read_idx_file(folder, images_name, (IDX_SIDE, IDX_SIDE))
    labels = _read_idx_file(folder, labels_name, ())
    border = (SIDE - IDX_SIDE) // 2
    return _checked(folder, F.pad(images[:, None], (border,) * 4), labels)


def _read_idx_file(folder: Path, name: str, shape: tuple[int, ...]) -> Tensor:
    """The bytes of an IDX file, packed by gzip or not: (n, *shape), uint8."""
    packed, plain = _idx_paths(folder, name)
    is_packed = packed.exists()
    content = gzip.decompress(packed.read_bytes()) if is_packed else plain.read_bytes()
    header_bytes = 8 + 4 * len(shape)
    count, rest = divmod(len(content) - header_bytes, math.prod(shape))
    # Two zeros, 8 for bytes, the number of dimensions; then their sizes.
    numbers = (0x801 + len(shape), max(count, 0), *shape)
    header = b"".join(number.to_bytes(4, "big") for number in numbers)
    if count < 1 or rest or not content.startswith(header):
        path = packed if is_packed else plain
        raise DataError(f"{path} does not hold what its name says: restore the file")
    return _bytes(content[header_bytes:]).reshape(count, *shape)


def _checked(folder: Path, images: Tensor, labels: Tensor) -> Pictures:
    if len(images) != len(labels) or int(labels.max()) >= CLASS_COUNT:
        raise DataError(f"pictures and labels in {folder} do not fit together: restore the files")
    return Pictures(images.contiguous(), labels.long())


def _idx_paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.gz", folder / name


def _bytes(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
