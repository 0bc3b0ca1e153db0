"""Shared by all Python tests: the project's own library on the path, the stage of fault tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests" / "faults")]

from stage import Stage  # noqa: E402


@pytest.fixture(autouse=True)
def own_realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test meet the locks or the processes of anybody else's run."""
    monkeypatch.setenv("TANDEM_LOCKS", str(tmp_path))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage for rude trainings, cleared afterwards whatever happened."""
    made = Stage(tmp_path)
    yield made
    made.clean_up()
