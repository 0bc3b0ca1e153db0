"""A window in which nothing changes is as long as was asked for, however long its edges take."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tandem.experiment.experiment import ExperimentRun


def test_an_edge_that_takes_a_while_shortens_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monitor that is asked for a row may run at once, and this process wait meanwhile."""
    now_s = [1000.0]

    def mark() -> float:
        now_s[0] += 0.25
        return now_s[0]

    def wait(_scripts: object, end_s: float, _tick: object) -> None:
        now_s[0] = max(now_s[0], end_s)

    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    run = SimpleNamespace(
        monitor=SimpleNamespace(mark=mark),
        watch=SimpleNamespace(wait=wait),
        loops=[],
        seen=SimpleNamespace(windows=[]),
    )
    ExperimentRun.measure(cast(Any, run), "idle", 1.5)
    [window] = run.seen.windows
    assert (window["name"], window["to_s"] - window["from_s"]) == ("idle", 1.75)
