"""Train a ResNet of pytorch_resnet_cifar10, whose trainer.py is used as it is.

Usage, in the repository's folder: resnet_cifar10.py --data DIR [--seed N] [--keep] [OPTION ...]

Options:
  --data DIR  where cifar-10-batches-py lies; the trainer itself looks for ./data
  --seed N    seed of weights and batches; the trainer itself has none, and every run differs
  --keep      keep what was saved (the folder `saved` beside the log)
  All others go to trainer.py: --arch, --epochs, --lr, --wd, -b ...

Exit codes: the trainer's own, 127 something is missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workplace import need_files, need_module, run, workplace

FOLDER = "cifar-10-batches-py"
FILES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
LEAST_BYTES = 10_000 * 32 * 32 * 3  # what the pictures alone take in each of them


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__, allow_abbrev=False, add_help=False)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", action="store_true")
    options, others = parser.parse_known_args()
    repository, data = Path.cwd(), options.data.resolve()
    need_module("torch", repository)
    need_files(data / FOLDER, FILES, LEAST_BYTES)
    with workplace(keep=options.keep) as folder:
        (folder / "data").symlink_to(data)
        run(folder, repository, "trainer.py", others, options.seed)


if __name__ == "__main__":
    main()
