"""Pictures of a report as people see it: on a phone, a tablet, a desk, light, dark, and on paper.

    bench/screenshots.py RUN_OR_REPORT FOLDER        FOLDER/phone_light_1.png, ..., paper.pdf

To be looked at. Details are open; what is long is cut into sheets.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.browser import WIDTHS, chromium_started, open_details, opened  # noqa: E402
from tandem.report.page.page import write_page  # noqa: E402

SHEET_PX, SHEETS = 1800, 5


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    report = write_page([source], folder.resolve() / "report.html") if source.is_dir() else source
    with chromium_started() as chromium:
        for name, width in WIDTHS.items():
            for scheme in ("light", "dark"):
                with opened(chromium, report, color_scheme=scheme) as page:
                    page.set_viewport_size({"width": width, "height": 900})
                    sheets(page, folder / f"{name}_{scheme}", width)
        with opened(chromium, report) as page:
            page.pdf(path=folder / "paper.pdf", format="A4", print_background=True)
            page.emulate_media(media="print")
            page.set_viewport_size({"width": 718, "height": 900})
            sheets(page, folder / "paper", 718)
    return 0


def sheets(page: Any, stem: Path, width: int) -> None:
    """Save the page from its top on, details closed; then with the first few of them open."""
    for number, top in enumerate(tops(page), start=1):
        area = {"x": 0, "y": top, "width": width, "height": SHEET_PX}
        page.screenshot(path=f"{stem}_{number}.png", full_page=True, clip=area)
    open_details(page)
    page.locator("details svg").first.scroll_into_view_if_needed()
    page.screenshot(path=f"{stem}_details.png")


def tops(page: Any) -> list[int]:
    height: int = page.evaluate("document.documentElement.scrollHeight")
    return list(range(0, height, SHEET_PX))[:SHEETS]


if __name__ == "__main__":
    sys.exit(main())
