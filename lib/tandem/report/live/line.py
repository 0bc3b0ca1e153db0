"""The live line: what a run does, in one line that fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tandem.base.text import duration_text, share_text
from tandem.report.live.columns import cut, width
from tandem.report.live.moment import clock_text
from tandem.results.state import State

BETWEEN = " · "
_NARROW = 60


def live_line(state: State, columns: int | None = None, now: datetime | None = None) -> str:
    """Return what a run does in at most so many columns (None: in as many as that takes).

    What matters first stands first. Parts that have no room are left out from the right, each
    whole: `experiment 3 of 12 · training · epoch 7 of 20 · 12 s left · all done 14:35 · ...`.
    """
    parts = list(_parts(state, now, is_narrow=columns is not None and columns < _NARROW))
    line = parts[0]
    for part in parts[1:]:
        longer = line + BETWEEN + part
        if columns is not None and width(longer) > columns:
            break
        line = longer
    return line if columns is None else _whole_words(line, columns)


def _whole_words(text: str, columns: int) -> str:
    """Return the words of a text that have room; of the first, what has."""
    while width(text) > columns and " " in text:
        text = text.rpartition(" ")[0]
    return cut(text, columns)


def _parts(state: State, now: datetime | None, *, is_narrow: bool) -> Iterator[str]:
    if each := state.experiment:
        place = f"{each.number} of {each.total}"
        yield place if is_narrow and each.what == "experiment" else f"{each.what} {place}"
    if bad := state.counts.not_valid:
        yield f"{bad} not valid"
    yield state.phase
    if state.epoch is not None:
        yield f"epoch {state.epoch}" + (f" of {state.epochs}" if state.epochs else "")
    if state.left_s is not None:
        yield f"{duration_text(state.left_s)} left"
    elif state.elapsed_s is not None:
        yield f"{duration_text(state.elapsed_s)} so far"
    if when := clock_text(state.ends, now):
        yield f"all done {when}"
    if state.rounds:
        yield f"background {state.rounds.text()}"
    if state.newest and state.newest.power_w is not None:
        yield f"{state.newest.power_w:.0f} W"
    if state.coverage_so_far is not None:
        yield f"coverage {share_text(state.coverage_so_far)}"
