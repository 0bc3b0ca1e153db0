"""The report at the end of a run costs the run nothing, whatever happens."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tandem.report.page import page
from tandem.run.report import make_report


def test_it_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_report(tmp_path, Path("results/run_1"))
    assert (tmp_path / "report.html").stat().st_size > 0
    assert capsys.readouterr() == ("report: results/run_1/report.html\n", "")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError(), KeyError()]
)
def test_whatever_goes_wrong_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(_runs: Any) -> None:
        raise error

    monkeypatch.setattr(page, "write_page", fail)
    make_report(tmp_path, Path("results/a run"))
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith(f"no report: {type(error).__name__}")
    assert said.err.endswith("(nothing else is lost; again: tandem report 'results/a run')\n")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_nothing_else(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    signum: signal.Signals,
) -> None:
    before = signal.getsignal(signum)
    monkeypatch.setattr(page, "write_page", lambda _runs: os.kill(os.getpid(), signum))
    make_report(tmp_path, Path("run_1"))
    assert capsys.readouterr().err.startswith("no report: it was stopped (")
    assert signal.getsignal(signum) is before
