"""The end of a log is what a terminal would have left on the screen, and nothing a reader obeys."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some
from tandem.log.tail import read_tail


def lines_of(tmp_path: Path, data: bytes | str) -> tuple[str, ...]:
    log = tmp_path / "training.log"
    log.write_bytes(data.encode() if isinstance(data, str) else data)
    tail = read_tail(log)
    assert tail.problem is None
    return tail.lines


def test_of_a_bar_that_is_drawn_anew_the_last_state_stands(tmp_path: Path) -> None:
    bar = "".join(f"\r{n}%|####" for n in range(0, 101, 5))
    assert lines_of(tmp_path, f"begin\n{bar}\r\nend\n") == ("begin", "100%|####", "end")
    assert lines_of(tmp_path, "50%\x1b[2K\r100%\n") == ("100%",)
    assert lines_of(tmp_path, "one\r\ntwo\r\n") == ("one", "two")


def test_colours_and_titles_are_gone_and_control_characters_visible(tmp_path: Path) -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07plain\n\u202etxt.exe\u2066\n"
    assert lines_of(tmp_path, text) == ("red plain", "\\u202etxt.exe\\u2066")
    assert lines_of(tmp_path, b"\xff\xfe<b>\n") == ("\ufffd\ufffd<b>",)


def test_the_end_is_capped_in_lines_bytes_and_characters_a_line(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    log.write_text("".join(f"line {n}\n" for n in range(50_000)) + "\n\n")
    tail = read_tail(log, most_lines=3)
    assert tail.lines == ("line 49997", "line 49998", "line 49999")
    assert tail.is_cut
    assert read_tail(log, most_bytes=25).lines == ("line 49998", "line 49999")
    log.write_text("x" * 300_000)
    [line] = read_tail(log).lines
    assert len(line) == 400 and line.endswith(" [...]")
    log.write_text("one\n")
    assert not read_tail(log).is_cut


@given(some.binary(max_size=600))
def test_whatever_a_log_holds_its_end_is_printable(data: bytes) -> None:
    log = Path(os.environ["TANDEM_LOCKS"]) / "any.log"
    log.write_bytes(data)
    assert all(line.isprintable() for line in read_tail(log).lines)


def test_a_log_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none").problem == "No such file or directory"
    os.mkfifo(tmp_path / "pipe")
    assert read_tail(tmp_path / "pipe").problem == "not a regular file"
