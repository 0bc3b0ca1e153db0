"""An epoch or a metric in the log of a round that runs is a sign of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.background.signs import Signs
from tandem.log.lines import CHUNK_BYTES
from tandem.log.rules import LogRules

RULES = LogRules({"accuracy": r"Accuracy: (\S+)"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reads its data\n", None),
        ("Epoch 1/3\n", "epoch"),
        ("Accuracy: 12\n", "metric"),
        ("Accuracy: 12\nEpoch 1/3\n", "epoch"),
        ("Epoch 1", None),  # it may go on
    ],
)
def test_what_a_log_shows(tmp_path: Path, text: str, expected: str | None) -> None:
    log = tmp_path / "run_1.log"
    log.write_text(text)
    assert Signs(RULES).of(log) == expected


def test_a_log_is_followed_as_it_grows_and_the_next_one_begins_anew(tmp_path: Path) -> None:
    signs, first, second = Signs(RULES), tmp_path / "run_1.log", tmp_path / "run_2.log"
    assert signs.of(first) is None
    first.write_text("Ep")
    assert signs.of(first) is None
    first.write_text("Epoch 1\n")
    assert signs.of(first) == signs.of(first) == "epoch"
    second.write_text("reads its data\n")
    assert signs.of(second) is None


def test_a_log_that_grows_fast_is_read_a_piece_at_a_time(tmp_path: Path) -> None:
    log = tmp_path / "run_1.log"
    log.write_text("reads its data\n" * (2 * CHUNK_BYTES // 15) + "Epoch 1\n")
    signs = Signs(RULES)
    assert signs.of(log) is None
    assert [signs.of(log) for _ in range(2)][-1] == "epoch"
