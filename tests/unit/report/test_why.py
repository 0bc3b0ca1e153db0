"""What explains a slowdown, in words: in one line of a comparison, and whole of one experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.compared import Pair, parallel
from support.records import of, write_run
from tandem.interference.compare.why import why_of, whys
from tandem.report.compare.text import text_of_compare
from tandem.report.why import rows_of_why, short_why_of
from tandem.results.record_pair import BoardExplained


def explained(clocks: float | None = 1.17, rest: float | None = 1.07, **board: Any) -> Any:
    found: Any = parallel(1)[1]["explanation"]
    for key, value in (("clocks_at_most", clocks), ("the_rest_at_least", rest)):
        figure = found[f"slowdown_by_{key}"]
        figure.update(value=value, reason=None if value else "no solo control")
    found["boards"] = [{**of(BoardExplained), **board}]
    return found


def held(percent: float) -> Any:
    both = {"by_limit_percent": {"power": percent}, "known_by": "counters"}
    return {"solo": None, "parallel": both}


def activity(total: float | None) -> Any:
    part = None if total is None else total / 2
    reason = None if total else "no counters"
    return {
        "foreground_percent": part,
        "background_percent": part,
        "sum_percent": total,
        "reason": reason,
    }


NONE = {"sm_active": activity(None), "dram_active": activity(None)}


@pytest.mark.parametrize(
    ("explanation", "words"),
    [
        (
            explained(1.17, 1.07, throttled=held(71.5), **NONE),
            "why (derived): lower clocks make it slower by a factor of 1.17 at most; contention or"
            " waiting by 1.07 at least; held down by the power limit for up to 71.5 % of the time",
        ),
        (
            explained(1.3, 0.96, throttled=held(0.5), **NONE),
            "why (derived): lower clocks make it slower by a factor of 1.3 at most; that can be"
            " all of it",
        ),
        (
            explained(1.0, 0.98, throttled=held(0.5), **NONE),
            "why (derived): clocks were not lower beside the background; there was no slowdown",
        ),
        (
            explained(
                1.0, 1.4, throttled=held(0), sm_active=activity(130.0), dram_active=activity(60.0)
            ),
            "why (derived): clocks were not lower beside the background; contention or waiting by"
            " 1.4 at least; SMs: both alone use 130 % together, more than there is;"
            " DRAM bandwidth: both alone use 60 % together",
        ),
        (explained(None, None, throttled=held(0), **NONE), None),
    ],
)
def test_one_line(explanation: Any, words: str | None) -> None:
    assert short_why_of(explanation) == words


def test_of_several_pairs_the_middle_and_the_most() -> None:
    made = [explained(value, 1.1, throttled=held(value * 10)) for value in (1.1, 1.2, 1.4)]
    found = whys([*map(why_of, made), why_of(explained(None, None)), None])
    assert (found["slowdown_by_clocks_at_most"], found["pairs"]) == (1.2, 3)
    assert found["held_percent_at_most"]["power"] == 71.5
    assert found["missing"] == {"no solo control": 1}


def test_all_of_one_experiment() -> None:
    found = explained(throttled=held(71.5), dram_active=activity(None))
    found["warnings"] = ["GPU 0: clocks are known of 80 % of parallel"]
    rows = list(rows_of_why(found))
    assert rows[0] == ("lower clocks", "a factor of 1.17 ± 0.002 at most")
    assert rows[1] == ("contention, waiting", "a factor of 1.07 ± 0.009 at least")
    by_label = dict(rows)
    assert by_label["GPU 0 SM clock"].startswith("1980 MHz alone, 1692 MHz beside the background")
    assert "not reported" in by_label["GPU 0 alone"]
    assert by_label["GPU 0 beside it"] == "held down by the power limit for 71.5 % of the time"
    assert by_label["GPU 0 SMs"].endswith("125 % together, more than there is")
    assert by_label["GPU 0 DRAM bandwidth"] == "not known: no counters"
    assert rows[-1] == ("warning", found["warnings"][0])


def test_what_is_not_known_is_told_once() -> None:
    found = explained(None, None)
    found["boards"] = []
    assert list(rows_of_why(found)) == [("lower clocks", "not known: no solo control")]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_compare_has_one_line_that_fits(tmp_path: Path, columns: int) -> None:
    pairs: list[Pair] = [parallel(number) for number in range(1, 4)]
    shown, _ = text_of_compare([str(write_run(tmp_path / "run", *pairs))], columns=columns)
    lines = shown.splitlines()
    assert sum(line.startswith("why (derived): ") for line in lines) == 1
    assert max(map(len, lines)) <= columns
