"""machine.json of a real run on the simulated GPU, and what its records say of it.

In the first of two experiments the power limit is lowered, and the board reports faults. The
second is run again, by a driver that has another variable.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from support import ROOT
from support.records import flaws
from support.stage import DEADLINE_S, Stage, training_line
from tandem.base.files import sha256_of
from tandem.config.schema import sift

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("machine")]
FIRST, SECOND = "front_default_001", "front_default_002"
FILES = "machine.json", "machine_2.json", "machine_3.json"


class Measured:
    """The run of a stage: what it said when it was run and resumed, and its files."""

    def __init__(self, stage: Stage, gpu: SimGpu) -> None:
        self.stage = stage
        stage.more_environment |= {"OMP_NUM_THREADS": "1", "NVIDIA_API_KEY": "never told"}
        front = training_line(gpu.command(watts=200, seconds=2))
        stage.build(front, None, runs_per_config=2, cooldown_seconds=0)
        running = stage.start(stage.command())
        stage.wait_for_foreground()
        gpu.set(power_limit_w=500.0, ecc_corrected=3, ecc_uncorrected=1)
        gpu.report_xid(63)
        self.said, _ = running.communicate(timeout=DEADLINE_S)
        (self.run,) = stage.folder.glob("results/run_*")
        self.first, self.second = self.record(FIRST), self.record(SECOND)
        shutil.rmtree(self.run / SECOND)
        stage.more_environment["OMP_NUM_THREADS"] = "2"
        self.said_again = self.driver("run", "--resume", self.run)
        self.again = self.record(SECOND)

    def read(self, name: str) -> Any:
        return json.loads((self.run / name).read_bytes())

    def record(self, name: str) -> Any:
        return self.read(f"{name}/experiment.json")

    def driver(self, *words: str | Path) -> str:
        done = self.stage.run_command([sys.executable, str(ROOT / "driver.py"), *map(str, words)])
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, simgpu_library: Path) -> Iterator[Measured]:
    folder = tmp_path_factory.mktemp("machine")
    with ExitStack() as stack:
        gpu = stack.enter_context(SimGpu(folder / "gpu.state", simgpu_library))
        stage = Stage(folder, more_environment=gpu.environment({}))
        stack.callback(stage.clean_up)
        yield Measured(stage, gpu)


def test_the_machine_is_described_once_and_again_where_it_changed(measured: Measured) -> None:
    assert sorted(path.name for path in measured.run.glob("machine*")) == sorted(FILES)
    files = [measured.read(name) for name in FILES]
    assert [sift(each, "machine")[1] for each in files] == [[], [], []]
    assert [each["boards"][0]["power_limit_watts"] for each in files] == [700.0, 500.0, 500.0]
    assert [each["variables"]["OMP_NUM_THREADS"] for each in files] == ["1", "1", "2"]
    changed = "boards[0].power_limit_watts"
    assert f"warning: the machine has changed: {changed} (machine_2.json)" in measured.said
    changed = "variables.OMP_NUM_THREADS"
    assert f"warning: the machine has changed: {changed} (machine_3.json)" in measured.said_again


def test_of_a_secret_only_its_name_is_told(measured: Measured) -> None:
    assert measured.read("machine.json")["variables_set"] == ["NVIDIA_API_KEY"]
    assert not any("never told" in (measured.run / name).read_text() for name in FILES)


def test_a_training_that_is_no_python_says_what_it_is(measured: Measured) -> None:
    [python] = measured.read("machine.json")["pythons"]
    assert python["repositories"] == ["front"]
    assert "./train.sh is neither a Python nor a script of one" in python["reasons"]["version"]


def test_each_record_names_the_machine_that_it_had(measured: Measured) -> None:
    records = measured.first, measured.second, measured.again
    assert [flaws(each) for each in records] == [[], [], []]
    for record, name in zip(records, FILES, strict=True):
        assert record["machine"] == {"file": name, "sha256": sha256_of(measured.run / name)}


def test_faults_of_the_board_stand_in_the_record_of_their_time(measured: Measured) -> None:
    [faults] = measured.first["faults"]
    assert (faults["ecc_corrected"], faults["ecc_uncorrected"], faults["xids"]) == (3, 1, [63])
    assert measured.first["valid"]
    assert {
        "GPU 0: 1 uncorrected ECC error in its memory",
        "GPU 0: Xid 63 (the kernel's log says what happened)",
    } <= set(measured.first["warnings"])
    [faults] = measured.second["faults"]
    assert (faults["ecc_corrected"], faults["ecc_uncorrected"], faults["xids"]) == (0, 0, [])


def test_when_in_its_run_an_experiment_was_started(measured: Measured) -> None:
    first, second, again = (
        each["position"] for each in (measured.first, measured.second, measured.again)
    )
    assert [each["number"] for each in (first, second, again)] == [1, 2, 3]
    assert [each["number_since_resume"] for each in (first, second, again)] == [1, 2, 1]
    assert {each["planned"] for each in (first, second, again)} == {2}
    passed_s = second["run_seconds"] - first["run_seconds"]
    assert passed_s >= measured.first["duration_seconds"]


def test_all_of_it_is_kept_and_verified_after_pruning(measured: Measured) -> None:
    """The last test: it removes what the others do not need."""
    before = {name: (measured.run / name).read_bytes() for name in FILES}
    measured.driver("verify", measured.run)
    rules = "--keep", "samples=0", "--keep", "logs=0"
    assert "were removed" in measured.driver("prune", "--results", measured.run.parent, *rules)
    assert {name: (measured.run / name).read_bytes() for name in FILES} == before
    assert measured.record(FIRST) == measured.first
    measured.driver("verify", measured.run)
