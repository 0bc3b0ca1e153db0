"""A report in the real Chromium: what it asks for, what it says, what can be seen of it.

with opened(chromium, file) as page: ...             fails if it loads anything, or complains
with opened(chromium, file, java_script_enabled=False, color_scheme="dark") as page: ...
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"phone": 360, "tablet": 800, "desk": 1280}


def missing(what: str) -> None:
    """Fail in .ci/run, where all is to be tested; skip elsewhere, saying what is missing."""
    if os.environ.get("NEEDS_CHROMIUM"):
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def chromium_started() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing("the report's tests need Chromium (Debian, Ubuntu: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the report's tests need what is in requirements-long.txt (make test-all)")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@contextmanager
def opened(chromium: Browser, file: Path, **options: Any) -> Iterator[Page]:
    """Open a page; afterwards nothing but itself has been asked for, and nothing was wrong."""
    address, asked, said = file.as_uri(), list[str](), list[str]()
    with chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url.partition("#")[0]))
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: _refuse(dialog, said))
        context.route("**/*", lambda route: _only(route, address))
        page.goto(address)
        yield page
    assert (asked, said) == ([address], [])


def _only(route: Any, address: str) -> None:
    if route.request.url.partition("#")[0] == address:
        route.continue_()
    else:
        route.abort()


def _refuse(dialog: Any, said: list[str]) -> None:
    said.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def open_details(page: Page) -> None:
    """Open whatever can be unfolded; that it is, is asked of the document, not of its script."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
