"""The figures of a report are those of `compare --format json`, as data and as text."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from support import ROOT
from support.browser import open_details, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]

CELL = ("foreground", "values", "background", "hyperparameters", "dose", "figure")
Figures = dict[tuple[str, ...], tuple[float, ...]]


def compared(run: Path) -> Figures:
    """Return estimate and interval of every row that compare has, by what it is of."""
    command = [sys.executable, str(ROOT / "driver.py"), "compare", str(run), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: Figures = {}
    for group in json.loads(done.stdout)["groups"]:
        for row in group["rows"]:
            found[key_of({**group, "figure": row["figure"]})] = numbers_of(row)
    return found


def key_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name] or "") for name in CELL)


def numbers_of(row: Mapping[str, Any]) -> tuple[float, ...]:
    found = (row[name] for name in ("estimate", "low", "high"))
    return tuple(float(each) for each in found if each not in (None, ""))


def test_they_are_those_of_compare(chromium: Browser, whole_run: Path, whole_report: Path) -> None:
    told, shown = compared(whole_run), Figures()
    with opened(chromium, whole_report) as page:
        open_details(page)
        figures = page.locator("figure:has(a[download^='answer-'])").all()
        for figure in figures:
            text = figure.inner_text()
            address = figure.locator("a[download]").get_attribute("href") or ""
            data = unquote(address.partition(",")[2])
            for row in csv.DictReader(io.StringIO(data, newline="")):
                shown[key_of(row)] = numbers_of(row)
                if row["estimate"]:
                    assert as_shown(float(row["estimate"])) in text.replace(",", "")
    assert len(shown) > 40
    assert shown == {key: told[key] for key in shown}
    ratios = {"slowdown", "energy_ratio", "background_progress_ratio"}
    assert {key for key in told if key[-1] in ratios} <= shown.keys()


def as_shown(value: float) -> str:
    """Return a figure as tables show it: four digits, whole numbers whole."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
