"""The live line and the lines of a status: what matters first, nothing longer than the terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import CURRENT, state
from tandem.base.text import printable
from tandem.report.live.colour import coloured, has_colour
from tandem.report.live.columns import cut, width, wrap
from tandem.report.live.line import live_line
from tandem.report.live.moment import clock_text
from tandem.report.live.status import status_json, status_lines
from tandem.results.glance import Ended, Glance
from tandem.results.state import Board, Counts, Newest, Rounds, Use

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
WIDTHS = (20, 40, 80, 120)
BOARD = Board("GPU 0", 212.5, 97.0, 5120.0, Use(1, 2), Use(3, 4))
BAD = Ended("digits_mlp_002", False, "2026-01-30T11:59:00+00:00", 41.2, "coverage 50%")
RUN = "run_20260131_120000"
FULL = state(
    epoch=7,
    epochs=20,
    rounds=Rounds(3, failed=1),
    coverage_so_far=0.9987,
    newest=Newest(
        0.7, (Board("GPU 0", 212.5, 97.0, 5120.0, Use(1, 2), Use(3, 4)),), Use(5, 6), Use(7, 8)
    ),
    counts=Counts(2, 1, 9),
    elapsed_s=35.2,
    left_s=12.1,
    run_left_s=720.0,
    ends="2026-01-31T12:12:00+00:00",
)


def glance(**facts: Any) -> Glance:
    known = {
        "run": Path("results/run_20260131_120000"),
        "standing": "running",
        "why": None,
        "host": "lab3",
        "age_s": 1.0,
        "state": FULL,
        "counts": FULL.counts,
        "ended": (
            Ended("digits_mlp_002", False, "2026-01-30T11:59:00+00:00", 41.2, "coverage 50%"),
        ),
        "ended_count": 3,
        "next": ("digits_mlp_001_parallel", "digits_mlp_004_parallel"),
    }
    return Glance(**{**known, **facts})


def lines(columns: int = 100, **facts: Any) -> list[str]:
    return status_lines(glance(**facts), columns, "make resume RUN=x", NOON)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (20, "1 of 2 · 1 not valid"),
        (40, "1 of 2 · 1 not valid · training"),
        (80, "experiment 1 of 2 · 1 not valid · training · epoch 7 of 20 · 12 s left"),
        (
            120,
            "experiment 1 of 2 · 1 not valid · training · epoch 7 of 20 · 12 s left"
            " · all done 12:12 · background round 3 (1 failed)",
        ),
        (
            None,
            "experiment 1 of 2 · 1 not valid · training · epoch 7 of 20 · 12 s left"
            " · all done 12:12 · background round 3 (1 failed) · 212 W · coverage 99.8 %",
        ),
    ],
)
def test_parts_are_left_out_from_the_right(columns: int | None, text: str) -> None:
    assert live_line(FULL, columns, NOON) == text


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_line_of_what_is_not_known(columns: int) -> None:
    nothing = state(experiment=None, phase="starting")
    assert live_line(nothing, columns, NOON) == "starting"


def test_the_end_has_its_date_where_that_is_not_today() -> None:
    assert clock_text("2026-01-31T23:59:00+00:00", NOON) == "23:59"
    assert clock_text("2026-02-01T00:01:00+00:00", NOON) == "2026-02-01 00:01"
    assert clock_text("2026-01-31T23:59:00", NOON) is None
    assert clock_text("soon", NOON) is None
    assert clock_text(None, NOON) is None


words = st.text(alphabet="ab _-日本テ\u0301é\u200b\x1b\t", max_size=30)
seconds = st.none() | st.floats(0, 1e9)
counts = st.none() | st.integers(0, 10**6)
uses = st.builds(Use, seconds, seconds)
boards = st.builds(Board, words, seconds, seconds, seconds, uses, uses)
newest = st.none() | st.builds(
    Newest, st.floats(0, 10), st.lists(boards, max_size=3).map(tuple), uses, uses
)
states = st.builds(
    lambda name, values, **facts: state(
        experiment=replace(CURRENT, id=name, values=values, background=(name,)), **facts
    ),
    words,
    st.dictionaries(words, words | st.floats() | st.integers(), max_size=5),
    phase=words,
    epoch=counts,
    epochs=counts,
    rounds=st.none() | st.builds(Rounds, st.integers(0, 10**9)),
    coverage_so_far=st.none() | st.floats(0, 1),
    newest=newest,
    elapsed_s=seconds,
    left_s=seconds,
    run_left_s=seconds,
    ends=st.none() | st.just("2026-01-31T12:12:00+00:00") | words,
)


@given(states, st.sampled_from(WIDTHS) | st.integers(1, 200))
def test_no_live_line_is_longer_than_the_terminal(made: Any, columns: int) -> None:
    line = live_line(made, columns, NOON)
    assert width(line) <= columns
    whole = live_line(made, None, NOON)
    words_shown, all_words = line.split(), whole.split()
    if columns >= 60 and len(words_shown) > 1:  # below it begins with other words
        assert words_shown == all_words[: len(words_shown)]


@given(states | st.none(), st.sampled_from(WIDTHS), words, st.sampled_from(["running", "failed"]))
def test_no_line_of_a_status_is_longer_than_the_terminal(
    made: Any, columns: int, name: str, standing: str
) -> None:
    ended = Ended(name, False, name, None, name)
    shown = lines(columns, state=made, standing=standing, why=name, ended=(ended,), next=(name,))
    for line in shown:
        assert width(line) <= columns, line
        assert line.isprintable()


@given(words, st.integers(4, 60))
def test_wrapping_loses_no_word(text: str, columns: int) -> None:
    plain = printable(text)
    parts = wrap(plain, columns)
    assert "".join("".join(parts).split()) == "".join(plain.split())
    assert all(width(part) <= columns for part in parts)
    fits = all(width(word) <= columns // 2 - 2 for word in plain.split())
    assert not fits or [word for part in parts for word in part.split()] == plain.split()


def test_wide_characters_take_two_columns() -> None:
    assert width("日本 a\u0301") == 6
    assert cut("日本", 3) == "日"
    assert wrap("ab 日本語 cd", 6, indent="") == ["ab", "日本語", "cd"]


def test_a_status_says_what_runs_what_is_left_and_what_has_ended() -> None:
    assert lines() == [
        "run_20260131_120000: running on lab3",
        "experiment 1 of 2: digits_mlp_001_parallel",
        "  values      epochs 20",
        "  background  digits mlp",
        "  now         training, epoch 7 of 20, 35 s so far, 12 s left",
        "  rounds      round 3 (1 failed), coverage so far 99.8 %",
        "  GPU 0       212 W, 97 % busy, 5,120 MiB; foreground 1 %, 2 MiB; background 3 %, 4 MiB",
        "  CPU         foreground 5 %, 6 MiB; background 7 %, 8 MiB",
        "12 experiments: 2 valid, 1 not valid, 9 missing",
        "all done 12:12, in 12 min",
        "next: digits_mlp_004_parallel",
        "ended, the newest first:",
        "  digits_mlp_002: not valid, 2026-01-30 11:59, took 41 s: coverage 50%",
        "  and 2 experiments before",
    ]


@pytest.mark.parametrize(
    ("standing", "facts", "first"),
    [
        ("not running", {}, "not running: its process is gone"),
        (
            "not known",
            {"age_s": 300.0},
            "not known whether it runs on lab3: state.json is 5 min old",
        ),
        ("not known", {"age_s": None}, "not known whether it runs on lab3: there is no state.json"),
        ("stopped", {"why": "by SIGINT"}, "stopped 12:00 by SIGINT"),
        ("failed", {"why": "the disk is full"}, "failed 12:00: the disk is full"),
    ],
)
def test_a_run_that_does_not_run_says_how_to_go_on(
    standing: str, facts: dict[str, Any], first: str
) -> None:
    shown = lines(standing=standing, **facts)
    assert shown[:2] == [f"{RUN}: {first}", "to go on: make resume RUN=x"]


def test_where_the_plan_cannot_be_read_nobody_is_told_to_go_on() -> None:
    facts: dict[str, Any] = {"standing": "not running", "plan_problem": "plan.json: damaged"}
    assert lines(**facts)[1] == "plan.json: damaged"
    assert status_json(glance(**facts), "make resume RUN=x")["resume"] is None


def test_a_run_that_is_whole_has_nothing_to_go_on_with() -> None:
    whole = Counts(12, 0, 0)
    assert lines(standing="ended", counts=whole, ended=(), next=()) == [
        "run_20260131_120000: ended 12:00",
        "12 experiments: 12 valid",
    ]


def test_what_does_not_count_says_so() -> None:
    warm_up = Ended("warm", True, "2026-01-30T11:59:00+00:00", 6.1, None, "warm-up")
    assert "  warm: valid, warm-up, 2026-01-30 11:59, took 6 s" in lines(ended=(warm_up,))


def test_colour_marks_what_is_not_valid_and_leaves_the_words() -> None:
    text = "a: valid, 1 not valid"
    assert coloured(text) == "a: valid, \x1b[31m1 not valid\x1b[39m"
    assert coloured("2 valid") == "2 valid"


@pytest.mark.parametrize(
    ("variables", "is_terminal", "expected"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
    ],
)
def test_where_there_is_colour(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_terminal: bool, expected: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colour(is_terminal=is_terminal) is expected
