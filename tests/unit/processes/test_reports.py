"""keeper.json: a report is one, or there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.processes.reports import read_report

REPORT: dict[str, Any] = {
    **{"clock": {"boottime_s": 1.0, "utc_s": 2.0}, "started_s": 10.0, "ended_s": 20.0},
    **{"exit_code": 0, "signal": None, "reason": "ended", "error": None, "stop": {}},
}


@pytest.mark.parametrize(("since_s", "is_there"), [(0.0, True), (10.0, True), (10.1, False)])
def test_an_earlier_commands_report_is_none(tmp_path: Path, since_s: float, is_there: bool) -> None:
    (tmp_path / "keeper.json").write_text(json.dumps(REPORT))
    assert read_report(tmp_path, since_s) == (REPORT if is_there else None)


def test_of_what_never_started_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "keeper.json").write_text(json.dumps({**REPORT, "started_s": None}))
    assert read_report(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[1]", "null", "{}", '{"started": {"boottime_s": 1.0}}', "\udcff"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_what_a_training_put_there_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "keeper.json").write_text(text, errors="surrogateescape")
    assert read_report(tmp_path) is None


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    (tmp_path / "keeper.json").mkdir()
    assert read_report(tmp_path) is None
