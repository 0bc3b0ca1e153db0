"""What a training's log says: its metrics, its epochs, the device that it trained on."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.experiment import log as metrics
from tandem.experiment.log import (
    MAX_LINE_BYTES,
    MAX_READ_BYTES,
    EpochReader,
    device_of,
    read_metrics,
)

RANK1 = r"Rank@1[:\s]+([0-9.]+)"
ACCURACY = r"(?:Accuracy|准确率)[:\s()]+([0-9.]+)"
LOSS = r"loss[:\s]+(\S+)"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "training.log"


def one(log: Path, text: str | bytes, pattern: str) -> float | None:
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_metrics(log, {"x": pattern})["x"]


def test_the_last_match_of_every_pattern(log: Path) -> None:
    log.write_text("Rank@1: 0.5 mAP: 0.3\nloss 3\nRank@1: 0.914 mAP: 0.781\nbye\n")
    patterns = {"rank1": RANK1, "map": r"mAP[:\s]+([0-9.]+)", "recall": r"Recall: ([0-9.]+)"}
    assert read_metrics(log, patterns) == {"rank1": 0.914, "map": 0.781, "recall": None}


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("测试准确率: 91.71\n", r"测试准确率[:\s]+([0-9.]+)", 91.71),
        ("Test accuracy: 97.", ACCURACY, 97.0),
        ("Test accuracy: 97.25.\n", ACCURACY, 97.25),
        ("{'eval_loss': 2.5e-3}", r"'eval_loss': ([0-9.e+-]+)", 0.0025),
        ("accuracy: .5", ACCURACY, 0.5),
        ("accuracy: 1.2.3", ACCURACY, None),
        ("accuracy: 0.9\naccuracy: ...", ACCURACY, None),
        ("loss: 0.5\nloss: nan\n", LOSS, None),
        ("loss: inf\n", LOSS, None),
        ("loss: 1e999\n", LOSS, None),
        ("accuracy: 0.9\nAccuracy:\n17 files", ACCURACY, 0.9),
        ("accuracy: 0.9\naccuracy: nan", ACCURACY, 0.9),
        ("accuracy: 0.9\naccuracy: 1,234.5", ACCURACY, None),
    ],
)
def test_what_counts_as_a_number(log: Path, text: str, pattern: str, value: float | None) -> None:
    assert one(log, text, pattern) == value


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("acc 0.5 at 7", r"acc (\S+) at (\S+)", 7.0),
        ("acc 0.5 at end", r"acc (\S+) at (\S+)", 0.5),
        ("acc 0.5 loss nan", r"acc (\S+) loss (\S+)", None),
        ("acc 0.5", r"acc (\S+)(?: at (\S+))?", 0.5),
        ("Rank@1 is 0.25 after 3e2 steps", r"Rank@1 is .* steps", 300.0),
        ("Rank@1 is nan now", r"Rank@1 is .* now", None),
        ("Rank@1 is -1.5.", r"is .*", -1.5),
    ],
)
def test_last_group_that_holds_a_number(
    log: Path, text: str, pattern: str, value: float | None
) -> None:
    assert one(log, text, pattern) == value


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("Eval loss: 9.5e-05", r"eval loss: ([0-9.]+)", 9.5e-05),
        ("Eval loss: 9.5e-05", r"eval loss: ([0-9.]+)e", 9.5e-05),
        ("Eval loss: 9.5E+2.", r"eval loss: [0-9.]+", 950.0),
        ("{'eval_loss': 0.5, 'epoch': 3.0}", r"(?:'eval_loss':|eval_loss:)\s*([0-9.]+)", 0.5),
        ("accuracy: 97.End", ACCURACY, 97.0),
        ("accuracy: 97.25", r"accuracy: (\d+)", 97.25),
        ("accuracy: 97.25", r"accuracy: (\d)", 97.25),
        ("accuracy: 97.25", r"accuracy: (\d+(\.\d+)?)", 97.25),
        ("accuracy: 97.25", r"accuracy.*([0-9.]+)", 97.25),
        ("accuracy: 2e-3", r"accuracy.*([0-9.]+)", 0.002),
        ("loss: 1,234.5", r"loss: ([0-9.]+)", None),
        ("loss: 1,234.5", r"loss: 1,([0-9.]+)", None),
        ("loss: 1,234,567", r"loss: ([0-9.]+)", None),
        ("loss: 1_000", r"loss: ([0-9.]+)", None),
        ("loss: 1_000", LOSS, None),
        ("loss: 0.5_final", r"loss: ([0-9.]+)", 0.5),
        ("3,0.25,1234", r"^\d+,([0-9.]+)", 0.25),
        ("0.25,234", r"^([0-9.]+)", 0.25),
        ("1,2345", r"^([0-9.]+)", 1.0),
    ],
)
def test_a_part_of_a_number_is_never_taken_for_another(
    log: Path, text: str, pattern: str, value: float | None
) -> None:
    assert one(log, text, pattern) == value


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("loss: -0.5", r"loss[: ]+-?([0-9.]+)", -0.5),
        ("loss: -0.5", r"loss:?.*?([0-9.]+)", -0.5),
        ("loss: -2e-3", r"loss.*([0-9])", -0.002),
        ("loss=-0.5", r"loss\D+([0-9.]+)", -0.5),
        ("-0.5", r"([0-9.]+)", -0.5),
        ("-5", r"5", -5.0),
        ("loss--0.5", r"loss-(\S+)", -0.5),
        ("top-1: 0.7", r"top-1: ([0-9.]+)", 0.7),
        ("top-0.7", r"top-([0-9.]+)", 0.7),
        ("top-7", r"top-\d", 7.0),
        ("eval_loss: 0.5", r"eval_loss: ([0-9.]+)", 0.5),
        ("5-10", r"\d-(\d+)", 10.0),
        ("(top)-0.5", r"-([0-9.]+)", 0.5),
        ("loss --0.5", r"-([0-9.]+)", 0.5),
        ("5%-10%", r"-([0-9.]+)", 10.0),
    ],
)
def test_a_minus_sign_is_no_hyphen(log: Path, text: str, pattern: str, value: float) -> None:
    assert one(log, text, pattern) == value


def test_a_number_that_goes_on_behind_the_cut_of_a_long_line_is_not_taken(log: Path) -> None:
    head, number = "accuracy: 0.5 ", "accuracy: 9.5e-"
    line = head + "x" * (MAX_LINE_BYTES - len(head) - len(number)) + number
    assert one(log, line + "05", ACCURACY) == 0.5


def test_what_python_dislikes_about_a_pattern_is_not_said_again(log: Path) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert one(log, "loss [ 0.5", r"loss [[]\s([0-9.]+)") == 0.5
    assert told == []


def test_progress_lines_and_undecodable_bytes(log: Path) -> None:
    text = b"\xff\xfe accuracy: 0.1\raccuracy: 0.2\r\n\x00\xc3(accuracy: 0.3\xe5\r50%|###\r"
    assert one(log, text, ACCURACY) == 0.3


def test_a_missing_log_or_a_folder_gives_none(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "absent.log", {"a": "a", "b": "(b)"}) == {"a": None, "b": None}
    assert read_metrics(tmp_path, {"a": "a"}) == {"a": None}


def test_a_match_that_touches_the_cut_of_a_long_line_is_not_taken(log: Path) -> None:
    head = "accuracy: 0.5 "
    number = "accuracy: 0.123"
    line = head + "x" * (MAX_LINE_BYTES - len(head) - len(number)) + number
    assert one(log, line, ACCURACY) == 0.123
    assert one(log, line + "456", ACCURACY) == 0.5
    assert one(log, line + "456\naccuracy: 0.75\n", ACCURACY) == 0.75


def test_a_huge_line_takes_bounded_memory(log: Path) -> None:
    with log.open("wb") as stream:
        stream.write(b"accuracy: 0.5\n")
        for _ in range(32):
            stream.write(b"x" * 1024 * 1024)
        stream.write(b"\naccuracy: 0.625")
    tracemalloc.start()
    value = read_metrics(log, {"x": ACCURACY})["x"]
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert value == 0.625
    assert peak_bytes < 8 * 1024 * 1024


@given(lines=st.lists(st.text(st.sampled_from("ab1. \r\xe9"), max_size=9), max_size=12))
def test_chunks_do_not_change_the_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    log = tmp_path_factory.getbasetemp() / "chunks.log"
    log.write_bytes("\n".join(lines).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "_CHUNK_BYTES", 3)
        with log.open("rb") as stream:
            found = [text for text, _ in metrics._lines(stream)]
    assert found == [part for line in lines for part in line.split("\r") if part]


# -- epochs --------------------------------------------------------------------------------


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
        ("Epoch 7:  35%|###   | 137/390 [00:01]\r", (7, 9)),
        ("Epoch:  35%|###   | 7/20 [00:01<00:02]\r", (7, 20)),
        ("Epochs:  35%|###   | 7/20 [00:01<00:02]\r", (7, 20)),
        ("Epoch 6/20\rEpoch 7/20\rEpo", (7, 20)),
        ("Epoch 7/20\nbest epoch 3\nmax_epoch=50 epochs: 50\nepoch time 3 s\n", (7, 20)),
        ("Epoch: 50%\nEpoch\n7/20\n", (None, 9)),
        ("\udcff\udcfeEpoch 7/20\n", (7, 20)),
    ],
)
def test_forms_of_an_epoch(log: Path, text: str, seen: tuple[int | None, int | None]) -> None:
    log.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert EpochReader(log, 9).poll() == seen


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


# -- the device ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "device"),
    [
        (b"", None),
        (b"the device: cpu\nno device\nDevice:\n", None),
        (b"Device: cpu\nepoch 1\n", "cpu"),
        (b"Device: cpu\n  device:\tcuda:0 (NVIDIA H200) \r\nEpoch 1", "cuda:0 (NVIDIA H200)"),
        (b"50%\rDevice: \xff1\r60%", "\ufffd1"),
        (b"Device: " + b"x" * 9999, "x" * 200),
    ],
)
def test_device_of(log: Path, text: bytes, device: str | None) -> None:
    log.write_bytes(text)
    assert device_of(log) == device


def test_device_is_looked_for_at_the_start_only(log: Path) -> None:
    log.write_bytes(b"Device: cpu\n" + b"x" * 1024 * 1024 + b"\nDevice: cuda\n")
    assert device_of(log) == "cpu"
    assert device_of(log.with_name("absent")) is None
