"""rounds.tsv: whatever the rounds were, it reads back, stays bounded, and keeps its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tandem.background.folding import fold
from tandem.background.rounds import (
    Stretch,
    cpu_s,
    ended,
    lines,
    pauses,
    quick_failures,
    rate,
    read_rounds,
    running_s,
)

EXITS = st.sampled_from([0, 0, 0, 1, 7, 126, 127, 137, 255])
REASONS = st.sampled_from(["signal SIGTERM", "signal SIGHUP", "owner gone", "timeout"])


VERDICTS: list[dict[str, Any]] = [
    {"completed": 1, "unjudged": 1},
    {"completed": 1},
    {"completed": 1, "without_metric": 1, "why": "no accuracy"},
    {"hollow": 1, "why": "no accuracy"},
]


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
    done = replace(done, cpu_s=draw(st.one_of(st.none(), st.integers(0, 99))))
    if kind == "lost":
        return replace(done, failed=1)
    if kind == "not started":
        return replace(done, failed=1, exit_code=draw(st.sampled_from([126, 127])))
    if kind == "stopped":
        code = draw(st.one_of(st.none(), EXITS))
        return replace(done, stopped=1, exit_code=code, reason=draw(REASONS))
    code = draw(EXITS)
    if code:
        return replace(done, exit_code=code, failed=1)
    judged = draw(st.sampled_from(VERDICTS))
    return replace(done, exit_code=0, **judged)


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
        if each.cpu_s is not None:
            text += f"used\t{each.first}\t{each.end_s:.3f}\t{each.cpu_s:.3f}\n"
        if (each.completed or each.hollow) and not each.unjudged:
            verdict = (
                "hollow" if each.hollow else "without metric" if each.without_metric else "whole"
            )
            text += f"judged\t{each.first}\t{each.end_s:.3f}\t{verdict}\t{each.why}\n"
    return text


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rounds") / "rounds.tsv"


def read_back(file: Path, text: str) -> list[Stretch]:
    file.write_text(text)
    return read_rounds(file)


COUNTS = ("completed", "failed", "stopped", "hollow", "without_metric", "unjudged")


def totals(stretches: Sequence[Stretch]) -> list[int]:
    """Return how many rounds ended how, and the milliseconds that they ran."""
    counts = [sum(getattr(each, how) for each in stretches) for how in COUNTS]
    return [*counts, round(sum(each.running_s for each in stretches) * 1000)]


# -- reading -------------------------------------------------------------------------------


@given(history=histories())
def test_what_was_written_reads_back(file: Path, history: list[Stretch]) -> None:
    assert read_back(file, events(history)) == history


def as_ended(done: Stretch) -> Stretch:
    """Return a round as it is when its end has been noted, and nothing else yet."""
    well = done.completed or done.hollow
    return replace(
        done, completed=well, unjudged=well, hollow=0, without_metric=0, cpu_s=None, why=""
    )


@given(history=histories(max_size=6), cut=st.floats(0, 1))
@example(history=[Stretch(1, 1, 5.0, 6.0, 1.0, 0, 1, exit_code=7, reason="ended")], cut=0.999)
def test_a_torn_last_line_is_no_event(file: Path, history: list[Stretch], cut: float) -> None:
    """However little of the file was written, what is there of whole lines counts."""
    history = [as_ended(each) for each in history]
    text = events(history)
    torn = text[: int(len(text) * cut)]
    whole = torn[: torn.rfind("\n") + 1]
    begun = whole.count("start\t")
    is_running = whole.rpartition("start\t")[2].count("\n") == 1
    expected = history[:begun]
    if begun and is_running:
        expected[-1] = Stretch(begun, begun, history[begun - 1].start_s, open=1)
    assert read_back(file, torn) == expected


def test_no_file_is_no_round(tmp_path: Path) -> None:
    assert read_rounds(tmp_path / "rounds.tsv") == []


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


def test_a_verdict_counts_once_and_only_of_a_round_that_ended_with_0(file: Path) -> None:
    text = (
        "start\t1\t10.000\nend\t1\t12.000\t0\tended\nstart\t2\t13.000\n"
        "judged\t1\t13.500\thollow\tno accuracy\njudged\t1\t13.600\twhole\t\n"
        "judged\t2\t13.700\thollow\tno accuracy\nend\t2\t14.000\t1\tended\n"
        "judged\t2\t15.000\twhole\t\n"
    )
    first, second = read_back(file, text)
    assert (first.completed, first.hollow, first.unjudged, first.why) == (0, 1, 0, "no accuracy")
    assert (second.completed, second.failed, second.hollow) == (0, 1, 0)


def test_what_is_said_of_a_round_that_is_folded_is_nothing(file: Path) -> None:
    """It came too late: the round is counted as not judged."""
    folded = lines(Stretch(1, 2, 1.0, 4.0, 3.0, 2, unjudged=2))
    (found,) = read_back(file, folded + "judged\t1\t5.000\thollow\tno accuracy\n")
    assert (found.completed, found.unjudged, found.hollow) == (2, 2, 0)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ("", 0),
        ("fff", 3),
        ("fcff", 2),
        ("fhf", 1),  # what is hollow ended with exit code 0: the loop does not hold back
        ("ffc", 0),
        ("fLff", 2),  # a long round is no quick failure
        ("ffr", 2),  # one runs
    ],
)
def test_quick_failures_count_from_the_newest_round_back(rounds: str, expected: int) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "f": {"failed": 1, "running_s": 59.0},
        "L": {"failed": 1, "running_s": 60.0},
        "c": {"completed": 1},
        "h": {"hollow": 1},
    }
    found = [
        Stretch(n, n, 1.0, open=1)
        if kind == "r"
        else replace(Stretch(n, n, 1.0, 2.0), **kinds[kind])
        for n, kind in enumerate(rounds, start=1)
    ]
    assert quick_failures(found) == expected


def test_cpu_time_is_that_of_every_round_that_ran_in_the_window() -> None:
    rounds = [Stretch(n, n, 10.0 * n, 10.0 * n + 9, cpu_s=float(n)) for n in range(1, 5)]
    assert cpu_s(rounds, 25.0, 31.0) == 2 + 3
    assert cpu_s(rounds, 19.5, 20.0) == 0
    assert cpu_s([*rounds, Stretch(5, 5, 50.0, open=1)], 25.0, 60.0) is None  # who knows
    assert cpu_s([*rounds, Stretch(5, 5, 50.0, open=1)], 25.0, 50.0) == 2 + 3 + 4


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

    One by one a round takes up to four lines, folded rounds one: at most 8 * keep lines after
    folding, 12 * keep before the next.
    """
    text = ""
    for each in history:
        text += events([each])
        if each.last % keep == 0:
            assert text.count("\n") <= 12 * keep
            text = "".join(map(lines, fold(read_back(file, text), keep)))
            assert text.count("\n") <= 8 * keep
    assert totals(read_back(file, text)) == totals(history)


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


