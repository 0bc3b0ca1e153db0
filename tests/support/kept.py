"""A test run below a keeper: nothing that tests start outlives it, whatever ends it.

    who calls (a subreaper) ─ keeper ─ pytest ─ its workers ─ what the tests start

Each ends what is below it when its neighbour dies: the keeper when the caller does, and also when
pytest does; the caller when the keeper does. So any one of them may be killed. A signal that asks
the caller to stop is passed on. Under nohup all goes on, and what is tested has HUP as usual.

As a plugin of pytest (tests/conftest.py) this calls pytest once more, below such a keeper; not with
--pdb, which needs the terminal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from tandem.base.paths import ROOT
from tandem.base.variables import COOKIE
from tandem.processes.control import STOP_SIGNALS, become_subreaper
from tandem.processes.tree import kill_children

KEPT = "TANDEM_TESTS_KEPT"  # in the environment of what is below a keeper already
KEEP = [sys.executable, "-S", "-E", str(ROOT / "lib" / "keep.py"), "--name", "tests"]


def run_kept(command: Sequence[str], variables: Mapping[str, str] | None = None) -> int:
    """Run a command to its end, and end whatever it leaves; return its code, or -N for a signal."""
    become_subreaper()
    words = [*KEEP, "--owner", str(os.getpid()), "--", *command]
    keeper = subprocess.Popen(words, env={**os.environ, KEPT: "1", **(variables or {})})
    for signum in STOP_SIGNALS:
        if signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, lambda number, _: keeper.send_signal(number))
    status = keeper.wait()
    kill_children()
    return status


def end_as(status: int) -> int:
    """Return an exit code; end by the signal instead if there was one."""
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def forget_keeper() -> bool:
    """Take the keeper's marks out of the environment of the tests; whether there is a keeper."""
    for name in (COOKIE, "SPT_NOENV"):
        os.environ.pop(name, None)
    return os.environ.pop(KEPT, None) is not None


is_kept = forget_keeper()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Call pytest again below a keeper; there, let TERM end it as Ctrl-C does, with a summary."""
    if hasattr(config, "workerinput"):
        return None
    if config.getoption("usepdb"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        return None
    if not is_kept:
        return end_as(run_kept([sys.executable, *sys.orig_argv[1:]]))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    return None
