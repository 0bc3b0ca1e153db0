"""Run a Python program that has no option for a seed, with its random numbers seeded.

Usage: seeded.py SEED|- PROGRAM [ARG ...]

Seeds `random`, and NumPy and PyTorch where they are installed (- for no seed), then runs the
program as Python itself would. What a GPU computes in another order each time stays different.

Environment:
  TANDEM_GPU_MEMORY_FRACTION  share (0 to 1) of each GPU's memory that PyTorch (1.8 or later) may
                              allocate; default: all of it
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import runpy
import sys


def seed_everything(seed: int) -> None:
    random.seed(seed)
    if importlib.util.find_spec("numpy"):
        importlib.import_module("numpy").random.seed(seed % 2**32)
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch").manual_seed(seed)  # that of every GPU, too


def limit_memory(share: str | None) -> None:
    if share and importlib.util.find_spec("torch"):
        cuda = importlib.import_module("torch").cuda
        for device in range(cuda.device_count() if cuda.is_available() else 0):
            cuda.set_per_process_memory_fraction(float(share), device)


def main() -> None:
    seed, program, *arguments = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.realpath(program))
    sys.argv = [program, *arguments]
    if seed != "-":
        seed_everything(int(seed))
    limit_memory(os.environ.get("TANDEM_GPU_MEMORY_FRACTION"))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