def test_of_folded_rounds_the_newest_end_by_a_signal_is_kept(file: Path) -> None:
    ends = [("137", "ended"), ("", "lost"), ("143", "signal SIGTERM"), ("1", "ended")]
    ends += [("0", "ended")] * 12
    rounds = [
        ended(Stretch(number, number, float(number), open=1), number + 0.5, *end)
        for number, end in enumerate(ends, start=1)
    ]
    folded = fold(rounds, 2)
    assert [stretch.exit_code for stretch in folded] == [137, None, 0, 0]
    file.write_text("".join(map(lines, folded)))
    assert read_rounds(file) == folded
    assert fold(rounds[2:], 2)[0].exit_code is None


def test_a_round_that_mps_let_go_was_stopped_where_it_fails_by_that(tmp_path: Path) -> None:
    file = tmp_path / "rounds.tsv"
    end = "end\t1\t30.0\t{}\tended\n"
    start = "start\t1\t10.0\nlet go\t1\t29.9\n"
    file.write_text(start + end.format(1))
    [failed] = read_rounds(file)
    assert (failed.stopped, failed.failed, failed.reason) == (1, 0, "let go")
    file.write_text(lines(failed))
    assert read_rounds(file) == [failed]
    file.write_text(start + end.format(0))
    [whole] = read_rounds(file)
    assert (whole.completed, whole.stopped) == (1, 0)
