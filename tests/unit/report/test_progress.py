"""The live line on a real pseudo-terminal, plain lines in real pipes and files."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TextIO

import pytest
from support.states import state
from tandem.report.progress import Progress, left_s
from tandem.results.state import Rounds

STATE = state(phase="training", epoch=7, epochs=20, left_s=12.1, rounds=Rounds(3))
LINE = "experiment 1 of 2 · training · epoch 7 of 20 · 12 s left · background round 3"
ERASE = "\r\x1b[K"


class Clock:
    """Seconds that pass when told to."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Terminal:
    master: int
    stream: TextIO

    def resize(self, columns: int) -> None:
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def shown(self) -> str:
        os.set_blocking(self.master, False)
        shown = b""
        try:
            while part := os.read(self.master, 4096):
                shown += part
        except BlockingIOError:
            pass
        return shown.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as stream:
        terminal = Terminal(master, stream)
        terminal.resize(120)
        yield terminal
    os.close(master)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[TextIO]:
    with (tmp_path / "stderr").open("w", encoding="utf-8") as stream:
        yield stream


def written(file: TextIO) -> list[str]:
    return Path(file.name).read_text(encoding="utf-8").splitlines()


def test_the_live_line_is_redrawn_once_a_second_at_most(terminal: Terminal) -> None:
    clock = Clock()
    progress = Progress(terminal.stream, clock)
    progress.update(STATE)
    assert terminal.shown() == ERASE + LINE
    clock.now_s += 0.99
    progress.update(replace(STATE, epoch=8))
    assert terminal.shown() == ""
    clock.now_s += 0.01
    progress.update(replace(STATE, epoch=9))
    assert terminal.shown() == ERASE + LINE.replace("epoch 7", "epoch 9")


def test_an_event_takes_the_place_of_the_live_line(terminal: Terminal) -> None:
    progress = Progress(terminal.stream, Clock())
    progress.event("one")
    assert terminal.shown() == "one\r\n"
    progress.update(STATE)
    terminal.shown()
    progress.event("two")
    assert terminal.shown() == ERASE + "two\r\n"


def test_close_erases_the_live_line_once(terminal: Terminal) -> None:
    progress = Progress(terminal.stream, Clock())
    progress.close()
    assert terminal.shown() == ""
    progress.update(STATE)
    terminal.shown()
    progress.close()
    progress.close()
    assert terminal.shown() == ERASE


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (200, LINE),
        (len(LINE), LINE.rpartition(" · ")[0]),
        (40, "1 of 2 · training · epoch 7 of 20"),
        (10, "1 of 2"),
        (4, "1"),
    ],
)
def test_the_live_line_fits_the_terminal(terminal: Terminal, columns: int, expected: str) -> None:
    terminal.resize(columns)
    Progress(terminal.stream, Clock()).update(STATE)
    assert terminal.shown() == ERASE + expected


def test_a_terminal_of_unknown_width_counts_as_80_columns(terminal: Terminal) -> None:
    terminal.resize(0)
    Progress(terminal.stream, Clock()).update(replace(STATE, rounds=Rounds(12345)))
    assert terminal.shown() == ERASE + LINE.rpartition(" · ")[0]


@pytest.mark.parametrize("name", ["dumb", None])
def test_a_dumb_terminal_gets_plain_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    if name:
        monkeypatch.setenv("TERM", name)
    else:
        monkeypatch.delenv("TERM")
    clock = Clock()
    progress = Progress(terminal.stream, clock)
    clock.now_s += 5
    progress.update(STATE)
    progress.close()
    assert terminal.shown() == LINE + "\r\n"


def test_heartbeats_get_rarer_and_start_anew_after_an_event(file: TextIO) -> None:
    clock = Clock()
    progress = Progress(file, clock)
    beats: list[int] = []
    for second in range(1300):
        clock.now_s = 1000.0 + second
        progress.update(replace(STATE, phase=f"at {second}"))
        if len(lines := written(file)) > len(beats):
            beats.append(second)
            assert f" · at {second} · " in lines[-1]
    assert beats == [5, 10, 20, 40, 80, 160, 320, 620, 920, 1220]
    progress.event("attempt 2")
    for seconds in (4, 1, 4):
        clock.now_s += seconds
        progress.update(STATE)
    assert written(file)[-2:] == ["attempt 2", LINE]


