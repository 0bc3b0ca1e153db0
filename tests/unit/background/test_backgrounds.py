"""Several loads together: what there was of them in a window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tandem.background.backgrounds import Backgrounds
from tandem.background.loop import Loop

Make = Callable[..., Backgrounds]


@pytest.fixture
def loads(tmp_path: Path) -> Make:
    """Makes loads from the rounds of each, as pairs of start and end in seconds; None: no end."""

    def make(*histories: list[tuple[float, float | None]]) -> Backgrounds:
        made = []
        for number, rounds in enumerate(histories, start=1):
            folder = tmp_path / str(number)
            folder.mkdir()
            lines = []
            for place, (start_s, end_s) in enumerate(rounds, start=1):
                lines.append(f"start\t{place}\t{start_s:.3f}\n")
                lines += [f"end\t{place}\t{end_s:.3f}\t0\tended\n"] if end_s is not None else []
            (folder / "rounds.tsv").write_text("".join(lines))
            nothing: Any = SimpleNamespace(training=None)  # an account needs the files alone
            places = nothing, folder / "bg_loop.sh", folder
            made.append(
                Loop(f"background {number}", nothing, nothing, *places, {}, nothing, nothing)
            )
        return Backgrounds(made)

    return make


def test_one_load_is_itself(loads: Make) -> None:
    both = loads([(0, 4), (5, 9), (10, 14)])
    [load] = both.each
    assert both.coverage(0, 10) == load.coverage(0, 10) == pytest.approx(0.8)
    alone = load.figures(0, 10)
    together = {name: value for name, value in alone.items() if name != "dose"}
    assert both.figures(0, 10) == {**together, "parts": [alone]}


def test_pauses_of_several_add_up(loads: Make) -> None:
    both = loads([(0, 4), (5, 10)], [(0, 7), (9, 10)])
    assert both.coverage(0, 10) == pytest.approx(0.7)
    figures = both.figures(0, 10)
    assert figures["coverage"] == pytest.approx(0.7)
    assert [part["coverage"] for part in figures["parts"]] == pytest.approx([0.9, 0.8])
    assert figures["rounds_completed"] == sum(it["rounds_completed"] for it in figures["parts"])
    assert figures["rounds_per_second"] is figures["seconds_without"] is None


def test_pauses_of_more_than_the_window_are_no_load_at_all(loads: Make) -> None:
    assert loads([(0, 1)], [(0, 2)]).coverage(0, 10) == 0


@pytest.mark.parametrize("which", [0, 1])
def test_one_that_is_not_known_leaves_all_unknown(loads: Make, which: int) -> None:
    histories: list[list[tuple[float, float | None]]] = [[(0, 10)], [(0, 10)]]
    histories[which] = [(0, None), (5, 10)]
    both = loads(*histories)
    assert both.coverage(0, 10) is None
    assert both.figures(0, 10)["coverage"] is None
    assert both.each[1 - which].coverage(0, 10) == pytest.approx(1)


def test_no_time_has_no_coverage(loads: Make) -> None:
    assert loads([(0, 10)], [(0, 10)]).coverage(5, 5) is None
