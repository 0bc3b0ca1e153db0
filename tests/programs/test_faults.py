"""What boards report of their own faults, against the simulated GPU, through NVML's binding."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simgpu import DRIVER_NOT_LOADED, INIT, NOT_SUPPORTED, SimGpu
from tandem.base.paths import ROOT

EVENTS, REGISTER = "nvmlEventSetCreate", "nvmlDeviceRegisterEvents"
ECC = "nvmlDeviceGetTotalEccErrors"

# Watches the boards until it gets a line, then prints what they have reported.
PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tandem.machine.faults import FaultWatch
watch = FaultWatch(Path(sys.argv[2]))
print("watching", flush=True)
for line in sys.stdin:
    if line.strip() == "end":
        break
    getattr(watch, line.strip())()
    print("looked", flush=True)
print(json.dumps(watch.end()))
"""


class Watching:
    """A process that watches the boards' faults; the kernel's log is a file of the test."""

    def __init__(self, gpu: SimGpu, log: Path, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ROOT / "lib"), str(log)],
            env=gpu.environment() | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "watching\n"

    def look(self, how: str) -> None:
        assert self.process.stdin and self.process.stdout
        print(how, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "looked\n"

    def found(self) -> Any:
        answer, _ = self.process.communicate("end\n", timeout=60)
        return json.loads(answer)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "kmsg"
    path.write_text("4,1,10,-;NVRM: Xid (PCI:0000:01:00): 62, before anybody watched\n")
    yield path


def add(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"4,2,20,-;{line}\n" for line in lines)


def test_what_a_board_reports_meanwhile(two_gpus: SimGpu, log: Path) -> None:
    two_gpus.set(0, ecc_corrected=5, ecc_uncorrected=1)
    two_gpus.report_xid(79)  # before anybody watched
    watching = Watching(two_gpus, log)
    two_gpus.set(0, ecc_corrected=7)
    two_gpus.report_xid(31)
    two_gpus.report_xid(13)
    two_gpus.report_xid(94, device=1)
    first, second = watching.found()
    assert first["ecc_before"] == {"corrected": 5, "uncorrected": 1, "reason": None}
    assert first["ecc_after"] == {"corrected": 7, "uncorrected": 1, "reason": None}
    assert (first["index"], first["xids"], first["xids_reason"]) == (0, [31, 13], None)
    assert (second["index"], second["xids"]) == (1, [94])


@pytest.mark.parametrize("has_events", [True, False])
def test_which_xids_came_between_two_looks(gpu: SimGpu, log: Path, has_events: bool) -> None:
    if not has_events:
        gpu.fail(NOT_SUPPORTED, EVENTS)
    watching = Watching(gpu, log)

    def report(code: int) -> None:
        if has_events:
            gpu.report_xid(code)
        else:
            add(log, f"NVRM: Xid (PCI:0000:01:00): {code}, pid=7")

    for how, code in (("begin", 62), ("begin", 31), ("pause", 45)):
        watching.look(how)
        report(code)
    [board] = watching.found()
    assert (board["xids"], board["xids_beside"]) == ([62, 31, 45], [31])


def test_only_the_boards_in_use_are_watched(two_gpus: SimGpu, log: Path) -> None:
    watching = Watching(two_gpus, log, CUDA_VISIBLE_DEVICES="1")
    two_gpus.report_xid(31)
    [second] = watching.found()
    assert (second["index"], second["xids"]) == (1, [])


@pytest.mark.parametrize("function", [EVENTS, REGISTER])
def test_without_events_the_kernels_log_has_the_xids(
    two_gpus: SimGpu, log: Path, function: str
) -> None:
    two_gpus.fail(NOT_SUPPORTED, function)
    watching = Watching(two_gpus, log)
    add(log, "NVRM: Xid (PCI:0000:02:00): 63, pid=7", "usb 1-1: new device", "NVRM: loading")
    first, second = watching.found()
    assert (first["xids"], first["xids_reason"]) == ([], None)
    assert (second["xids"], second["xids_reason"]) == ([63], None)


def test_where_nothing_tells_of_xids_they_are_not_known(gpu: SimGpu, log: Path) -> None:
    gpu.fail(NOT_SUPPORTED, EVENTS)
    [board] = Watching(gpu, log.with_name("absent")).found()
    assert board["xids"] is None
    assert "Not Supported" in board["xids_reason"]
    assert "No such file" in board["xids_reason"]


def test_errors_of_a_board_without_ecc_are_not_known(gpu: SimGpu, log: Path) -> None:
    gpu.fail(NOT_SUPPORTED, ECC)
    [board] = Watching(gpu, log).found()
    assert board["ecc_before"] == board["ecc_after"]
    assert (board["ecc_after"]["corrected"], board["ecc_after"]["uncorrected"]) == (None, None)
    assert "Not Supported" in board["ecc_after"]["reason"]


def test_a_board_that_is_lost_says_so(gpu: SimGpu, log: Path) -> None:
    watching = Watching(gpu, log)
    gpu.report_xid(79)
    gpu.lose()
    [board] = watching.found()
    assert board["xids"] == [79]
    assert "lost" in board["ecc_after"]["reason"].lower()


def test_without_a_driver_nothing_is_known(gpu: SimGpu, log: Path) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    assert Watching(gpu, log).found() is None
