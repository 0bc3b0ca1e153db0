"""rounds.tsv: whatever the rounds were, it reads back, stays bounded, and keeps its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tandem.background.rounds import (
    Stretch,
    fold,
    last_round,
    lines,
    pauses,
    rate,
    read_rounds,
    running_s,
)

EXITS = st.sampled_from([0, 0, 0, 1, 7, 126, 127, 137, 255])
REASONS = st.sampled_from(["signal SIGTERM", "signal SIGHUP", "owner gone", "timeout"])


@st.composite
def histories(draw: st.DrawFn, max_size: int = 40) -> list[Stretch]:
    """Rounds one after the other from round 1 on, as the loop makes them; times in ms."""
    now_ms = draw(st.integers(0, 10**9))
    made = []
    for number in range(1, draw(st.integers(0, max_size)) + 1):
        start_ms = now_ms + draw(st.integers(0, 3000))
        now_ms = start_ms + draw(st.integers(0, 5000))
        made.append(draw(rounds(number, start_ms / 1000, now_ms / 1000)))
    return made


@st.composite
def rounds(draw: st.DrawFn, number: int, start_s: float, end_s: float) -> Stretch:
    """One round: it ended, could not start, was stopped, lost its keeper, or nobody noted it."""
    kind = draw(st.sampled_from(["ended"] * 6 + ["not started", "stopped", "lost", "open"]))
    begun = Stretch(number, number, start_s, open=1)
    if kind == "open":
        return begun
    done = replace(begun, open=0, end_s=end_s, running_s=end_s - start_s, reason=kind)
    if kind == "lost":
        return replace(done, failed=1)
    if kind == "not started":
        return replace(done, failed=1, exit_code=draw(st.sampled_from([126, 127])))
    if kind == "stopped":
        code = draw(st.one_of(st.none(), EXITS))
        return replace(done, stopped=1, exit_code=code, reason=draw(REASONS))
    code = draw(EXITS)
    return replace(done, exit_code=code, completed=int(code == 0), failed=int(code != 0))


def events(history: Sequence[Stretch]) -> str:
    """Return what keepers and loop write for these rounds: the format, said once more."""
    text = ""
    for each in history:
        text += f"start\t{each.first}\t{each.start_s:.3f}\n"
        if each.reason == "lost":
            text += f"lost\t{each.first}\t{each.end_s:.3f}\n"
        elif each.end_s is not None:
            code = "" if each.exit_code is None else str(each.exit_code)
            text += f"end\t{each.first}\t{each.end_s:.3f}\t{code}\t{each.reason}\n"
    return text


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rounds") / "rounds.tsv"


def read_back(file: Path, text: str) -> list[Stretch]:
    file.write_text(text)
    return read_rounds(file)


def totals(stretches: Sequence[Stretch]) -> tuple[int, int, int, int]:
    """Return completed, failed and stopped rounds, and the milliseconds that they ran."""
    return (
        sum(each.completed for each in stretches),
        sum(each.failed for each in stretches),
        sum(each.stopped for each in stretches),
        round(sum(each.running_s for each in stretches) * 1000),
    )


# -- reading -------------------------------------------------------------------------------


@given(history=histories())
def test_what_was_written_reads_back(file: Path, history: list[Stretch]) -> None:
    assert read_back(file, events(history)) == history
    assert last_round(file) == (history[-1].last if history else None)


@given(history=histories(max_size=6), cut=st.floats(0, 1))
@example(history=[Stretch(1, 1, 5.0, 6.0, 1.0, 1, exit_code=0, reason="ended")], cut=0.999)
def test_a_torn_last_line_is_no_event(file: Path, history: list[Stretch], cut: float) -> None:
    """However little of the file was written, what is there of whole lines counts."""
    text = events(history)
    torn = text[: int(len(text) * cut)]
    whole = torn[: torn.rfind("\n") + 1]
    begun = whole.count("start\t")
    is_running = whole.rpartition("start\t")[2].count("\n") == 1
    expected = history[:begun]
    if begun and is_running:
        expected[-1] = Stretch(begun, begun, history[begun - 1].start_s, open=1)
    assert read_back(file, torn) == expected
    assert last_round(file) == (begun or None)


def test_no_file_is_no_round(tmp_path: Path) -> None:
    assert read_rounds(tmp_path / "rounds.tsv") == []
    assert last_round(tmp_path / "rounds.tsv") is None


def test_how_each_end_counts(file: Path) -> None:
    text = (
        "start\t1\t10.000\nend\t1\t12.500\t0\tended\n"
        "start\t2\t13.000\nend\t2\t14.000\t3\tended\n"
        "start\t3\t15.000\nend\t3\t15.000\t127\tnot started\n"
        "start\t4\t16.000\nlost\t4\t18.000\n"
        "start\t5\t19.000\nend\t5\t20.000\t0\tsignal SIGTERM\n"
        "start\t6\t21.000\nend\t6\t21.500\t\towner gone\n"
        "start\t7\t22.000\n"
    )
    found = read_back(file, text)
    counts = [(each.completed, each.failed, each.stopped) for each in found]
    assert counts == [(1, 0, 0), *[(0, 1, 0)] * 3, *[(0, 0, 1)] * 2, (0, 0, 0)]
    assert [each.running_s for each in found] == [2.5, 1.0, 0.0, 2.0, 1.0, 0.5, 0.0]
    assert [each.exit_code for each in found] == [0, 3, 127, None, 0, None, None]
    assert found[-1].end_s is None


def test_a_torn_line_amid_others_is_no_event(file: Path) -> None:
    """A disk is full for a moment: half a line, and the next event right behind it."""
    text = "start\t1\t5.000\nend\t1\t6.000\t0\tended\nstart\t2\t7.0end\t2\t8.000\t0\tended\n"
    found = read_back(file, text + "start\t3\t9.000\n")
    assert [found[0].first, found[-1].first] == [1, 3]
    assert totals(found)[0] == 1


# -- how long a training ran ---------------------------------------------------------------


@st.composite
def edges(draw: st.DrawFn, history: Sequence[Stretch]) -> tuple[float, float]:
    """A window somewhere about these rounds, often exactly at their edges."""
    times = [each.start_s for each in history] + [each.end_s or 0.0 for each in history]
    anywhere = st.floats(-10, max(times, default=0) + 10)
    one = draw(st.one_of(st.sampled_from(times), anywhere) if times else anywhere)
    other = draw(st.one_of(st.sampled_from(times), anywhere) if times else anywhere)
    return min(one, other), max(one, other)


@given(data=st.data(), history=histories(), keep=st.integers(1, 6))
def test_running_time_lies_within_the_window(
    data: st.DataObject, history: list[Stretch], keep: int
) -> None:
    from_s, to_s = data.draw(edges(history))
    for stretches in (history, fold(history, keep)):
        assert -1e-6 <= running_s(stretches, from_s, to_s) <= to_s - from_s + 1e-6


@given(data=st.data(), history=histories())
def test_running_time_is_exact_for_single_rounds(
    data: st.DataObject, history: list[Stretch]
) -> None:
    """Told apart at every edge there is: within such a piece a round runs wholly or not."""
    from_s, to_s = data.draw(edges(history))
    ended = [(each.start_s, each.end_s) for each in history if each.end_s is not None]
    marks = sorted({from_s, to_s, *(s for pair in ended for s in pair if from_s <= s <= to_s)})
    expected = sum(
        end_s - start_s
        for start_s, end_s in pairwise(marks)
        if any(first_s <= start_s and end_s <= last_s for first_s, last_s in ended)
    )
    assert running_s(history, from_s, to_s) == pytest.approx(expected, abs=1e-5)


@given(history=histories(), keep=st.integers(1, 6))
def test_over_everything_folding_changes_nothing(history: list[Stretch], keep: int) -> None:
    end_s = max((each.end_s or each.start_s for each in history), default=0.0)
    whole = running_s(history, 0.0, end_s)
    assert running_s(fold(history, keep), 0.0, end_s) == pytest.approx(whole, abs=1e-5)


def test_an_open_round_counts_as_nothing() -> None:
    assert running_s([Stretch(1, 1, 5.0, open=1)], 0.0, 100.0) == 0.0


# -- folding -------------------------------------------------------------------------------


@given(history=histories(), keep=st.integers(1, 8))
def test_folding_keeps_sums_order_and_the_newest(history: list[Stretch], keep: int) -> None:
    folded = fold(history, keep)
    assert totals(folded) == totals(history)
    assert folded[-keep:] == history[-keep:]
    assert len(folded) <= 2 * keep
    assert fold(folded, keep) == folded
    numbers = [number for each in folded for number in range(each.first, each.last + 1)]
    assert numbers == list(range(1, len(history) + 1))
    for before, after in pairwise(folded):
        assert (before.end_s or before.start_s) <= after.start_s


@settings(max_examples=settings().max_examples // 3)
@given(history=histories(max_size=200), keep=st.integers(1, 6))
def test_a_file_folded_again_and_again_stays_small_and_right(
    file: Path, history: list[Stretch], keep: int
) -> None:
    """As the loop does it: appended, and folded after every `keep` rounds.

    One by one a round takes two lines, folded rounds one: at most 4 * keep lines after folding,
    6 * keep before the next.
    """
    text = ""
    for each in history:
        text += events([each])
        if each.last % keep == 0:
            assert text.count("\n") <= 6 * keep
            text = "".join(map(lines, fold(read_back(file, text), keep)))
            assert text.count("\n") <= 4 * keep
    assert totals(read_back(file, text)) == totals(history)
    assert last_round(file) == (history[-1].last if history else None)


@given(history=histories(), keep=st.integers(1, 6))
def test_lines_read_back(file: Path, history: list[Stretch], keep: int) -> None:
    for stretches in (history, fold(history, keep)):
        text = "".join(map(lines, stretches))
        again = read_back(file, text)
        assert "".join(map(lines, again)) == text
        assert [(each.first, each.last) for each in again] == [
            (each.first, each.last) for each in stretches
        ]
    assert "".join(map(lines, history)) == events(history)


def test_folding_keeps_rounds_of_unknown_end() -> None:
    history = [Stretch(number, number, float(number), open=1) for number in range(1, 10)]
    assert sum(each.open for each in fold(history, 2)) == 9


# -- rate and pauses -----------------------------------------------------------------------


def round_from(number: int, start_s: float, end_s: float | None, code: int = 0) -> Stretch:
    done = end_s is not None
    return Stretch(
        number,
        number,
        start_s,
        end_s,
        running_s=end_s - start_s if end_s is not None else 0.0,
        completed=int(done and code == 0),
        failed=int(done and code != 0),
        open=int(not done),
        exit_code=code if done else None,
        reason="ended" if done else "",
    )


def test_rate_counts_whole_rounds_each_with_its_pause() -> None:
    rounds = [round_from(n, 11.0 * n, 11.0 * n + 10.0) for n in range(1, 8)]
    assert rate(rounds, 15.0, 70.0) == (4, 1 / 11.0)  # 22 to 65, the next starts at 66
    assert rate(rounds, 22.0, 32.0) == (1, 1 / 11.0)
    assert rate(rounds[:2], 22.0, 40.0) == (1, 1 / 10.0)  # nothing says how long its pause was
    assert rate(rounds, 23.0, 42.9) == (0, None)


def test_rate_is_unknown_where_a_round_between_did_other_work() -> None:
    rounds = [round_from(n, 11.0 * n, 11.0 * n + 10.0, code=int(n == 3)) for n in range(1, 6)]
    assert rate(rounds, 0.0, 100.0) == (4, None)
    assert rate(rounds[3:], 0.0, 100.0) == (2, 2 / 21.0)


def test_pauses_within_a_window() -> None:
    rounds = [round_from(1, 0.0, 10.0), round_from(2, 10.5, 20.0), round_from(3, 23.0, None)]
    assert pauses(rounds, 2.0, 22.0) == (2.5, 2.0)
    assert pauses(rounds, 21.0, 22.0) == (1.0, 1.0)
    assert pauses(rounds, 4.0, 9.0) == (0.0, 0.0)
    assert pauses([], 1.0, 4.0) == (3.0, 3.0)


def test_the_longest_pause_survives_folding_and_reading(tmp_path: Path) -> None:
    rounds = [round_from(n, 11.0 * n + 3 * (n >= 3), 11.0 * n + 10.0) for n in range(1, 9)]
    folded = fold(rounds, 2)
    file = tmp_path / "rounds.tsv"
    file.write_text("".join(map(lines, folded)))
    assert len(folded) < len(rounds)
    assert read_rounds(file) == folded
    assert max(stretch.longest_pause_s for stretch in folded) == 4.0
    assert pauses(folded, 11.0, 98.0)[1] == 4.0
