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
        (["same", "same"], "", ["same", "same"]),
        ([], "", []),
    ],
)
def test_what_all_labels_say_is_taken_out(labels: list[str], common: str, rest: list[str]) -> None:
    assert shortened(labels) == (common, rest)
