"""A run read by whoever only looks: of any state, and without harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, plans, records
from support.records import write_run
from tandem.config.schema import schema
from tandem.plan.file import NAME as PLAN
from tandem.plan.file import write_plan
from tandem.plan.model import Plan
from tandem.results.earlier_record import in_full
from tandem.results.glance import Watched
from tandem.results.reading import RunReading
from tandem.results.record_file import INTERFERENCE, NAME
from tandem.results.shared.workers import other_tries

OLD = ROOT / "tests" / "support" / "record_of_version_2.json"


def plan(*names: str) -> Plan:
    every = enumerate(names, 1)
    return plans.plan(*(plans.experiment(number=number, id=name) for number, name in every))


def written(run: Path, planned: Plan, *made: dict[str, Any]) -> RunReading:
    run.mkdir()
    write_plan(planned, run)
    write_run(run, *(records.record(**each) for each in made))
    return RunReading(run)


def standings(run: RunReading) -> dict[str, str]:
    return {each.id: each.standing for each in run.experiments()}


def test_every_standing_and_the_order_of_the_plan(tmp_path: Path) -> None:
    run = written(
        tmp_path / "run",
        plan("e_missing", "e_valid", "c_bad", "b_cut", "a_damaged"),
        {"experiment_id": "e_valid"},
        {"experiment_id": "c_bad", "valid": False, "invalid_reasons": ["exit code 1"]},
        {"experiment_id": "b_cut", "status": "interrupted", "valid": False, "error_message": "by"},
        {"experiment_id": "z_unplanned"},
    )
    (run.path / "a_damaged").mkdir()
    (run.path / "a_damaged" / NAME).write_text("{")
    assert list(standings(run).items()) == [
        ("e_missing", "missing"),
        ("e_valid", "valid"),
        ("c_bad", "not valid"),
        ("b_cut", "cut off"),
        ("a_damaged", "damaged"),
        ("z_unplanned", "valid"),
    ]
    whys = [each.why_not for each in run.experiments()]
    damaged = run.experiment("a_damaged").problem
    assert whys == [[], [], ["exit code 1"], ["by"], [damaged], []]
    assert run.experiment("z_unplanned").planned is None
    planned = run.experiment("e_missing").planned
    assert planned
    assert planned.id == "e_missing"


def put_json(value: Any) -> Callable[[Path], None]:
    def put(file: Path) -> None:
        file.write_text(json.dumps(value))

    return put


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"\0" * 4096),
        lambda file: file.write_bytes(b"\xff\xfe{}"),
        lambda file: file.write_text(file.read_text()[:-100]),
        lambda file: file.write_text("[" * 100_000),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (file.unlink(), file.symlink_to("nowhere")),
        put_json([]),
        put_json({"record_version": 5}),
        put_json({**records.record(), "windows": 5}),
        put_json({**records.record(), "environment": None}),
        put_json({**records.record(), "record_version": 3, "attempts": [7]}),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    run = written(tmp_path / "run", plan("a"), {"experiment_id": "a"})
    spoil(run.path / "a" / NAME)
    found = run.experiment("a")
    assert (found.standing, found.record, found.interference) == ("damaged", None, None)
    assert str(run.path / "a" / NAME) in (found.problem or "")


def test_a_record_of_an_earlier_version_has_all_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / NAME).write_bytes(OLD.read_bytes())
    found = RunReading(tmp_path).experiment("a")
    assert found.standing == "valid"
    record: Any = found.record
    old = json.loads(OLD.read_text())
    assert {name: record[name] for name in ("duration_seconds", "seed", "validity")} == {
        name: old[name] for name in ("duration_seconds", "seed", "validity")
    }
    assert (record["place"], record["group"], record["epoch_times"]) == (None, None, [])
    assert record["epochs"]["count"] is None
    lacks = records.missing(record, schema("record"))
    assert [place for place in lacks if not place.startswith("$.validity")] == []
    assert found.interference
    slowdown = found.interference["figures"]["slowdown"]
    then = old["interference"]["figures"]["slowdown"]
    assert slowdown["value"] == then["value"]
    assert slowdown["clock_uncertainty"] == then["uncertainty"]


def test_a_record_of_this_version_stays_as_it_is() -> None:
    made = records.record()
    assert in_full(made) is made


def test_interference_counts_only_for_the_records_that_are_there(tmp_path: Path) -> None:
    write_run(tmp_path, (records.record(experiment_id="a"), records.interference()))
    before = RunReading(tmp_path).experiment("a").interference
    assert before
    assert before["figures"]["slowdown"]["value"]
    (tmp_path / "a" / NAME).write_text(json.dumps(records.record(experiment_id="a", retries=3)))
    assert RunReading(tmp_path).experiment("a").interference is None
    (tmp_path / "a" / INTERFERENCE).write_text("{")
    assert RunReading(tmp_path).experiment("a").interference is None


def test_a_plan_of_an_earlier_version_says_why_and_records_are_read(tmp_path: Path) -> None:
    run = written(tmp_path / "run", plan("a"), {"experiment_id": "a"})
    file = run.path / PLAN
    file.write_text(file.read_text().replace('"plan_version": 5', '"plan_version": 3'))
    run = RunReading(run.path)
    assert run.plan is None
    assert str(file) in (run.plan_problem or "")
    assert standings(run) == {"a": "valid"}
    assert run.experiment("a").counts


def test_a_run_without_a_plan_has_the_records_that_are_there(tmp_path: Path) -> None:
    run = RunReading(write_run(tmp_path, *(records.record(experiment_id=it) for it in "ba")))
    assert (run.plan, run.events, run.settings, run.ids) == (None, [], None, ["a", "b"])
    assert run.plan_problem
    assert standings(run) == {"a": "valid", "b": "valid"}


def test_an_empty_folder_and_none_at_all_have_nothing(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        run = RunReading(path)
        assert (run.plan, run.ids, run.events, run.settings) == (None, [], [], None)
        assert list(run.experiments()) == []
        assert run.experiment("a").standing == "missing"


def test_warm_ups_and_earlier_tries_do_not_count(tmp_path: Path) -> None:
    warm = plans.experiment(number=1, id="w", control="warm_up")
    run = written(
        tmp_path / "run",
        plans.plan(warm, plans.experiment(number=2, id="a")),
        {"experiment_id": "w", "control": "warm_up"},
        {"experiment_id": "a"},
    )
    assert {each.id: each.counts for each in run.experiments()} == {"w": False, "a": True}
    assert {each.id: each.why_not_counted for each in run.experiments()} == {
        "w": "warm-up",
        "a": None,
    }
    assert [each.why_not_counted for each in Watched(run.path, most=9).look().ended] == [
        None,
        "warm-up",
    ]


def test_what_a_journal_added_to_the_plan_is_planned(tmp_path: Path) -> None:
    run = written(tmp_path / "run", plan("a"))
    added = {"event": "added", "as": "try", "experiments": {"a_try2": "a"}}
    lines = [json.dumps(added), "no event", json.dumps({"event": "started", "experiment": "a"})]
    (run.path / "journal.jsonl").write_text("\n".join(lines) + "\n")
    assert run.ids == ["a", "a_try2"]
    assert [event["event"] for event in run.events] == ["added", "started"]


def test_settings_that_are_no_object_are_none(tmp_path: Path) -> None:
    for text, value in (("{", None), ("[1]", None), ('{"name": 1}', {"name": 1})):
        (tmp_path / "settings.json").write_text(text)
        assert RunReading(tmp_path).settings == value


# -- in the folders of workers -----------------------------------------------------------


def test_what_a_worker_runs_or_was_cut_off_in_is_read_where_nothing_stands(tmp_path: Path) -> None:
    run = written(tmp_path / "run", plan("a_stands", "b_cut", "c_runs", "d_untold", "e_not_begun"))
    worker = run.path / "workers" / "n1_1_r0"
    cut = {"status": "interrupted", "valid": False, "error_message": "stopped by SIGTERM"}
    made = {"a_stands": {}, "b_cut": cut, "d_untold": {}}
    worker.mkdir(parents=True)
    write_run(worker, *(records.record(experiment_id=name, **made[name]) for name in made))
    (worker / "c_runs").mkdir()
    (run.path / "a_stands").symlink_to("workers/n1_1_r0/a_stands")
    again = RunReading(run.path)
    assert standings(again) == {
        "a_stands": "valid",
        "b_cut": "cut off",
        "c_runs": "missing",
        "d_untold": "missing",  # its worker was killed before it stood
        "e_not_begun": "missing",
    }
    assert again.experiment("a_stands").folder == run.path / "a_stands"
    assert again.experiment("b_cut").why_not == ["stopped by SIGTERM"]
    assert again.experiment("c_runs").folder == worker / "c_runs"


def test_the_tries_that_do_not_stand_are_found(tmp_path: Path) -> None:
    for place in ("n1_1_r0/x", "n2_2_r0/x", "n2_2_r0/cut_off/x.1", "n2_2_r0/cut_off/xy.1"):
        (tmp_path / "workers" / place).mkdir(parents=True)
    (tmp_path / "x").symlink_to("workers/n1_1_r0/x")
    found = [str(each.relative_to(tmp_path)) for each in other_tries(tmp_path, "x")]
    assert found == ["workers/n2_2_r0/cut_off/x.1", "workers/n2_2_r0/x"]
