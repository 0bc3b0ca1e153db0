"""Reports of runs of all states, and the browser in which they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.big_run import write_big_run
from support.browser import chromium_started
from tandem.report.page.page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with chromium_started() as browser:
        yield browser


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a design that has ended, with something not valid, damaged, and run again."""
    folder = tmp_path_factory.mktemp("whole")
    return write_big_run(folder, configs=2, repeats=8, doses=(0.5, 1.0), rate_hz=1.0)


@pytest.fixture(scope="session")
def whole_report(whole_run: Path) -> Path:
    return write_page([whole_run])
