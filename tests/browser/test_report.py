"""The report of a run in the real Chromium: quiet, whole without scripts, usable by anybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.browser import WIDTHS, open_details, opened
from support.salted import small_run
from tandem.report.page.page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]

# What is of use on a screen alone: where to click and what to type.
SCREEN = ".skip, .contents, .screen, label, .shown, small"
# Text of which nothing is to be seen on a sheet of paper: no box, or outside of what cuts it off.
LOST = """(screen) => {
  const SKIP = 'title, desc, script, style, ' + screen;
  const lost = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const cuts = element => getComputedStyle(element).overflowX !== 'visible';
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const inside = node.parentElement;
    if (!node.data.trim() || inside.closest(SKIP)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(box => box.width && box.height);
    let right = document.documentElement.clientWidth;
    for (let around = inside; around !== document.body; around = around.parentElement) {
      if (cuts(around)) right = Math.min(right, around.getBoundingClientRect().right);
    }
    if (!boxes.length || boxes.some(box => box.right > right + 1)) {
      lost.push(node.data.trim().slice(0, 60));
    }
  }
  return lost;
}"""


def test_it_loads_nothing_and_complains_of_nothing(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report) as page:
        open_details(page)
        page.mouse.wheel(0, 100_000)
        page.wait_for_load_state("networkidle")
        assert page.locator("h1").inner_text()


def test_without_scripts_all_of_it_is_there(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report) as page:
        open_details(page)
        text = page.locator("main").inner_text()
    with opened(chromium, whole_report, java_script_enabled=False) as page:
        open_details(page)
        bare = page.locator("main").inner_text()
    assert words_behind("Only experiments with these words:", text) == bare.split()


def words_behind(added: str, text: str) -> list[str]:
    """Return the words of a text without what the script has added to it."""
    assert text.count(added) == 1
    return text.replace(added, "").split()


def test_axe_finds_nothing_serious(chromium: Browser, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    report = write_page([small_run(tmp_path)])  # it looks at all that is there, for long
    with opened(chromium, report, bypass_csp=True) as page:
        open_details(page)
        found = Axe().run(page).response["violations"]
        page.emulate_media(color_scheme="dark")
        colours = {"runOnly": ["color-contrast"]}
        found += Axe().run(page, options=colours).response["violations"]
    bad = [
        (each["id"], each["help"], [node["target"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert bad == []


@pytest.mark.parametrize("width", WIDTHS.values())
def test_the_page_never_scrolls_sideways(chromium: Browser, whole_report: Path, width: int) -> None:
    with opened(chromium, whole_report, viewport={"width": width, "height": 800}) as page:
        open_details(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_nothing_is_lost(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report) as page:
        open_details(page)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1046})  # A4 between margins of 1 cm
        assert page.evaluate(LOST, SCREEN) == []
        pages = page.pdf(format="A4").count(b"/Type /Page\n")
    assert pages >= 3


def test_a_reader_opens_details_without_scripts(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report, java_script_enabled=False) as page:
        first = page.locator("details").first
        first.locator("summary").first.click()
        assert first.get_attribute("open") is not None
        first.locator("summary").first.press("Enter")
        assert first.get_attribute("open") is None
