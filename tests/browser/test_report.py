"""The report of a run in the real Chromium: quiet, whole without scripts, usable by anybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.browser import WIDTHS, open_details, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]

# Text of which nothing is to be seen on a sheet of paper: no box, or outside of what cuts it off.
LOST = """() => {
  const lost = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const cuts = element => getComputedStyle(element).overflowX !== 'visible';
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const inside = node.parentElement;
    if (!node.data.trim() || inside.closest('title, desc, script, style, .skip')) continue;
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
    assert set(text.split()) - set(bare.split()) <= {"filter"}
    assert len(bare) >= len(text) * 0.99


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium: Browser, whole_report: Path, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(chromium, whole_report, color_scheme=scheme, bypass_csp=True) as page:
        open_details(page)
        found = Axe().run(page).response["violations"]
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
        assert page.evaluate(LOST) == []
        pages = page.pdf(format="A4").count(b"/Type /Page\n")
    assert pages >= 3
