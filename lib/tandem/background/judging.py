"""Rounds that ended with exit code 0, judged by their logs: exit code 0 is a claim, not a proof."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tandem.background.rounds import (
    HOLLOW,
    ROUNDS,
    WHOLE,
    WITHOUT_METRIC,
    Stretch,
    Verdict,
    event_line,
    judged,
    read_rounds,
)
from tandem.base.clock import boottime_s
from tandem.base.text import printable, quote
from tandem.log.metrics import NOT_FOUND
from tandem.log.reader import read_log
from tandem.log.rules import LogRules
from tandem.processes.lines import append_line

_WHY_CHARACTERS = 200  # a line that is appended whole has to be short


def judge(folder: Path, rules: LogRules) -> list[Stretch]:
    """Judge what has ended and was not judged yet, and return it with its verdicts.

    They are appended to the file of the rounds. A round whose log cannot be read stays as it is.
    OSError: a verdict could not be written.
    """
    found = []
    for done in read_rounds(folder / ROUNDS):
        if done.unjudged and done.first == done.last:
            found_out = verdict_of(folder / f"run_{done.first}.log", rules)
            if found_out is None:
                continue
            verdict, why = found_out
            why = printable(" ".join(why.split()))[:_WHY_CHARACTERS]
            line = event_line("judged", done.first, boottime_s(), verdict, why)
            append_line(str(folder / ROUNDS), line)
            found.append(judged(done, 0.0, verdict, why))
    return found


def verdict_of(log: Path, rules: LogRules) -> tuple[Verdict, str] | None:
    """Return the verdict on a round that ended with exit code 0, and why it is not whole.

    None: its log cannot be read. A metric that is no number, such as nan, is one that was printed.
    """
    said = read_log(log, rules)
    if said.problem:
        return None
    if said.failure:
        return HOLLOW, f"its log says {quote(said.failure.line)}"
    missing = [name for name in rules.patterns if said.reasons.get(name) == NOT_FOUND]
    if lacking := [name for name in rules.required if name in missing]:
        return HOLLOW, f"no {', '.join(lacking)} in its log"
    if missing and len(missing) == len(rules.patterns):
        return WITHOUT_METRIC, f"no {', '.join(missing)} in its log"
    return WHOLE, ""


def complaint(done: Sequence[Stretch]) -> str | None:
    """Say which of some judged rounds are hollow, or else have no metric; None: neither."""
    hollow = [each for each in done if each.hollow]
    bare = [each for each in done if each.without_metric]
    if hollow:
        return f"{which(hollow)} hollow (exit code 0, but {hollow[-1].why})"
    if bare:
        return f"{which(bare)} without a metric ({bare[-1].why}; none is required)"
    return None


def which(rounds: Sequence[Stretch]) -> str:
    """Name rounds, as the begin of a sentence about them."""
    first, last = rounds[0].first, rounds[-1].last
    if first == last:
        return f"round {first} was"
    return f"{len(rounds)} of the rounds {first} to {last} were"
