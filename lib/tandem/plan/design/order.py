"""In which order a design runs: the groups of a block, and the members of each group.

The members of a group stand in the order of a row of a balanced square (E. J. Williams 1949,
"Experimental designs balanced for the estimation of residual effects of treatments"): over its rows
each member stands once at each place, and each follows each other equally often; where the number
of members is odd, this takes the square and its mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import gcd
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def shuffled(items: Iterable[Item], random: Random) -> list[Item]:
    """The items in drawn order, the same in every version of Python."""
    return sorted(items, key=lambda _: random.random())


def block_order(
    groups: Sequence[Item], is_drawn: Callable[[Item], bool], random: Random
) -> list[Item]:
    """The groups of a block: some in drawn order, the others at their own places."""
    drawn = iter(shuffled(filter(is_drawn, groups), random))
    return [next(drawn) if is_drawn(group) else group for group in groups]


def balanced_square(count: int) -> list[list[int]]:
    """One row for each of `count` members; each member stands once in each row and column."""
    ends = [number // 2 + 1 if number % 2 else -(number // 2) for number in range(count)]
    return [[(row + end) % count for end in ends] for row in range(count)]


class Deal:
    """The orders of the members of all groups that have the same members, block by block.

    Over the groups of a block, over the blocks of a group, and over all together, the numbers of
    times that a member stands at each place differ by at most one (over the blocks of a group as
    soon as they are as many as the members, or a multiple of it).
    """

    def __init__(self, members: int, groups: int, random: Random) -> None:
        letters = shuffled(range(members), random)
        square = shuffled(balanced_square(members), random)
        self._rows = [[letters[index] for index in row] for row in square]
        self._places = shuffled(range(groups), random)
        self._is_mirrored = random.random() < 0.5

    def order(self, group: int, block: int) -> list[int]:
        """The members of a group in a block, each by its number; all numbers count from 0."""
        place, groups, count = self._places[group], len(self._places), len(self._rows)
        # The rows are dealt on from block to block; one is left out where a group would otherwise
        # get a row again before it has had all of them.
        turn = block * groups + block // (count // gcd(groups, count))
        row = self._rows[(place + turn) % count]
        is_mirrored = self._is_mirrored ^ (place // count + block // count) % 2
        return row[::-1] if is_mirrored else row
