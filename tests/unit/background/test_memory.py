"""What a limit of GPU memory is, in whose words it is handed on, and what earlier records tell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import records
from support.records import of
from tandem.background.memory import PYTORCH_OPTIONS, Limit, environment_of, limit_of
from tandem.config.options import Dose
from tandem.log.rules import LogRules
from tandem.nvml.devices import Device
from tandem.plan.model import Training
from tandem.results.earlier import MOST_RECORDS, Footprints
from tandem.results.record import Record
from tandem.results.record_file import write_record
from tandem.results.record_window import GpuUse, WindowGpu

TWO = tuple(Device(index, f"GPU-{index}", "", None, None, None) for index in range(2))


def training(environment: Mapping[str, str] | None = None, **more: Any) -> Training:
    values, command = {"batch_size": 32}, ("train",)
    own = environment or {}
    return Training("back", "default", values, (), command, Path("/"), LogRules({}), own, **more)


@pytest.fixture(autouse=True)
def _no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PYTORCH_OPTIONS:
        monkeypatch.delenv(name, raising=False)


def told(limit: Limit, **more: Any) -> dict[str, str]:
    return environment_of(limit, training(**more))


def test_no_limit_no_variable() -> None:
    assert told(Limit(TWO), memory_limit=("pytorch",)) == {}


def test_a_share_is_never_rounded_up_nor_to_nothing() -> None:
    assert told(Limit(TWO, 800, 0.39999))["TANDEM_GPU_MEMORY_FRACTION"] == "0.3999"
    assert told(Limit(TWO, 0.5, 1e-9))["TANDEM_GPU_MEMORY_FRACTION"] == "0.0001"
    assert told(Limit(TWO, 0.5, 1e-9))["TANDEM_GPU_MEMORY_MIB"] == "1"


def test_mps_is_told_of_every_gpu_that_is_seen() -> None:
    name = "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"
    assert told(Limit(TWO, 800.9, 0.5))[name] == "0=800M,1=800M"
    assert told(Limit((), 800, None))[name] == "0=800M"


def test_what_is_known_is_handed_on_and_no_more() -> None:
    assert not any("FRACTION" in name.upper() for name in told(Limit((), 800, None, "why")))
    assert not any("MIB" in name or "MPS" in name for name in told(Limit((), None, 0.5, "why")))


@pytest.mark.parametrize(
    ("around", "options"),
    [
        ({}, {"PYTORCH_CUDA_ALLOC_CONF": "OURS"}),
        ({"PYTORCH_CUDA_ALLOC_CONF": "a:1"}, {"PYTORCH_CUDA_ALLOC_CONF": "a:1,OURS"}),
        (
            {"PYTORCH_ALLOC_CONF": "a:1"},
            {"PYTORCH_CUDA_ALLOC_CONF": "a:1,OURS", "PYTORCH_ALLOC_CONF": "a:1,OURS"},
        ),
    ],
)
def test_pytorch_keeps_the_options_that_it_has(
    around: dict[str, str], options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in around.items():
        monkeypatch.setenv(name, text)
    found = told(Limit(TWO, 800, 0.5), memory_limit=("pytorch",))
    ours = "per_process_memory_fraction:0.5"
    assert {name: text for name, text in found.items() if "ALLOC" in name} == {
        name: text.replace("OURS", ours) for name, text in options.items()
    }
    assert not any("ALLOC" in name for name in told(Limit(TWO, 800, 0.5)))


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_what_the_registry_says_is_left(name: str) -> None:
    own = {name: "a:1", "XLA_CLIENT_MEM_FRACTION": ".9"}
    found = told(Limit(TWO, 800, 0.5), environment=own, memory_limit=("pytorch",))
    assert not any("ALLOC" in each for each in found)
    assert "XLA_CLIENT_MEM_FRACTION" not in found
    assert found["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.5"


def test_without_nvml_the_limit_is_what_was_given() -> None:
    """NVML is not open here, whether this machine has it or not."""
    limit = limit_of(Dose(gpu_memory_mib=800), training())
    assert (limit.mib, limit.fraction) == (800, None)
    assert limit.problem.startswith("its GPU cannot be asked: ")
    limit = limit_of(Dose(gpu_memory_fraction=0.5), training())
    assert (limit.mib, limit.fraction) == (None, 0.5)


# -- what earlier records measured -------------------------------------------------------------


def record(folder: Path, held_mib: float | None, part_mib: float | None = None) -> Record:
    """Write and return a record of a foreground `back` at 32 beside a background `load` at 64."""
    used = None if held_mib is None else of(GpuUse, memory_max_mib=held_mib)
    made = records.record(
        **{"repository": "back", "model": "default", "hyperparameters": {"batch_size": 32}},
        **{
            "windows[0].gpus": [of(WindowGpu, foreground=each) for each in (used, None)],
            "background.parts[0].repository": "load",
            "background.parts[0].model": "default",
            "background.parts[0].hyperparameters": {"batch_size": 64},
            "background.parts[0].gpu_memory.max_mib": part_mib,
        },
    )
    folder.mkdir(parents=True)
    write_record(made, folder)
    return made


def test_the_most_that_was_measured_counts(tmp_path: Path) -> None:
    record(tmp_path / "run_1" / "one", 700.0, 300.0)
    record(tmp_path / "run_2" / "one", 900.0, None)
    record(tmp_path / "run_2" / "two", None, 200.0)
    footprints = Footprints(tmp_path / "run_2")
    found = footprints.of(training())
    assert found
    assert (found.mib, found.where) == (900.0, "run_2/one")
    footprints.note(record(tmp_path / "run_2" / "three", 1000.0), tmp_path / "run_2" / "three")
    later = footprints.of(training())
    assert later
    assert later.where == "run_2/three"


def test_other_batch_sizes_and_odd_files_say_nothing(tmp_path: Path) -> None:
    made = record(tmp_path / "run_1" / "one", 700.0)
    for name, text in (("torn", '{"windows": ['), ("list", "[1]"), ("odd", '{"windows": 3}')):
        (tmp_path / "run_1" / name).mkdir()
        (tmp_path / "run_1" / name / "experiment.json").write_text(text)
    made["hyperparameters"]["batch_size"] = 33
    write_record(made, tmp_path / "run_1" / "one")
    assert Footprints(tmp_path / "run_1").of(training()) is None


def test_the_newest_records_are_those_that_were_written_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may be resumed long after others of a later name; of equals the later name counts."""
    monkeypatch.setattr("tandem.results.earlier.MOST_RECORDS", 2)
    for name, written_s in (("run_1/b", 30), ("run_1/a", 40), ("run_2/a", 20), ("run_3/a", 10)):
        record(tmp_path / name, 1000.0 - written_s)
        os.utime(tmp_path / name / "experiment.json", (written_s, written_s))
    (tmp_path / "run_2" / "torn").mkdir()
    (tmp_path / "run_2" / "torn" / "experiment.json").symlink_to("nowhere")

    def where(run: str) -> str:
        found = Footprints(tmp_path / run).of(training())
        assert found
        return found.where

    assert where("run_4") == "run_1/b"  # the largest of run_1/a and run_1/b
    assert where("run_3") == "run_3/a"  # its own come first
    for name in ("run_1/a", "run_1/b", "run_2/a"):
        os.utime(tmp_path / name / "experiment.json", (40, 40))
    assert where("run_4") == "run_2/a"


def test_no_more_records_are_read_than_needed(tmp_path: Path) -> None:
    record(tmp_path / "run_1" / "old", 700.0)
    for number in range(MOST_RECORDS):
        folder = tmp_path / "run_2" / str(number)
        folder.mkdir(parents=True)
        (folder / "experiment.json").touch()
    assert Footprints(tmp_path / "run_2").of(training()) is None
    assert Footprints(tmp_path / "run_1").of(training())
