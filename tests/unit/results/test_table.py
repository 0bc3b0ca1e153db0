"""summary.csv on a real disk: the old columns, whole rows, and rows that do not fit."""

from __future__ import annotations

import csv
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import records
from support.records import of, put
from tandem.base.errors import NotReadyError, TandemError
from tandem.base.text import SCREEN_COLUMNS
from tandem.config.options import Dose
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Experiment, Plan, Training
from tandem.report.summary import print_table, table_at_end
from tandem.results import table
from tandem.results.columns import ADDED, Row, as_cells, cells_of, columns_of, filled
from tandem.results.record import Attempt, Record
from tandem.results.record_background import BackgroundPart
from tandem.results.record_pair import Interference
from tandem.results.record_window import Load, Window
from tandem.results.row import first_on, row_of

OLD_ORDER = [
    "experiment_id",
    "timestamp",
    "repository",
    "model",
    "training_success",
    "duration_seconds",
    "retries",
    "hyperparam_epochs",
    "hyperparam_learning_rate",
    "hyperparam_seed",
    "perf_test_accuracy",
    "perf_loss",
    "energy_cpu_pkg_joules",
    "energy_cpu_ram_joules",
    "energy_cpu_total_joules",
    "energy_gpu_avg_watts",
    "energy_gpu_max_watts",
    "energy_gpu_min_watts",
    "energy_gpu_total_joules",
    "energy_gpu_temp_avg_celsius",
    "energy_gpu_temp_max_celsius",
    "energy_gpu_util_avg_percent",
    "energy_gpu_util_max_percent",
    "experiment_source",
    "num_mutated_params",
    "mutated_param",
    "mode",
    "error_message",
]
OWN = [
    "status",
    "exit_code",
    "attempts",
    "bg_repository",
    "bg_model",
    "bg_hyperparameters",
    "bg_dose",
    "bg_sm_avg_percent",
    "bg_rounds_completed",
    "bg_rounds_failed",
    "bg_rounds_hollow",
    "coverage",
    "fg_pss_max_mib",
    "bg_pss_max_mib",
    "others_cpu_percent",
    "steal_percent",
    "swapped_in_mib",
    "cpu_pressure_percent",
    "memory_pressure_percent",
    "io_pressure_percent",
    "gpu_sm_clock_avg_mhz",
    "gpu_sm_clock_min_mhz",
    "throttled_percent",
    "valid",
    "invalid_reasons",
    "warnings",
    "control",
    "twin",
    "config",
    "background_number",
    "repeat",
    "block",
    "position",
    "group",
    "try_number",
    "counts",
    "host",
    "node_shared",
    "board",
    "board_name",
    "commit",
    "dirty",
    "seed",
    "start",
    "end",
    "duration_uncertainty_seconds",
    "energy_gpu_total_uncertainty_joules",
    "energy_gpu_board_gain_percent",
    *("sharing", "power_limit_watts", "sm_clock_mhz", "memory_clock_mhz"),
    *(
        f"{figure}{end}"
        for figure in (
            "slowdown",
            "slowdown_of_epochs",
            "bg_progress_ratio",
            "antt",
            "stp",
            "energy_ratio",
            "marginal_energy_joules",
            "fg_energy_low_joules",
            "fg_energy_high_joules",
            "fg_energy_shapley_joules",
            "saving_of_sharing",
            "fg_energy_estimate_joules",
        )
        for end in ("", "_clock_uncertainty")
    ),
]


def training(hyperparameters: dict[str, int | float | str], *metrics: str) -> Training:
    return Training(
        repo="digits",
        model="mlp",
        hyperparameters=hyperparameters,
        mutated=(),
        command=("./train.sh",),
        work_dir=Path("/repos/digits"),
        log=LogRules(dict.fromkeys(metrics, "x ([0-9.]+)")),
    )


def plan(*foregrounds: Training) -> Plan:
    load = training({"width": 512}, "load_metric")
    experiments = tuple(
        Experiment(
            number=number,
            id=f"digits_mlp_{number:03}_parallel",
            foreground=foreground,
            backgrounds=(Background(load, Dose()),),
            foreground_mode="mutation",
            source_path=f"experiments[{number - 1}]",
            source_entry={},
        )
        for number, foreground in enumerate(foregrounds, 1)
    )
    return Plan("p", None, Path("/registry.json"), Path("/"), 1, experiments)


