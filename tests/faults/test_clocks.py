"""Power limit and clocks: set for an experiment, put back whatever is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from simgpu_state import Device, State
from support.board_rights import rights_in
from support.stage import Stage, processes, training_line, wait_for
from tandem.machine.clocks.rights import commands
from tandem.processes.tree import send

WANTED = {"power_limit_watts": 350, "sm_clock_mhz": 900, "memory_clock_mhz": 1593}
UUID = "GPU-51500000-0000-4000-8000-000000000000"
long = pytest.mark.long
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="nvidia-smi has to be root's")


@pytest.fixture
def gpu(tmp_path: Path, simgpu_library: Path, stage: Stage) -> Any:
    with SimGpu(tmp_path / "gpu.state", simgpu_library) as made:
        stage.more_environment |= made.environment({})
        yield made


@pytest.fixture
def board(gpu: SimGpu) -> Device:
    device: Device = State(gpu.environment()["SIMGPU_STATE"]).layout.devices[0]
    return device


def build(stage: Stage, gpu: SimGpu, seconds: float = 2, **settings: Any) -> None:
    front = training_line(gpu.command(watts=200, seconds=seconds, sm_percent=80))
    stage.build(front, None, cooldown_seconds=0, **{**WANTED, **settings})


def settings_of(board: Device) -> tuple[float, int, int]:
    return board.power_limit_w, board.sm_locked_mhz, board.memory_locked_mhz


AS_BEFORE, AS_WANTED = (700.0, 0, 0), (350.0, 900, 1593)


def started(stage: Stage, gpu: SimGpu, board: Device) -> tuple[int, int]:
    """Start a long run; return the driver's and the holder's process id once all is set."""
    build(stage, gpu, seconds=600)
    driver = stage.start(stage.command(), start_new_session=True)
    stage.wait_for_foreground()
    assert settings_of(board) == AS_WANTED
    [holder] = processes(f"hold_clocks.py {driver.pid} {UUID}")
    return driver.pid, holder


def next_start(stage: Stage, board: Device) -> str:
    """Return what a run says that wants nothing of the board, and is stopped once it is as before.

    Whoever is stopped before that has failed.
    """
    settings = json.loads((stage.folder / "settings.json").read_text())
    left = {key: value for key, value in settings.items() if key not in WANTED}
    (stage.folder / "settings.json").write_text(json.dumps(left))
    driver = stage.start(stage.command())
    wait_for("all is as before", lambda: settings_of(board) == AS_BEFORE)
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGTERM)
    return driver.communicate()[0]


def test_boards_are_set_for_the_experiment_and_put_back(
    stage: Stage, gpu: SimGpu, board: Device
) -> None:
    build(stage, gpu)
    done = stage.run()
    assert done.returncode == 0, done.stdout
    assert settings_of(board) == AS_BEFORE
    record = stage.record()
    [facts] = record["gpu_setup"]["boards"]
    assert record["valid"], record["invalid_reasons"]
    assert facts["set_by"] == "nvml"
    assert facts["power_limit_watts"] == {
        **{"requested": 350, "before": 700, "enforced": 350, "after": 700, "reason": None}
    }
    assert facts["sm_clock_mhz"]["requested"] == 900
    assert facts["sm_clock_mhz"]["enforced"] is None
    assert "no call" in facts["sm_clock_mhz"]["reason"]
    [window] = [each for each in record["windows"] if each["name"] == "foreground"]
    assert window["gpus"][0]["clocks_at_work"]["sm_mhz"] == pytest.approx(900)


@long
def test_what_was_not_enforced_does_not_count(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(ignores_settings=1)
    build(stage, gpu)
    assert stage.run().returncode == 1
    reasons = " ".join(stage.record()["invalid_reasons"])
    assert "power limit 350 W was asked for; power limit 700 W was enforced" in reasons
    assert "worked at 1980 MHz in the mean: SM clock 900 MHz was set" in reasons


@long
def test_a_limit_that_somebody_changes_is_left_alone_and_does_not_count(
    stage: Stage, gpu: SimGpu, board: Device
) -> None:
    build(stage, gpu)
    running = stage.start(stage.command())
    stage.wait_for_foreground()
    gpu.set(power_limit_w=500.0)
    said, _ = running.communicate()
    assert "power limit 500 W, set by somebody else, left alone" in said
    assert settings_of(board) == (500.0, 0, 0)
    assert any("somebody changed it" in each for each in stage.record()["invalid_reasons"])


@long
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"power_limit_watts": 100}, "100 W is not among the limits of the board, 200 to 700 W"),
        ({"sm_clock_mhz": 901}, "901 MHz is no SM clock of the board (345 to 1980 MHz"),
        ({"memory_clock_mhz": 2000}, "2000 MHz is no memory clock of the board (2619, 1593 MHz)"),
    ],
)
def test_what_no_board_has_is_refused_before_the_start(
    stage: Stage, gpu: SimGpu, board: Device, wrong: dict[str, Any], said: str
) -> None:
    build(stage, gpu, **wrong)
    done = stage.run()
    assert (done.returncode, said in done.stdout) == (3, True), done.stdout
    assert not list(stage.folder.glob("results/run_*"))
    assert settings_of(board) == AS_BEFORE


@long
@is_root
@pytest.mark.parametrize("has_rule", [True, False])
def test_sudo_sets_what_its_rule_allows(
    stage: Stage, gpu: SimGpu, board: Device, has_rule: bool
) -> None:
    folder = stage.folder / "rights"
    rules = commands(folder / "nvidia-smi", [UUID]) if has_rule else ()
    stage.more_environment |= rights_in(folder, list(rules))
    build(stage, gpu)
    done = stage.run()
    assert settings_of(board) == AS_BEFORE
    if has_rule:
        assert done.returncode == 0, done.stdout
        assert stage.record()["gpu_setup"]["boards"][0]["set_by"] == "sudo"
    else:
        assert done.returncode == 3
        assert "not put back" not in done.stdout
        assert not list(stage.folder.rglob("tandem-clocks-*.json"))
        assert "sudo: a password is required" in done.stdout
        assert "tandem doctor" in done.stdout


def test_killed_driver_leaves_a_board_that_its_holder_puts_back(
    stage: Stage, gpu: SimGpu, board: Device
) -> None:
    driver, _ = started(stage, gpu, board)
    send(driver, signal.SIGKILL)
    wait_for("the holder has put back", lambda: settings_of(board) == AS_BEFORE)
    stage.wait_until_nothing_lives()


@long
def test_killed_holder_costs_nothing(stage: Stage, gpu: SimGpu, board: Device) -> None:
    driver, holder = started(stage, gpu, board)
    send(holder, signal.SIGKILL)
    send(driver, signal.SIGTERM)
    wait_for("the run has put back", lambda: settings_of(board) == AS_BEFORE)
    stage.wait_until_nothing_lives()


def test_kill_of_everything_is_put_back_by_the_next_start(
    stage: Stage, gpu: SimGpu, board: Device
) -> None:
    driver, holder = started(stage, gpu, board)
    send(holder, signal.SIGKILL)
    send(driver, signal.SIGKILL)
    for pid in stage.everything():
        send(pid, signal.SIGKILL)
    stage.wait_until_nothing_lives()
    assert settings_of(board) == AS_WANTED
    assert "an earlier run had left it at" in next_start(stage, board)
    assert settings_of(board) == AS_BEFORE
