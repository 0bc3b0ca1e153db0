"""Train, then test, a model of Person_reID_baseline_pytorch, whose programs are used as they are.

Usage, in the repository's folder: person_reid.py --data DIR [--seed N] [--keep] [OPTION ...]

Options:
  --data DIR       what prepare.py made: train, val, gallery and query
  --total_epoch N  epochs (60); below 10 nothing would ever be saved, and the training fails
  --batchsize N    pictures at once, of train.py (32) and of test.py (256)
  --seed N         seed of weights and batches; train.py itself has none, and every run differs
  --keep           keep what was saved (the folder `saved` beside the log)
  All others go to train.py: --use_dense, --use_hr, --PCB, --lr, --droprate ...

Exit codes: those of train.py and test.py, 127 something is missing or cannot work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from workplace import need_folders, need_module, refuse, run, workplace

LEAST_EPOCHS = 10  # the weights are kept for the first time after so many
NAME = "tandem"


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__, allow_abbrev=False, add_help=False)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--total_epoch", type=int, default=60)
    parser.add_argument("--batchsize")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", action="store_true")
    options, others = parser.parse_known_args()
    repository, data = Path.cwd(), options.data.resolve()
    if options.total_epoch < LEAST_EPOCHS:
        refuse(f"{options.total_epoch} epochs are too few: train.py needs at least {LEAST_EPOCHS}")
    need_module("torch", repository)
    need_folders(data, ["train", "val", "gallery", "query"])
    with workplace(keep=options.keep) as folder:
        lay_out(folder, repository)
        epochs = ["--total_epoch", str(options.total_epoch)]
        size = [] if options.batchsize is None else ["--batchsize", options.batchsize]
        common = ["--name", NAME, *size]
        train = [*common, "--data_dir", str(data), *epochs, *others]
        run(folder, repository, "train.py", train, options.seed)
        run(folder, repository, "test.py", [*common, "--test_dir", str(data)])


def lay_out(folder: Path, repository: Path) -> None:
    """Have in the folder what the programs look for in the one that they run in."""
    (folder / "model").mkdir()
    for program in repository.glob("*.py"):
        (folder / program.name).symlink_to(program)


if __name__ == "__main__":
    main()
