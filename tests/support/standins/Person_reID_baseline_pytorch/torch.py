"""Stand-in for PyTorch: random numbers that can be seeded, a GPU that tells of its limit."""

import os
import random
import sys

_generator = random.Random()


def manual_seed(seed):
    _generator.seed(seed)


def rand():
    return _generator.random()


class cuda:
    """One GPU where STANDIN_GPU is set."""

    is_available = staticmethod(lambda: "STANDIN_GPU" in os.environ)
    device_count = staticmethod(lambda: 1)

    @staticmethod
    def set_per_process_memory_fraction(share, device):
        print(f"{os.path.basename(sys.argv[0])}: {share} of GPU {device}", flush=True)
