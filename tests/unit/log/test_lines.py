"""A log as a terminal shows it; lines of any length, in pieces of any size."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.log import lines, metrics
from tandem.log.lines import OVERLAP_CHARACTERS, WHOLE_CHARACTERS, Block, Lines
from tandem.log.reader import LogFacts, LogReader, read_log
from tandem.log.rules import LogRules

PATTERN = r"accuracy: ([0-9.]+)"


def blocks(data: bytes, size: int = 10**9) -> list[Block]:
    reader = Lines()
    found = [each for at in range(0, len(data), size) for each in reader.feed(data[at : at + size])]
    return found + list(reader.end())


def shown(text: str | bytes, size: int = 10**9) -> list[str]:
    """Return the lines of a log that are not empty."""
    data = text if isinstance(text, bytes) else text.encode()
    every = [line for block in blocks(data, size) for line in block.text.split("\n")]
    return [line.rstrip() for line in every if line.strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1maccuracy:\x1b[0m \x1b[38;5;2m0.91\x1b[0m", ["accuracy: 0.91"]),
        ("\x1b[38:2::1:2:3macc\x1b[m 1", ["acc 1"]),
        ("\x1b(B\x1b)0acc\x0f 1\x07", ["acc 1"]),
        ("\x1b]0;a title 5\x07acc\x1b]8;;http://x/9\x1b\\ 1\x1b]8;;\x1b\\", ["acc 1"]),
        ("\x1b]0;no end\nacc 1", ["acc 1"]),
        ("\x1bP1$r0m\x1b\\acc 1", ["acc 1"]),
        ("\x9b1macc 1", ["acc 1"]),
        ("\x1b[?25lacc 1\x1b[?25h\x1b=\x1b>", ["acc 1"]),
        ("acc 1\x1b", ["acc 1"]),
        ("\ufeffacc\u200b 1\x00", ["acc 1"]),
        ("a\x00c\x00c\x00 \x001\x00\n\x00", ["acc 1"]),
        ("acc 0.10\b\b91", ["acc 0.91"]),
        ("acc 9\b\b\b\b\b\b\bloss 8", ["loss 8"]),
        ("|\b/\b-\b\\\bacc 1", ["acc 1"]),
        ("acc 0.5\x1b[3D0.7", ["acc 0.7"]),
        ("acc 1\racc 2\r\nacc 3\r", ["acc 1", "acc 2", "acc 3"]),
        ("acc 1\r\x1b[Kacc 2\n", ["acc 1", "acc 2"]),
        ("acc 1\x1b[2K\racc 2\n", ["acc 1", "acc 2"]),
        ("acc 1\x1b[4D\x1b[K 2\n", ["acc 1", "a 2"]),
        ("acc 1\r\x1b[1K\x1b[4C2\n", ["acc 1", "acc 2"]),
        ("acc 1\x1b[1Gacc 2\x1b[Gacc 3\n", ["acc 1", "acc 2", "acc 3"]),
        ("acc 1\x1b[5G2\n", ["acc 2"]),
        ("acc: 0.5\r\x1b[5C0.7\n", ["acc: 0.5", "acc: 0.7"]),
        ("acc\x1b[2C1\n", ["acc  1"]),
        ("acc\x1b[10G1\n", ["acc      1"]),
        ("acc 1\n\x1b[1Aacc 2\x1b[Eacc 3\x1b[2;1Hacc 4", ["acc 1", "acc 2", "acc 3", "acc 4"]),
        ("acc 1\x0bacc 2\x0cacc 3\x1bDacc 4", ["acc 1", "acc 2", "acc 3", "acc 4"]),
        ("acc 12\b\x1b[Pb\n", ["acc 12", "acc 1b"]),
        ("acc 12\b\b\x1b[X\n", ["acc 12", "acc  2"]),
        ("acc 2\b\x1b[@1\n", ["acc 2", "acc 12"]),
        (b"\xff\xfe a\r\xc3(b\xe5\rc\r", ["\ufffd\ufffd a", "\ufffd(b\ufffd", "c"]),
    ],
)
def test_what_a_terminal_shows(text: str | bytes, expected: list[str]) -> None:
    assert shown(text) == expected


PIECES = [
    "ab1",
    ". ",
    "\r",
    "\n",
    "\xe9",
    "\b",
    "\x1b[1m",
    "\x1b[K",
    "\x1b]0;t\x07",
    "\x1b[2C",
    "\x1b[A",
    "\x1b[G",
    "\x1b[2K",
    "\x1b[1K",
    "\x1b[3G",
    "\x1b[2D",
    "\x1b[P",
    "\x1b[@",
]


@given(parts=st.lists(st.sampled_from(PIECES), max_size=14), size=st.integers(1, 9))
def test_the_size_of_a_piece_changes_no_line(parts: list[str], size: int) -> None:
    text = "".join(parts)
    assert shown(text, size) == shown(text)


@given(data=st.binary(max_size=60), size=st.integers(1, 9))
def test_whatever_bytes_come_something_is_shown(data: bytes, size: int) -> None:
    for line in shown(data, size):
        assert not {"\x1b", "\b", "\r", "\x00"}.intersection(line)


def test_places_are_those_of_the_text_that_is_shown() -> None:
    found = blocks(b"one\ntwo\rthree\nfour\n", 5)
    text = ""
    for block in found:
        assert block.base == len(text)
        text += block.text + "\n"
    assert text.split() == ["one", "two", "three", "four"]


def test_lines_with_a_word_forwards_and_the_last() -> None:
    block = Block("An A\nnothing\nan a, a\n\na", 0)
    assert list(block.lines("a")) == [(0, "An A"), (13, "an a, a"), (22, "a")]
    for word in ("", "an"):
        assert block.last_line(word, lambda line: line.startswith("an")) == (13, "an a, a")
    assert block.last_line("x", bool) is None
    assert block.last_line("a", lambda line: line == "b") is None


def test_lower_case_keeps_every_character_in_its_place() -> None:
    text = "\u0130X\u1e9e\u03a3\u212aEPOCH 5"
    assert Block(text, 0).low.index("epoch") == text.index("EPOCH")


# -- lines that are too long -----------------------------------------------------------------


def facts(text: str, pattern: str = PATTERN) -> LogFacts:
    reader = LogReader(LogRules({"x": pattern}))
    data = text.encode()
    for at in range(0, len(data), lines.CHUNK_BYTES):
        reader.feed(data[at : at + lines.CHUNK_BYTES])
    return reader.end()


LONG = "x" * (3 * WHOLE_CHARACTERS)


def test_a_line_of_json_that_grows() -> None:
    history: list[float] = []
    text = ""
    for epoch in range(3):
        history += [0.123456789] * 3000
        line = {"epoch": epoch, "losses": history, "accuracy": round(0.5 + epoch * 0.2, 1)}
        text += json.dumps(line) + "\n"
    found = facts(text, '"accuracy": ([0-9.]+)')
    assert (found.metrics["x"], found.epochs.seen) == (0.9, 3)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"accuracy: 0.75 {LONG}", 0.75),
        (f"{LONG} accuracy: 0.75", 0.75),
        (f"{LONG} accuracy: 0.6 {LONG} accuracy: 0.75 {LONG}", 0.75),
        (f"{LONG} accuracy: nan {LONG}", None),
        (f"{LONG}", 0.5),
        (f"{LONG} accuracy {LONG}", 0.5),
        (f"{LONG} accuracy: {LONG}", None),
        (f"{LONG} accuracy: \n", None),
    ],
)
def test_what_stands_in_a_line_that_is_too_long(line: str, value: float | None) -> None:
    assert facts(f"accuracy: 0.5\n{line}\nbye").metrics["x"] == value
    assert facts(f"accuracy: 0.5\n{line}\naccuracy: 0.25").metrics["x"] == 0.25


@pytest.mark.parametrize("place", [*range(-40, 41, 8), -OVERLAP_CHARACTERS, OVERLAP_CHARACTERS])
def test_a_number_at_a_cut_is_seen_whole(place: int) -> None:
    before = "y" * (WHOLE_CHARACTERS + lines.CHUNK_BYTES + place)
    for cut in (0, 1024, -1024):
        text = f"accuracy: 0.5\n{before[cut:] if cut > 0 else before + 'y' * -cut}"
        assert facts(f"{text} accuracy: 0.123456 {LONG}\n").metrics["x"] == 0.123456


def test_of_a_match_that_is_too_long_nobody_knows() -> None:
    far = r"accuracy: .* then ([0-9.]+)"
    found = facts(f"accuracy: 1 then 0.5\naccuracy: {LONG} then 0.75\n", far)
    assert (found.metrics["x"], found.reasons["x"]) == (None, metrics.HIDDEN)
    assert facts(f"accuracy: 1 then 0.5\naccuracy: {LONG}\n", far).metrics["x"] == 0.5


def test_a_part_begins_and_ends_no_line() -> None:
    assert facts(f"0.5 begins\n{'7 ' * WHOLE_CHARACTERS}\n", r"^([0-9.]+) ").metrics["x"] == 7.0
    text = f"ends: 0.5\n{'z' * (2 * WHOLE_CHARACTERS)} ends: 0.75{LONG}\n"
    assert facts(text, r"ends: ([0-9.]+)$").metrics["x"] is None


def test_sequences_across_a_cut() -> None:
    colours = "\x1b[31m.\x1b[0m" * WHOLE_CHARACTERS
    title = f"\x1b]1337;File=:{'QUJD' * WHOLE_CHARACTERS} accuracy: 0.1\x07"
    found = facts(f"accuracy: 0.5\n{colours}{title} accuracy: 0.75 {title}\nbye\n", PATTERN)
    assert (found.metrics["x"], found.last_line) == (0.75, "bye")


def test_a_spinner_that_never_ends_its_line_is_no_long_line() -> None:
    text = "".join(f"accuracy: 0.{n % 10}{chr(8) * 13}" for n in range(60_000))
    assert facts(f"{text}accuracy: 0.77\n").metrics["x"] == 0.77


def test_a_huge_line_takes_bounded_memory(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    with log.open("wb") as stream:
        stream.write(b"accuracy: 0.5\n")
        for _ in range(12):
            stream.write(b"x" * 1024 * 1024)
        stream.write(b"\naccuracy: 0.625")
    tracemalloc.start()
    value = read_log(log, LogRules({"x": PATTERN})).metrics["x"]
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert value == 0.625
    assert peak_bytes < 8 * 1024 * 1024  # less than the line
