"""The slowdown of the epochs alone: of the same epochs, from when they were seen, or null."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from support import records
from support.records import of
from tandem.interference.epochs import epochs_s
from tandem.interference.quantity import Quantity, Reading
from tandem.log.follow import LOOK_S
from tandem.results.record import Epochs, EpochTime, Record

BUFFERED = r"window: \d+ of \d+ epochs were seen late \(is its output buffered\?\)"


def trained(
    times_s: Sequence[float], numbers: Sequence[int] = (), end_s: float = 1000.0, **epochs: Any
) -> Record:
    """Return the record of a training whose epochs were seen at these moments."""
    numbers = numbers or range(1, len(times_s) + 1)
    usual = {"first": float(min(numbers)), "last": float(max(numbers))} if numbers else {}
    return records.record(
        duration_seconds=end_s,
        epochs=of(Epochs, **usual | epochs),
        epoch_times=[
            of(EpochTime, epoch=number, seconds=seconds)
            for number, seconds in zip(numbers, times_s, strict=True)
        ],
    )


def seconds(*given: Any, **more: Any) -> float:
    reading = epochs_s(trained(*given, **more), "window")
    assert isinstance(reading, Quantity), reading
    return reading.value


def every(seconds_each: float, count: int, start_s: float = 20.0) -> list[float]:
    return [start_s + seconds_each * epoch for epoch in range(1, count + 1)]


def looked_at(written_s: Sequence[float], look_s: float = LOOK_S) -> list[float]:
    """Return when epochs are seen by somebody who looks so often."""
    return [round((int(each / look_s) + 1) * look_s, 6) for each in written_s]


def in_blocks(written_s: Sequence[float], size: int) -> list[float]:
    """Return when epochs are seen of a program that writes so many of them at once."""
    last = len(written_s) - 1
    return [written_s[min(place // size * size + size - 1, last)] for place in range(last + 1)]


def test_start_and_evaluation_are_not_in_it() -> None:
    assert seconds(every(5.0, 10, start_s=300.0)) == pytest.approx(45.0)


def test_how_seldom_the_log_is_looked_at_is_in_its_uncertainty() -> None:
    noise = random.Random(4)
    errors = []
    for _ in range(400):
        epoch_s = noise.uniform(0.5, 1.0)
        written_s = every(epoch_s, 12, start_s=noise.uniform(3, 4))
        reading = epochs_s(trained(looked_at(written_s)), "window")
        assert isinstance(reading, Quantity) and reading.uncertainty
        errors.append(abs(reading.value - epoch_s * 11) / reading.uncertainty)
    assert max(errors) < 2.5
    assert 0.5 < sum(error < 1 for error in errors) / len(errors) < 0.85


def test_nothing_is_seen_after_the_end() -> None:
    assert seconds([10.0, 20.0, 31.0], end_s=30.0) == pytest.approx(20.0)


def test_fast_epochs_that_are_seen_together_are_no_buffer() -> None:
    assert seconds(looked_at(every(0.03, 400))) == pytest.approx(0.03 * 399, abs=LOOK_S)


def test_a_driver_that_was_held_up_once_makes_no_buffer() -> None:
    times_s = looked_at(every(0.3, 100))
    held_up = [max(each, 41.0) if 38.0 < each < 41.0 else each for each in times_s]
    assert held_up != times_s
    assert seconds(held_up) == pytest.approx(0.3 * 99, abs=LOOK_S)


def test_a_first_epoch_that_is_named_twice_at_the_start_is_no_buffer() -> None:
    """It looks at its network as "Epoch 0", and its first epoch begins at once."""
    assert seconds([20.0, *every(60.0, 12, start_s=-40.0)], range(13)) == pytest.approx(660.0)


@pytest.mark.parametrize("size", [2, 7, 29, 51, 99, 100])
def test_a_buffered_log_tells_no_duration(size: int) -> None:
    reading = epochs_s(trained(in_blocks(every(5.0, 100), size)), "window")
    assert isinstance(reading, str) and re.fullmatch(BUFFERED, reading)


def test_a_network_that_was_loaded_is_no_epoch_of_the_training() -> None:
    times_s, numbers = [2.0, *every(5.0, 10)], [90, *range(1, 11)]
    assert seconds(times_s, numbers, first=1.0, last=10.0) == pytest.approx(45.0)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (trained([]), "fewer than two epochs were seen in the log"),
        (trained([12.0]), "fewer than two epochs were seen in the log"),
        (trained([1.0, 2.0], first=None, last=None), "fewer than two epochs were seen in the log"),
        (trained([2.0, 7.0, 9.0], [20, 1, 2]), "its epochs were not seen in their order"),
    ],
)
def test_what_has_no_duration(record: Record, reason: str) -> None:
    assert epochs_s(record, "window") == f"window: {reason}"


def test_only_the_same_epochs_can_be_compared() -> None:
    ours, theirs = trained(every(5.0, 20)), trained(every(4.0, 19))
    expected: Reading = "solo control: epochs 1 to 20 were seen instead of 1 to 19"
    assert epochs_s(ours, "solo control", theirs) == expected
    assert epochs_s(ours, "solo control", trained(every(4.0, 20))) == epochs_s(ours, "")
