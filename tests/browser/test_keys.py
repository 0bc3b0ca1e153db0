"""A report is used without a mouse: filter, sort, what opens, where one is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.browser import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]

ROWS = "table.experiments tbody tr:visible"
FOCUS = """async () => {
  const at = document.activeElement, style = getComputedStyle(at);
  const seen = box => box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  for (let frame = 0; frame < 120 && !seen(at.getBoundingClientRect()); frame++) {
    await new Promise(requestAnimationFrame);
  }
  return {
    tag: at.tagName.toLowerCase(), text: at.textContent.slice(0, 40),
    place: [...document.querySelectorAll('*')].indexOf(at),
    marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
    seen: seen(at.getBoundingClientRect()),
  };
}"""


def rows(page: Page) -> list[str]:
    found: list[str] = page.locator(ROWS).all_inner_texts()
    return found


def test_the_filter_leaves_what_has_all_words(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report) as page:
        every = rows(page)
        page.get_by_role("searchbox").focus()
        page.keyboard.type("solo valid")
        left = rows(page)
        assert 0 < len(left) < len(every)
        assert all("solo" in row and "valid" in row for row in left)
        assert left == [row for row in every if "solo" in row and "valid" in row]
        assert page.locator(".shown").inner_text().startswith(f"{len(left)} of {len(every)} ")
        page.keyboard.type(" <b>nothing</b>")
        assert rows(page) == []
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        assert rows(page) == every


def test_a_column_sorts_both_ways(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report) as page:
        heads = page.locator("table.experiments thead th").all_inner_texts()
        column = next(place for place, head in enumerate(heads) if "Duration" in head)
        head = page.locator("table.experiments thead th").nth(column)
        for direction in ("ascending", "descending"):
            head.get_by_role("button").focus()
            page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == direction
            cells = page.locator(f"{ROWS} > :nth-child({column + 1})").all_inner_texts()
            values = [float(cell.replace(",", "")) for cell in cells if cell != "\u2013"]
            assert len(values) > 40
            assert values == sorted(values, reverse=direction == "descending")
            assert all(cell == "\u2013" for cell in cells[len(values) :])  # not known: at the end


def test_tab_goes_through_the_page_in_its_order_and_is_seen(
    chromium: Browser, whole_report: Path
) -> None:
    with opened(chromium, whole_report) as page:
        page.emulate_media(reduced_motion="reduce")  # else a busy machine scrolls for seconds
        visited: list[Any] = []
        for _ in range(60):
            page.keyboard.press("Tab")
            visited.append(page.evaluate(FOCUS))
    assert [each for each in visited if not (each["marked"] and each["seen"])] == []
    places = [each["place"] for each in visited]
    assert places == sorted(places)
    assert {"a", "input", "button"} <= {each["tag"] for each in visited}


def test_what_opens_opens_by_a_key(chromium: Browser, whole_report: Path) -> None:
    with opened(chromium, whole_report) as page:
        first = page.locator("details").first
        first.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert first.get_attribute("open") is not None
