"""Kills under MPS: no daemon, no server, no socket is left, and another user's MPS is untouched."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from mps.use import Mps
from simgpu import SimGpu
from support.stage import DEADLINE_S, Stage, processes, stop, training_line, wait_for
from support.under_mps import DAEMON, SERVER, Neighbour, folders, neighbour_on, programs
from tandem.processes.proc import alive
from tandem.processes.tree import send

LONG_S = 600
PARTS = {
    "driver": "driver.py",
    "outer keeper": "--strict",
    "round's keeper": "--round",
    "foreground's keeper": "--name fgrun",
    "loop": "bg_loop.sh --loop",
    "monitor": "powermon",
    "daemon's keeper": "--name mps",
    DAEMON: "",
    SERVER: "",
    "background": "",
    "foreground": "",
}


@pytest.fixture
def mps(stage: Stage, two_gpus: SimGpu) -> Iterator[Mps]:
    """MPS's programs on the stage's PATH; the stage has the first of two boards."""
    with Mps(two_gpus) as made:
        stage.more_environment = {**made.environment(), "CUDA_VISIBLE_DEVICES": "0"}
        stage.more_settings = {"sharing": "mps"}
        yield made


@pytest.fixture
def neighbour(two_gpus: SimGpu, mps: Mps) -> Iterator[Neighbour]:
    with neighbour_on(two_gpus, mps, "1") as made:
        yield made


def build(
    stage: Stage, gpu: SimGpu, front: dict[str, float], back: dict[str, float], **more: int
) -> None:
    lines = [
        training_line(gpu.command(**values, memory_mib=memory_mib))
        for values, memory_mib in ((front, 1000), (back, 2000))
    ]
    stage.build(lines[0], lines[1], **dict[str, Any](more))


def begin(stage: Stage) -> subprocess.Popen[str]:
    return stage.start(stage.command(), start_new_session=True)


def training(gpu: SimGpu, memory_mib: int) -> int:
    """Return the pid of the foreground (1000) or of the background's round (2000) that lives."""
    now = [slot for slot in gpu.slots(0) if not slot.end_s and slot.memory_mib == memory_mib]
    return now[-1].pid if now else 0


def pids_of(stage: Stage, gpu: SimGpu, part: str) -> list[int]:
    """Return the processes of a part of the run that live now."""
    if part in (DAEMON, SERVER):
        return [pid for pid, what in programs().items() if what == part]
    if part in ("background", "foreground"):
        return list(filter(None, [training(gpu, 1000 if part == "foreground" else 2000)]))
    return [pid for pid, line in processes(str(stage.folder)).items() if PARTS[part] in line]


def next_start_clears(stage: Stage, neighbour: Neighbour) -> None:
    """The next run, of a short foreground, is valid and leaves nothing of what was before."""
    script = stage.folder / "repos/front/train.sh"
    script.write_text(script.read_text().replace(f"--seconds={LONG_S}", "--seconds=1"))
    done = stage.run()
    assert done.returncode == 0, done.stdout
    assert (programs(), folders(), stage.everything()) == ({}, [], {})
    assert neighbour.is_untouched()


@pytest.mark.long
@pytest.mark.parametrize("survivors", [{SERVER}, pytest.param(set(), marks=pytest.mark.soak)])
def test_everything_killed_at_once(
    survivors: set[str], stage: Stage, two_gpus: SimGpu, mps: Mps, neighbour: Neighbour
) -> None:
    """The daemon dies with its keeper; a server that lives on is ended by the next start."""
    build(stage, two_gpus, {"seconds": LONG_S}, {"seconds": LONG_S})
    driver = begin(stage)
    stage.wait_for_foreground()
    wait_for("the background", lambda: training(two_gpus, 2000))
    left = [pid for pid, what in programs().items() if what in survivors]
    assert len(left) == len(survivors)
    others = [pid for pid in (*processes(str(stage.folder)), *programs()) if pid not in left]
    for pid in others:
        stop(pid)
    for pid in others:
        send(pid, signal.SIGKILL)
    driver.wait(DEADLINE_S)
    assert folders()
    assert all(alive(pid) for pid in left)
    next_start_clears(stage, neighbour)


