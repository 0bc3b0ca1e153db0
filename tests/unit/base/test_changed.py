"""A quick copy of a dataclass is the one that dataclasses.replace makes."""

from __future__ import annotations

from dataclasses import replace

from support import plans
from tandem.base.changed import changed


def test_it_is_what_replace_makes_and_leaves_the_other_alone() -> None:
    first = plans.experiment(number=1, id="a")
    second = changed(first, number=7, twin="b")
    assert second == replace(first, number=7, twin="b")
    assert (first.number, first.twin, second.id) == (1, None, "a")
