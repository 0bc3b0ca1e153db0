"""journal.jsonl: whole lines only, and one writer at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tandem.base.errors import LockedError
from tandem.results.journal import NAME, Journal, is_active


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.ended == {}
    journal.add("started", experiment="a\n\udcff")
    journal.add_ended("a\n\udcff", "finished", 1.5004, valid=True)
    journal.add_ended("b", "finished", None, valid=False)
    assert journal.ended == {"a\n\udcff": 1.5004, "b": None}
    journal.close()
    lines = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "ended", "ended"]
    assert (lines[1]["status"], lines[1]["valid"]) == ("finished", True)
    again = Journal(tmp_path)
    assert again.ended == {"a\n\udcff": 1.5, "b": None}
    again.close()


ENDED = b'{"event": "ended", "experiment": "a", "duration_s": 1}'


@pytest.mark.parametrize("torn", [b'{"event": "st', b"\0\0\0", ENDED])
def test_a_torn_line_is_cut_off_before_the_next_is_written(tmp_path: Path, torn: bytes) -> None:
    whole = b'{"event": "run_started"}\n'
    (tmp_path / NAME).write_bytes(whole + torn)
    journal = Journal(tmp_path)
    assert journal.ended == {}
    journal.add("resumed")
    journal.close()
    assert (tmp_path / NAME).read_bytes().startswith(whole + b'{"event": "resumed"')


@pytest.mark.parametrize(
    "line",
    [
        *(b"\0\0\0", b"[1]", b'{"other": 1}', b"\xff", b'{"event": "ended"}', b"[" * 100_000),
        *(b'{"event": "ended", "experiment": "x", "duration_s": "y"}', b'"ended"', b""),
        b'{"event": "ended", "experiment": "x", "duration_s": 1' + b"0" * 400 + b"}",
        b'{"event": "ended", "experiment": "x", "duration_s": NaN}',
        b'{"event": "ended", "experiment": "x", "duration_s": 1e999}',
        b'{"event": "ended", "experiment": "x", "duration_s": -1}',
    ],
)
def test_a_line_that_cannot_be_read_costs_no_other(tmp_path: Path, line: bytes) -> None:
    (tmp_path / NAME).write_bytes(
        ENDED + b"\n" + line + b"\n" + ENDED.replace(b"a", b"b", 1) + b"\n"
    )
    journal = Journal(tmp_path)
    assert journal.ended.keys() >= {"a"}
    assert "x" not in journal.ended
    journal.close()


def test_one_that_was_started_again_has_not_ended(tmp_path: Path) -> None:
    started = b'{"event": "started", "experiment": "a"}'
    (tmp_path / NAME).write_bytes(b"\n".join([started, ENDED, started, b""]))
    journal = Journal(tmp_path)
    assert journal.ended == {}
    journal.close()


def test_starts_are_counted_with_those_of_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add("run_started")
    journal.add("started", experiment="a")
    journal.add("set_aside", experiment="a")
    journal.add("started", experiment="a")
    assert journal.starts == 2
    journal.close()
    again = Journal(tmp_path)
    again.add("started", experiment="b")
    assert again.starts == 3
    again.close()


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(LockedError):
        Journal(tmp_path)
    journal.close()


def test_whether_a_run_is_active(tmp_path: Path) -> None:
    assert not is_active(tmp_path)
    assert not (tmp_path / NAME).exists()
    journal = Journal(tmp_path)
    assert is_active(tmp_path)
    journal.close()
    assert not is_active(tmp_path)
    Journal(tmp_path).close()
