from __future__ import annotations

import pytest
from tandem.report.plots.labels import shortened


@pytest.mark.parametrize(
    ("labels", "common", "rest"),
    [
        (["r/m a=1 b=1", "r/m a=1 b=2"], "r/m a=1", ["b=1", "b=2"]),
        (["r/m, i=0.5", "r/m, i=1"], "r/m", ["i=0.5", "i=1"]),
        (["r/m", "r/m, i=0.5"], "", ["r/m", "r/m, i=0.5"]),
        (["r/m a=1", "r/m a=1 b=2"], "a=1", ["r/m", "r/m b=2"]),
        (["r/m", "r/n"], "", ["r/m", "r/n"]),
        (["r/m a=1", "r/m + r/m a=1"], "a=1", ["r/m", "r/m + r/m"]),
        (["r/m a=1"], "", ["r/m a=1"]),
        (["m a=1 beside n a=2 x=1", "m a=2 beside n a=1 x=2"], "", None),
        (["m a=1 x=1", "m x=1 a=1"], "", None),
        (["same", "same"], "", ["same", "same"]),
        ([], "", []),
    ],
)
def test_what_all_labels_say_is_taken_out(
    labels: list[str], common: str, rest: list[str] | None
) -> None:
    """Only what all say in the same order: else one's background is another's foreground."""
    assert shortened(labels) == (common, labels if rest is None else rest)


def test_a_unit_stays_with_its_number_and_words_that_belong_together_do() -> None:
    labels = [
        f"mlp, {sharing}, {watts} W" for sharing in ("time slicing", "MPS") for watts in (1, 2)
    ]
    common, rest = shortened(labels)
    assert common == "mlp"
    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in rest] == [
        *("time slicing, 1 W", "time slicing, 2 W", "MPS, 1 W", "MPS, 2 W"),
    ]
