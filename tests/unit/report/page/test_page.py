"""The page as a whole: runs of every state, the same bytes for the same files, nothing dangling."""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, plans
from support.big_run import write_big_run
from support.records import record, write_run
from support.reports import planned, record_for, write_journal
from tandem.report.page.page import Guarded, page_of
from tandem.report.page.runs import labels_of, reported
from tandem.report.page.sections.trust import Trust
from tandem.results.reading import RunReading

PLAN = plans.design(loads=1)
IDS = [each.id for each in PLAN.experiments]
FAULTS = ("could not be made", "Left out of this section")


def killed(folder: Path) -> Path:
    return write_big_run(folder, configs=2, repeats=2, doses=(0.5, 1.0), has_ended=False)


def empty(folder: Path) -> Path:
    return folder


def without_plan(folder: Path) -> Path:
    return write_run(folder, record())


def of_another_version(folder: Path) -> Path:
    old = folder / "digits_mlp_001_parallel"
    old.mkdir()
    shutil.copy(ROOT / "tests/support/record_of_version_2.json", old / "experiment.json")
    return folder


def planned_only(folder: Path) -> Path:
    return planned(folder, PLAN)


def single(folder: Path) -> Path:
    return write_run(planned(folder, plans.plan(plans.experiment())), record_for_single())


def record_for_single() -> Any:
    return record_for(plans.plan(plans.experiment()), plans.experiment().id)


def all_invalid(folder: Path) -> Path:
    out = {"valid": False, "invalid_reasons": ["no metric found"]}
    return write_run(planned(folder, PLAN), *(record_for(PLAN, name, **out) for name in IDS))


def on_cpu(folder: Path) -> Path:
    none: dict[str, Any] = {"windows[0].gpus": [], "windows[0].gpus_reason": "no driver"}
    run = planned(folder, PLAN)
    return write_run(run, *(record_for(PLAN, name, **none, energy_metrics=None) for name in IDS))


def damaged(folder: Path) -> Path:
    """Records that are cut, no JSON, no record, of wrong types; a torn journal, odd settings."""
    run = planned(folder, PLAN)
    write_journal(run, ("run_started", {"host": 5}), ("ended", {"experiment": ["x"]}))
    (run / "journal.jsonl").write_bytes((run / "journal.jsonl").read_bytes() + b'\xff{"event": 3')
    (run / "settings.json").write_text('{"description": {"a": 1}}')
    (run / "machine.json").write_text("[]")
    for name, text in zip(IDS, ('{"cut', "[]", '{"a": 1}', ""), strict=True):
        (run / name).mkdir()
        (run / name / "experiment.json").write_text(text)
    return run


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (killed, "This run was stopped in the middle of "),
        (empty, "There is no experiment here"),
        (without_plan, "What was planned is not known"),
        (of_another_version, "The one experiment is valid"),
        (planned_only, "None of 4 experiments are valid"),
        (single, "The one experiment is valid"),
        (all_invalid, "None of 4 experiments are valid"),
        (on_cpu, "not measured: no driver"),
        (damaged, "4 damaged"),
    ],
)
def test_a_run_of_any_state_has_a_whole_report(tmp_path: Path, state: Any, words: str) -> None:
    page = page_of([state(tmp_path)])
    assert words in page
    assert not [fault for fault in FAULTS if fault in page]
    assert page.endswith("</html>\n")
    assert str(tmp_path) not in page.replace(f"--root {tmp_path}", "")


def test_several_runs_of_different_states(tmp_path: Path) -> None:
    states = (killed, empty, all_invalid, damaged)
    for state in states:
        (tmp_path / state.__name__).mkdir()
    runs = [state(tmp_path / state.__name__) for state in states]
    page = page_of(runs)
    assert "<h1>4 runs: " in page
    assert all(run.name in page for run in runs)
    assert not [fault for fault in FAULTS if fault in page]


def test_a_record_that_lacks_something_is_named_and_stops_nothing(tmp_path: Path) -> None:
    run = write_run(planned(tmp_path, PLAN), *(record_for(PLAN, name) for name in IDS[:2]))
    file = run / IDS[0] / "experiment.json"
    changed = json.loads(file.read_text())
    changed["windows"][0]["machine"] = "none"
    file.write_text(json.dumps(changed))
    section = Guarded(Trust(reported([run])))
    reading = RunReading(run)
    for experiment in reading.experiments():
        section.note(reported([run])[0], experiment)
    assert section.unread and section.unread[0].startswith(IDS[0])
    text = page_of([run])
    assert f"because the record lacks something: 1 experiment: {IDS[0]} (TypeError" in text


def test_nothing_leads_nowhere_and_no_other_script_may_run(tmp_path: Path) -> None:
    page = page_of([killed(tmp_path)])
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    labels = {
        name for names in re.findall(r'aria-labelledby="([^"]+)"', page) for name in names.split()
    }
    assert labels <= set(ids)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert not re.findall(r"(?:src|href)=\"(?:https?:|//)", page)


def test_a_folder_of_any_name_has_a_report(tmp_path: Path) -> None:
    runs = [tmp_path / os.fsdecode(name) for name in (b"a\xff b", b"<b>&\"'")]
    for run in runs:
        all_invalid(run)
    page = page_of(runs)
    assert "a%FF%20b/" in page and "&lt;b&gt;&amp;" in page and "<b>&" not in page
    assert page.encode()


def test_a_run_is_called_by_as_much_of_its_path_as_is_needed(tmp_path: Path) -> None:
    paths = [Path("/x/a/run_1"), Path("/y/a/run_1"), Path("/y/a/run_2")]
    assert labels_of(paths[1:]) == ["run_1", "run_2"]
    assert labels_of(paths) == ["x/a/run_1", "y/a/run_1", "y/a/run_2"]
    assert labels_of([Path("/")]) == ["/"]
    assert [run.link for run in reported([tmp_path / "a b", tmp_path / "c"])] == ["a%20b/", "c/"]
    assert [run.link for run in reported([tmp_path])] == [""]


def test_circles_of_objects_are_looked_for_afterwards_as_before(tmp_path: Path) -> None:
    assert gc.isenabled()
    page_of([planned_only(tmp_path)])
    assert gc.isenabled()
