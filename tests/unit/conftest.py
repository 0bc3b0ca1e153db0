"""A unit test starts no process: what looks at processes is in programs/, faults/ and runs/."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

STARTS = {
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("os.exec", "os.system"),
}
forbidden: list[str] | None = None  # what was tried, while a unit test runs; None: anything goes


def refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in STARTS and forbidden is not None:
        forbidden.append(event)
        raise AssertionError(f"a unit test starts no process ({event})")


sys.addaudithook(refuse)  # for good: Python has no way to remove one


@pytest.fixture(autouse=True)
def no_process() -> Iterator[None]:
    """Make starting a process fail, also where the code under test catches what fails."""
    global forbidden  # noqa: PLW0603
    forbidden = []
    yield
    tried, forbidden = forbidden, None
    assert not tried, f"a unit test starts no process ({', '.join(tried)})"
