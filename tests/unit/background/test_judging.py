"""Exit code 0 is a claim: what the log of a round must say so that it counts as a training."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.background.judging import complaint, judge
from tandem.background.rounds import read_rounds
from tandem.log.rules import LogRules

ACCURACY = {"accuracy": r"Accuracy: (\S+)"}
BOTH = {**ACCURACY, "loss": r"Loss: (\S+)"}
TRACEBACK = (
    'Traceback (most recent call last):\n  File "t.py", line 1, in <module>\nOSError: gone\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def ended(folder: Path, *logs: str | None, code: int = 0) -> None:
    """Write what the loop leaves of rounds with these logs; None: the log is gone."""
    lines = []
    for number, log in enumerate(logs, start=1):
        lines += [
            f"start\t{number}\t{10.0 * number}",
            f"end\t{number}\t{10.0 * number + 9}\t{code}\tended",
        ]
        if log is not None:
            (folder / f"run_{number}.log").write_text(log)
    (folder / "rounds.tsv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("log", "rules", "counts", "why"),
    [
        ("Accuracy: 90\n", LogRules(ACCURACY, ("accuracy",)), (1, 0, 0), ""),
        ("no GPU, bye\n", LogRules(ACCURACY, ("accuracy",)), (0, 1, 0), "no accuracy in its log"),
        ("Loss: 1\n", LogRules(BOTH, ("accuracy",)), (0, 1, 0), "no accuracy in its log"),
        ("Accuracy: nan\n", LogRules(ACCURACY, ("accuracy",)), (1, 0, 0), ""),  # it trained
        ("no GPU, bye\n", LogRules(BOTH), (1, 0, 1), "no accuracy, loss in its log"),
        ("Loss: 1\n", LogRules(BOTH), (1, 0, 0), ""),
        ("", LogRules({}), (1, 0, 0), ""),  # prints nothing, and has nothing to print
        (
            f"Accuracy: 90\n{TRACEBACK}",
            LogRules(ACCURACY),
            (0, 1, 0),
            'its log says "OSError: gone"',
        ),
        (f"{TRACEBACK}Accuracy: 90\n", LogRules(ACCURACY), (1, 0, 0), ""),
        (TRACEBACK, LogRules({}), (0, 1, 0), 'its log says "OSError: gone"'),
    ],
)
def test_what_a_round_with_exit_code_0_is(
    folder: Path, log: str, rules: LogRules, counts: tuple[int, int, int], why: str
) -> None:
    ended(folder, log)
    (found,) = judge(folder, rules)
    assert (found.completed, found.hollow, found.without_metric) == counts
    assert (found.why, found.unjudged) == (why, 0)
    assert read_rounds(folder / "rounds.tsv") == [found]  # and so it stands in the file


def test_each_round_is_judged_once(folder: Path) -> None:
    ended(folder, "Accuracy: 90\n", "bye\n")
    rules = LogRules(ACCURACY, ("accuracy",))
    assert [each.hollow for each in judge(folder, rules)] == [0, 1]
    before = (folder / "rounds.tsv").read_text()
    (folder / "run_1.log").write_text("bye\n")
    assert judge(folder, rules) == []
    assert (folder / "rounds.tsv").read_text() == before


def test_a_failed_round_needs_no_verdict(folder: Path) -> None:
    ended(folder, "bye\n", code=3)
    assert judge(folder, LogRules(ACCURACY, ("accuracy",))) == []


def test_a_round_without_its_log_stays_as_it_is(folder: Path) -> None:
    ended(folder, None, "bye\n")
    assert [each.first for each in judge(folder, LogRules(ACCURACY, ("accuracy",)))] == [2]
    first, second = read_rounds(folder / "rounds.tsv")
    assert (first.completed, first.unjudged, second.hollow) == (1, 1, 1)


def test_a_reason_stays_one_short_line(folder: Path) -> None:
    """Or it would be no event, or two."""
    name = "a\tb\n" + 300 * "c"
    ended(folder, "bye\n")
    judge(folder, LogRules({name: "x"}, (name,)))
    (found,) = read_rounds(folder / "rounds.tsv")
    assert found.hollow == 1
    assert found.why.startswith("no a b ccc")
    assert len(found.why) == 200


def test_nothing_ran_at_all(folder: Path) -> None:
    assert judge(folder, LogRules({})) == []


def test_what_is_said_of_judged_rounds(folder: Path) -> None:
    ended(folder, "bye\n", "Accuracy: 1\n", "bye\n")
    hollow = judge(folder, LogRules(ACCURACY, ("accuracy",)))
    assert complaint(hollow[:1]) == "round 1 was hollow (exit code 0, but no accuracy in its log)"
    assert complaint(hollow) == (
        "2 of the rounds 1 to 3 were hollow (exit code 0, but no accuracy in its log)"
    )
    assert complaint(hollow[1:2]) is complaint([]) is None
    ended(folder, "bye\n")
    assert complaint(judge(folder, LogRules(ACCURACY))) == (
        "round 1 was without a metric (no accuracy in its log; none is required)"
    )
