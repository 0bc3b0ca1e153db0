"""What a worker says at its end of the groups that are left."""

from __future__ import annotations

from pathlib import Path

from tandem.work.left import Left


def test_who_submitted_workers_is_told_how_to_submit_more(tmp_path: Path) -> None:
    left = Left({}, ["c01_r1"], [], "lab3")
    said = ["nobody is at work on 1 group: c01_r1"]
    lines = left.lines(tmp_path)
    assert lines[:1] == said
    assert lines[1].endswith(f"bin/tandem work {tmp_path}")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "jobs.jsonl").touch()
    assert left.lines(tmp_path)[1].startswith("to go on: make ")
    assert left.lines(tmp_path)[1].endswith(f"resume RUN={tmp_path}")
