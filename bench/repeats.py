"""Print how often intervals and verdicts over repeats are right, where the truth is known.

    bench/repeats.py [SWEEPS]       of each kind; 10000 (the default) take some minutes on one core

Only logarithms of times are drawn; estimates and verdicts are those of the product. (A file named
statistics.py here would stand in for Python's own module, in all programs of this folder.)

Exit codes: 0 what docs/measuring.md promises was kept · 1 it was not.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib"))

from tandem.interference.statistics.estimate import estimate_of, holm  # noqa: E402
from tandem.interference.statistics.resolution import equivalence, smallest_effect  # noqa: E402

PAIRS = (6, 7, 8, 10, 20)
FIGURES = 3  # slowdown, energy ratio and background progress of one call
MARGIN = 0.02
NOISE = 0.01  # of a training
DEVIATIONS = 2  # the simulation's own error that is let pass
SHOWN = (0.80, 0.04)  # of the smallest effects, and how far off that may be

Noise = Callable[[Random], float]
Population = Callable[[Random, int], list[float]]  # logarithms of ratios; their pseudomedian is 0


# -- populations -----------------------------------------------------------------------


def normal(generator: Random) -> float:
    return generator.gauss(0, NOISE)


def skewed(generator: Random) -> float:
    """A training is held up, and never hurried."""
    return generator.expovariate(1 / NOISE)


def heavy_tailed(generator: Random) -> float:
    """Student's t with two degrees of freedom: its variance is infinite."""
    return generator.gauss(0, NOISE) / math.sqrt(generator.expovariate(1))


def pairs_of(noise: Noise) -> Population:
    return lambda generator, pairs: [noise(generator) - noise(generator) for _ in range(pairs)]


def pairs_in_blocks(noise: Noise) -> Population:
    """Blocks have effects on both of their runs; the second of the two is slower."""

    def population(generator: Random, pairs: int) -> list[float]:
        first = [place % 2 for place in range(pairs)]
        generator.shuffle(first)
        found = []
        for place in first:
            block = generator.gauss(0, 5 * NOISE)
            beside = block + NOISE * place + noise(generator)
            alone = block + NOISE * (1 - place) + noise(generator)
            found.append(beside - alone)
        return found

    return population


def skewed_ratios(generator: Random, pairs: int) -> list[float]:
    """Only what runs beside is held up, so that ratios are not symmetric about anything."""
    return [skewed(generator) - NOISE * EXPONENTIAL_MIDDLE for _ in range(pairs)]


def exponential_middle() -> float:
    """Return the pseudomedian of the exponential distribution: where P(mean of two <= x) = 1/2."""
    low, high = 0.0, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        is_below = 1 - math.exp(-2 * middle) * (1 + 2 * middle) < 0.5
        low, high = (middle, high) if is_below else (low, middle)
    return low


EXPONENTIAL_MIDDLE = exponential_middle()
NOISES: Mapping[str, Noise] = {"normal": normal, "skewed": skewed, "heavy-tailed": heavy_tailed}
POPULATIONS: Mapping[str, Population] = {
    **{name: pairs_of(noise) for name, noise in NOISES.items()},
    **{f"{name}, blocks": pairs_in_blocks(noise) for name, noise in NOISES.items()},
}


# -- sweeps ----------------------------------------------------------------------------


@dataclass
class Shares:
    """In how many of the sweeps, or of their figures; what the titles say."""

    covered: float = 0
    called: float = 0
    called_by_holm: float = 0
    wrong_less: float = 0
    wrong_more: float = 0


TITLES = {
    "covered": "the interval of 95 % holds the pseudomedian",
    "called": "no effect is called one, by the interval alone, in figures",
    "called_by_holm": f"no effect is called one, by Holm, in calls with {FIGURES} figures",
    "wrong_less": "an effect of the margin is called less",
    "wrong_more": "an effect of the margin is called more",
}


@dataclass(frozen=True)
class Promise:
    """The least share of intervals that hold the truth, the greatest of wrong answers."""

    covered: float
    wrong: float

    def is_kept(self, name: str, share: float, cases: int) -> bool:
        if name == "covered":
            return share >= self.covered - error_of(self.covered, cases)
        return share <= self.wrong + error_of(self.wrong, cases)


SYMMETRIC = Promise(0.95, 0.05)
NOT_SYMMETRIC = Promise(0.94, 0.07)  # of Holm's calls, which hold three figures


def error_of(share: float, cases: int) -> float:
    return DEVIATIONS * math.sqrt(share * (1 - share) / cases)


def shares_of(population: Population, pairs: int, sweeps: int, generator: Random) -> Shares:
    found = Shares()
    for sweep in range(sweeps):
        figures = [
            estimate_of([math.exp(each) for each in population(generator, pairs)], 1.0)
            for _ in range(FIGURES)
        ]
        found.called += sum(not each.below_resolution for each in figures) / FIGURES
        adjusted = holm([each.p for each in figures if each.p is not None])
        found.called_by_holm += min(adjusted) <= 0.05

        truth = (1 + MARGIN) ** (1 if sweep % 2 else -1)
        shifted = [truth * math.exp(each) for each in population(generator, pairs)]
        estimate = estimate_of(shifted, 1.0)
        assert estimate.low is not None and estimate.high is not None
        found.covered += estimate.low <= truth <= estimate.high
        answer = equivalence(estimate, MARGIN)
        assert answer
        found.wrong_less += answer.answer == "less"
        found.wrong_more += answer.answer == "more"
    return Shares(*(getattr(found, each.name) / sweeps for each in fields(found)))


def share_shown(pairs: int, sweeps: int, generator: Random) -> float:
    """Return in which share of sweeps the smallest effect that pairs can show is called one."""
    effect = smallest_effect(pairs, math.sqrt(2) * NOISE)
    assert effect
    shown = 0
    for _ in range(sweeps):
        values = [(1 + effect) * math.exp(each) for each in pairs_of(normal)(generator, pairs)]
        shown += not estimate_of(values, 1.0).below_resolution
    return shown / sweeps


# -- printing --------------------------------------------------------------------------


def row(name: str, shares: list[float]) -> str:
    return f"{name:<24}" + "".join(f"{100 * share:>8.2f}" for share in shares)


def main() -> int:
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    populations = {**POPULATIONS, "skewed ratios": skewed_ratios}
    found = {
        name: [shares_of(each, pairs, sweeps, Random(f"{name} {pairs}")) for pairs in PAIRS]
        for name, each in populations.items()
    }
    missed = []
    for share, title in TITLES.items():
        print(f"{title}, in percent of {sweeps}")
        print(f"{'pairs':<24}" + "".join(f"{pairs:>8}" for pairs in PAIRS))
        for name, by_pairs in found.items():
            shares = [getattr(each, share) for each in by_pairs]
            print(row(name, shares))
            promise = SYMMETRIC if name in POPULATIONS else NOT_SYMMETRIC
            for pairs, value in zip(PAIRS, shares, strict=True):
                if not promise.is_kept(share, value, sweeps):
                    missed.append(f"{name}, {pairs} pairs: {title}: {100 * value:.2f} %")
        print()
    shown = [share_shown(pairs, sweeps, Random(f"shown {pairs}")) for pairs in PAIRS]
    print(row("the smallest effect seen", shown))
    middle, off = SHOWN
    for pairs, value in zip(PAIRS, shown, strict=True):
        if abs(value - middle) > off + error_of(middle, sweeps):
            missed.append(f"{pairs} pairs: the smallest effect is seen: {100 * value:.2f} %")
    for line in missed:
        print(f"MISSED: {line}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
