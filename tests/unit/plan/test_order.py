"""The order of a design: groups drawn block by block, the members of a group dealt in balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.plan.design.order import Deal, balanced_square, block_order, shuffled
from tandem.plan.draw import stream

Row = Sequence[int]


def spread(counts: Counter[tuple[int, int]], members: int, *, others_alone: bool = False) -> int:
    """The largest count less the smallest, pairs that never occur included."""
    pairs = product(range(members), range(members))
    found = [counts[pair] for pair in pairs if not others_alone or pair[0] != pair[1]]
    return max(found) - min(found)


def places(rows: Iterable[Row]) -> Counter[tuple[int, int]]:
    return Counter((member, place) for row in rows for place, member in enumerate(row))


def neighbours(rows: Iterable[Row]) -> Counter[tuple[int, int]]:
    return Counter(pair for row in rows for pair in pairwise(row))


@pytest.mark.parametrize("count", range(1, 9))
def test_each_stands_once_at_each_place_and_follows_each_other_equally_often(count: int) -> None:
    square = balanced_square(count)
    assert places(square) == Counter(product(range(count), repeat=2))
    both = [*square, *(row[::-1] for row in square)]
    for rows in [both] if count % 2 else [square, both]:
        assert count == 1 or spread(neighbours(rows), count, others_alone=True) == 0


@given(st.integers(1, 7), st.integers(1, 30), st.integers(1, 20), st.integers(0, 999))
def test_a_deal_is_balanced_over_groups_and_blocks_and_both(
    members: int, groups: int, blocks: int, seed: int
) -> None:
    deal = Deal(members, groups, stream(seed))
    rows = {
        (group, block): deal.order(group, block)
        for group in range(groups)
        for block in range(blocks)
    }
    assert all(sorted(row) == list(range(members)) for row in rows.values())
    for block in range(blocks):
        of_block = [rows[group, block] for group in range(groups)]
        assert spread(places(of_block), members) <= 1
    whole = range(blocks // members * members)
    for group in range(groups):
        assert spread(places(rows[group, block] for block in whole), members) == 0
        assert spread(places(rows[group, block] for block in range(blocks)), members) <= 1
    assert spread(places(rows.values()), members) <= 1


@given(st.integers(2, 6), st.integers(1, 12), st.integers(0, 99))
def test_over_twice_as_many_blocks_as_members_each_follows_each_other_equally_often(
    members: int, groups: int, seed: int
) -> None:
    deal = Deal(members, groups, stream(seed))
    for group in range(groups):
        rows = [deal.order(group, block) for block in range(2 * members)]
        assert spread(neighbours(rows), members, others_alone=True) == 0


def test_the_seed_deals() -> None:
    dealt = {
        tuple(tuple(Deal(3, 4, stream(seed)).order(group, 0)) for group in range(4))
        for seed in range(20)
    }
    assert len(dealt) > 10
    assert Deal(3, 4, stream(1)).order(2, 5) == Deal(3, 4, stream(1)).order(2, 5)


def test_some_groups_of_a_block_are_drawn_and_the_others_keep_their_places() -> None:
    groups = list("aBcDeFgH")
    found = block_order(groups, str.isupper, stream(3))
    assert found[::2] == list("aceg")
    assert sorted(found[1::2]) == list("BDFH")
    assert found[1::2] != list("BDFH")
    assert block_order(groups, lambda _: False, stream(3)) == groups


def test_the_same_stream_gives_the_same_order_on_every_machine() -> None:
    assert shuffled("abcdef", stream(1)) == ["d", "f", "c", "e", "a", "b"]
