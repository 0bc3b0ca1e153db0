"""What is counted once: independent pairs of one configuration, or several configurations."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tandem.interference.compare.pairs import Pair

PAIR, CONFIGURATION = "pair", "configuration"

Value = Callable[[Pair], float | None]
Key = Callable[[Pair], Hashable | None]


@dataclass(frozen=True)
class Unit:
    """Pairs that count once; those of one part share a baseline.

    `key` is what the design pairs it by with a unit of something else, None: by nothing.
    """

    parts: tuple[tuple[Pair, ...], ...]
    key: Hashable | None = None

    @property
    def pairs(self) -> list[Pair]:
        return [pair for part in self.parts for pair in part]

    def value(self, of: Value) -> float | None:
        """Return the median over its parts of their own medians; None: no pair has a value."""
        # Nearly all parts are of one pair, and many units are one part.
        return _median(
            of(part[0]) if len(part) == 1 else _median(map(of, part)) for part in self.parts
        )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) == 1:
        return known[0]
    return statistics.median(known) if known else None


def kind_of(*samples: Sequence[Pair]) -> str:
    """Return what a unit is: configurations where there are several in any of the samples."""
    most = max(len({pair.configuration for pair in sample}) for sample in samples)
    return CONFIGURATION if most > 1 else PAIR


def units_of(pairs: Sequence[Pair], kind: str, key: Key = lambda pair: None) -> list[Unit]:
    """Return the units of some pairs, in their order."""
    if kind == PAIR:
        return [Unit((part,), key(part[0])) for part in sharing_a_baseline(pairs)]
    configurations: dict[Hashable, list[Pair]] = defaultdict(list)
    for pair in pairs:
        configurations[pair.configuration].append(pair)
    return [
        Unit(tuple(sharing_a_baseline(members)), key(members[0]))
        for members in configurations.values()
    ]


def sharing_a_baseline(pairs: Sequence[Pair]) -> list[tuple[Pair, ...]]:
    """Return the pairs, those together that share a baseline, if only by way of others."""
    leaders: dict[Hashable, Hashable] = {}

    def leader(of: Hashable) -> Hashable:
        while (above := leaders.setdefault(of, of)) != of:
            leaders[of] = leaders[above]  # the way is shorter next time
            of = leaders[of]
        return of

    for pair in pairs:
        first, *others = pair.baselines
        for other in others:
            leaders[leader(other)] = leader(first)
    parts: Mapping[Hashable, list[Pair]] = defaultdict(list)
    for pair in pairs:
        parts[leader(next(iter(pair.baselines)))].append(pair)
    return [tuple(members) for members in parts.values()]