@pytest.mark.long
def test_a_background_that_is_killed_beside_the_foreground(
    stage: Stage, two_gpus: SimGpu, mps: Mps
) -> None:
    """The stand-in's server survives it; a real one may, or not, and the record cannot tell."""
    build(stage, two_gpus, {"seconds": 4}, {"seconds": LONG_S})
    driver = begin(stage)
    stage.wait_for_foreground()
    os.kill(training(two_gpus, 2000), signal.SIGKILL)
    said, _ = driver.communicate(timeout=DEADLINE_S)
    assert driver.returncode == 1, said
    record = stage.record()
    why = "background: round 1 was ended by signal 9 (SIGKILL), and under MPS that reaches"
    assert [each for each in record["invalid_reasons"] if each.startswith(why)]
    assert (programs(), folders(), stage.everything()) == ({}, [], {})


@pytest.mark.long
def test_a_fault_of_the_background_on_the_gpu(stage: Stage, two_gpus: SimGpu, mps: Mps) -> None:
    """It fails the foreground as well, in each attempt; the board's Xid says why."""
    fault = {"seconds": LONG_S, "fault_seconds": 1.5}
    build(stage, two_gpus, {"seconds": LONG_S}, fault, max_retries=1)
    done = stage.run()
    assert done.returncode == 1, done.stdout
    record = stage.record()
    assert [attempt["exit_code"] for attempt in record["attempts"]] == [1, 1]
    assert [board["xids_beside"] for board in record["faults"]] == [[31]]
    assert [board["xids"] for board in record["faults"]] == [[31, 31]]
    why = "GPU 0 reported Xid 31 beside the foreground, and under MPS that reaches the foreground"
    assert why in record["invalid_reasons"]
    assert (programs(), folders(), stage.everything()) == ({}, [], {})


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_killed(
    part: str, stage: Stage, two_gpus: SimGpu, mps: Mps, neighbour: Neighbour
) -> None:
    build(stage, two_gpus, {"seconds": 8}, {"seconds": LONG_S})
    driver = begin(stage)
    stage.wait_for_foreground()
    wait_for("the background", lambda: training(two_gpus, 2000))
    for pid in wait_for(f"the {part}", lambda: pids_of(stage, two_gpus, part)):
        send(pid, signal.SIGKILL)
    said, _ = driver.communicate(timeout=DEADLINE_S)
    assert driver.returncode == (-signal.SIGKILL if part == "driver" else 1), said
    stage.wait_until_nothing_lives()
    wait_for("MPS has ended", lambda: not programs())
    if part != "driver":
        assert folders() == []
        assert stage.record()["valid"] is False, said
    next_start_clears(stage, neighbour)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", ["", "hang_at_quit", "killed_client=hang", "killed_client=fail"])
def test_any_parts_killed_at_any_moment(
    fault: str, stage: Stage, two_gpus: SimGpu, mps: Mps, neighbour: Neighbour
) -> None:
    """Whoever of the run they are, at once, from its first moment to its end."""
    mps.play(*filter(None, [fault]))
    rng = random.Random(fault)
    stage.more_settings["validity"] = {"min_coverage": 0.1}  # rounds are short
    build(stage, two_gpus, {"seconds": 1.5}, {"seconds": 0.7}, timeout_seconds=6)
    for _ in range(15):
        driver = begin(stage)
        time.sleep(rng.uniform(0, 6))
        doomed = rng.sample(sorted(PARTS), rng.randint(1, len(PARTS)))
        for pid in [pid for part in doomed for pid in pids_of(stage, two_gpus, part)]:
            send(pid, signal.SIGKILL)
        driver.communicate(timeout=DEADLINE_S)
        if "driver" not in doomed:
            assert (programs(), folders(), stage.everything()) == ({}, [], {}), doomed
        assert neighbour.is_untouched(), doomed
    mps.play()
    next_start_clears(stage, neighbour)
