"""interference.json of earlier versions: read in the form of today, and checked as what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import records
from support.records import write_run
from tandem.base.files import sha256_of
from tandem.experiment.verify import Verdict, verify_pair
from tandem.interference.compare.comparison import comparison
from tandem.interference.figures import interference_of
from tandem.results.record import Record
from tandem.results.record_file import INTERFERENCE, NAME, current_interference
from tandem.results.row import row_of

SOLO = "digits_mlp_002_solo"


def of_version_1(run: Path, found: Any) -> Path:
    """Write figures as version 1 had them beside the record of their parallel experiment."""
    name: str = found["experiment_id"]
    del found["figures"]["slowdown_of_epochs"], found["explanation"]
    for figure in found["figures"].values():
        figure["uncertainty"] = figure.pop("clock_uncertainty")
    found["interference_version"] = 1
    found["records"] = {name: sha256_of(run / name / NAME)}
    (run / name / INTERFERENCE).write_text(json.dumps(found))
    return run / name


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Record]:
    """The folder of a parallel experiment whose figures are of version 1, and its record."""
    record = records.record(twin=SOLO)
    run = write_run(tmp_path / "run", record)
    return of_version_1(run, records.interference(twin=SOLO)), record


def test_version_1_has_the_names_of_today(made: tuple[Path, Record]) -> None:
    found = current_interference(*made)
    assert found and found["interference_version"] == 1
    assert found["figures"]["slowdown"]["clock_uncertainty"] == 0.01
    assert "uncertainty" not in found["figures"]["slowdown"]
    new = found["figures"]["slowdown_of_epochs"]
    assert new["value"] is new["clock_uncertainty"] is None
    assert new["reason"] == "interference.json is of version 1, which did not have it"


def test_version_2_has_no_explanation_and_says_so(made: tuple[Path, Record]) -> None:
    folder, record = made
    older: Any = records.interference(twin=SOLO, interference_version=2)
    del older["explanation"]
    older["records"] = {record["experiment_id"]: sha256_of(folder / NAME)}
    (folder / INTERFERENCE).write_text(json.dumps(older))
    found = current_interference(folder, record)
    assert found and found["figures"]["slowdown"]["value"] == 1.25
    reason = "interference.json is of version 2, which did not have it"
    assert found["explanation"]["boards_reason"] == reason
    assert found["explanation"]["slowdown_by_clocks_at_most"]["reason"] == reason
    del older["twin"]
    (folder / INTERFERENCE).write_text(json.dumps(older))
    assert current_interference(folder, record) is None


def test_version_1_stands_in_table_and_comparison(made: tuple[Path, Record]) -> None:
    folder, record = made
    row = row_of(record, current_interference(folder, record), counts=True)
    assert (row["slowdown"], row["slowdown_clock_uncertainty"]) == (1.25, 0.01)
    assert row["slowdown_of_epochs"] is None
    found = comparison([str(folder.parent)])
    assert found["damaged"] == []
    assert len(found["groups"]) == 1


def test_version_1_is_checked_but_for_what_it_did_not_have(tmp_path: Path) -> None:
    record = records.record(twin=SOLO)
    solo = records.record(
        experiment_id=SOLO, twin=record["experiment_id"], control="solo", background=None
    )
    run = write_run(tmp_path / "run", record, solo)
    figures: Any = interference_of(run, record, solo)
    folder = of_version_1(run, json.loads(json.dumps(figures)))
    written = json.loads((folder / INTERFERENCE).read_text()) | {"records": figures["records"]}
    (folder / INTERFERENCE).write_text(json.dumps(written))
    ended = {each["experiment_id"]: each for each in (record, solo)}
    fine, changed = Verdict(), Verdict()
    verify_pair(run, ended, record, fine)
    assert fine.differences == []
    written["figures"]["slowdown"]["label"] = "guessed"
    (folder / INTERFERENCE).write_text(json.dumps(written))
    verify_pair(run, ended, record, changed)
    assert len(changed.differences) == 1
    assert "figures.slowdown.label: 'guessed' found" in changed.differences[0]


@pytest.mark.parametrize("figures", [None, [], {"slowdown": None}, {"slowdown": [1]}])
def test_damaged_figures_of_version_1_are_no_error_here(
    made: tuple[Path, Record], figures: Any
) -> None:
    folder, record = made
    written = json.loads((folder / INTERFERENCE).read_text()) | {"figures": figures}
    (folder / INTERFERENCE).write_text(json.dumps(written))
    assert current_interference(folder, record) is not None
    assert len(comparison([str(folder.parent)])["damaged"]) == 1


def test_digests_that_are_known_are_not_read_again(made: tuple[Path, Record]) -> None:
    folder, record = made
    right, wrong = {folder.name: sha256_of(folder / NAME)}, {folder.name: "0" * 64}
    (folder / NAME).unlink()
    assert current_interference(folder, record) is None
    assert current_interference(folder, record, right) is not None
    assert current_interference(folder, record, wrong) is None
