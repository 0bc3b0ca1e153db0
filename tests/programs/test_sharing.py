"""Whether another run of Tandem is at work on this machine, by the locks that it holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import ROOT
from tandem.machine import gpu_locks as module
from tandem.machine.gpu_locks import gpu_locks
from tandem.machine.sharing import Neighbours, Sharing

ANOTHER = Sharing(True, "another run of Tandem was at work on this machine")
HOLD = """
from tandem.machine.gpu_locks import gpu_locks
with gpu_locks({"GPU-b"}):
    print(flush=True)
    input()
"""


@contextmanager
def another_run() -> Iterator[None]:
    """Have another process hold the locks of a run on another GPU."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdin
        process.stdout.readline()
        yield
        process.stdin.close()


def test_a_run_that_comes_and_goes_has_been_there() -> None:
    with gpu_locks({"GPU-a"}) as locks:
        neighbours = Neighbours(locks, Sharing())
        assert neighbours.look() == Sharing(False, None)
        with another_run():
            assert neighbours.look() == ANOTHER
        assert neighbours.look() == ANOTHER
        assert Neighbours(locks, Sharing()).look() == Sharing(False, None)


def test_who_has_the_whole_machine_has_no_neighbour() -> None:
    with gpu_locks(None) as locks:
        assert Neighbours(locks, Sharing()).look() == Sharing(False, None)


def test_where_the_kernel_shows_no_locks_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that hides them; of the whole machine's lock nothing need be seen."""
    monkeypatch.setattr(module, "flocks_on", lambda _file: [])
    with gpu_locks({"GPU-a"}) as locks:
        found = Neighbours(locks, Sharing()).look()
    assert found.is_shared is None
    assert found.reason
    with gpu_locks(None) as locks:
        assert Neighbours(locks, Sharing()).look() == Sharing(False, None)


def test_what_was_known_beforehand_stays() -> None:
    part, unknown = Sharing(True, "a part of its node"), Sharing(None, "Slurm is silent")
    with gpu_locks({"GPU-a"}) as locks:
        assert Neighbours(locks, part).look() == part
        neighbours = Neighbours(locks, unknown)
        assert neighbours.look() == unknown
        with another_run():
            assert neighbours.look() == ANOTHER
