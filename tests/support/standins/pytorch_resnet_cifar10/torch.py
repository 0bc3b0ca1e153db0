"""Stand-in for PyTorch: random numbers that can be seeded."""

import random

_generator = random.Random()


def manual_seed(seed):
    _generator.seed(seed)


def rand():
    return _generator.random()
