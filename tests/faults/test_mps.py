"""Runs under MPS, on the stand-in: the order of all, what is refused, and what is left: nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mps.use import Mps
from simgpu import SimGpu
from support.stage import Stage, processes, training_line, wait_for
from tandem.machine.mps.folder import NAME, places
from tandem.processes.census import environment
from tandem.processes.proc import alive, ancestors, name
from tandem.processes.tree import send

FRONT = {"watts": 200, "memory_mib": 1000, "sm_percent": 30, "seconds": 2, "epochs": 2}
BACK = {"watts": 100, "memory_mib": 2000, "sm_percent": 30, "seconds": 600}


@pytest.fixture
def mps(stage: Stage, gpu: SimGpu) -> Iterator[Mps]:
    """MPS's programs on the stage's PATH."""
    with Mps(gpu) as made:
        stage.more_environment = made.environment()
        yield made


def build(stage: Stage, gpu: SimGpu, **settings: Any) -> None:
    front = training_line(gpu.command(**{**FRONT, **settings.pop("front", {})}))
    back = training_line(gpu.command(**{**BACK, **settings.pop("back", {})}))
    stage.build(front, back, sharing="mps", **settings)


def programs(stage: Stage) -> dict[int, str]:
    """Return the programs of MPS that this stage's runs have started, by pid."""
    marks = {f"TANDEM_LOCKS={stage.folder}".encode(), b"TANDEM_COOKIE"}
    every = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    mine = (pid for pid in every if name(pid).startswith("nvidia-cuda-mps") and alive(pid))
    return {pid: name(pid) for pid in mine if marks <= _words(pid)}


def _words(pid: int) -> set[bytes]:
    """Return the variables of a process, and the name alone of its cookie."""
    words = environment(pid).split(b"\0")
    return {b"TANDEM_COOKIE" if word.startswith(b"TANDEM_COOKIE=") else word for word in words}


def folders(pid: int) -> list[Path]:
    """Return the folders of sockets that a process has made."""
    return [path for place in places() for path in Path(place).glob(f"{NAME}.*-{pid}-*")]


def server_of(stage: Stage) -> int:
    """Return the pid of the server, a child of the daemon."""
    pids = wait_for("daemon and server", lambda: len(found := programs(stage)) == 2 and found)
    (server,) = (pid for pid in pids if not set(pids).isdisjoint(ancestors(pid)))
    return int(server)


@pytest.mark.long
def test_a_pair_under_mps(stage: Stage, gpu: SimGpu, mps: Mps) -> None:
    theirs = mps.start()  # on the default path
    build(stage, gpu, controls={"solo": True, "background_seconds": 1})
    driver = stage.start(stage.command("--allow-busy"))
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, out
    (run,) = stage.folder.glob("results/run_*")
    records = [json.loads(path.read_text()) for path in run.glob("*/experiment.json")]
    assert len(records) == 2
    for record in records:
        setup = record["gpu_setup"]
        assert setup["sharing"] == "mps", setup["sharing_reason"]
        (daemon,) = setup["mps"]
        assert daemon["stopped_by"] == "quit"
        assert daemon["faults"] == daemon["killed"] == []
        assert daemon["clients_terminated"] == len((record["background"] or {"parts": []})["parts"])
        assert daemon["version"]
        assert daemon["devices"].startswith("GPU-")
        assert record["valid"] is True, record["invalid_reasons"]
        log = run / record["experiment_id"] / daemon["log"]
        assert "NEW CLIENT" in log.read_text()
        assert daemon["log"] in record["digests"]
        if record["background"]:
            assert "MPS" in record["background"]["isolation_reason"]
            assert record["background"]["parts"][0]["rounds_failed"] == 0
    assert theirs.poll() is None
    assert programs(stage) == {}
    assert folders(driver.pid) == []