def record(**changes: Any) -> Record:
    """Two attempts beside a background that was held at half of the GPU."""
    values: dict[str, Any] = {
        "timestamp": "2026-01-02T03:04:05Z",
        "experiment_source": "parallel example",
        "twin": None,
        "duration_seconds": 12.345678901234567,
        "retries": 1,
        "hyperparameters": {"epochs": 20, "learning_rate": 1e-07},
        "performance_metrics": {"test_accuracy": 0.9667, "loss": None},
        "energy_metrics": None,
        "attempts": [of(Attempt, number=1, exit_code=1), of(Attempt, number=2, exit_code=0)],
        "windows": [window(1, 1.0), window(2, 49.5)],
        "background.model": "wide",
        "background.hyperparameters": {"width": 512, "note": "é"},
        "background.rounds_completed": 9,
        "background.parts[0].target_gpu_utilization": 50,
    }
    if changes.get("background", records) is None:
        values = {name: value for name, value in values.items() if "background." not in name}
    return records.record(**(values | changes))


def window(attempt: int, sm_percent: float) -> Window:
    return of(Window, attempt=attempt, load=of(Load, sm_avg_percent=sm_percent))


def row(made: Record, interference: Interference | None = None) -> Row:
    return row_of(made, interference, counts=True)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, strict=True))


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    """The kernel writes no file beyond this size: a full disk without a disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_header_is_the_old_one_and_then_our_own() -> None:
    columns = columns_of(
        plan(
            training({"seed": 1, "epochs": 3}, "test_accuracy"),
            training({"learning_rate": 0.1, "epochs": 5}, "test_accuracy", "loss"),
        )
    )
    assert columns == OLD_ORDER + OWN


def test_metrics_stand_in_the_old_order_and_new_ones_behind_them_by_name() -> None:
    header_of_old = (
        "perf_accuracy,perf_best_val_accuracy,perf_map,perf_precision,perf_rank1,perf_rank5,"
        "perf_recall,perf_test_accuracy,perf_test_loss,perf_eval_loss,perf_final_training_loss,"
        "perf_eval_samples_per_second,perf_top1_accuracy,perf_top5_accuracy,perf_top10_accuracy,"
        "perf_top20_accuracy"
    )
    old = header_of_old.split(",")
    names = sorted([*(name.removeprefix("perf_") for name in old), "f1", "a"])
    columns = columns_of(plan(training({}, *names), training({}, "z", "test_loss")))
    found = [name for name in columns if name.startswith("perf_")]
    assert found == [*old, "perf_a", "perf_f1", "perf_z"]


def test_row_is_exact(tmp_path: Path) -> None:
    columns = OLD_ORDER + OWN
    path = tmp_path / "summary.csv"
    table.rewrite(path, columns, [])
    table.append_row(path, columns, row(record()))
    expected = dict.fromkeys(columns, "") | {
        "experiment_id": "digits_mlp_001_parallel",
        "timestamp": "2026-01-02T03:04:05Z",
        "repository": "digits",
        "model": "mlp",
        "training_success": "True",
        "duration_seconds": "12.345678901234567",
        "retries": "1",
        "hyperparam_epochs": "20",
        "hyperparam_learning_rate": "1e-07",
        "perf_test_accuracy": "0.9667",
        "experiment_source": "parallel example",
        "num_mutated_params": "1",
        "mutated_param": "learning_rate",
        "mode": "parallel",
        "status": "finished",
        "exit_code": "0",
        "attempts": "2",
        "bg_repository": "digits",
        "bg_model": "wide",
        "bg_hyperparameters": '{"note": "é", "width": 512}',
        "bg_dose": '{"target_gpu_utilization": 50}',
        "bg_sm_avg_percent": "49.5",
        "bg_rounds_completed": "9",
        "bg_rounds_failed": "0",
        "bg_rounds_hollow": "0",
        "coverage": "0.998",
        "fg_pss_max_mib": "840.0",
        "bg_pss_max_mib": "910.0",
        "others_cpu_percent": "1.3",
        "steal_percent": "0.0",
        "swapped_in_mib": "0.0",
        "cpu_pressure_percent": "4.5",
        "memory_pressure_percent": "0.0",
        "io_pressure_percent": "0.2",
        "gpu_sm_clock_avg_mhz": "1755.0",
        "gpu_sm_clock_min_mhz": "1410.0",
        "throttled_percent": "1.5",
        "valid": "True",
        "config": "7",
        "background_number": "2",
        "repeat": "3",
        "block": "3",
        "position": "1",
        "group": "c07_r3",
        "try_number": "1",
        "counts": "True",
        "host": "lab3",
        "node_shared": "False",
        "board": "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
        "board_name": "NVIDIA H100 80GB HBM3",
        "sharing": "time_slicing",
        "power_limit_watts": "300.0",
        "commit": "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "dirty": "False",
        "seed": "1",
        "start": "2026-01-31T12:00:00.000000+00:00",
        "end": "2026-01-31T12:00:13.000000+00:00",
        "duration_uncertainty_seconds": "0.004",
    }
    assert read(path) == [expected]


def test_the_doses_of_several_backgrounds() -> None:
    free, dosed = of(BackgroundPart), of(BackgroundPart, intensity=0.5, max_rounds=3)
    several = record(**{"background.parts": [free, dosed]})
    assert row(several)["bg_dose"] == '{"2.intensity": 0.5, "2.max_rounds": 3}'
    put(several, **{"background.parts": [free]})
    assert row(several)["bg_dose"] == "{}"


def test_row_of_an_experiment_that_never_started() -> None:
    found = row(
        record(
            status="background not ready",
            training_success=False,
            duration_seconds=None,
            mutated=["epochs", "seed"],
            attempts=[],
            windows=[],
            background=None,
            valid=False,
            invalid_reasons=["no coverage", "no metric"],
            error_message="the load\nnever worked",
        )
    )
    assert found["training_success"] is found["valid"] is False
    assert found["invalid_reasons"] == "no coverage; no metric"
    assert found["num_mutated_params"] == 2
    empty = ["duration_seconds", "mutated_param", "exit_code", "bg_model", "coverage"]
    assert [found[name] for name in empty] == [None] * len(empty)
    assert cells_of(found, ["valid", *empty]) == ["False"] + [""] * len(empty)


@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("table") / "summary.csv"
    columns = [f"c{number}" for number in range(len(cells) + 1)]
    table.rewrite(path, columns, [])
    for _ in range(2):
        table.append_row(path, columns, dict(zip(columns, ["x", *cells], strict=True)))
    assert [list(row.values()) for row in read(path)] == [["x", *cells]] * 2


def test_a_lone_surrogate_does_not_lose_the_row(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, ["a"], [])
    table.append_row(path, ["a"], {"a": "x\ud800"})
    assert read(path) == [{"a": "x\\ud800"}]


def test_lines_end_with_a_newline_alone(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, ["a", "b"], [])
    table.append_row(path, ["a", "b"], {"b": "1"})
    assert path.read_bytes() == b"a,b\n,1\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["summary.csv"]
    assert stat.S_ISREG(path.stat().st_mode)


def test_a_row_is_on_the_disk_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, ["a"], [])
    synced: list[bytes] = []
    fsync = os.fsync

    def counting(descriptor: int) -> None:
        fsync(descriptor)
        assert os.path.samestat(os.fstat(descriptor), path.stat())
        synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", counting)
    table.append_row(path, ["a"], {"a": "1"})
    assert synced == [b"a\n1\n"]


def test_a_table_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"could not be added: No such file or directory"):
        table.rewrite(tmp_path / "absent" / "summary.csv", ["a"], [])
    with file_size_limit(3), pytest.raises(TandemError, match=r"File too large"):
        table.rewrite(tmp_path / "summary.csv", ["a" * 10], [])
    assert list(tmp_path.iterdir()) == []


def test_a_table_reads_back_without_what_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    rows: list[Row] = [{"a": 'x,"y"\nz', "b": "1"}, {"a": None, "b": "2"}]
    table.rewrite(path, ["a", "b"], rows)
    with path.open("a") as stream:
        stream.write('3,"4')
    assert table.read(path, ["a", "b"]) == rows
    assert table.read_cells(path, ["a", "b"]) == as_cells(rows, ["a", "b"])


def test_values_read_back_as_what_they_were(tmp_path: Path) -> None:
    """Those of hyperparameters stay text: only the plan knows what they are."""
    path, columns = tmp_path / "summary.csv", OLD_ORDER + OWN
    whole = row(*measured()) | {"perf_loss": -0.5, "retries": 0, "exit_code": None}
    table.rewrite(path, columns, [whole])
    [found] = table.read(path, columns) or []
    whole = {name: str(value) if "hyperparam_" in name else value for name, value in whole.items()}
    assert found == dict.fromkeys(columns) | whole
    assert cells_of(found, columns) == cells_of(whole, columns)


@pytest.mark.parametrize("column", ["retries", "duration_seconds", "perf_loss", "slowdown"])
def test_a_cell_that_is_none_of_its_column_is_no_table(tmp_path: Path, column: str) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, [column, "b"], [{column: "much"}])
    assert table.read(path, [column, "b"]) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a,b", "a;b\n1;2\n", "a,c\n1,2\n", "\ufeffa,b\n1,2\n", "a,b\n1\n", "a,b\n\n"),
        *("a,b\n1,2,3\n", "a,b\n1,\0\n\n", f"a,b\n1,{'x' * 200_000}\n"),
    ],
)
def test_what_is_no_such_table_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "summary.csv"
    assert table.read(path, ["a", "b"]) is None
    path.write_text(text)
    assert table.read(path, ["a", "b"]) is None


@pytest.mark.parametrize("room_bytes", [0, 1, 40])
def test_a_row_that_does_not_fit_leaves_the_others_whole(tmp_path: Path, room_bytes: int) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, ["a"], [])
    table.append_row(path, ["a"], {"a": "first"})
    before = path.read_bytes()
    with (
        file_size_limit(len(before) + room_bytes),
        pytest.raises(TandemError, match=r"summary\.csv: the row could not be added: .+ \(see to"),
    ):
        table.append_row(path, ["a"], {"a": "second " * 20})
    assert path.read_bytes() == before
    table.append_row(path, ["a"], {"a": "third"})
    assert [row["a"] for row in read(path)] == ["first", "third"]


@pytest.mark.parametrize("torn", ["x", 'x,"', 'x,"two\n', 'x,"two\nlines ""and', "x,y"])
def test_a_torn_row_is_cut_before_the_next(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, ["a", "b"], [])
    table.append_row(path, ["a", "b"], {"a": "1", "b": 'two\n"lines"'})
    with path.open("a") as stream:
        stream.write(torn)
    table.append_row(path, ["a", "b"], {"a": "3", "b": "4"})
    assert read(path) == [{"a": "1", "b": 'two\n"lines"'}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize("content", [None, b"", b"a,b"])
def test_no_row_without_a_whole_header(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "summary.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TandemError, match=r"No such file|header is missing or torn"):
        table.append_row(path, ["a", "b"], {"a": "1"})
    assert (path.read_bytes() if path.exists() else None) == content


def measured(**changes: Any) -> tuple[Record, Interference]:
    """A record with energy, and figures of interference."""
    energy = dict.fromkeys(records.record()["energy_metrics"] or (), None)
    energy |= {"gpu_energy_total_joules": 3120.5, "gpu_power_avg_watts": 312.0}
    figures = {"slowdown.value": 1.25, "antt.value": None, "stp.value": None}
    figures |= {"antt.clock_uncertainty": None}
    interference = records.interference(**{f"figures.{name}": figures[name] for name in figures})
    made = record(energy_metrics=energy, twin="digits_mlp_002_solo", **changes)
    return made, interference


def test_row_with_energy_and_interference() -> None:
    found = row(*measured())
    assert found["energy_gpu_total_joules"] == 3120.5
    assert found["energy_gpu_avg_watts"] == 312.0
    assert found["energy_cpu_pkg_joules"] is None
    assert found["energy_gpu_total_uncertainty_joules"] == pytest.approx(4.1)
    assert found["energy_gpu_board_gain_percent"] == 5.0
    assert (found["twin"], found["control"]) == ("digits_mlp_002_solo", None)
    assert (found["slowdown"], found["antt"], found["stp"]) == (1.25, None, None)
    assert (found["slowdown_clock_uncertainty"], found["antt_clock_uncertainty"]) == (0.01, None)
    without = row(measured()[0])
    assert (without["slowdown"], without["slowdown_clock_uncertainty"]) == (None, None)
    assert set(found) <= set(
        columns_of(plan(training({"epochs": 1, "learning_rate": 1}, "loss", "test_accuracy")))
    )


def test_a_table_written_anew_has_the_new_rows_and_nothing_else(tmp_path: Path) -> None:
    path, columns = tmp_path / "summary.csv", ["experiment_id", "slowdown"]
    table.rewrite(path, columns, [])
    table.append_row(path, columns, {"experiment_id": "a\nb"})
    table.append_row(path, columns, {"experiment_id": "c"})
    table.rewrite(
        path, columns, [{"experiment_id": "a\nb", "slowdown": "1.5"}, {"experiment_id": "c"}]
    )
    assert read(path) == [
        {"experiment_id": "a\nb", "slowdown": "1.5"},
        {"experiment_id": "c", "slowdown": ""},
    ]
    with file_size_limit(5), pytest.raises(NotReadyError, match="could not be added"):
        table.rewrite(path, columns, [{"experiment_id": "x" * 100}])
    assert len(read(path)) == 2


# -- columns that nothing fills --------------------------------------------------------


def test_the_old_columns_and_what_counts_are_there_also_where_nothing_fills_them() -> None:
    columns = columns_of(plan(training({"epochs": 3}, "test_accuracy")))
    found = filled(columns, [])
    assert found[: found.index("error_message") + 1] == columns[: columns.index("status")]
    assert found[found.index("status") :] == [
        *("status", "valid", "invalid_reasons", "warnings", "counts", "host")
    ]


def test_a_column_that_a_row_fills_stands_in_its_place(tmp_path: Path) -> None:
    columns = columns_of(plan(training({"epochs": 3}, "loss")))
    header = filled(columns, [{"slowdown": 1.5, "coverage": None}, {"block": 0}])
    assert [name for name in header if name in ("coverage", "block", "host", "slowdown")] == [
        *("block", "host", "slowdown")
    ]
    table.rewrite(tmp_path / "summary.csv", header, [{"block": 0, "host": "a"}])
    [found] = table.read(tmp_path / "summary.csv", columns) or []
    assert found.keys() == set(columns)
    assert (found["block"], found["slowdown"], found["coverage"]) == (0, None, None)


@pytest.mark.parametrize("lacking", ["host", "duration_seconds", "valid", "perf_loss"])
def test_a_table_without_a_column_that_is_always_there_is_not_of_this_version(
    tmp_path: Path, lacking: str
) -> None:
    columns = columns_of(plan(training({"epochs": 3}, "loss")))
    header = [name for name in filled(columns, []) if name != lacking]
    table.rewrite(tmp_path / "summary.csv", header, [])
    assert table.read(tmp_path / "summary.csv", columns) is None
    assert table.read(tmp_path / "summary.csv", columns, or_earlier=True) is None


def test_a_table_of_the_last_version_is_read_where_it_may_be(tmp_path: Path) -> None:
    columns = columns_of(plan(training({"epochs": 3}, "loss")))
    path, made = tmp_path / "summary.csv", row(record())
    table.rewrite(path, [name for name in columns if name not in ADDED], [made])
    assert table.read(path, columns) is None
    [found] = table.read(path, columns, or_earlier=True) or []
    assert (found["duration_seconds"], found["host"]) == (made["duration_seconds"], None)


def test_the_screen_shows_energy_and_slowdown_where_anybody_has_them() -> None:
    alone = record(experiment_id="digits_mlp_002_solo", mode="default", background=None)
    lines = _single_gaps(print_table([row(*measured()), row(alone)])).splitlines()
    assert [line.split("  ")[3:] for line in lines] == [
        ["GPU J", "rounds", "coverage", "slowdown", "valid"],
        ["3,120", "9", "99.8 %", "1.250", "yes"],
        ["-", "-", "-", "-", "yes"],
    ]


def test_a_cell_without_a_column_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    table.rewrite(path, ["a"], [])
    with pytest.raises(ValueError, match="without a column: perf_new"):
        table.append_row(path, ["a"], {"a": "1", "perf_new": "2"})
    assert path.stat().st_size == len("a\n")


def test_the_screen_shows_what_matters() -> None:
    bad = record(
        experiment_id="digits_mlp_002_parallel",
        valid=False,
        training_success=False,
        invalid_reasons=["coverage 94.9 % is below 95 %", "exit code 1"],
        performance_metrics={"test_accuracy": None, "loss": 1.5},
        **{"background.coverage": 0.94999, "background.rounds_failed": 3},
    )
    alone = record(experiment_id="digits_mlp_003", mode="default", background=None)
    text = print_table([row(record()), row(bad), row(alone)])
    columns = ("experiment", "duration", "main metric", "rounds", "coverage", "valid")
    second, third = "test_accuracy 0.9667", "12.3 s"
    assert [line.split("  ") for line in _single_gaps(text).splitlines()[:4]] == [
        list(columns),
        ["digits_mlp_001_parallel", third, second, "9", "99.8 %", "yes"],
        ["digits_mlp_002_parallel", third, "loss 1.5", "9, 3 failed", "94.9 %", "no"],
        ["digits_mlp_003", third, second, "-", "-", "yes"],
    ]
    assert text.splitlines()[4:] == [
        "digits_mlp_002_parallel is not valid: coverage 94.9 % is below 95 %; exit code 1"
    ]


def _single_gaps(text: str) -> str:
    while "   " in text:
        text = text.replace("   ", "  ")
    return text


def test_the_screen_is_never_wider_than_100_columns() -> None:
    long = record(
        experiment_id="x" * 100 + "_042_parallel",
        duration_seconds=123456.7,
        performance_metrics={"a_metric_with_a_very_long_name": 0.123456},
        valid=False,
        invalid_reasons=["because\nof " + "words " * 40, "y" * 150],
        **{"background.rounds_completed": 1234, "background.rounds_failed": 567},
    )
    text = print_table([row(long), row(record())])
    assert max(map(len, text.splitlines())) <= SCREEN_COLUMNS
    assert _names(text)[0] == "x" * 100 + "_042_parallel"
    assert "123456.7 s" in text
    assert "0.1235" in text
    assert "y" * 90 in text


def _names(text: str) -> list[str]:
    """The names of the experiments, put together from all lines that they stand in."""
    titles, *lines = text.splitlines()
    at = titles.index("duration")
    names = list[str]()
    for line in lines:
        if line.startswith("  "):
            names += [""] if line[at : at + 1].isdigit() else []
            names[-1] += line[:at].strip()
    return names


def test_names_are_whole_where_every_column_is_shown() -> None:
    wide = measured(
        experiment_id="a_repository_and_a_model_042_parallel",
        duration_seconds=12345.6,
        performance_metrics={"a_metric_with_a_very_long_name": 0.123456},
    )
    text = print_table([row(*wide)])
    assert _names(text) == ["a_repository_and_a_model_042_parallel"]
    assert max(map(len, text.splitlines())) <= SCREEN_COLUMNS


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_terminal_has_whole_words_and_names(columns: int) -> None:
    name = "digits_mlp_c01_b1_r1_parallel_try2"
    bad = record(experiment_id=name, valid=False, invalid_reasons=("exit code 1",))
    text = print_table([row(bad)], columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "test_accuracy" in text
    assert "coverage" in text
    table, _, why = text.partition(f"{name} is")
    assert "try2" in table
    assert "exit code 1" in " ".join(why.split())


def test_why_falls_back_on_the_error_and_the_status() -> None:
    unknown = record(valid=False, error_message="lost", status="interrupted")
    silent = record(valid=False, status="interrupted")
    text = print_table([row(unknown), row(silent)])
    assert [line.rpartition(": ")[2] for line in text.splitlines()[3:]] == ["lost", "interrupted"]


def test_at_the_end_of_a_long_run_the_newest_stand_and_the_others_are_counted() -> None:
    names = [f"digits_mlp_{number:03}" for number in range(60)]
    rows = [row(record(experiment_id=name, valid=name != names[3])) for name in names]
    left_out, table = table_at_end(rows, "results/run_x/summary.csv").split("\n\n")
    assert left_out == (
        "10 earlier experiments, 1 of them not valid: all are in results/run_x/summary.csv"
    )
    assert [line.split()[0] for line in table.splitlines()[1:]] == names[10:]
    assert table_at_end(rows[-50:], "x") == print_table(rows[-50:])


def test_the_first_experiment_on_a_board_is_told_by_its_row() -> None:
    """Of a run that several workers drain: from it is known how cool that board once was."""
    boards = {"a": "GPU-2", "b": "GPU-1; GPU-3", "c": "GPU-1", "d": None}
    rows: list[Row] = [
        {"experiment_id": name, "board": board, "timestamp": f"2026-01-31T1{9 - hour}:00:00+00:00"}
        for hour, (name, board) in enumerate(boards.items())
    ]
    assert first_on(["GPU-1"], rows) == "c"
    assert first_on(["GPU-1", "GPU-2"], rows) == "c"
    assert first_on(["GPU-3"], rows) == "b"
    assert first_on(["GPU-4"], rows) is first_on([], rows) is None
