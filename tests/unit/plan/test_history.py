"""Tables of earlier results: what stands in them is not drawn again, and what cannot be read is."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tandem.config.hyperparameter import Value
from tandem.config.problems import problem_lines
from tandem.config.registry import Registry, load_registry
from tandem.plan.draw import Combination
from tandem.plan.history import read_history
from tandem.plan.planner import PlanReading, read_plan
from tandem.results import table
from tandem.results.columns import columns_of

REGISTRY: dict[str, Any] = {
    "models": {
        "bugs": {
            "path": "repos/bugs",
            "train_script": "./train.sh",
            "models": ["default", "large"],
            "model_flag": "-n",
            "supported_hyperparams": {
                "kfold": {"flag": "-k", "type": "int", "default": 10, "range": [2, 10]},
                "alpha": {"flag": "-a", "type": "float", "default": 1e-5, "range": [5e-6, 2e-5]},
                "tag": {"flag": "-t", "type": "str", "default": "10"},
                "solver": {"flag": "-s", "type": "str", "choices": ["sgd", "adam", "lamb"]},
                "amp": {"flag": "--amp", "type": "switch", "choices": [False, True]},
            },
            "performance_metrics": {"log_patterns": {"accuracy": "acc ([0-9.]+)"}},
        }
    }
}
BUGS = {"repo": "bugs", "model": "default"}
KFOLD = BUGS | {"mutate": ["kfold"]}

Row = dict[str, Any]


def old(number: int = 1, *, parallel: bool = False, **values: Any) -> Row:
    """A row as the old tables have it, its foreground under the plain columns."""
    end = "_parallel" if parallel else ""
    row: Row = {
        "experiment_id": f"bugs_default_{number:03d}{end}",
        "mode": "parallel" if end else "",
    }
    row |= {"repository": "bugs", "model": "default", "num_mutated_params": 0}
    return row | {f"hyperparam_{name}": value for name, value in values.items()}


def foreground(row: Row) -> Row:
    """The row with its foreground under the other columns, as part of the old tables has it."""
    moved = {
        f"fg_{key}": value
        for key, value in row.items()
        if key in ("repository", "model") or key.startswith("hyperparam_")
    }
    kept = {key: value for key, value in row.items() if f"fg_{key}" not in moved}
    return kept | moved | {"bg_repository": "bugs"}


def write(path: Path, rows: Sequence[Row]) -> Path:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """The registry of a project whose repository is on the disk."""
    script = tmp_path / "repos" / "bugs" / "train.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "registry.json"
    path.write_text(json.dumps(REGISTRY), encoding="utf-8")
    return load_registry(path)


Asker = Callable[..., set[Combination]]


@pytest.fixture
def taken(tmp_path: Path, registry: Registry) -> Asker:
    """Asks a table of these rows for what is taken of `kfold`, or of other names."""

    def ask(
        *rows: Row,
        names: Sequence[str] = ("kfold",),
        cells: Sequence[tuple[Mapping[str, Value], bool]] = (({}, False),),
        ignored: Sequence[str] = (),
        with_default: bool = True,
    ) -> set[Combination]:
        write(tmp_path / "a.csv", rows)
        history, problems = read_history({"t": "a.csv"}, registry, "s.json")
        assert problems == []
        repository = registry.repos["bugs"]
        drawn = [repository.hyperparameters[name] for name in names]
        if not with_default:
            drawn = [replace(hyperparameter, default=None) for hyperparameter in drawn]
        return set(history.taken(repository, "default", drawn, cells, ignored))

    return ask


Reader = Callable[..., PlanReading]


@pytest.fixture
def read(tmp_path: Path, registry: Registry) -> Reader:
    """Plans entries beside the tables that are in the project."""

    def reader(entries: Any, tables: Any, *, used: bool = True, **options: Any) -> PlanReading:
        settings = {"experiments": entries, "historical_csvs": tables, "use_deduplication": used}
        path = tmp_path / "night.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        return read_plan(path, *registry.files, **{"seed": 1} | options)

    return reader


def values(reading: PlanReading, name: str = "kfold") -> list[Any]:
    assert reading.plan, problem_lines(reading.problems, "error")
    return [it.foreground.hyperparameters[name] for it in reading.plan.experiments]


def messages(reading: PlanReading, severity: str) -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in reading.problems if it.severity == severity]


@pytest.mark.parametrize("text", ["3", "3.0", " 3", "3e0", "3.00000000000000000"])
def test_numbers_are_compared_as_numbers(taken: Asker, text: str) -> None:
    assert taken(old(kfold=text)) == {(3,)}


@pytest.mark.parametrize("defaults", [{}, {"alpha": "1e-05", "tag": "10"}, {"alpha": 0.00001}])
def test_a_default_may_stand_in_the_row_or_not(taken: Asker, defaults: Row) -> None:
    assert taken(old(kfold=3, **defaults)) == {(3,)}


@pytest.mark.parametrize(
    "row",
    [
        old(kfold=10),
        old(),
        old(kfold=3, alpha=1.2e-5),
        old(kfold=3, tag="10.0"),
        old(kfold=3, dropout=0.1),
        old(kfold=2.5),
        old(kfold=99),
        old(kfold=3) | {"model": "large"},
        old(kfold=3) | {"control": "warm_up"},
        old(kfold=3) | {"repository": "examples"},
    ],
)
def test_another_run_takes_nothing(taken: Asker, row: Row) -> None:
    assert taken(row) == set()


def test_several_names_are_one_combination_in_the_order_that_is_drawn(taken: Asker) -> None:
    rows = old(kfold=3, alpha=1.2e-5), old(kfold=4, alpha=1e-5), old(alpha=1.5e-5)
    assert taken(*rows, names=["kfold", "alpha"]) == {(3, 1.2e-5)}
    assert taken(*rows, names=["alpha", "kfold"]) == {(1.2e-5, 3)}
    assert taken(*rows, names=["alpha"]) == {(1.5e-5,)}


@pytest.mark.parametrize(
    ("row", "parallel"),
    [
        (old(kfold=3), False),
        (old(kfold=3, parallel=True), True),
        (foreground(old(kfold=3, parallel=True)), True),
        (old(kfold=3, parallel=True) | {"fg_repository": "bugs", "fg_hyperparam_kfold": 3.0}, True),
        (old(kfold=3, parallel=True) | {"mode": ""}, True),
        (old(kfold=3) | {"bg_repository": "bugs"}, True),
        (old(kfold=3) | {"mode": "mutation", "bg_repository": ""}, False),
        (old(kfold=3, parallel=True) | {"mode": "default"}, False),
    ],
)
def test_parallel_runs_and_others_are_not_the_same(taken: Asker, row: Row, parallel: bool) -> None:
    assert taken(row, cells=[({}, parallel)]) == {(3,)}
    assert taken(row, cells=[({}, not parallel)]) == set()


def test_a_row_takes_what_was_drawn_where_all_else_is_as_in_a_cell(taken: Asker) -> None:
    row = old(kfold=3, alpha=1.2e-5, tag="x")
    for cells, expected in (
        ([({"alpha": 1.2e-5, "tag": "x"}, False)], {(3,)}),
        ([({"alpha": 1.3e-5, "tag": "x"}, False), ({"alpha": 1.2e-5, "tag": "x"}, False)], {(3,)}),
        ([({"alpha": 1.2e-5, "tag": "x"}, True)], set()),
        ([({"alpha": 1.2e-5, "tag": "y"}, False)], set()),
        ([({"alpha": 1.2e-5}, False)], set()),
        ([({"alpha": 1.2e-5, "tag": "x", "amp": True}, False)], set()),
    ):
        assert taken(row, cells=cells) == expected
    assert taken(old(kfold=3), cells=[({"alpha": 1e-5, "tag": "10"}, False)]) == {(3,)}
    assert taken(row, cells=[({"tag": "x"}, False)], ignored=["alpha"]) == {(3,)}


def test_where_a_default_may_be_drawn_a_row_without_it_takes_it(taken: Asker) -> None:
    assert taken(old(alpha=1.2e-5), cells=[({"alpha": 1.2e-5}, False)]) == set()
    row, cells = old(alpha=1.2e-5), [({"alpha": 1.2e-5}, False)]
    assert taken(row, cells=cells, with_default=False) == {(10,)}
    # Without a default in the registry, nobody knows what a row without the value had.
    assert taken(row, names=["solver"], cells=cells, with_default=False) == set()


def test_rows_that_stand_twice_and_both_kinds_of_rows_in_one_table(taken: Asker) -> None:
    rows = old(1, kfold=3), old(1, kfold=3.0), foreground(old(2, kfold=4, parallel=True))
    assert taken(*rows) == {(3,)}
    assert taken(*rows, cells=[({}, True)]) == {(4,)}


def test_what_a_run_writes_is_read(tmp_path: Path, read: Reader) -> None:
    reading = read([KFOLD | {"runs_per_config": 3}], [], used=False)
    assert reading.plan
    columns = columns_of(reading.plan)
    table.rewrite(tmp_path / "summary.csv", columns, [])
    for experiment in reading.plan.experiments:
        cells: dict[str, Any] = {
            "experiment_id": experiment.id,
            "mode": experiment.mode,
            "status": "failed",
        }
        cells |= {"repository": "bugs", "model": "default", "error_message": 'a "b",\nc'}
        drawn = experiment.foreground.hyperparameters["kfold"]
        table.append_row(
            tmp_path / "summary.csv", columns, cells | {"hyperparam_kfold": str(drawn)}
        )
    again = read([KFOLD | {"runs_per_config": 5}], "summary.csv")
    assert sorted(values(again) + values(reading)) == list(range(2, 10))


def test_a_run_without_hyperparameters_is_a_table_too(tmp_path: Path, read: Reader) -> None:
    write(tmp_path / "a.csv", [old()])
    assert messages(read([KFOLD], "a.csv"), "warning") == []


def test_a_plan_does_not_draw_what_stands_in_any_table(tmp_path: Path, read: Reader) -> None:
    entries = [KFOLD | {"runs_per_config": 5}, BUGS | {"mutate": ["alpha"]}]
    first, *others = values(read(entries[:1], [], used=False))
    write(tmp_path / "a.csv", [old(kfold=float(first)), old(kfold=3, alpha=2e-5)])
    write(tmp_path / "b.csv", [old(kfold=10), old(parallel=True, kfold=others[0])])
    fewer = [KFOLD | {"runs_per_config": 4}]
    reading = read(fewer, ["a.csv", str(tmp_path / "b.csv")])
    assert values(reading) == others
    assert messages(reading, "warning") == []
    what = "rows that concern this plan, and whose values are not drawn again"
    assert messages(reading, "remark") == [
        ("historical_csvs[0]", f'"{tmp_path / "a.csv"}": {what}: 1 of 2'),
        ("historical_csvs[1]", f'"{tmp_path / "b.csv"}": {what}: 0 of 2'),
    ]
    beside = read([*fewer, *entries[1:]], "a.csv").plan
    alone = read(entries[1:], [], used=False).plan
    assert beside and alone
    assert beside.experiments[-1].foreground == alone.experiments[0].foreground


def test_the_same_tables_and_seed_give_the_same_plan(tmp_path: Path, read: Reader) -> None:
    entries = [BUGS | {"runs_per_config": 9}, KFOLD | {"runs_per_config": 6}]
    write(tmp_path / "a.csv", [old(kfold=4), old(kfold=5, parallel=True)])
    assert read(entries, "a.csv").plan == read(entries, "a.csv").plan
    more = [BUGS | {"runs_per_config": 20}, KFOLD | {"runs_per_config": 7}]
    longer, shorter = read(more, "a.csv").plan, read(entries, "a.csv").plan
    assert longer and shorter
    kept = [*longer.experiments[:9], *longer.experiments[20:26]]
    assert [it.foreground for it in kept] == [it.foreground for it in shorter.experiments]


def test_too_few_are_left_says_how_many_history_has_taken(tmp_path: Path, read: Reader) -> None:
    write(tmp_path / "a.csv", [old(kfold=value) for value in [*range(2, 7), 10, 11, 2.0]])
    assert sorted(values(read([KFOLD | {"runs_per_config": 3}], "a.csv"))) == [7, 8, 9]
    reading = read([KFOLD | {"runs_per_config": 4}], "a.csv")
    assert reading.plan is None
    assert messages(reading, "error") == [
        (
            "experiments[0].mutate",
            '4 different values of "kfold" are wanted, but only 3 are left: 8 without the default,'
            " less 5 in historical_csvs (lower runs_per_config, or let the registry allow more)",
        )
    ]


def test_parallel_entries_ask_for_parallel_rows(tmp_path: Path, read: Reader) -> None:
    pair = {"mode": "parallel", "foreground": KFOLD, "background": BUGS, "runs_per_config": 7}
    write(tmp_path / "a.csv", [foreground(old(kfold=4, parallel=True))])
    assert sorted(values(read([pair], "a.csv"))) == [2, 3, 5, 6, 7, 8, 9]
    write(tmp_path / "a.csv", [old(kfold=4)])
    assert len(values(read([pair | {"runs_per_config": 8}], "a.csv"))) == 8


def test_without_being_asked_for_no_table_is_read(tmp_path: Path, read: Reader) -> None:
    write(tmp_path / "a.csv", [old(kfold=value) for value in range(2, 10)])
    reading = read([KFOLD], ["a.csv", "missing.csv"], used=False)
    assert len(values(reading)) == 1
    assert [path for path, _ in messages(reading, "warning")] == ["historical_csvs"]
    assert messages(reading, "remark") == []


@pytest.mark.parametrize(("tables", "place"), [(["a.csv"], "historical_csvs[0]"), ("a.csv", None)])
def test_a_missing_table_is_a_warning_and_the_rest_runs(
    tmp_path: Path, read: Reader, tables: Any, place: str | None
) -> None:
    write(tmp_path / "b.csv", [old(kfold=value) for value in range(2, 9)])
    both = [*tables, "b.csv"] if place else tables
    reading = read([KFOLD], both)
    path = tmp_path / "a.csv"
    message = f'"{path}" does not exist: the values in it may be drawn again'
    assert messages(reading, "warning") == [(place or "historical_csvs", message)]
    assert values(reading) == [9] if place else reading.plan


HEAD = b"experiment_id,mode,repository,model,hyperparam_kfold\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", 'is no table of results: no column "repository" or no "model"'),
        (b"model,b\n1,2\n", "is no table of results"),
        (HEAD.replace(b",", b";"), "is no table of results"),
        (
            HEAD.replace(b"mode,", b"a,").replace(b"experiment_id", b"b"),
            'has neither a "mode" nor an',
        ),
        (HEAD + b"x,,bugs,d\xe9faut,3\n", "is not UTF-8 text (line 2)"),
        (HEAD.decode().encode("utf-16"), "is not UTF-8 text (line 1)"),
        (bytes(range(256)) * 50, "is not UTF-8 text (line 2)"),
        (HEAD + b'x,,bugs,"' + b"d" * 200_000, "is not CSV at line 2 (field larger than"),
    ],
)
def test_a_table_that_cannot_be_read_is_a_warning(
    tmp_path: Path, read: Reader, content: bytes, sentence: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    reading = read([KFOLD], "a.csv")
    assert len(values(reading)) == 1
    [(place, message)] = messages(reading, "warning")
    assert place == "historical_csvs"
    assert message.startswith(f'"{tmp_path / "a.csv"}" ')
    assert sentence in message
    assert messages(reading, "remark") == []


@pytest.mark.parametrize("name", ["repos", "", "a\0b", "x" * 5000, "/dev/null", "pipe"])
def test_what_is_no_file_is_a_warning_and_is_not_waited_for(
    tmp_path: Path, read: Reader, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = read([KFOLD], [name])
    assert len(values(reading)) == 1
    [(_, message)] = messages(reading, "warning")
    assert "is no file" in message or "does not exist" in message
    assert message.isprintable()


def test_a_table_without_permission_is_a_warning(tmp_path: Path, read: Reader) -> None:
    write(tmp_path / "a.csv", [old(kfold=3)]).chmod(0)
    if os.access(tmp_path / "a.csv", os.R_OK):
        pytest.skip("root may read every file")
    [(_, message)] = messages(read([KFOLD], "a.csv"), "warning")
    assert "cannot be read (Permission denied)" in message


@pytest.mark.parametrize(
    "line",
    [
        *(b"x,,bugs,default,many\n", b"x,,bugs,default,nan\n", b"x,,bugs,default,1e999\n"),
        *(b"x,,bugs,default\n", b"x,,bugs,default,3,4\n", b'x,,bugs,"def'),
        *(b"x,,,default,3\n", b"x,,bugs,,3\n", b'"x\ny",,bugs,default,many\n'),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_read(
    tmp_path: Path, read: Reader, line: bytes
) -> None:
    good = [b"\n", b"x,,bugs,default,%d\n"]
    rows = b"".join(good[1] % value for value in range(2, 9))
    (tmp_path / "a.csv").write_bytes(HEAD + b'"a\nb",,bugs,default,10\n' + good[0] + rows + line)
    reading = read([KFOLD], "a.csv")
    assert values(reading) == [9]
    message = (
        f'1 row of "{tmp_path / "a.csv"}" could not be read: the values there may be drawn again'
    )
    assert messages(reading, "warning") == [("historical_csvs", message)]
    assert messages(reading, "remark")[0][1].endswith(": 7 of 9")


def test_a_row_with_two_values_of_one_name_cannot_be_read(tmp_path: Path, read: Reader) -> None:
    same = old(kfold="3.0", parallel=True) | {"fg_hyperparam_kfold": "3"}
    write(tmp_path / "a.csv", [same, same | {"fg_hyperparam_kfold": "4"}])
    [(_, message)] = messages(read([KFOLD], "a.csv"), "warning")
    assert message.startswith("1 row of ")


def test_many_rows_that_cannot_be_read_are_one_warning(tmp_path: Path, read: Reader) -> None:
    write(tmp_path / "a.csv", [old(kfold="x")] * 99)
    [(_, message)] = messages(read([KFOLD], "a.csv"), "warning")
    assert message.startswith(f'99 rows of "{tmp_path / "a.csv"}" could not be read')


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path, read: Reader) -> None:
    rows = b"".join(b"bugs,default,%d,\n" % value for value in range(2, 9))
    content = b"repository,model,hyperparam_kfold,mode\n" + rows
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert values(read([KFOLD], "a.csv")) == [9]


def test_a_repository_that_the_registry_lacks_is_no_flaw(tmp_path: Path, read: Reader) -> None:
    write(tmp_path / "a.csv", [old(kfold="x") | {"repository": "gone"}, old(kfold=3)])
    reading = read([KFOLD], "a.csv")
    assert messages(reading, "warning") == []
    assert messages(reading, "remark")[0][1].endswith(": 1 of 2")


def test_choices_that_stand_in_a_table_are_not_drawn_again(tmp_path: Path, read: Reader) -> None:
    solver = BUGS | {"mutate": ["solver", "amp"], "runs_per_config": 3}
    rows = [("sgd", "True"), ("lamb", "False"), ("adam", "True"), ("other", "True")]
    write(tmp_path / "a.csv", [old(solver=name, amp=amp) for name, amp in rows])
    reading = read([solver], "a.csv")
    left = {("sgd", False), ("lamb", True), ("adam", False)}
    assert set(zip(values(reading, "solver"), values(reading, "amp"), strict=True)) == left
    write(tmp_path / "b.csv", [old(solver="sgd", amp="maybe")])
    [(_, message)] = messages(read([solver], "b.csv"), "warning")
    assert message.startswith("1 row of ")


def test_tables_are_relative_to_the_root(tmp_path: Path, read: Reader) -> None:
    (tmp_path / "else" / "data").mkdir(parents=True)
    (tmp_path / "else" / "repos").symlink_to(tmp_path / "repos")
    write(tmp_path / "else" / "data" / "a.csv", [old(kfold=value) for value in range(2, 9)])
    reading = read([KFOLD], ["data/../data/a.csv"], root=tmp_path / "else")
    assert values(reading) == [9]
    assert f'"{tmp_path}/else/data/a.csv": rows' in messages(reading, "remark")[0][1]
