"""Numbers and names as a person reads them."""

from __future__ import annotations

import pytest
from tandem.base.text import as_set, share


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.57, "57.0%"), (0.9499999, "94.9%"), (0.95, "95.0%"), (1.0, "100.0%"), (0.0, "0.0%")],
)
def test_a_share_is_rounded_down_but_not_below_itself(value: float, text: str) -> None:
    assert share(value) == text


def test_every_thousandth_is_itself() -> None:
    assert [share(part / 1000) for part in range(1001)] == [f"{part / 10}%" for part in range(1001)]


def test_a_limit_is_shown_as_it_was_set() -> None:
    assert [as_set(value) for value in (0.95, 0.955, 0.07)] == ["95%", "95.5%", "7%"]