def test_no_heartbeat_is_made_up_for(file: TextIO) -> None:
    clock = Clock()
    progress = Progress(file, clock)
    for seconds in (1000, 1, 1):
        clock.now_s += seconds
        progress.update(STATE)
    assert written(file) == [LINE]


def test_an_event_cannot_move_the_cursor(file: TextIO) -> None:
    Progress(file, Clock()).event("log:\n\tEpoch 1\x1b[2J\r\x07 é")
    assert written(file) == ["log:", "\tEpoch 1?[2J?? é"]


def test_a_stream_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    clock = Clock()
    with path.open("w", encoding="ascii") as stream:
        progress = Progress(stream, clock)
        progress.event("é · 1")
        clock.now_s += 5
        progress.update(STATE)
    assert path.read_text() == f"? - 1\n{LINE.replace('·', '-')}\n"


def test_a_terminal_that_was_closed(terminal: Terminal) -> None:
    clock = Clock()
    progress = Progress(terminal.stream, clock)
    progress.update(STATE)
    os.close(terminal.master)
    with pytest.raises(OSError, match="Input/output error"):
        os.write(terminal.stream.fileno(), b"x")
    for _ in range(3):
        clock.now_s += 5
        progress.event("still here")
        progress.update(STATE)
    progress.close()
    terminal.master = os.open(os.devnull, os.O_RDONLY)


@pytest.fixture
def pipe() -> Iterator[tuple[TextIO, BinaryIO]]:
    """A pipe that takes 4096 bytes at most before it is read."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    with open(write_end, "w", encoding="utf-8") as stream, open(read_end, "rb") as reader:
        yield stream, reader


def test_a_reader_that_pauses_makes_nobody_wait(pipe: tuple[TextIO, BinaryIO]) -> None:
    stream, reader = pipe
    clock = Clock()
    progress = Progress(stream, clock)
    for number in range(300):
        progress.event(f"event {number:03} " + "x" * 100)
        clock.now_s += 100
        progress.update(STATE)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reader.read)
        progress.close()
        progress.event("the end " + "y" * 9999)
        stream.close()
    lines = reading.result().decode().splitlines()
    assert [int(line[6:9]) for line in lines if line.startswith("event")] == list(range(300))
    assert lines[-1] == "the end " + "y" * 9999
    assert lines.count(LINE) < 50  # what fitted before the reader paused


def test_what_waits_goes_out_before_the_next_heartbeat(pipe: tuple[TextIO, BinaryIO]) -> None:
    stream, reader = pipe
    os.set_blocking(reader.fileno(), False)
    progress = Progress(stream, Clock())
    progress.event("x" * 5000)
    shown = [reader.read()]
    while shown[-1]:
        progress.update(STATE)
        shown.append(reader.read() or b"")
    assert len(shown[0]) < 5000
    assert b"".join(shown) == b"x" * 5000 + b"\n"


def test_the_end_does_not_wait_for_ever(
    pipe: tuple[TextIO, BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, reader = pipe
    monkeypatch.setattr("tandem.report.progress.END_PATIENCE_S", 0.01)
    progress = Progress(stream, Clock())
    progress.event("x" * 5000)
    progress.close()
    stream.close()
    assert 0 < len(reader.read()) < 5000


@pytest.mark.parametrize("kind", ["none", "closed", "no descriptor"])
def test_a_stream_that_never_was(kind: str, tmp_path: Path) -> None:
    stream: TextIO | None = None
    if kind == "closed":
        stream = (tmp_path / "x").open("w")
        stream.close()
    elif kind == "no descriptor":
        stream = io.StringIO()
    progress = Progress(stream, Clock())
    progress.event("text")
    progress.update(STATE)
    progress.close()
    assert not isinstance(stream, io.StringIO) or stream.getvalue() == ""


@pytest.mark.parametrize(
    ("elapsed_s", "epoch", "epochs", "left"),
    [
        (10.0, 5, 20, 30.0),
        (10.0, 20, 20, 0.0),
        (10.0, 21, 20, None),
        (10.0, 0, 20, None),
        (10.0, None, 20, None),
        (10.0, 5, None, None),
        (0.0, 5, 20, None),
    ],
)
def test_seconds_left(
    elapsed_s: float, epoch: int | None, epochs: int | None, left: float | None
) -> None:
    assert left_s(elapsed_s, epoch, epochs) == left
