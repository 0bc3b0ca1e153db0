"""The cool-down against the simulated GPU, through NVML's real binding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from simgpu import DRIVER_NOT_LOADED, INIT, NOT_SUPPORTED, SimGpu
from simgpu_state import Slot, now_s
from tandem.base.paths import ROOT
from tandem.machine.cooldown import DEFAULT_LIMIT_S

DEADLINE_S = 120.0  # a guard, not a figure
IDLE_C = 35.0
TEMPERATURE, USE = "nvmlDeviceGetTemperature", "nvmlDeviceGetUtilizationRates"

# Notes the GPUs at a start, waits for a line, cools down; every tick is a line, then the facts.
PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tandem.machine.cooldown import Cooldown
from tandem.processes.watch import Interrupted, Watch
from tandem.machine.gpus import gpus_now, nvml_held
watch, cooldown = Watch(), Cooldown()
with nvml_held():
    cooldown.note_start(gpus_now())
    print("noted", flush=True)
    limit_s = json.loads(sys.stdin.readline())
    try:
        facts = cooldown.wait(watch, limit_s, lambda left_s: print(left_s, flush=True))
    except Interrupted as interrupted:
        facts = str(interrupted)
print(json.dumps({"facts": facts}), flush=True)
"""


class Cooling:
    """A process that has noted the GPUs, and cools down when it is told the limit."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ROOT / "lib")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "noted"

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def begin(self, limit_s: float | None) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{json.dumps(limit_s)}\n")
        self.process.stdin.flush()

    def ticks(self, number: int) -> list[float]:
        """Return the seconds left in the next ticks, once they have come."""
        return [float(self.line()) for _ in range(number)]

    def facts(self) -> Any:
        while not (line := self.line()).startswith("{"):
            float(line)
        return json.loads(line)["facts"]

    def cool(self, limit_s: float | None) -> Any:
        self.begin(limit_s)
        return self.facts()


@pytest.fixture
def cooling(gpu: SimGpu) -> Iterator[Callable[..., Cooling]]:
    started: list[Cooling] = []

    def start(on: SimGpu = gpu, **environment: str) -> Cooling:
        started.append(Cooling(on.environment(os.environ) | environment))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate(timeout=DEADLINE_S)


@contextmanager
def at_least(seconds: float) -> Iterator[None]:
    begin_s = time.monotonic()
    yield
    assert time.monotonic() - begin_s >= seconds


def use(gpu: SimGpu) -> Slot:
    """Put a load on a GPU, and return when a whole second, NVML's mean, has been full of it."""
    load = gpu.add(sm_percent=70, watts=0)
    while now_s() < load.start_s + 1:
        time.sleep(0.01)
    return load


def celsius(*values: float | None) -> list[dict[str, Any]]:
    return [
        dict(
            zip(("baseline_celsius", "begin_celsius", "end_celsius"), values, strict=True), index=0
        )
    ]


# -- the conditions ------------------------------------------------------------------------


def test_a_cool_and_idle_gpu_is_not_waited_for(cooling: Callable[..., Cooling]) -> None:
    facts = cooling().cool(None)
    assert facts.pop("duration_seconds") < DEADLINE_S / 2
    assert facts == {
        "limit_seconds": DEFAULT_LIMIT_S,
        "reached": True,
        "reason": None,
        "gpus": celsius(IDLE_C, IDLE_C, IDLE_C),
    }


