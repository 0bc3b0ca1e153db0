"""The journals of several workers, read as one, whatever became of some of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tandem.results.journal import ended_in, events_in
from tandem.results.shared.workers import journal_of, tries_in


def write(folder: Path, *lines: tuple[str, int], end: str = "\n") -> Path:
    """Write a journal whose events, each ended experiment's, are of these minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [
        json.dumps({"event": "ended", "utc": f"2026-01-31T12:{minute:02}", "experiment": name})
        for name, minute in lines
    ]
    file = folder / "journal.jsonl"
    file.write_text("\n".join(texts) + end)
    return file


def names(run: Path) -> list[str]:
    return [event["experiment"] for event in events_in(journal_of(run))]


def test_lines_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    write(tmp_path, ("alone", 1))
    write(tmp_path / "workers" / "a", ("a1", 2), ("a2", 5))
    write(tmp_path / "workers" / "b", ("b1", 3), ("b2", 4))
    assert names(tmp_path) == ["alone", "a1", "b1", "b2", "a2"]


def test_lines_of_a_worker_keep_their_order_where_its_clock_is_set_back(tmp_path: Path) -> None:
    write(tmp_path / "workers" / "a", ("a1", 30), ("a2", 2), ("a3", 40))
    write(tmp_path / "workers" / "b", ("b1", 3), ("b2", 35))
    assert names(tmp_path) == ["b1", "a1", "a2", "b2", "a3"]


@pytest.mark.parametrize("damage", ["missing", "folder", "torn", "zeros", "pipe", "unreadable"])
def test_a_journal_that_is_damaged_spoils_no_other(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "workers" / "b", ("b1", 3))
    file = write(tmp_path / "workers" / "a", ("a1", 2), end='\n{"event": "ended", "exp')
    kept: Sequence[str] = ["a1"]
    if damage != "torn":
        file.unlink()
        kept = []
    if damage == "folder":
        file.mkdir()
    elif damage == "zeros":
        file.write_bytes(bytes(500))
    elif damage == "pipe":
        os.mkfifo(file)
    elif damage == "unreadable":
        file.symlink_to("/proc/self/mem")
    assert names(tmp_path) == [*kept, "b1"]
    assert ended_in(journal_of(tmp_path)) == {}, "no line says how long it took"


def test_tries_are_found_by_the_id_of_their_experiment(tmp_path: Path) -> None:
    for place in ("a/x", "a/y", "b/x"):
        (tmp_path / "workers" / place).mkdir(parents=True)
    (tmp_path / "workers" / "b" / "z").symlink_to("x")
    found = {
        name: [each.parent.name for each in every] for name, every in tries_in(tmp_path).items()
    }
    assert found == {"x": ["a", "b"], "y": ["a"]}
