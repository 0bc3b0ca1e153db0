"""summary.csv of a run: its columns grow with what its rows fill, and it is always whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import plans, records
from support.summary import rows_of
from tandem.experiment.verify import table_differences
from tandem.log.rules import LogRules
from tandem.plan.file import write_plan
from tandem.results import table
from tandem.results.columns import ADDED, columns_of, filled
from tandem.results.folder import RunFolder, is_whole
from tandem.results.record import Record
from tandem.results.record_pair import Interference
from tandem.run.pairs import finish

COUNT = 6
METRIC = LogRules({"test_accuracy": "x ([0-9.]+)"})
EXPERIMENTS = [
    plans.experiment(
        number=number, id=f"e{number}", backgrounds=(), foreground=plans.training(log=METRIC)
    )
    for number in range(1, COUNT + 1)
]
PLAN = plans.plan(*EXPERIMENTS)
COLUMNS = columns_of(PLAN)
BARE: dict[str, Any] = {"background": None, "mode": "default", "windows": [], "place": None}


def record(number: int, **changes: Any) -> Record:
    own = {"experiment_id": f"e{number}", "group": f"e{number}", "twin": None}
    return records.record(
        **own,
        **{
            "hyperparameters": {"rate": 1e-7},
            "performance_metrics": {"test_accuracy": 90.5},
            **BARE,
            **changes,
        },
    )


class Run:
    def __init__(self, path: Path) -> None:
        path.mkdir()
        write_plan(PLAN, path)
        self.path, self.table, self.said = path, path / "summary.csv", list[str]()
        self.folder = RunFolder(path, PLAN, self.said.append)

    def end(self, number: int, **changes: Any) -> None:
        (self.path / f"e{number}").mkdir()
        finish(self.folder, record(number, **changes), 1.0)

    def again(self) -> None:
        """Open it as a new process does."""
        self.folder.close()
        self.folder = RunFolder(self.path, PLAN, self.said.append)

    def header(self) -> list[str]:
        return table.header_of(self.table)

    def shown(self) -> dict[str, tuple[Record, Interference | None]]:
        """What verify finds: records that it made from raw files."""
        ended = [row["experiment_id"] for row in rows_of(self.path)]
        return {name: (record(int(name[1:])), None) for name in ended}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "run")
    yield made
    made.folder.close()


def test_a_row_that_fills_a_new_column_has_the_table_written_anew(run: Run) -> None:
    assert run.header() == filled(COLUMNS, [])
    run.end(1)
    first = run.header()
    assert "control" not in first
    assert "coverage" not in first
    run.end(2)
    assert run.header() == first
    run.end(3, control="solo", background=records.record()["background"])
    assert [name for name in run.header() if name not in first] == [
        *("bg_repository", "bg_model", "bg_hyperparameters", "bg_dose"),
        *("bg_rounds_completed", "bg_rounds_failed", "bg_rounds_hollow", "coverage", "control"),
    ]
    assert [(row["experiment_id"], row["control"]) for row in rows_of(run.path)] == [
        *(("e1", ""), ("e2", ""), ("e3", "solo"))
    ]
    before = run.table.read_bytes()
    run.folder.rebuild_table()
    run.again()
    assert run.table.read_bytes() == before
    assert run.said == []
    run.end(4)
    assert run.table.read_bytes().startswith(before)


def test_the_table_is_what_its_rows_say_whatever_was_before(run: Run) -> None:
    """Appended to or written anew, it has the same bytes."""
    changes: dict[int, dict[str, Any]] = {3: {"control": "solo"}}
    changes[5] = {"place": records.record()["place"]}
    for number in range(1, COUNT + 1):
        run.end(number, **changes.get(number, {}))
        rows = list(run.folder.rows.values())
        table.rewrite(run.path / "other.csv", filled(COLUMNS, rows), rows)
        assert run.table.read_bytes() == (run.path / "other.csv").read_bytes()


def test_rows_without_a_new_column_do_not_write_the_table_anew(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    rewrite = table.rewrite

    def counting(path: Path, columns: Any, rows: Any) -> None:
        written.append(len(rows))
        rewrite(path, columns, rows)

    monkeypatch.setattr(table, "rewrite", counting)
    for number in range(1, COUNT + 1):
        run.end(number)
    assert written == [1]


def test_a_kill_before_the_new_table_is_there_is_made_up_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.end(1)
    before = run.table.read_bytes()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(table, "rewrite", killed)
        with pytest.raises(KeyboardInterrupt):
            run.end(2, control="solo")
    assert run.table.read_bytes() == before
    run.again()
    finish(run.folder, record(2, control="solo"), 1.0)
    assert [row["control"] for row in rows_of(run.path)] == ["", "solo"]


def as_the_last_version_wrote(run: Run) -> list[str]:
    header = [name for name in COLUMNS if name not in ADDED]
    table.rewrite(run.table, header, list(run.folder.rows.values()))
    return header


def test_a_table_of_the_last_version_is_whole_and_verified_as_it_is(run: Run) -> None:
    for number in range(1, COUNT + 1):
        run.end(number)
    header = as_the_last_version_wrote(run)
    assert is_whole(run.path, PLAN)
    assert list(table_differences(run.path, PLAN, run.shown(), ())) == []
    text = run.table.read_text()
    run.table.write_text(text.replace(",13.25,", ",1.5,", 1))
    assert header == run.header()
    [difference] = table_differences(run.path, PLAN, run.shown(), ())
    assert difference.startswith("e1.duration_seconds: 1.5 found, 13.25 from the raw files")


def test_a_table_of_the_last_version_is_written_anew_on_a_resume(run: Run) -> None:
    run.end(1)
    before = run.table.read_bytes()
    as_the_last_version_wrote(run)
    run.again()
    assert run.table.read_bytes() == before
    assert run.said == [f"rebuilt {run.table} (1 row)"]


def test_a_column_that_somebody_took_out_is_a_difference(run: Run) -> None:
    run.end(1)
    header = [name for name in run.header() if name != "commit"]
    table.rewrite(run.table, header, list(run.folder.rows.values()))
    [difference] = table_differences(run.path, PLAN, run.shown(), ())
    assert difference.startswith("e1.commit: None found, '2fd4e1c6")
    table.rewrite(run.table, header[::-1], list(run.folder.rows.values()))
    found = list(table_differences(run.path, PLAN, run.shown(), ()))
    assert found == ["is missing, damaged, or has other columns"]