def test_waits_until_the_gpu_is_cool(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling()
    gpu.set(idle_c=IDLE_C + 30)
    one.begin(1000)
    first_s, *_, last_s = one.ticks(3)
    assert 1000 >= first_s > last_s > 900
    gpu.set(idle_c=IDLE_C + 4)  # one degree too warm
    one.ticks(3)
    gpu.set(idle_c=IDLE_C + 3)
    facts = one.facts()
    assert (facts["reached"], facts["reason"], facts["limit_seconds"]) == (True, None, 1000)
    assert facts["gpus"] == celsius(IDLE_C, IDLE_C + 30, IDLE_C + 3)
    assert facts["duration_seconds"] > 1.0  # of five ticks, two a second


def test_waits_until_the_gpu_is_idle(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling()
    load = use(gpu)
    one.begin(1000)
    one.ticks(4)
    gpu.end(load)
    facts = one.facts()
    assert (facts["reached"], facts["reason"]) == (True, None)


def test_the_heat_of_a_training(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    """As simulated: the mean power of the last 20 s, here in few seconds by a steep slope."""
    gpu.set(c_per_w=2.0)
    one = cooling()
    gpu.start_training(work_seconds=1, watts=300).wait(DEADLINE_S)
    facts = one.cool(0.2)
    assert facts["reached"] is False
    assert facts["gpus"][0]["begin_celsius"] > IDLE_C + 20


@pytest.mark.parametrize(
    ("warmer_c", "is_used", "reason"),
    [
        (12.0, False, "GPU 0: still 12 °C above its coolest start"),
        (0.0, True, "GPU 0: still 70 % used"),
    ],
)
def test_the_limit_ends_it(
    gpu: SimGpu,
    cooling: Callable[..., Cooling],
    warmer_c: float,
    is_used: bool,
    reason: str,
) -> None:
    one = cooling()
    gpu.set(idle_c=IDLE_C + warmer_c)
    if is_used:
        use(gpu)
    with at_least(1.2):
        facts = one.cool(1.2)
    assert (facts["reached"], facts["limit_seconds"]) == (False, 1.2)
    assert facts["duration_seconds"] >= 1.2
    assert facts["reason"] == reason


def test_every_gpu_is_waited_for(two_gpus: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling(two_gpus)
    two_gpus.set(1, idle_c=IDLE_C + 20)
    facts = one.cool(0.6)
    assert facts["reason"] == "GPU 1: still 20 °C above its coolest start"
    assert [each["end_celsius"] for each in facts["gpus"]] == [IDLE_C, IDLE_C + 20]


def test_only_the_gpus_of_this_run(two_gpus: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling(two_gpus, CUDA_VISIBLE_DEVICES="0")
    two_gpus.set(1, idle_c=IDLE_C + 20)
    facts = one.cool(1000)
    assert facts["reached"]
    assert [each["index"] for each in facts["gpus"]] == [0]


# -- the limits ----------------------------------------------------------------------------


def test_none_is_wanted(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling()
    gpu.set(idle_c=IDLE_C + 30)
    facts = one.cool(0)
    assert facts.pop("duration_seconds") < DEADLINE_S / 2
    assert facts == {"limit_seconds": 0.0, "reached": None, "reason": "switched off", "gpus": []}


def test_nothing_to_read_and_no_limit(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    facts = cooling().cool(None)
    assert facts.pop("duration_seconds") < DEADLINE_S / 2
    assert facts == {
        "limit_seconds": 0.0,
        "reached": None,
        "reason": "no GPU can be read; not waited",
        "gpus": [],
    }


def test_nothing_to_read_and_a_limit(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    with at_least(1.2):
        facts = cooling().cool(1.2)
    assert facts["duration_seconds"] >= 1.2
    assert (facts["limit_seconds"], facts["reached"]) == (1.2, None)
    assert facts["reason"] == "no GPU can be read; waited in full"


# -- what is not told ----------------------------------------------------------------------


def test_without_a_thermometer(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    """What can be watched is, and the rest is said."""
    gpu.fail(NOT_SUPPORTED, TEMPERATURE, f"{TEMPERATURE}V")
    one = cooling()
    load = use(gpu)
    one.begin(1000)
    one.ticks(3)
    gpu.end(load)
    facts = one.facts()
    assert (facts["reached"], facts["reason"]) == (True, "GPU 0: temperature not known")
    assert facts["gpus"] == celsius(None, None, None)


def test_without_a_use(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    """As on MIG devices."""
    gpu.fail(NOT_SUPPORTED, USE)
    one = cooling()
    gpu.set(idle_c=IDLE_C + 9)
    one.begin(1000)
    one.ticks(3)
    gpu.set(idle_c=IDLE_C)
    facts = one.facts()
    assert (facts["reached"], facts["reason"]) == (True, "GPU 0: use not known")


def test_without_both(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    gpu.fail(NOT_SUPPORTED, USE, TEMPERATURE, f"{TEMPERATURE}V")
    facts = cooling().cool(None)
    assert (facts["reached"], facts["limit_seconds"]) == (None, 0.0)
    reasons = ["GPU 0: temperature not known", "GPU 0: use not known", "not waited"]
    assert sorted(facts["reason"].split("; ")) == sorted(reasons)


def test_a_gpu_that_is_lost_meanwhile(two_gpus: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling(two_gpus)
    two_gpus.set(1, idle_c=IDLE_C + 20)
    one.begin(3.0)
    one.ticks(1)
    two_gpus.lose(1)
    facts = one.facts()
    assert (facts["reached"], facts["reason"]) == (False, "GPU 1: cannot be read any more")
    assert [each["end_celsius"] for each in facts["gpus"]] == [IDLE_C, None]


def test_a_sensor_that_falls_silent(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling()
    gpu.set(idle_c=IDLE_C + 20)
    one.begin(3.0)
    one.ticks(1)
    gpu.fail(NOT_SUPPORTED, TEMPERATURE, f"{TEMPERATURE}V")
    facts = one.facts()
    assert (facts["reached"], facts["reason"]) == (False, "GPU 0: cannot be read any more")


def test_a_signal_ends_it(gpu: SimGpu, cooling: Callable[..., Cooling]) -> None:
    one = cooling()
    gpu.set(idle_c=IDLE_C + 30)
    one.begin(1000)
    one.ticks(2)
    one.process.send_signal(signal.SIGTERM)
    assert one.facts() == "SIGTERM"
