"""Make the two pictures of the README: docs/report.png and docs/terminal.png.

Usage: python bench/pictures.py RUN. RUN is one that is running now: its status is the picture of
the terminal. The report is that of a run which is made up (tests/support/big_run.py).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.big_run import write_big_run  # noqa: E402
from support.browser import chromium_started, opened  # noqa: E402
from tandem.report.page.page import write_page  # noqa: E402

COLUMNS = "88"
STYLE = (
    "margin: 0; padding: 14px 18px; font: 14px/1.4 monospace; color: #e8eaed; background: #16181b"
)


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1], "state.json").exists():
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, chromium_started() as chromium:
        folder = Path(name)
        run = write_big_run(folder, configs=24, repeats=6, doses=(0.5, 1.0))
        with opened(chromium, write_page([run]), viewport={"width": 820, "height": 900}) as page:
            box = page.locator("#answer").bounding_box()
            assert box
            area = {"x": 0, "y": box["y"] - 10, "width": 820, "height": 740}
            page.screenshot(path=ROOT / "docs" / "report.png", full_page=True, clip=area)
        screen = folder / "screen.html"
        screen.write_text(f'<pre style="{STYLE}">{escape(status(sys.argv[1]))}</pre>')
        with opened(chromium, screen, viewport={"width": 800, "height": 400}) as page:
            page.locator("pre").screenshot(path=ROOT / "docs" / "terminal.png")
    return 0


def status(run: str) -> str:
    command = ["env", f"COLUMNS={COLUMNS}", str(ROOT / "bin" / "tandem"), "status", run]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"$ tandem status\n{done.stdout}"


if __name__ == "__main__":
    sys.exit(main())
