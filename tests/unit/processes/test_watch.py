"""When a second signal is a second request."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from tandem.processes import watch as module
from tandem.processes.scripts import HURRY
from tandem.processes.watch import Watch


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """A watch that is told of signals by the test alone, at moments that the test decides."""
    monkeypatch.setattr(module, "catch_stop_signals", lambda _handler: 0)
    before = {each: signal.getsignal(each) for each in (signal.SIGTSTP, signal.SIGTTOU)}
    yield Watch()
    HURRY.end()
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize(
    ("signals", "after_s", "is_hurried"),
    [
        ((signal.SIGTERM, signal.SIGTERM), 0.2, False),  # to a process, and to its group
        ((signal.SIGHUP, signal.SIGTERM), 0.2, False),  # of a terminal, and of the parent's death
        ((signal.SIGTERM, signal.SIGTERM), 1.5, True),
        ((signal.SIGINT, signal.SIGINT), 0.2, True),
        ((signal.SIGTERM, signal.SIGINT), 0.2, True),
        ((signal.SIGINT, signal.SIGTERM), 1.5, True),
    ],
)
def test_a_second_signal(
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    signals: tuple[signal.Signals, signal.Signals],
    after_s: float,
    is_hurried: bool,
) -> None:
    first, second = signals
    now_s = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    watch.note(first, None)
    assert (watch.signum, HURRY.is_on) == (first, False)
    now_s[0] += after_s
    watch.note(second, None)
    assert (watch.signum, HURRY.is_on) == (first, is_hurried)
