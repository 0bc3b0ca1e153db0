"""Reports of runs as they are left: unfinished, killed, not valid, one experiment, several runs."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.big_run import write_big_run
from support.browser import open_details, opened
from support.salted import salt, small_run
from support.stage import Stage, wait_for
from tandem.report.page.page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]

NASTY = (
    "</script><script>alert(1)</script></style></title></pre><img src=x onerror=alert(1)>"
    "\"'><svg/onload=alert(1)>]]><!-- \0 \u202e \ud800 javascript:alert(1) &lt;b&gt;"
)


def text_of(chromium: Browser, report: Path) -> str:
    """Return the text of a report that is whole, quiet, and fits a phone."""
    with opened(chromium, report, viewport={"width": 360, "height": 780}) as page:
        open_details(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        text: str = page.locator("main").inner_text()
    return text


def run_of(stage: Stage) -> Path:
    return stage.experiment.parent


def test_of_a_single_experiment_without_a_gpu(chromium: Browser, stage: Stage) -> None:
    stage.build("echo 'Test Accuracy: 91.5'; sleep 0.2", None)
    done = stage.run()
    report = write_page([run_of(stage)])
    assert "The one experiment is valid" in text_of(chromium, report), done.stdout


def test_of_which_nothing_is_valid(chromium: Browser, stage: Stage) -> None:
    stage.build("echo epoch 1; exit 3", None)
    stage.run()
    text = text_of(chromium, write_page([run_of(stage)]))
    assert "0 of 1" in text or "None of" in text
    assert "exit code 3" in text


def test_of_one_that_was_killed(chromium: Browser, stage: Stage) -> None:
    stage.build(stage.worker("front"), None, runs_per_config=2)
    driver = stage.start(stage.command(), start_new_session=True)
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    wait_for("nothing lives", lambda: not stage.everything())
    text = text_of(chromium, write_page([run_of(stage)]))
    assert "0 of 2" in text or "None of" in text
    assert "missing" in text


STATES: dict[str, Callable[[Path], list[Path]]] = {
    "unfinished": lambda folder: [
        write_big_run(folder, configs=2, repeats=4, doses=(1.0,), has_ended=False)
    ],
    "several": lambda folder: [
        write_big_run(folder / name, configs=2, repeats=2, doses=(1.0,), name=f"run_{name}")
        for name in ("a", "b")
    ],
    "without a plan": lambda folder: [without(small_run(folder), "plan.json")],
    "without a journal": lambda folder: [without(small_run(folder), "journal.jsonl")],
    "without samples": lambda folder: [
        write_big_run(folder, configs=2, repeats=2, doses=(1.0,), has_faults=False)
    ],
    "without records": lambda folder: [without(small_run(folder), "*/experiment.json")],
}


def without(run: Path, pattern: str) -> Path:
    for file in run.glob(pattern):
        file.unlink()
    return run


@pytest.mark.parametrize("state", STATES)
def test_of_runs_of_any_state(chromium: Browser, tmp_path: Path, state: str) -> None:
    report = write_page(STATES[state](tmp_path), tmp_path / "report.html")
    text = text_of(chromium, report)
    for word in ("Traceback", "nan", "NaN", "undefined", "[object"):
        assert word not in text.split()


def test_nasty_texts_run_nothing(chromium: Browser, tmp_path: Path) -> None:
    run = small_run(tmp_path)
    salt(run, NASTY)
    with opened(chromium, write_page([run]), bypass_csp=True) as page:
        open_details(page)
        assert page.locator("script").count() == 1
        assert page.locator("img, iframe, object, embed, [onload], [onerror]").count() == 0
        assert "<script>alert(1)</script>" in page.locator("main").inner_text()
