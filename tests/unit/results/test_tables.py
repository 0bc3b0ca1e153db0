"""Tidy tables: rows of whatever runs there are, typed, keyed, and described."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import plans, records
from support.records import write_run
from tandem.base.errors import UsageError
from tandem.commands import table as command
from tandem.plan.file import write_plan
from tandem.plan.model import Plan
from tandem.results.columns import columns_of
from tandem.results.record import Record
from tandem.results.tables import written
from tandem.results.tables.experiments import RENAMED
from tandem.results.tables.kinds import KINDS
from tandem.results.tables.reader import Reader, reader_of
from tandem.results.tables.table import Row, schema_of

EXPERIMENTS = KINDS["experiments"]
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "datetime": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "any": (bool, int, float, str),
}


def record(name: str, **changes: Any) -> Record:
    return records.record(experiment_id=name, **changes)


def rows_of(reader: Reader, kind: str, only: str | None = None) -> list[Row]:
    table = KINDS[kind]
    columns = reader.columns(table)
    found = list(reader.rows(table, columns, only))
    for row in found:
        assert list(row) == [column.name for column in columns]
        for column in columns:
            assert row[column.name] is None or isinstance(row[column.name], TYPES[column.kind])
    keys = [tuple(row[name] for name in table.key) for row in found]
    assert len(keys) == len(set(keys))
    assert all(part is not None for key in keys for part in key)
    return found


def planned(run: Path, plan: Plan) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    write_plan(plan, run)
    return run


# -- all kinds -------------------------------------------------------------------------


def test_the_command_has_the_kinds_that_there_are() -> None:
    assert tuple(KINDS) == command.KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_names_every_column_its_type_its_unit_and_its_key(
    tmp_path: Path, kind: str
) -> None:
    table = KINDS[kind]
    columns = reader_of([write_run(tmp_path, record("a"))]).columns(table)
    schema = schema_of(table, columns)
    fields = schema["fields"]
    names = [field["name"] for field in fields]
    assert len(names) == len(set(names))
    assert set(schema["primaryKey"]) <= set(names)
    assert all(field["description"].endswith(".") for field in fields)
    units = {field["name"]: field["unit"] for field in fields if "unit" in field}
    assert {"_joules": "J", "_seconds": "s", "_percent": "%", "_utc": "ISO 8601, UTC"}.items() >= {
        (end, unit)
        for name, unit in units.items()
        for end in ("_joules", "_seconds", "_percent", "_utc")
        if name.endswith(end)
    }
    datetimes = {field["name"] for field in fields if field["type"] == "datetime"}
    assert datetimes == {name for name in names if name.endswith("_utc")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_is_named_once_and_the_others_are_read(tmp_path: Path, kind: str) -> None:
    run = write_run(tmp_path, *map(record, "abc"))
    (run / "b" / "experiment.json").write_text("{")
    reader = reader_of([run])
    found = rows_of(reader, kind)
    whole = [row for row in found if row.get("standing") != "damaged"]
    assert kind == "samples" or {row["experiment"] for row in whole} == {"a", "c"}
    [problem] = reader.problems
    assert str(run / "b" / "experiment.json") in problem


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_lies_about_its_form_is_passed_over_whole(tmp_path: Path, kind: str) -> None:
    run = write_run(tmp_path, record("a"), record("b"))
    made: Any = record("a")
    made["windows"][0] = {"name": {}}
    made["attempts"], made["epoch_times"] = [[]], [1]
    made["background"]["parts"] = 5
    made["duration_seconds"] = {"s": 1}
    (run / "a" / "experiment.json").write_text(json.dumps(made))
    reader = reader_of([run])
    assert {row["experiment"] for row in rows_of(reader, kind)} <= {"b"}
    assert kind == "samples" or str(run / "a") in reader.problems[0]


def test_runs_of_one_name_have_their_paths_and_each_run_stands_once(tmp_path: Path) -> None:
    one, two = (write_run(tmp_path / it / "run_1", record("a")) for it in ("x", "y"))
    other = write_run(tmp_path / "run_2", record("a"))
    reader = reader_of([one, two, other, tmp_path / "y" / ".." / "x" / "run_1"])
    runs = [row["run"] for row in rows_of(reader, "experiments")]
    assert runs == [str(one), str(two), "run_2"]


def test_a_folder_without_a_run_is_passed_over_by_name(tmp_path: Path) -> None:
    run, empty = write_run(tmp_path / "run", record("a")), tmp_path / "empty"
    empty.mkdir()
    reader = reader_of([empty, run])
    assert [row["experiment"] for row in rows_of(reader, "experiments")] == ["a"]
    assert reader.problems == [f"{empty}: no run, it has neither plan.json nor a record"]
    with pytest.raises(UsageError, match="it has neither"):
        reader_of([empty])
    with pytest.raises(UsageError, match="no such folder"):
        reader_of([run, tmp_path / "absent"])


def test_one_experiment_alone_and_one_that_no_run_has(tmp_path: Path) -> None:
    reader = reader_of([write_run(tmp_path, record("first"), record("second"))])
    assert [row["experiment"] for row in rows_of(reader, "experiments", "second")] == ["second"]
    with pytest.raises(UsageError, match=r'no experiment "secnd" \(did you mean "second"\?\)'):
        rows_of(reader, "experiments", "secnd")


# -- experiments -----------------------------------------------------------------------


def test_a_row_says_what_summary_csv_says(tmp_path: Path) -> None:
    run = planned(tmp_path, plans.plan(plans.experiment(id="a")))
    ours = {column.name for column in reader_of([run]).columns(EXPERIMENTS)}
    assert {RENAMED.get(name, name) for name in columns_of(plans.plan(plans.experiment()))} <= ours


def test_experiments_of_every_standing_have_a_row(tmp_path: Path) -> None:
    names = ("missing", "whole", "bad", "cut", "damaged")
    every = (plans.experiment(number=n, id=name) for n, name in enumerate(names, 1))
    run = planned(tmp_path, plans.plan(*every))
    bad = record("bad", valid=False, invalid_reasons=["exit code 1", "no metric"])
    write_run(run, record("whole"), bad, record("cut", status="GPU busy", valid=False))
    (run / "damaged").mkdir()
    (run / "damaged" / "experiment.json").write_text("[]")
    rows = {row["experiment"]: row for row in rows_of(reader_of([run]), "experiments")}
    assert [(name, rows[name]["standing"], rows[name]["valid"]) for name in names] == [
        ("missing", "missing", None),
        ("whole", "valid", True),
        ("bad", "not valid", False),
        ("cut", "cut off", False),
        ("damaged", "damaged", None),
    ]
    assert rows["bad"]["invalid_reasons"] == "exit code 1; no metric"
    planned_alone = {"repository": "vision", "mode": "parallel", "hyperparam_rate": 1e-7, "seed": 7}
    for name in ("missing", "damaged"):
        assert rows[name].items() >= planned_alone.items()


def test_hyperparameters_and_metrics_of_all_runs_have_columns(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", record("a", hyperparameters={"rate": 0.1, "odd.name": "x"}))
    two = write_run(tmp_path / "two", record("b", performance_metrics={"f1": 0.5, "loss": None}))
    rows = rows_of(reader_of([one, two]), "experiments")
    names = [("hyperparam_rate", 0.1, None), ("hyperparam_odd.name", "x", None)]
    for name, first, second in [*names, ("perf_f1", None, 0.5), ("perf_loss", None, None)]:
        assert (rows[0][name], rows[1][name]) == (first, second)


def test_a_number_that_is_none_is_not_measured(tmp_path: Path) -> None:
    run = write_run(tmp_path, record("a"))
    file = run / "a" / "experiment.json"
    made: Any = json.loads(file.read_text())
    file.write_text(json.dumps({**made, "duration_seconds": float("nan")}))
    [row] = rows_of(reader_of([run]), "experiments")
    assert row["duration_seconds"] is None


# -- as files --------------------------------------------------------------------------


def lines_of(form: str, rows: Sequence[Row]) -> str:
    columns = [column for column in EXPERIMENTS.columns if column.name in rows[0]]
    return "\n".join(written.blocks(form, columns, rows))


def test_csv_is_exact_for_numbers_and_safe_for_text() -> None:
    row: Row = {
        "experiment": '=HYPERLINK("x")',
        "standing": 'two\nlines, "and" quotes',
        "valid": True,
        "warnings": None,
        "attempts": -3,
        "duration_seconds": -1 / 3,
    }
    text = lines_of("csv", [row])
    assert len(text.splitlines()) == 2
    [found] = csv.DictReader(io.StringIO(text, newline=""))
    assert found == {
        "experiment": '\'=HYPERLINK("x")',
        "standing": 'two\\nlines, "and" quotes',
        "valid": "True",
        "warnings": "",
        "attempts": "-3",
        "duration_seconds": "-0.3333333333333333",
    }


@pytest.mark.parametrize("count", [1, 2, 1500])
def test_json_is_a_list_of_the_rows_as_they_are(count: int) -> None:
    row: Row = {"experiment": "=é\n", "valid": None}
    rows = [row | {"attempts": number} for number in range(count)]
    text = lines_of("json", rows)
    assert json.loads(text) == rows
    assert len(text.splitlines()) == count + 2


def test_no_rows_are_a_header_or_an_empty_list() -> None:
    columns = EXPERIMENTS.columns
    assert "\n".join(written.blocks("csv", columns, [])).count("\n") == 0
    assert json.loads("\n".join(written.blocks("json", columns, []))) == []


# -- what a person types ---------------------------------------------------------------

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(capsys: pytest.CaptureFixture[str]) -> Type:
    from tandem.commandline import parser

    def typed(*words: object) -> tuple[int, str, str]:
        arguments = parser("x").parse_args(["table", *map(str, words)])
        status = int(arguments.function(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return typed


def test_a_file_has_its_schema_beside_it(tmp_path: Path, table: Type) -> None:
    run = write_run(tmp_path / "run", record("a"))
    assert table(run, "-o", tmp_path / "x.csv") == (0, "", "")
    assert table(run, "-o", tmp_path / "x.json")[0] == 0
    status, out, _ = table(run, "--schema")
    assert (tmp_path / "x.schema.json").read_text() == out
    header = next(csv.reader((tmp_path / "x.csv").read_text().splitlines()))
    [row] = json.loads((tmp_path / "x.json").read_text())
    assert status == 0
    assert header == list(row) == [field["name"] for field in json.loads(out)["fields"]]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *("run", "x.csv", "x.json", "x.schema.json")
    ]


def test_what_is_passed_over_is_told_and_the_exit_code_says_so(tmp_path: Path, table: Type) -> None:
    run = write_run(tmp_path, record("a"), record("b"))
    (run / "a" / "experiment.json").write_bytes(b"")
    status, out, err = table(run)
    assert status == 1
    assert out.count("\n") == 3
    assert f"{run}/a/experiment.json" in err
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path, table: Type) -> None:
    run, file = write_run(tmp_path / "run", record("a")), tmp_path / "x.csv"
    file.write_text("before")
    with pytest.raises(UsageError, match="no experiment"):
        table(run, "--experiment", "nobody", "-o", file)
    assert (file.read_text(), len([*tmp_path.iterdir()])) == ("before", 2)
    with pytest.raises(UsageError, match="no regular file"):
        table(run, "-o", tmp_path)
    with pytest.raises(UsageError, match="which run"):
        table()


def test_a_schema_needs_no_run(table: Type) -> None:
    status, out, _ = table("--schema")
    assert status == 0
    assert json.loads(out)["primaryKey"] == ["run", "experiment"]
