"""Epochs of a log: found in any form, counted as different ones, from 0 or from 1."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from tandem.log.epochs import EpochFacts
from tandem.log.follow import EPOCHS, MAX_READ_BYTES, EpochReader, read_times
from tandem.log.reader import LogReader
from tandem.log.rules import LogRules


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "training.log"


def facts(text: str, pattern: str | None = None) -> EpochFacts:
    reader = LogReader(LogRules({}, epoch_pattern=pattern))
    reader.feed(text.encode())
    return reader.end().epochs


def of(numbers: Iterable[object], form: str = "Epoch {}\n") -> EpochFacts:
    return facts("".join(form.format(number) for number in numbers))


# -- finding them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Epoch 7/20\n", (7, 20)),
        ("Epoch 007/020 loss 0.5\n", (7, 20)),
        ("Epoch: 7/20\n", (7, 20)),
        ("Epoch [7/20], Step [100/600]\n", (7, 20)),
        ("[Epoch 7 of 20]\n", (7, 20)),
        ("Epoch: [7][10/390]\n", (7, 9)),
        ("Train Epoch: 7 [3200/60000 (5%)]\n", (7, 9)),
        ("Epoch 7\n", (7, 9)),
        ("INFO epoch=7 loss=0.25\n", (7, 9)),
        ("{'loss': 0.3, 'epoch': 7.53}\n", (7, 9)),
        ("{'loss': '0.3', 'epoch': '7.53'}\n", (7, 9)),
        ("Epoch 7:  35%|###   | 137/390 [00:01]\r", (7, 9)),
        ("Epoch:  35%|###   | 7/20 [00:01<00:02]\r", (7, 20)),
        ("Epochs:  35%|###   | 7/20 [00:01<00:02]\r", (7, 20)),
        ("Epoch 6/20\rEpoch 7/20\rEpo", (7, 20)),
        ("\x1b[1mEpoch \x1b[32m7\x1b[0m/20\n", (7, 20)),
        ("Epoch 7/20\nbest epoch 3\nmax_epoch=50 epochs: 50\nepoch time 3 s\n", (7, 20)),
        ("Epoch: 50%\nEpoch\n7/20\n", (None, 9)),
        ("\udcff\udcfeEpoch 7/20\n", (7, 20)),
    ],
)
def test_forms_of_an_epoch(log: Path, text: str, seen: tuple[int | None, int | None]) -> None:
    log.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert EpochReader(log, 9).poll() == seen


def test_the_registrys_own_pattern() -> None:
    found = facts("  1/3  2.1G\n  2/3  2.1G\nEpoch 9\n", r"^\s+(\d+)/(\d+)\s")
    assert (found.seen, found.first, found.last, found.total) == (2, 1, 2, 3)
    found = facts("-- 4 --\n-- x --\n", r"-- (\w+) --")
    assert (found.seen, found.last, found.total) == (1, 4, None)


# -- counting them ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "asked", "done", "at_most"),
    [
        ([1, 2, 3], 3, 3, 3),
        ([0, 1, 2], 3, 3, 3),
        ([1, 1, 1, 2, 2], 3, 2, 2),
        ([0, 0, 1], 3, 2, 2),
        ([0], 1, 1, 1),
        ([0, 1, 2, 3], 3, 3, 4),  # a look before the training
        ([1], 3, 1, 1),
        ([3], 3, 3, 5),  # perhaps it tells of every third
        ([4], 10, 4, 7),
        (["3.0"], 3, 3, 3),
        (["1.0", "2.0"], 3, 2, 2),
        (["0.0", "1.0", "2.0", "3.0"], 3, 3, 4),
        (range(1, 11), 3, None, 10),  # a bar that counts batches
        ([90, 0, 1, 2], 3, 3, 3),  # of the network that was loaded
        ([90, 91, 92], 3, None, 3),
        ([2, 1, 2, 3], 3, 3, 3),
        ([10, 20, 30], 30, 30, 39),
        ([1, 10, 20, 30], 30, 30, 39),
        ([0, 10, 20], 30, 21, 30),
        ([10, 20], 40, 20, 29),
        ([0.5, 1.0, 1.5, 2.99], 3, 3, 3),
        ([0.3, 0.6, 1.2], 3, 1, 1),
        ([], 3, None, 0),
    ],
)
def test_how_many_are_done(
    numbers: Iterable[object], asked: int, done: int | None, at_most: int
) -> None:
    found = of(numbers)
    assert (found.done(found.expected(asked)), found.at_most_done()) == (done, at_most)


@pytest.mark.parametrize(
    ("numbers", "form", "expected"),
    [
        ([0, 1, 2], "Epoch {}/2\n", 3),
        ([0, 1, 2], "Epoch {}/3\n", 3),
        ([1, 2], "Epoch {}/3\n", 3),
        ([1, 2], "Epoch {}\n", None),
    ],
)
def test_how_many_there_are_to_be(numbers: list[int], form: str, expected: int | None) -> None:
    assert of(numbers, form).expected(None) == expected
    assert of(numbers, form).expected(7) == 7


def test_phases_count_together_only_where_each_is_whole() -> None:
    whole = "".join(f"Epoch {n}/5\n" for n in range(1, 6)) + "".join(
        f"Epoch {n}/15\nEpoch {n}/15 val\n" for n in range(1, 16)
    )
    assert facts(whole).at_most_done() == 20
    assert facts(whole[: whole.index("Epoch 12/15")]).at_most_done() == 11
    assert facts(whole.replace("Epoch 5/5\n", "")).at_most_done() == 15
    assert of([1, 2, 3, 1, 2, 3]).at_most_done() == 3


@pytest.mark.parametrize(
    ("numbers", "begins_late"),
    [
        ([1, 2, 3], False),
        ([0, 1], False),
        ([2, 1, 3], False),
        ([4], True),
        ([4, 5], True),
        ([10, 20, 30], False),
        ([20, 30], True),
        ([0.5, 1.0], False),
        ([1.5, 3.0], False),
        ([3.5], False),
        (["3.0"], False),
        ([90, 1, 2], False),
        ([1.52, 1.6], True),
        ([], False),
    ],
)
def test_a_log_that_begins_behind_the_first_epoch(
    numbers: Iterable[object], begins_late: bool
) -> None:
    assert of(numbers).begins_late is begins_late


def test_epochs_before_a_long_tail() -> None:
    found = facts("Epoch 3/3\n" + "x\n" * 40_000 + "Test Accuracy: 9\n")
    assert (found.done(3), found.seen) == (3, 1)


def test_an_epoch_of_a_bar_that_has_none_done_is_none() -> None:
    bar = "".join(f"\rEpochs: {10 * n}%|##  | {n}/10 [00:01]" for n in range(11))
    assert (facts(bar).first, facts(bar).done(10), facts(bar).at_most_done()) == (1, 10, 10)


# -- a log that grows ------------------------------------------------------------------------


def test_only_what_is_new_and_whole_is_read(log: Path) -> None:
    reader = EpochReader(log, None)
    assert reader.poll() == (None, None)
    with log.open("ab", buffering=0) as stream:
        for text, seen in [
            (b"Epoch 1/20\n", (1, 20)),
            (b"", (1, 20)),
            (b"Epoch 1", (1, 20)),
            (b"2/20", (1, 20)),
            (b"\nnothing\n", (12, 20)),
            (b"Epoch 13/20\r", (13, 20)),
        ]:
            stream.write(text)
            assert reader.poll() == seen


def test_a_poll_without_news_reads_nothing(log: Path) -> None:
    log.write_text("Epoch 1/20\nEpoch 2")
    reader = EpochReader(log, None)
    assert reader.poll() == (1, 20)
    log.write_text("Epoch 7/20\nEpoch 8")  # unseen, for its size is the same
    assert reader.poll() == (1, 20)


def test_far_behind_only_the_end_is_read(log: Path) -> None:
    log.write_bytes(b"Epoch 3/20\n" + b"x" * MAX_READ_BYTES + b"\n")
    reader = EpochReader(log, 20)
    assert reader.poll() == (None, 20)
    with log.open("ab") as stream:
        stream.write(b"Epoch 4/20\n" + b"y" * (MAX_READ_BYTES - 12) + b"\n")
    assert reader.poll() == (4, 20)
    with log.open("ab") as stream:
        stream.write(b"z" * 3 * MAX_READ_BYTES)
    assert reader.poll() == (4, 20)
    with log.open("ab") as stream:
        stream.write(b"\nEpoch 5/20\n")
    assert reader.poll() == (5, 20)


def test_a_log_that_is_truncated_replaced_or_gone(log: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.log").write_text(f"Epoch {number * 5}/20\nmore and more\n")
    log.symlink_to("1.log")
    reader = EpochReader(log, None)
    assert reader.poll() == (5, 20)
    log.unlink()
    assert reader.poll() == (None, None)
    log.symlink_to("2.log")
    assert reader.poll() == (10, 20)
    (tmp_path / "3.log").write_text("Epoch 2/20\nmore and more of it\n")
    (tmp_path / "next").symlink_to("3.log")
    (tmp_path / "next").rename(log)
    assert reader.poll() == (2, 20)
    log.write_text("Epoch 1/30\n")
    assert reader.poll() == (1, 30)
    log.write_text("")
    assert reader.poll() == (None, None)


def test_when_each_epoch_was_first_seen(log: Path, tmp_path: Path) -> None:
    reader = EpochReader(log, None, times=tmp_path / EPOCHS)
    with log.open("ab", buffering=0) as stream:
        for text, epochs in [
            (b"Epoch 1/9\n", [1]),
            (b"Epoch 1/9\n{'epoch': 2.5}\n{'epoch': 2.75}\n", [1, 2]),
            (b"Epoch 3/9\nEpoch 4/9\nEpoch 2/9\nEpoch 5/9", [1, 2, 3, 4]),
        ]:
            stream.write(text)
            reader.poll()
            assert [epoch for _, epoch in read_times(tmp_path)] == epochs
    reader.finish()
    times = read_times(tmp_path)
    assert [epoch for _, epoch in times] == [1, 2, 3, 4, 5]
    assert [moment for moment, _ in times] == sorted(moment for moment, _ in times)


def test_times_that_nobody_wrote_or_that_are_damaged(tmp_path: Path) -> None:
    assert read_times(tmp_path) == []
    (tmp_path / EPOCHS).write_bytes(b"1.5\t1\nx\ty\n2.5\n\xff\n3.5\t2\n4.")
    assert read_times(tmp_path) == [(1.5, 1), (3.5, 2)]


def test_a_disk_that_is_full_ends_nothing(log: Path, tmp_path: Path) -> None:
    log.write_text("Epoch 1/9\n")
    assert EpochReader(log, None, times=tmp_path / "absent" / EPOCHS).poll() == (1, 9)