@pytest.mark.long
def test_a_server_that_dies_ends_the_attempt_and_a_retry_has_a_new_one(
    stage: Stage, gpu: SimGpu, mps: Mps
) -> None:
    short = {"seconds": 1}  # so that rounds succeed in either attempt, with pauses between them
    limits = {"validity": {"min_coverage": 0.5}, "max_retries": 1}
    build(stage, gpu, front={"seconds": 6}, back=short, **limits)
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    send(server_of(stage), signal.SIGKILL)
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, out
    assert "the MPS server ended" in out
    record = stage.record()
    first, second = record["gpu_setup"]["mps"]
    assert first["stopped_by"] == "itself"
    assert second["stopped_by"] == "quit"
    assert [each["exit_code"] == 0 for each in record["attempts"]] == [False, True]
    assert programs(stage) == {}


@pytest.mark.long
@pytest.mark.parametrize("fault", ["server_fails", "hang_at_start", "deaf"])
def test_a_daemon_that_does_not_serve(fault: str, stage: Stage, gpu: SimGpu, mps: Mps) -> None:
    mps.play(fault)
    build(stage, gpu)
    driver = stage.start(stage.command())
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 1, out
    record = stage.record()
    assert record["status"] == "MPS failed"
    assert record["valid"] is False
    assert record["attempts"] == []
    assert programs(stage) == {}
    assert folders(driver.pid) == []


@pytest.mark.long
def test_a_daemon_that_hangs_at_its_end_is_killed(stage: Stage, gpu: SimGpu, mps: Mps) -> None:
    mps.play("hang_at_quit")
    build(stage, gpu)
    driver = stage.start(stage.command())
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, out
    record = stage.record()
    (daemon,) = record["gpu_setup"]["mps"]
    assert daemon["stopped_by"] == "KILL"
    assert daemon["faults"] == []
    assert "warning: MPS: it did not end within" in out
    assert record["valid"] is True, record["invalid_reasons"]
    quit_not = "the MPS daemon of attempt 1 did not quit: it was ended by KILL"
    assert quit_not in record["warnings"]
    assert programs(stage) == {}


@pytest.mark.long
def test_a_ctrl_c_in_mid_attempt(stage: Stage, gpu: SimGpu, mps: Mps) -> None:
    build(stage, gpu, front={"seconds": 600})
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGINT)
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == -signal.SIGINT, out
    (cut_off,) = stage.folder.glob("results/run_*/*/experiment.json")
    (daemon,) = json.loads(cut_off.read_text())["gpu_setup"]["mps"]
    assert daemon["stopped_by"] == "quit"
    assert (programs(stage), folders(driver.pid), stage.everything()) == ({}, [], {})


@pytest.mark.long
def test_no_place_for_the_sockets_of_a_retry(stage: Stage, gpu: SimGpu, mps: Mps) -> None:
    """Somebody has cleaned /tmp, and something else stands there: the record says so."""
    build(stage, gpu, front={"seconds": 600}, max_retries=1)
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    (place,) = folders(driver.pid)
    server = server_of(stage)
    shutil.rmtree(place)
    place.touch()
    send(server, signal.SIGKILL)
    out, _ = driver.communicate(timeout=120)
    assert driver.returncode == 1, out
    record = stage.record()
    assert (record["status"], len(record["attempts"])) == ("MPS failed", 1)
    assert "made by somebody else" in record["gpu_setup"]["mps"][1]["faults"][0]
    assert programs(stage) == {}
    place.unlink()


@pytest.mark.long
def test_what_a_killed_driver_leaves_goes_with_the_next_start(
    stage: Stage, gpu: SimGpu, mps: Mps
) -> None:
    build(stage, gpu, front={"seconds": 600})
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    everything = [driver.pid, *processes(str(stage.folder)), *programs(stage)]
    left = server_of(stage)
    for pid in everything:
        if pid != left:
            send(pid, signal.SIGKILL)
    driver.communicate(timeout=120)
    assert folders(driver.pid)
    build_again = stage.start(stage.command())
    wait_for("the folder goes", lambda: not folders(driver.pid))
    assert not alive(left)
    build_again.send_signal(signal.SIGTERM)
    build_again.communicate(timeout=120)
    assert programs(stage) == {}
    assert folders(build_again.pid) == []
