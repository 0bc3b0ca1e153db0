"""A foreground's energy against the truth of the simulated board, whatever holds the monitor up.

All scenarios run at once: each has its own folder, locks, processes and GPU. So do the boards whose
sensors are slow, each with one short training after the other. How near the energies come to the
truth is printed by bench/measuring.py; here the windows must be as near as they themselves say.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from support.boards import BOARDS, SHORT_S, Measured, measure, root_mean_square, short_windows
from support.stage import DEADLINE_S, Stage, processes, training_line, wait_for

pytestmark = pytest.mark.long
SECONDS = 12.0


@dataclass(frozen=True)
class Scenario:
    """A training's power over time, the board's habits, and what is done to the monitor."""

    wave: dict[str, Any]
    board: dict[str, Any] = field(default_factory=dict)
    held_up_s: float = 0.0  # at most, at least 1 s
    fills_cores: bool = False


def square(period_s: float) -> dict[str, Any]:
    return {"shape": "square", "watts": 300, "low_watts": 40, "period": period_s, "duty": 0.5}


SLOW = {"counter_period_s": 0.1}
LONG_BUFFER = {"sample_buffer_s": 5}  # the board's usual one keeps 2.4 s
SCENARIOS = {
    "0.3 s": Scenario(square(0.3)),
    "1 s": Scenario(square(1.0)),
    "3 s": Scenario(square(3.0)),
    "ramp": Scenario({"shape": "ramp", "watts": 400, "low_watts": 20, "period": 2.0}),
    "slow counter": Scenario(square(0.7), SLOW),
    # No small multiples of the buffer's 20 ms, which would see some phases of a wave only.
    "held up 0.324 s": Scenario(square(0.32361), SLOW | LONG_BUFFER, 3.0),
    "held up 1.146 s": Scenario(square(1.14590), held_up_s=2.2, fills_cores=True),
    "held up 3 s": Scenario(square(3.0), SLOW | LONG_BUFFER, 3.0),
}


@pytest.fixture(scope="module")
def short(
    tmp_path_factory: pytest.TempPathFactory, simgpu_library: Path
) -> Iterator[dict[str, list[Measured]]]:
    with short_windows(tmp_path_factory.mktemp("short"), simgpu_library) as found:
        yield found


def hold_up(stage: Stage, driver: subprocess.Popen[str], seed: int, most_s: float) -> None:
    """Stop the monitor for 1 s or more, again and again, from before the start to the end."""
    draw = random.Random(seed)
    (pid,) = wait_for("the monitor samples", lambda: monitor_of(stage))
    wait_for("it is ready", lambda: list(stage.folder.glob("results/run_*/*/energy/monitor.json")))
    while driver.poll() is None and processes_alive(pid):
        signal_if_alive(pid, signal.SIGSTOP)
        time.sleep(draw.uniform(1.0, most_s))
        signal_if_alive(pid, signal.SIGCONT)
        time.sleep(draw.uniform(0.2, 0.8))


def monitor_of(stage: Stage) -> list[int]:
    mine = processes(str(stage.folder))
    return [pid for pid, line in mine.items() if "powermon.py" in line]


def processes_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def signal_if_alive(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, simgpu_library: Path
) -> Iterator[dict[str, Measured]]:
    """The real driver on every scenario, side by side."""
    with ExitStack() as stack:
        running = {}
        spin = [sys.executable, "-c", "while True: pass"]
        for number, (name, scenario) in enumerate(SCENARIOS.items()):
            folder = tmp_path_factory.mktemp("energy")
            gpu = stack.enter_context(SimGpu(folder / "gpu.state", simgpu_library))
            gpu.set(**scenario.board)
            stage = Stage(folder, more_environment=gpu.environment({}))
            stack.callback(stage.clean_up)
            front = training_line(gpu.command(**scenario.wave, seconds=SECONDS, memory_mib=900))
            stage.build(front, None)
            driver = stage.start(stage.command())
            if scenario.fills_cores:
                for _ in range(os.cpu_count() or 1):
                    busy = subprocess.Popen(spin)
                    stack.callback(busy.wait)
                    stack.callback(busy.kill)
            if scenario.held_up_s:
                arguments = (stage, driver, number, scenario.held_up_s)
                thread = threading.Thread(target=hold_up, args=arguments)
                thread.start()
                stack.callback(thread.join)
            running[name] = (stage, gpu, driver)
        for _, _, driver in running.values():
            output, _ = driver.communicate(timeout=DEADLINE_S)
            assert driver.returncode == 0, output
        yield {name: measure(stage.record(), gpu) for name, (stage, gpu, _) in running.items()}


waves = pytest.mark.xdist_group("waves")  # one measured run for all that reads it
boards = pytest.mark.xdist_group("boards")


@waves
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_counter_is_as_right_as_it_says(measured: dict[str, Measured], name: str) -> None:
    ended = measured[name]
    assert ended.is_true
    assert ended.gpu["energy_method"] == "counter"
    assert ended.gpu["energy_joules"] == ended.gpu["energy_counter_joules"]


@waves
def test_the_trapezoid_is_of_the_same_window(measured: dict[str, Measured]) -> None:
    """Three samples see a wave of 0.3 s, by chance more of its highs: it cannot be very near."""
    for each in measured.values():
        assert each.gpu["energy_trapezoid_joules"] == pytest.approx(each.truth_j, rel=0.2)


@waves
def test_the_stated_uncertainty_holds(measured: dict[str, Measured]) -> None:
    """It is one standard deviation: of eight errors the root mean square lies near it."""
    errors = [each.deviations for each in measured.values()]
    assert root_mean_square(errors) <= 2
    assert max(map(abs, errors)) <= 5


@boards
@pytest.mark.parametrize("name", [name for name, (counter_s, _) in BOARDS.items() if counter_s])
def test_short_windows_on_slow_boards(short: dict[str, list[Measured]], name: str) -> None:
    """Where steps of the board go by unseen, the stated uncertainty must say so."""
    found = short[name]
    assert len(found) == len(SHORT_S)
    assert {each.gpu["energy_method"] for each in found} == {"counter"}
    assert all(each.is_true for each in found)


@boards
def test_the_stated_uncertainty_of_short_windows_holds(short: dict[str, list[Measured]]) -> None:
    """Power as steady as this does not show how old it is: without a counter, below 2 s is none."""
    known = [each for found in short.values() for each in found if each.gpu["energy_method"]]
    assert root_mean_square([each.deviations for each in known]) <= 2
    for each in short["no counter"]:
        is_short = each.record["duration_seconds"] < 2.0
        method, reason = each.gpu["energy_method"], each.gpu["energy_reason"]
        assert method == "trapezoid" or (is_short and "short for it" in reason)


@waves
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_old_keys_and_the_row_say_the_same(measured: dict[str, Measured], name: str) -> None:
    record, gpu = measured[name].record, measured[name].gpu
    metrics = record["energy_metrics"]
    assert metrics["gpu_energy_total_joules"] == gpu["energy_joules"]
    assert metrics["gpu_power_avg_watts"] == pytest.approx(gpu["power_avg_watts"])
    assert metrics["attribution"] == "foreground"
    assert metrics["cpu_energy_total_joules"] is None
    assert "RAPL" in record["energy_reason"] or "powercap" in record["energy_reason"]
    assert gpu["processes_mapped"] is True
    assert gpu["strangers"] == []
    assert gpu["foreground"]["memory_max_mib"] == pytest.approx(900)
    assert json.dumps(record["census"]["before"]["busy"]) == "[]"
    assert record["valid"] is True
