"""What /proc says about processes: children of any thread, trees with branches left out."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tandem.processes.proc import children, descendants, is_below

DEADLINE_S = 30.0  # a guard, not a figure
# A child of the main thread, one of another thread, which has a child itself. All end with stdin.
FAMILY = """
import subprocess, sys, threading
wait = [sys.executable, "-S", "-E", "-c", "import sys; sys.stdin.read()"]
more = [*wait[:-1], "import subprocess, sys; subprocess.run(sys.argv[1:])", *wait]
subprocess.Popen(wait)
def other():
    subprocess.Popen(more)
    sys.stdin.read()
threading.Thread(target=other).start()
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator[int]:
    """The pid of a process with two threads and three descendants."""
    words = [sys.executable, "-S", "-E", "-c", FAMILY]
    process = subprocess.Popen(words, stdin=subprocess.PIPE)
    try:
        end_s = time.monotonic() + DEADLINE_S
        while len(descendants(process.pid)) < 3:
            assert time.monotonic() < end_s
            time.sleep(0.005)
        yield process.pid
    finally:
        process.communicate()


def test_children_are_those_of_all_threads(family: int) -> None:
    assert len(children(family)) == 2
    (parent,) = [pid for pid in children(family) if children(pid)]
    (grandchild,) = children(parent)
    assert descendants(family) == [*children(family), grandchild]
    assert is_below(grandchild, family)
    assert not is_below(family, grandchild)


def test_who_is_left_out_is_left_out_with_all_below(family: int) -> None:
    (parent,) = [pid for pid in children(family) if children(pid)]
    (alone,) = set(children(family)) - {parent}
    assert descendants(family, without={parent}) == [alone]
    assert descendants(alone, parent) == children(parent)
    assert descendants() == []


def test_who_is_gone_has_nobody() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert children(process.pid) == descendants(process.pid) == []
