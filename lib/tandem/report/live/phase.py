"""What a process does now, in a few words."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.base.text import duration_text
from tandem.results.state import State


def phase_text(state: State) -> str:
    """Return `training, epoch 19 of 45, 5 s so far, 7 s left`, as far as it is known."""
    return ", ".join(_parts(state))


def _parts(state: State) -> Iterator[str]:
    yield state.phase
    if state.epoch is not None:
        yield f"epoch {state.epoch}" + (f" of {state.epochs}" if state.epochs else "")
    if state.elapsed_s is not None:
        yield f"{duration_text(state.elapsed_s)} so far"
    if state.left_s is not None:
        yield f"{duration_text(state.left_s)} left"
