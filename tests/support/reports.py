"""Runs for reports, made by hand from plans and records, and what a page says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandem.plan.file import write_plan
from tandem.plan.model import Plan
from tandem.report.page.markup import Content
from tandem.report.page.page import Section
from tandem.report.page.runs import ReportedRun, reported
from tandem.results.record import Record

from support.records import record


def write_journal(run: Path, *events: tuple[str, dict[str, Any]]) -> None:
    """Write the events of a run, a minute apart."""
    run.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"event": event, "utc": f"2026-01-31T22:{minute:02}:00.000+00:00", **facts})
        for minute, (event, facts) in enumerate(events)
    ]
    (run / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))


def planned(run: Path, plan: Plan) -> Path:
    """Write a plan into the folder of a run, which is made."""
    run.mkdir(parents=True, exist_ok=True)
    write_plan(plan, run)
    return run


def record_for(plan: Plan, name: str, **values: Any) -> Record:
    """Return the record of an experiment of a plan, valid if no value says otherwise."""
    of = plan.by_id[name]
    place = {"experiment_id": name, "group": of.group, "control": of.control, "twin": of.twin}
    return record(**place, mode=of.mode, **values)


def noted(section: type[Section], *runs: Path) -> str:
    """Return the text of one section about some runs."""
    found: Sequence[ReportedRun] = reported(runs)
    made: Any = section
    whole: Section = made(found)
    for run in found:
        for experiment in run.experiments():
            whole.note(run, experiment)
    return text_of(whole.contents())


def text_of(contents: Sequence[Content]) -> str:
    """Return the text of a page's parts, a line for each of its blocks."""
    return "\n".join(line for content in contents for line in _lines(content) if line)


def _lines(content: Content) -> list[str]:
    if isinstance(content, str):
        return [content]
    if not any(child.tag in _BLOCKS for child in content.iter() if child is not content):
        return ["".join(content.itertext()).strip()]
    own = [(content.text or "").strip()]
    return own + [
        line for child in content for line in [*_lines(child), (child.tail or "").strip()]
    ]


_BLOCKS = {"p", "li", "ul", "dt", "dd", "div", "tr", "td", "th", "table", "thead", "tbody", "h3"}
