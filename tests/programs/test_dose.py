"""bin/dose on the simulated GPU, through NVML's real binding: what it reaches, and what it says.

On a busy machine a row may be off, as whoever stops and continues is late; not all of them are. How
far off a window is on average is printed by bench/dosing.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from simgpu import DRIVER_NOT_LOADED, INIT, SimGpu
from simgpu_state import now_s
from support.stage import wait_for
from tandem.background.dose.files import dose_facts
from tandem.base.paths import BGRUN, DOSE
from tandem.measure.rows import Row, read_rows

POINTS, DUTY = 5.0, 0.05  # so near counts as reached
ROWS = 3  # so many rows are no accident; there is one about each second

Start = Callable[..., "Dosed"]


@dataclass
class Dosed:
    """A background on a simulated GPU, and the controller beside it."""

    gpu: SimGpu
    folder: Path
    load: subprocess.Popen[bytes]
    dose: subprocess.Popen[bytes]

    def rows(self) -> list[Row]:
        return list(read_rows(self.folder / "dose.csv"))

    def wait_until(self, at_s: float) -> None:
        wait_for("rows up to there", lambda: any(end_s(row) >= at_s for row in self.rows()))

    def facts(self, from_s: float, to_s: float) -> dict[str, Any]:
        self.wait_until(to_s)
        return self.facts_now(from_s, to_s)

    def facts_now(self, from_s: float, to_s: float) -> dict[str, Any]:
        asked = json.loads((self.folder / "dose.json").read_text())
        return dose_facts(self.folder, asked["mode"], asked["target"], from_s, to_s)

    def began_s(self) -> float:
        """Return when the first training began to use the GPU."""
        slots = wait_for("a training", lambda: [each for each in self.gpu.slots() if each.seen_s])
        return float(slots[0].start_s)

    def reaches(self, column: str, wanted: float, within: float, since_s: float = 0.0) -> list[Row]:
        """Return rows in which it is so near to what is wanted, once there are enough of them."""

        def found() -> list[Row]:
            near = [
                row
                for row in self.rows()
                if isinstance(cell := row[column], float)
                and abs(cell - wanted) <= within
                and end_s(row) > since_s
            ]
            return near if len(near) >= ROWS else []

        rows: list[Row] = wait_for(f"rows with {column} {wanted}", found)
        return rows

    def says_why(self) -> str:
        """Return the first reason of a row's own window why the target was not reached."""

        def reasons() -> list[str]:
            spans = [(end_s(row) - span_s(row), end_s(row)) for row in self.rows()]
            facts = [self.facts_now(*span) for span in spans]
            return [str(each["reason"]) for each in facts if "the target" in str(each["reason"])]

        return str(wait_for("why it is off its target", reasons)[0])

    def truth(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Return the share of a window in which trainings ran, and their use in percent."""
        ran_s = percent_s = 0.0
        for slot in self.gpu.slots():
            if not slot.seen_s:
                continue  # not a training's
            sum_s = overlap_s(slot.start_s, slot.ended_by_s(), from_s, to_s)
            for index in range(slot.stop_count):
                sum_s -= overlap_s(slot.stops[index][0], slot.stops[index][1], from_s, to_s)
            ran_s += sum_s
            percent_s += sum_s * slot.sm_percent
        return ran_s / (to_s - from_s), percent_s / (to_s - from_s)


def overlap_s(begin_s: float, end_s: float, from_s: float, to_s: float) -> float:
    return max(0.0, min(end_s, to_s) - max(begin_s, from_s))


def end_s(row: Row) -> float:
    at_s = row["boottime_s"]
    assert isinstance(at_s, float)
    return at_s


def span_s(row: Row) -> float:
    length_s = row["span_s"]
    assert isinstance(length_s, float)
    return length_s


@pytest.fixture
def start(tmp_path: Path, simgpu_library: Path) -> Iterator[Start]:
    """Starts a background on a GPU of its own, and a controller; both end with the test."""
    made: list[Dosed] = []

    def start_one(
        how: str, board: dict[str, Any] | None = None, has_driver: bool = True, **flags: Any
    ) -> Dosed:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        gpu = SimGpu(folder / "gpu.state", simgpu_library, **(board or {}))
        if not has_driver:
            gpu.fail(DRIVER_NOT_LOADED, *INIT)
        environment = {**gpu.environment(), "CUDA_VISIBLE_DEVICES": "0"}
        training = gpu.command(**{"work_seconds": 1000, "sm_percent": 100, **flags})
        words = [str(BGRUN), "--logs", str(folder / "logs"), "--", *training]
        load = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
        words = [str(DOSE), "--out", str(folder / "dose"), "--keeper", str(load.pid), *how.split()]
        dose = subprocess.Popen(words, env=environment)
        made.append(Dosed(gpu, folder / "dose", load, dose))
        return made[-1]

    yield start_one
    for each in made:
        each.dose.terminate()
        each.dose.wait(timeout=120)
        each.load.terminate()
        each.load.wait(timeout=120)


@pytest.mark.parametrize("use", [100, 90])
def test_targets_are_reached(start: Start, use: int) -> None:
    """By what the controller says of it, and by the truth of what was used."""
    dosed = {target: start(f"--target {target}", sm_percent=use) for target in (20, 50, 80)}
    truths = []
    for target, each in dosed.items():
        rows = each.reaches("sm_percent", target, POINTS)
        from_s, to_s = end_s(rows[0]), end_s(rows[-1])
        facts = each.facts(from_s, to_s)
        truths.append(each.truth(from_s, to_s)[1])
        assert (facts["mode"], facts["target"], facts["reason"]) == ("target", target, None)
        assert facts["sm_avg_percent"] is not None
    assert truths == sorted(truths)


def test_a_foreground_beside_it_is_not_counted(start: Start) -> None:
    """Nor stopped, whatever it uses: with it the use would never be below 60 %."""
    dosed = start("--target 30", sm_percent=80)
    training = dosed.gpu.start_training(seconds=1000, sm_percent=60)
    try:
        wait_for("it works", lambda: any(slot.pid == training.pid for slot in dosed.gpu.slots()))
        dosed.reaches("sm_percent", 30, POINTS, now_s() + 1)
        (front,) = [slot for slot in dosed.gpu.slots() if slot.pid == training.pid]
        assert front.stop_count == 0
    finally:
        training.kill()
        training.communicate()


def test_short_rounds_come_near_their_target(start: Start) -> None:
    """NVML does not tell since when a process that has just begun has been on the GPU."""
    dosed = start("--target 30", work_seconds=0.5)
    wait_for("rounds", lambda: len(dosed.gpu.slots()) >= 4)
    dosed.reaches("sm_percent", 30, 4 * POINTS)


def test_rounds_that_begin_while_others_would_be_stopped(start: Start) -> None:
    """They are stopped too: of 0.1 s of work, and as much to begin, 50 ms are done in a period.

    Otherwise nearly all would be over before the next period, and so never be stopped.
    """
    dosed = start("--intensity 0.1", work_seconds=0.1)
    ended = wait_for("rounds", lambda: [slot for slot in dosed.gpu.slots() if slot.end_s][9:])
    assert ended
    counts = [slot.stop_count for slot in dosed.gpu.slots()[:9]]
    assert sum(count > 0 for count in counts) > len(counts) / 2, counts


def test_intensity_is_the_duty(start: Start) -> None:
    """By what the controller says of it, and by the truth."""
    intensities = (0.2, 0.7)
    dosed = [start(f"--intensity {each} --period 0.3", sm_percent=60) for each in intensities]
    for intensity, each in zip(intensities, dosed, strict=True):
        rows = each.reaches("duty", intensity, DUTY, each.began_s() + 1)
        truths = [each.truth(end_s(row) - span_s(row), end_s(row))[0] for row in rows]
        assert min(abs(truth - intensity) for truth in truths) <= DUTY
        from_s, to_s = end_s(rows[0]), end_s(rows[-1])
        facts = each.facts(from_s, to_s)
        stopped_s = (to_s - from_s) * (1 - facts["duty_mean"])
        assert facts["stopped_seconds"] == pytest.approx(stopped_s, rel=0.01)
        assert facts["sm_avg_percent"] is not None
        assert (facts["mode"], facts["target"], facts["reason"]) == ("intensity", intensity, None)


def test_intensity_1_stops_nobody(start: Start) -> None:
    dosed = start("--intensity 1")
    rows = dosed.reaches("duty", 1.0, 0.0)
    assert dosed.gpu.slots()[0].stop_count == 0
    assert dosed.facts(end_s(rows[0]), end_s(rows[-1]))["duty_mean"] == 1.0


def test_a_target_that_cannot_be_reached_is_said(start: Start) -> None:
    """Both ways: the training does not use so much, and cannot be made to use so little."""
    high, low = start("--target 80", sm_percent=40), start("--target 1")
    less = "it uses less than the target although it was never stopped"
    assert high.says_why() == less
    assert low.says_why().startswith("it uses more than the target although it ran for 5 %")


@pytest.mark.parametrize(
    "board, has_driver, reason",
    [
        ({"processes": "hidden"}, True, "NVML reports no use of a GPU by its processes"),
        ({"pid_offset": 4_000_000}, True, "NVML reports no use of a GPU by its processes"),
        ({"mps_pid": os.getpid()}, True, "under MPS there is no utilisation by process"),
        ({"mig": 1}, True, "a MIG device has no utilisation by process"),
        ({}, False, "NVML: Driver Not Loaded"),
    ],
)
def test_without_use_by_process_the_duty_is_the_target(
    start: Start, board: dict[str, Any], has_driver: bool, reason: str
) -> None:
    dosed = start("--target 40", board, has_driver)
    rows = dosed.reaches("duty", 0.4, DUTY, dosed.began_s() + 1)
    facts = dosed.facts(end_s(rows[0]), end_s(rows[-1]))
    assert facts["sm_avg_percent"] is None
    assert facts["reason"] == f"utilisation: {reason}"


def test_a_controller_that_was_killed_says_so(start: Start) -> None:
    """By what is missing; and it goes on in the same file when it is started again."""
    dosed = start("--intensity 0.5")
    begin_s = dosed.began_s()
    dosed.wait_until(begin_s + 2)
    dosed.dose.send_signal(signal.SIGKILL)
    dosed.dose.wait()
    to_s = now_s()
    wait_for("some time", lambda: now_s() > to_s + 1.5)
    facts = dosed.facts_now(begin_s + 0.5, to_s + 1.5)
    assert facts["duty_mean"] is facts["sm_avg_percent"] is facts["stopped_seconds"] is None
    assert facts["reason"].startswith("the controller did not run in ")
    with open(dosed.folder / "dose.csv", "a") as file:
        file.write("12.5,1,0")
    words = [str(DOSE), "--out", str(dosed.folder), "--keeper", str(dosed.load.pid)]
    dosed.dose = subprocess.Popen([*words, "--intensity", "0.25"], env=dosed.gpu.environment())
    dosed.reaches("duty", 0.25, DUTY, now_s())
