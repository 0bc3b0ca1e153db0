"""Tidy tables: rows of whatever runs there are, typed, keyed, and described."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import plans, records
from support.records import of, write_run
from tandem.base.errors import UsageError
from tandem.base.files import sha256_of
from tandem.commands import table as command
from tandem.measure.rows import GPU_COLUMNS, MACHINE_COLUMNS, cpu_columns
from tandem.plan.file import write_plan
from tandem.plan.model import Plan
from tandem.results.columns import columns_of
from tandem.results.record import Attempt, Record
from tandem.results.record_background import BackgroundPart, Round
from tandem.results.record_file import write_record
from tandem.results.record_window import Counters, Window, WindowGpu
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
    assert kind == "samples" or str(run / "a") in " ".join(reader.problems)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("duration_seconds", "12"),
        ("duration_seconds", True),
        ("retries", 1.5),
        ("valid", 1),
        ("timestamp", "yesterday"),
        ("repository", 7),
        ("windows[0].start_boottime_s", [1]),
    ],
)
def test_a_value_of_another_kind_is_no_cell(tmp_path: Path, path: str, value: Any) -> None:
    run = write_run(tmp_path, record("a", **{path: value}), record("b"))
    reader = reader_of([run])
    kind = "windows" if path.startswith("windows") else "experiments"
    assert [row["experiment"] for row in rows_of(reader, kind)] == ["b"]
    assert list(reader.problems) == [f"{run / 'a'}: not a whole record (see tandem verify)"]


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
    assert [*reader.problems] == [f"{empty}: no run, it has neither plan.json nor a record"]
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


# -- windows, rounds, epochs -----------------------------------------------------------


def test_windows_have_a_row_for_each_board(tmp_path: Path) -> None:
    boards = [of(WindowGpu, index=n, uuid=f"GPU-{n}", energy_joules=100.0 * n) for n in (1, 2)]
    idle = of(Window, name="idle", attempt=None, gpus=[], gpus_reason="no driver", load=None)
    run = write_run(tmp_path, record("a", windows=[idle, of(Window, gpus=boards)]))
    rows = rows_of(reader_of([run]), "windows")
    names = ("window_number", "window", "attempt", "board_number", "board", "gpu_energy_joules")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (1, "idle", None, 0, None, None),
        (2, "foreground", 1, 1, "GPU-1", 100.0),
        (2, "foreground", 1, 2, "GPU-2", 200.0),
    ]
    window: Any = of(Window)
    assert rows[0]["gpu_energy_reason"] == "no driver"
    assert rows[0]["load_coverage"] is None
    assert [row["duration_seconds"] for row in rows] == [window["duration_seconds"]] * 3
    assert rows[1]["cpu_some_pressure_percent"] == window["machine"]["pressure_percent"]["cpu_some"]
    used: Any = boards[0]["foreground"]
    assert rows[1]["gpu_foreground_sm_avg_percent"] == used["sm_avg_percent"]


def test_every_figure_of_a_whole_window_reaches_its_row(tmp_path: Path) -> None:
    """A path that leads nowhere would leave a column empty for ever."""
    made = record(
        "a", **{"windows[0].warnings": ["w"], "windows[0].gpus[0].counters": of(Counters)}
    )
    for kind in ("windows", "rounds", "epochs"):
        rows = rows_of(reader_of([write_run(tmp_path / kind, made)]), kind)
        filled = {name for row in rows for name, value in row.items() if value is not None}
        assert {column.name for column in KINDS[kind].columns} - filled <= {
            *("gpu_energy_reason", "cpu_energy_reason", "why")
        }


def test_rounds_name_their_background(tmp_path: Path) -> None:
    rounds = [of(Round), of(Round, first=2, last=9)]
    parts = [of(BackgroundPart, name=name, rounds=rounds) for name in "xy"]
    run = write_run(tmp_path, record("a", **{"background.parts": parts}))
    names = ("part_number", "background", "round_first", "round_last")
    first, last = of(Round)["first"], of(Round)["last"]
    assert [tuple(row[name] for name in names) for row in rows_of(reader_of([run]), "rounds")] == [
        (number, name, *numbers)
        for number, name in enumerate("xy", 1)
        for numbers in ((first, last), (2, 9))
    ]


def test_an_experiment_alone_has_no_rounds(tmp_path: Path) -> None:
    assert rows_of(reader_of([write_run(tmp_path, record("a", background=None))]), "rounds") == []


def test_epochs_are_on_both_clocks(tmp_path: Path) -> None:
    attempt = of(Attempt, start_boottime_s=100.0, started="2026-01-31T23:59:59.500000+00:00")
    times = [{"epoch": 1, "seconds": 0.25}, {"epoch": 2, "seconds": 1.5}]
    run = write_run(tmp_path, record("a", attempts=[attempt], epoch_times=times))
    rows = rows_of(reader_of([run]), "epochs")
    names = ("epoch", "since_start_seconds", "seen_boottime_s", "seen_utc")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (1, 0.25, 100.25, "2026-01-31T23:59:59.750000+00:00"),
        (2, 1.5, 101.5, "2026-02-01T00:00:01.000000+00:00"),
    ]
    unknown = of(Attempt, start_boottime_s=None, started=None)
    other = write_run(tmp_path / "other", record("a", attempts=[unknown], epoch_times=times))
    assert [row["seen_utc"] for row in rows_of(reader_of([other]), "epochs")] == [None, None]


# -- samples ---------------------------------------------------------------------------

FILES = {
    "gpu_0.csv": "boottime_s,kind,power_mean_w,event_reasons\n10,,250.125,4\n11.5,mark,,\n12,,3",
    "cpu.csv": "boottime_s,kind,suspended_s,package_0_uj,foreground_cpu_s\n10,,0,12345678901,0.5\n",
    "machine.csv": "boottime_s,kind,total_cpu_s\n10,,7\n",
    "strangers.csv": "boottime_s,gpu\n10,0\n",
}
MONITOR = {
    "clock": {"boottime_s": 10.0, "utc_s": 1_769_860_800.0},
    "gpus": [{"file": "gpu_0.csv", "uuid": "GPU-x", "index": 3}],
}


def sampled(run: Path, name: str = "a") -> Path:
    folder = run / name / "energy"
    folder.mkdir(parents=True)
    for file, text in FILES.items():
        (folder / file).write_text(text)
    (folder / "monitor.json").write_text(json.dumps(MONITOR))
    digests = {f"energy/{file}": sha256_of(folder / file) for file in FILES}
    write_record(record(name, digests=digests), run / name)
    return folder


def test_samples_of_boards_cpu_and_machine(tmp_path: Path) -> None:
    sampled(tmp_path)
    reader = reader_of([tmp_path])
    rows = rows_of(reader, "samples")
    found = [{name: value for name, value in row.items() if value is not None} for row in rows]
    same = {"run": tmp_path.name, "experiment": "a"}
    at = {"at_utc": "2026-01-31T12:00:00.000000+00:00", "boottime_s": 10.0, "row_kind": ""}
    board = {"source": "gpu_0", "board": "GPU-x", "board_index": 3}
    later = {"at_utc": "2026-01-31T12:00:01.500000+00:00", "boottime_s": 11.5, "row_kind": "mark"}
    cpu = {"suspended_s": 0.0, "package_0_uj": 12345678901.0, "foreground_cpu_s": 0.5}
    assert found == [
        {**same, **board, "sample_number": 1, **at, "power_mean_w": 250.125, "event_reasons": "4"},
        {**same, **board, "sample_number": 2, **later, "event_reasons": ""},
        {**same, "source": "cpu", "sample_number": 1, **at, **cpu},
        {**same, "source": "machine", "sample_number": 1, **at, "total_cpu_s": 7.0},
    ]
    assert not reader.problems


def test_the_monitors_columns_are_all_in_the_table() -> None:
    names = {column.name for column in KINDS["samples"].columns}
    assert {*GPU_COLUMNS, *cpu_columns(()), *MACHINE_COLUMNS} - {"kind"} <= names


def test_samples_that_have_changed_are_gone_or_pruned_are_named(tmp_path: Path) -> None:
    folder = sampled(tmp_path)
    sampled(tmp_path, "b")
    (folder / "cpu.csv").write_text(FILES["cpu.csv"].replace("0.5", "0.6"))
    (folder / "gpu_0.csv").unlink()
    reader = reader_of([tmp_path])
    rows = rows_of(reader, "samples", "a")
    assert [row["source"] for row in rows] == ["machine"]
    gone, changed = reader.problems
    assert gone == f"{folder / 'gpu_0.csv'}: is gone"
    assert changed.startswith(f"{folder / 'cpu.csv'}: not what the record was made of")
    (tmp_path / "b" / "energy" / "gpu_0.csv").unlink()
    (tmp_path / "journal.jsonl").write_text('{"event": "pruned", "what": "samples"}\n')
    reader = reader_of([tmp_path])
    rows_of(reader, "samples")
    assert f"{tmp_path}: samples of it were pruned" in reader.problems
    assert len(reader.problems) == 2


def test_samples_of_an_experiment_that_runs_are_read_as_far_as_they_are(tmp_path: Path) -> None:
    folder = sampled(tmp_path)
    (tmp_path / "a" / "experiment.json").unlink()
    (folder / "monitor.json").write_text("{")
    planned(tmp_path, plans.plan(plans.experiment(id="a")))
    reader = reader_of([tmp_path])
    rows = rows_of(reader, "samples")
    assert {(row["source"], row["board"], row["at_utc"]) for row in rows} == {
        ("gpu_0", None, None),
        ("cpu", None, None),
        ("machine", None, None),
    }
    assert "its samples have no UTC and no board" in " ".join(reader.problems)


def test_samples_of_a_long_run_do_not_go_through_memory(tmp_path: Path) -> None:
    folder = sampled(tmp_path)
    lines = (f"{n},,250.125,4\n" for n in range(20_000))
    (folder / "gpu_0.csv").write_text(FILES["gpu_0.csv"].split("\n")[0] + "\n" + "".join(lines))
    (tmp_path / "a" / "experiment.json").write_text(json.dumps(record("a", digests={})))
    reader = reader_of([tmp_path])
    columns = reader.columns(KINDS["samples"])
    blocks = written.blocks("csv", columns, reader.rows(KINDS["samples"], columns))
    tracemalloc.start()
    try:
        size = sum(map(len, blocks))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 2_000_000
    assert peak < size / 2


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


def test_a_trainings_own_metric_has_no_unit_and_an_uncertainty_that_of_its_figure(
    tmp_path: Path,
) -> None:
    own = {"performance_metrics.f1_w": 0.5, "hyperparameters.warm_s": 3}
    table = KINDS["experiments"]
    columns = reader_of([write_run(tmp_path, record("a", **own))]).columns(table)
    fields = {field["name"]: field for field in schema_of(table, columns)["fields"]}
    assert "unit" not in fields["perf_f1_w"] and "unit" not in fields["hyperparam_warm_s"]
    assert fields["marginal_energy_joules_clock_uncertainty"]["unit"] == "J"
