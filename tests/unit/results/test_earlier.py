"""What the newest records tell of what is to come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from support import records
from support.records import write_run
from tandem.results.earlier import MOST_RECORDS, Earlier, earlier_in
from tandem.results.record import Record

KIND = ("digits mlp", "digits mlp")


def record(number: int, **values: Any) -> Record:
    usual = {"experiment_id": f"e{number:03d}", "hyperparameters": {"epochs": 5}}
    return records.record(**usual | values)


def seen(tmp_path: Path, *made: Record) -> Earlier:
    write_run(tmp_path / "run_1", *made)
    return earlier_in(tmp_path)


def test_time_goes_by_epochs_and_power_by_the_window(tmp_path: Path) -> None:
    slow = record(2, duration_seconds=20.0, hyperparameters={"epochs": 10})
    earlier = seen(tmp_path, record(1, duration_seconds=20.0), slow)
    assert earlier.pace.seconds(KIND, 6) == pytest.approx(6 * (4 + 2) / 2)
    assert earlier.pace.seconds(KIND[:1], 6) is None
    assert earlier.gpu.mean_w(KIND) == pytest.approx(312.05)
    assert earlier.cpu.mean_w(KIND) == pytest.approx(90.8)
    assert earlier.cooldowns_s == [12.5, 12.5]


def test_a_sensor_that_was_not_there_gives_no_power_and_a_reason(tmp_path: Path) -> None:
    lost = {"windows[0].gpus[0].energy_joules": None, "windows[0].gpus[0].energy_reason": "gone"}
    no_rapl = {"windows[0].cpu.total_joules": None, "windows[0].cpu.reason": "no RAPL"}
    earlier = seen(tmp_path, record(1, **lost, **no_rapl))
    assert earlier.gpu.mean_w(KIND) is None and earlier.gpu.reasons == {KIND: "gone"}
    assert earlier.cpu.mean_w(KIND) is None and earlier.cpu.reasons == {KIND: "no RAPL"}


def test_without_a_gpu_the_reason_is_that_of_the_window(tmp_path: Path) -> None:
    none = {"windows[0].gpus": [], "windows[0].gpus_reason": "no GPU"}
    assert seen(tmp_path, record(1, **none)).gpu.reasons == {KIND: "no GPU"}


@pytest.mark.parametrize("values", [{"training_success": False}, {"control": "warm_up"}])
def test_failures_and_warm_ups_tell_no_time(tmp_path: Path, values: dict[str, Any]) -> None:
    earlier = seen(tmp_path, record(1, **values))
    assert earlier.pace.seconds(KIND, 1) is None and not earlier.gpu.watts


def test_a_damaged_record_tells_nothing_and_harms_nobody(tmp_path: Path) -> None:
    write_run(tmp_path / "run_1", record(1), record(2), record(3))
    (tmp_path / "run_1/e002/experiment.json").write_text('{"half": ')
    (tmp_path / "run_1/e003/experiment.json").write_text("[]")
    assert [each["experiment_id"] for _, each in earlier_in(tmp_path).records] == ["e001"]


def test_only_the_newest_are_read(tmp_path: Path) -> None:
    write_run(tmp_path / "run_1", *(record(number) for number in range(MOST_RECORDS + 2)))
    for number in range(MOST_RECORDS + 2):
        file = tmp_path / f"run_1/e{number:03d}/experiment.json"
        os.utime(file, (1000 + number, 1000 + number))
    found = [each["experiment_id"] for _, each in earlier_in(tmp_path).records]
    assert len(found) == MOST_RECORDS
    assert found[0] == f"e{MOST_RECORDS + 1:03d}" and found[-1] == "e002"


def test_a_folder_that_is_not_there_or_none_tells_nothing(tmp_path: Path) -> None:
    assert earlier_in(tmp_path / "none").records == []
    (tmp_path / "file").touch()
    assert earlier_in(tmp_path / "file").records == []


def test_a_folder_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    with patch.object(Path, "glob", side_effect=PermissionError):
        assert earlier_in(tmp_path).records == []
