"""The simulated GPU through the real binding: it measures what it really draws, as told."""

from __future__ import annotations

import itertools
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simgpu import (
    COUNTER,
    DRIVER_NOT_LOADED,
    FUNCTION_NOT_FOUND,
    GPU_IS_LOST,
    INIT,
    NO_PERMISSION,
    NOT_SUPPORTED,
    OF_THE_BOARD,
    POWER_FIELDS,
    SAMPLES,
    SimGpu,
    build,
)
from simgpu_state import SHAPES, SLOTS, Slot, State, now_s
from support import ROOT
from support.stage import wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for the library"),
]

# Evaluates each line it is sent, with handles d[0], d[1] ... and the binding as n.
ASKED = """
import json, sys, time
import pynvml as n
clock = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
d = []
for line in sys.stdin:
    begin = clock()
    try:
        answer = {"value": eval(line)}
    except n.NVMLError as error:
        answer = {"error": type(error).__name__}
    print(json.dumps({**answer, "begin": begin, "end": clock()}), flush=True)
"""
HANDLES = "d.extend(n.nvmlDeviceGetHandleByIndex(i) for i in range(n.nvmlDeviceGetCount()))"
ENERGY_MJ = "n.nvmlDeviceGetTotalEnergyConsumption(d[0])"
INSTANT_MW = "n.nvmlDeviceGetFieldValues(d[0], [186])[0].value.uiVal"
BASE_MJ = 10**9
FLOORED_MJ = 1.001  # the counter is whole millijoules, rounded down


class Nvml:
    """A process with the real binding, asked by expressions."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ASKED],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.begin_s = self.end_s = 0.0

    def ask(self, expression: str) -> Any:
        """Return its value, or the name of NVML's error; keeps when it was asked."""
        assert self._process.stdin and self._process.stdout
        print(expression, file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        self.begin_s, self.end_s = answer["begin"], answer["end"]
        return answer.get("value", answer.get("error"))

    def start(self) -> Nvml:
        self.ask("n.nvmlInit()")
        self.ask(HANDLES)
        return self

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def gpu(tmp_path: Path, simgpu_library: Path) -> Iterator[SimGpu]:
    with SimGpu(tmp_path / "gpu.state", simgpu_library, devices=2) as made:
        made.set(1, name="Another GPU", idle_w=30.0)
        yield made


@pytest.fixture
def nvml(gpu: SimGpu) -> Iterator[Nvml]:
    asked = Nvml(gpu.environment())
    yield asked.start()
    asked.close()


@pytest.fixture
def state(gpu: SimGpu) -> State:
    return State(gpu.environment()["SIMGPU_STATE"])


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=120
    )


def pids(nvml: Nvml, kind: str = "Compute", device: str = "d[0]") -> Any:
    return nvml.ask(f"[p.pid for p in n.nvmlDeviceGet{kind}RunningProcesses({device})]")


def wall_s() -> float:
    """Return what must be added to CLOCK_BOOTTIME for seconds since 1970: the best of ten tries."""

    def attempt() -> tuple[float, float]:
        before_s = now_s()
        wall = time.time()
        after_s = now_s()
        return after_s - before_s, wall - (before_s + after_s) / 2

    return min(attempt() for _ in range(10))[1]


def true_mj(gpu: SimGpu, state: State, to_s: float, device: int = 0) -> float:
    return 1000 * gpu.truth_j(device, state.layout.devices[device].counter_from_s, to_s)


# ---- the truth ------------------------------------------------------------------------------


def put(state: State, slots: list[Slot]) -> None:
    for index in range(SLOTS):
        state.layout.slots[index] = slots[index] if index < len(slots) else Slot()


def load(start_s: float, end_s: float, shape: str = "level", **values: float) -> Slot:
    first = {"period_s": 1.0, "duty": 0.5, "shared_watts": -1.0, "mig": -1}
    shape_index = SHAPES.index(shape)
    return Slot(**{**first, **values}, used=1, start_s=start_s, end_s=end_s, shape=shape_index)


@pytest.mark.parametrize(
    ("slots", "energy_j"),
    [
        ([], 600),  # 60 W idle for 10 s
        ([load(102, 105, watts=100)], 600 + 300),
        ([load(90, 105, watts=100), load(109, 200, watts=100)], 600 + 500 + 100),
        ([load(100, 110, watts=100, device=1)], 600),
        ([load(101, 103.5, "square", watts=100, low_watts=20)], 600 + 150 + 20),
        ([load(101, 103, "square", watts=100, period_s=4, duty=0.25)], 600 + 100),
        ([load(101, 106, "ramp", watts=100, low_watts=20, period_s=4)], 600 + 240 + 100),
        # Together from 103 to 106.
        (
            [load(101, 106, watts=100, shared_watts=70), load(103, 108, watts=50)],
            600 + 200 + 210 + 250,
        ),
        # Two neighbours that overlap, from 102 to 107.
        (
            [
                load(101, 109, watts=100, shared_watts=60),
                load(102, 106, shared_watts=10),
                load(103, 107),
            ],
            600 + 300 + 300 + 40,
        ),
    ],
)
def test_truth_is_what_a_hand_computes(
    gpu: SimGpu, state: State, slots: list[Slot], energy_j: float
) -> None:
    put(state, slots)
    assert gpu.truth_j(0, 100, 110) == pytest.approx(energy_j, abs=1e-9)
    halves_j = gpu.truth_j(0, 100, 104.3) + gpu.truth_j(0, 104.3, 110)
    assert halves_j == pytest.approx(energy_j, abs=1e-9)


def loads(draw: st.DrawFn) -> list[Slot]:
    """Up to six loads that have ended, by start."""
    seconds = st.floats(0, 20)
    starts = sorted(draw(st.lists(seconds, max_size=6, unique=True)))
    return [
        load(
            100 + start_s,
            100 + start_s + draw(st.floats(0.01, 10)),
            draw(st.sampled_from(SHAPES)),
            watts=draw(st.floats(0, 500)),
            low_watts=draw(st.floats(0, 500)),
            period_s=draw(st.floats(0.05, 5)),
            duty=draw(st.floats(0, 1)),
            shared_watts=draw(st.sampled_from([-1.0, 0.0, 80.0])),
            device=draw(st.integers(0, 1)),
        )
        for start_s in starts
    ]


def test_counter_is_the_truth_of_any_loads(gpu: SimGpu, nvml: Nvml, state: State) -> None:
    gpu.set(idle_w=0.0, counter_base_mj=0)

    @settings(max_examples=200, deadline=None, database=None)
    @given(st.composite(loads)(), st.floats(95, 130))
    def check(slots: list[Slot], from_s: float) -> None:
        put(state, slots)
        gpu.set(counter_from_s=from_s)
        true = 1000 * gpu.truth_j(0, from_s, 140)
        assert nvml.ask(ENERGY_MJ) == pytest.approx(true - 0.5, abs=0.51 + 1e-9 * true)

    check()


def test_counter_is_the_truth_while_trainings_come_and_go(
    gpu: SimGpu, nvml: Nvml, state: State
) -> None:
    gpu.start_training(seconds=1, shape="square", watts=300, low_watts=80, period=0.13, duty=0.3)
    gpu.start_training(seconds=0.5, watts=100, shared_watts=60)
    added = gpu.add(shape="ramp", watts=200, period_s=0.4)
    for step in range(60):
        counter_mj = nvml.ask(ENERGY_MJ) - BASE_MJ
        least, most = (true_mj(gpu, state, at_s) for at_s in (nvml.begin_s, nvml.end_s))
        assert least - FLOORED_MJ <= counter_mj <= most
        power_w = nvml.ask(INSTANT_MW) / 1000
        if nvml.end_s - nvml.begin_s < 0.001:
            near = [gpu.power_w(0, at_s) for at_s in (nvml.begin_s, nvml.end_s)]
            assert min(near) - 1 <= power_w <= max(near) + 1
        if step == 30:
            gpu.end(added)
        time.sleep(0.02)
    counter_mj = nvml.ask(ENERGY_MJ.replace("d[0]", "d[1]")) - BASE_MJ
    least, most = (true_mj(gpu, state, at_s, device=1) for at_s in (nvml.begin_s, nvml.end_s))
    assert least - FLOORED_MJ <= counter_mj <= most


def test_slow_counter_and_power_are_as_of_the_last_update(
    gpu: SimGpu, nvml: Nvml, state: State
) -> None:
    gpu.set(counter_period_s=0.1, power_period_s=0.25)
    gpu.add(shape="ramp", watts=500, period_s=2)
    for _ in range(20):
        counter_mj = nvml.ask(ENERGY_MJ) - BASE_MJ
        updates = [at_s // 0.1 * 0.1 for at_s in (nvml.begin_s, nvml.end_s)]
        nearest = min(abs(true_mj(gpu, state, at_s) - 0.5 - counter_mj) for at_s in updates)
        assert nearest < 0.51
        power_w = nvml.ask(INSTANT_MW) / 1000
        updates = [at_s // 0.25 * 0.25 for at_s in (nvml.begin_s, nvml.end_s)]
        assert min(abs(gpu.power_w(0, at_s) - power_w) for at_s in updates) < 0.01
        time.sleep(0.013)


def test_counter_of_a_driver_loaded_anew_begins_again(gpu: SimGpu, nvml: Nvml) -> None:
    gpu.set(counter_base_mj=0, counter_from_s=now_s())
    assert nvml.ask(ENERGY_MJ) < BASE_MJ


def test_averages_are_those_of_the_last_second(gpu: SimGpu, nvml: Nvml) -> None:
    gpu.add(shape="square", watts=400, period_s=0.5)
    time.sleep(0.6)
    for expression in (
        "n.nvmlDeviceGetFieldValues(d[0], [185])[0].value.uiVal",
        "n.nvmlDeviceGetPowerUsage(d[0])",
    ):
        power_w = nvml.ask(expression) / 1000
        means = [gpu.truth_j(0, at_s - 1, at_s) for at_s in (nvml.begin_s, nvml.end_s)]
        assert min(means) - 0.01 <= power_w <= max(means) + 0.01
    gpu.set(usage_average_s=0.0)
    power_w = nvml.ask("n.nvmlDeviceGetPowerUsage(d[0])") / 1000
    assert min(abs(power_w - each) for each in (60, 460)) < 0.01


# ---- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        (NOT_SUPPORTED, COUNTER, ENERGY_MJ, "NVMLError_NotSupported"),
        (
            NOT_SUPPORTED,
            COUNTER + POWER_FIELDS,
            "[v.nvmlReturn for v in n.nvmlDeviceGetFieldValues(d[0], [83, 185, 186])]",
            [NOT_SUPPORTED] * 3,
        ),
        (NOT_SUPPORTED, SAMPLES, "n.nvmlDeviceGetSamples(d[0], 0, 0)", "NVMLError_NotSupported"),
        (
            NO_PERMISSION,
            ("nvmlDeviceGetComputeRunningProcesses_v3",),
            "n.nvmlDeviceGetComputeRunningProcesses(d[0])",
            "NVMLError_NoPermission",
        ),
        (
            FUNCTION_NOT_FOUND,
            ("nvmlDeviceGetTemperatureV",),
            "n.nvmlDeviceGetTemperatureV(d[0], 0)",
            "NVMLError_FunctionNotFound",
        ),
        (GPU_IS_LOST, ("*",), "n.nvmlDeviceGetUUID(d[0])", "NVMLError_GpuIsLost"),
    ],
)
def test_what_is_told_to_fail_fails_until_mended(
    gpu: SimGpu, nvml: Nvml, case: tuple[int, tuple[str, ...], str, Any]
) -> None:
    result, names, expression, answer = case
    gpu.fail(result, *names, device=1)
    assert nvml.ask(f"bool({expression}) or True") is True
    if isinstance(answer, list):
        assert nvml.ask(expression) == [0] * len(answer)
    gpu.fail(result, *names, device=0)
    assert nvml.ask(expression) == answer
    gpu.mend(*names)
    assert nvml.ask(f"bool({expression}) or True") is True


def test_no_driver_and_no_library(gpu: SimGpu) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    loaded = Nvml(gpu.environment())
    assert loaded.ask("n.nvmlInit()") == "NVMLError_DriverNotLoaded"
    gpu.mend(*INIT)
    assert loaded.ask("n.nvmlDeviceGetCount()") == "NVMLError_Uninitialized"
    assert loaded.ask("n.nvmlInit()") is None
    loaded.close()
    absent = Nvml({**os.environ, "LD_LIBRARY_PATH": "/nowhere"})
    assert absent.ask("n.nvmlInit()") == "NVMLError_LibraryNotFound"
    absent.close()


def test_gpu_is_lost_after_so_many_calls_until_brought_back(gpu: SimGpu, nvml: Nvml) -> None:
    calls = gpu.calls()
    gpu.lose(after_calls=2)
    answers = [nvml.ask("n.nvmlDeviceGetUUID(d[0])")[:4] for _ in range(4)]
    assert answers == ["GPU-", "GPU-", "NVML", "NVML"]
    assert gpu.calls() == calls + 4
    assert nvml.ask("n.nvmlDeviceGetUUID(d[1])").startswith("GPU-")
    gpu.bring_back()
    assert nvml.ask("n.nvmlDeviceGetUUID(d[0])").startswith("GPU-")
    gpu.lose()
    assert nvml.ask(ENERGY_MJ) == "NVMLError_GpuIsLost"


def test_option_that_does_not_exist_is_refused(gpu: SimGpu) -> None:
    with pytest.raises(TypeError, match="no option watts"):
        gpu.set(watts=3)


# ---- devices --------------------------------------------------------------------------------


def test_devices_have_names_and_numbers(gpu: SimGpu, nvml: Nvml) -> None:
    assert nvml.ask("[n.nvmlDeviceGetName(each) for each in d]") == ["Simulated GPU", "Another GPU"]
    assert nvml.ask("[n.nvmlDeviceGetIndex(each) for each in d]") == [0, 1]
    assert nvml.ask("[n.nvmlDeviceGetMinorNumber(each) for each in d]") == [0, 1]
    for number, key in (
        ("UUID", "nvmlDeviceGetUUID(d[1])"),
        ("PciBusId", "nvmlDeviceGetPciInfo(d[1]).busId"),
    ):
        found = f"n.nvmlDeviceGetHandleBy{number}(n.{key})"
        assert nvml.ask(f"n.nvmlDeviceGetIndex({found})") == 1
    assert nvml.ask("n.nvmlDeviceGetHandleByUUID('GPU-')") == "NVMLError_NotFound"
    assert nvml.ask("n.nvmlDeviceGetHandleByIndex(2)") == "NVMLError_InvalidArgument"
    assert nvml.ask("n.nvmlSystemGetDriverVersion()") == "590.48.01"
    assert nvml.ask("n.nvmlSystemGetNVMLVersion()") == "13.590.48.01"
    assert nvml.ask("n.nvmlErrorString(15)") == "GPU is lost"
    assert nvml.ask("n.nvmlDeviceGetComputeMode(d[0])") == 0
    assert nvml.ask("n.nvmlDeviceGetPersistenceMode(d[0])") == 1


def test_sensors_follow_the_load(gpu: SimGpu, nvml: Nvml) -> None:
    reasons = "n.nvmlDeviceGetCurrentClocks{}Reasons(d[0])"
    temperature = "[n.nvmlDeviceGetTemperature(d[0], 0), n.nvmlDeviceGetTemperatureV(d[0], 0)]"
    assert nvml.ask(temperature) == [35, 35]
    assert nvml.ask(reasons.format("Event")) == nvml.ask(reasons.format("Throttle")) == 1
    gpu.set(event_reasons=0x24, sm_clock_mhz=1500, c_per_w=1.0)
    gpu.add(watts=300, sm_percent=70, memory_mib=2048)
    gpu.add(kind="hidden", sm_percent=20)
    assert nvml.ask(reasons.format("Event")) == nvml.ask(reasons.format("Throttle")) == 0x24
    clocks = "[n.nvmlDeviceGetClockInfo(d[0], each) for each in (1, 2)]"
    assert nvml.ask(clocks) == [1500, 2619]
    held = "[n.nvmlDeviceGetViolationStatus(d[0], each).violationTime for each in (0, 1, 2)]"
    assert nvml.ask(held) == [0, 0, 0]
    gpu.set(held_by_power=0.25, held_by_heat=0.5)
    power_ns, heat_ns, _ = nvml.ask(held)
    assert (
        power_ns
        == pytest.approx(heat_ns / 2, rel=1e-3)
        == pytest.approx(0.25e9 * now_s(), rel=1e-2)
    )
    assert nvml.ask("n.nvmlDeviceGetEnforcedPowerLimit(d[0])") == 700_000
    assert nvml.ask("n.nvmlDeviceGetPowerManagementLimit(d[0])") == 700_000
    assert nvml.ask("n.nvmlDeviceGetMemoryInfo(d[0]).used") == (2048 + 400) * 2**20
    assert nvml.ask("n.nvmlDeviceGetMemoryInfo(d[0], n.nvmlMemory_v2).used") == 2048 * 2**20
    rates = "(lambda r: [r.gpu, r.memory])(n.nvmlDeviceGetUtilizationRates(d[0]))"
    wait_for("its use", lambda: nvml.ask(rates) == [90, 45])
    wait_for("some time", lambda: now_s() > gpu.slots()[0].start_s + 1.3)
    assert nvml.ask(rates) == [90, 45]
    gpu.add(sm_percent=80)
    wait_for("some time", lambda: now_s() > gpu.slots()[-1].start_s + 0.5)
    assert nvml.ask(rates) == [100, 50]
    wait_for("it is warm", lambda: nvml.ask(temperature)[0] >= 40)


def test_buffer_holds_the_power_of_the_last_seconds(gpu: SimGpu, nvml: Nvml) -> None:
    gpu.set(sample_buffer_s=0.5)
    gpu.add(shape="ramp", watts=500, period_s=3)
    expression = (
        "[[s.timeStamp, s.sampleValue.uiVal] for s in n.nvmlDeviceGetSamples(d[0], 0, {})[1]]"
    )
    time.sleep(0.7)
    first = nvml.ask(expression.format(0))
    offset_s = wall_s()
    assert len(first) == 25
    assert {after[0] - before[0] for before, after in itertools.pairwise(first)} == {20_000}
    for stamp_us, milliwatts in first:
        assert milliwatts / 1000 == pytest.approx(gpu.power_w(0, stamp_us / 1e6 - offset_s), abs=2)
    later = nvml.ask(expression.format(first[-1][0]))
    while isinstance(later, str):  # none newer yet
        assert later == "NVMLError_NotFound"
        later = nvml.ask(expression.format(first[-1][0]))
    assert later[0][0] == max(first[-1][0] + 20_000, later[-1][0] - 24 * 20_000)


# ---- processes ------------------------------------------------------------------------------


def test_processes_are_listed_by_kind(gpu: SimGpu, nvml: Nvml) -> None:
    training = gpu.start_training(seconds=60, memory_mib=1500, device=1)
    gpu.add(pid=11, kind="graphics", memory_mib=100)
    gpu.add(pid=12, kind="hidden")
    assert pids(nvml, device="d[1]") == [training.pid]
    assert (pids(nvml), pids(nvml, "Graphics"), pids(nvml, "MPSCompute")) == ([], [11], [])
    memory = "[p.usedGpuMemory for p in n.nvmlDeviceGetComputeRunningProcesses(d[1])]"
    assert nvml.ask(memory) == [1500 * 2**20]
    gpu.set(1, processes="without memory", pid_offset=4_000_000)
    assert pids(nvml, device="d[1]") == [training.pid + 4_000_000]
    assert nvml.ask(memory) == [None]
    gpu.set(1, processes="hidden")
    assert pids(nvml, device="d[1]") == []
    gpu.set(1, processes="shown", pid_offset=0)
    training.terminate()
    training.wait()
    assert pids(nvml, device="d[1]") == []


def test_utilisation_samples_name_those_that_have_ended(gpu: SimGpu, nvml: Nvml) -> None:
    expression = (
        "[[s.pid, s.smUtil, s.timeStamp] for s in n.nvmlDeviceGetProcessUtilization(d[0], {})]"
    )
    assert nvml.ask(expression.format(0)) == "NVMLError_NotFound"
    stranger = gpu.start_training(seconds=0.2, sm_percent=33)
    gpu.add(pid=12, kind="hidden", sm_percent=50)
    stranger.wait()
    (pid, sm_percent, stamp_us) = wait_for(
        "its sample",
        lambda: [sample for sample in nvml.ask(expression.format(0)) if sample[0] == stranger.pid],
    )[0]
    assert (pid, sm_percent) == (stranger.pid, 33)
    assert 12 not in {sample[0] for sample in nvml.ask(expression.format(0))}
    end_us = (gpu.slots()[0].end_s + wall_s()) * 1e6
    final_us = wait_for(
        "its last sample",
        lambda: time.time() * 1e6 > end_us + 400_000 and nvml.ask(expression.format(0))[0][2],
    )
    assert end_us - 1000 <= final_us <= end_us + 167_667
    assert stamp_us <= final_us
    assert nvml.ask(expression.format(final_us)) == "NVMLError_NotFound"


def test_a_stopped_training_uses_no_sm(gpu: SimGpu, nvml: Nvml) -> None:
    """While it is stopped, of which its samples hold the mean; its work stands still as well."""
    expression = "[[s.smUtil] for s in n.nvmlDeviceGetProcessUtilization(d[0], {})]"
    training = gpu.start_training(work_seconds=1.0, sm_percent=80)
    slot = gpu.slots()[0]
    wait_for("its use", lambda: nvml.ask(expression.format(0)) == [[80]])
    wait_for("some time", lambda: now_s() > slot.start_s + 0.5)
    training.send_signal(signal.SIGSTOP)
    from_s = now_s()
    wait_for("some time", lambda: now_s() > from_s + 0.5)
    since_us = (wall_s() + from_s + 0.25) * 1e6
    assert nvml.ask(expression.format(int(since_us))) == "NVMLError_NotFound"
    wait_for("no use", lambda: nvml.ask("n.nvmlDeviceGetUtilizationRates(d[0]).gpu") == 0)
    to_s = now_s()
    training.send_signal(signal.SIGCONT)
    wait_for("it goes on", lambda: slot.stop_count == 1)
    assert slot.stops[0][0] <= from_s + 0.01  # a tick
    assert slot.stops[0][1] >= to_s
    assert training.wait(timeout=120) == 0
    assert slot.end_s - slot.start_s >= 1.0 + 0.9 * (to_s - from_s)
    wait_for("some time", lambda: time.time() > slot.end_s + wall_s() + 0.4)
    percent = 80 * (1 - (slot.stops[0][1] - slot.stops[0][0]) / (slot.end_s - slot.start_s))
    assert abs(nvml.ask(expression.format(0))[0][0] - percent) <= 2


def test_mps_shows_the_server_and_its_clients_apart(gpu: SimGpu, nvml: Nvml) -> None:
    gpu.set(mps_pid=77)
    for pid in (21, 22):
        gpu.add(pid=pid, sm_percent=30)
    assert (pids(nvml), pids(nvml, "MPSCompute")) == ([77], [21, 22])
    expression = "[[s.pid, s.smUtil] for s in n.nvmlDeviceGetProcessUtilization(d[0], 0)]"
    wait_for("the server", lambda: nvml.ask(expression) == [[77, 60]])


def test_mig_instances_have_memory_and_processes_only(gpu: SimGpu, nvml: Nvml) -> None:
    assert nvml.ask("n.nvmlDeviceGetMigMode(d[0])") == [0, 0]
    gpu.set(mig=1)
    training = gpu.start_training(seconds=60, device=1, memory_mib=3000)
    nvml.ask("d.extend(n.nvmlDeviceGetMigDeviceHandleByIndex(d[0], i) for i in (0, 1))")
    assert nvml.ask("n.nvmlDeviceGetMigMode(d[0])") == [1, 1]
    assert nvml.ask("n.nvmlDeviceGetMaxMigDeviceCount(d[0])") == 7
    none = "n.nvmlDeviceGetMigDeviceHandleByIndex(d[0], 2)"
    assert nvml.ask(none) == "NVMLError_NotFound"
    assert nvml.ask("[n.nvmlDeviceIsMigDeviceHandle(h).value for h in d]") == [0, 0, 1, 1]
    whole = "n.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(d[3])"
    assert nvml.ask(f"n.nvmlDeviceGetIndex({whole})") == 0
    assert nvml.ask("[n.nvmlDeviceGetGpuInstanceId(d[3]), n.nvmlDeviceGetIndex(d[3])]") == [2, 1]
    uuids = nvml.ask("[n.nvmlDeviceGetUUID(h) for h in d]")
    assert len(set(uuids)) == 4 and uuids[3].startswith("MIG-")
    assert (
        nvml.ask(f"n.nvmlDeviceGetComputeInstanceId(n.nvmlDeviceGetHandleByUUID('{uuids[3]}'))")
        == 0
    )
    assert [pids(nvml, device=f"d[{index}]") for index in (0, 2, 3)] == [
        [training.pid],
        [],
        [training.pid],
    ]
    assert nvml.ask("n.nvmlDeviceGetMemoryInfo(d[3], n.nvmlMemory_v2).used") == 3000 * 2**20
    for expression in (
        "n.nvmlDeviceGetPowerUsage(d[3])",
        "n.nvmlDeviceGetTotalEnergyConsumption(d[3])",
        "n.nvmlDeviceGetUtilizationRates(d[3])",
        "n.nvmlDeviceGetUtilizationRates(d[0])",
        "n.nvmlDeviceGetProcessUtilization(d[0], 0)",
    ):
        assert nvml.ask(expression) == "NVMLError_NotSupported"
    fields = "[v.nvmlReturn for v in n.nvmlDeviceGetFieldValues(d[3], [83, 186])]"
    assert nvml.ask(fields) == [NOT_SUPPORTED] * 2
    assert nvml.ask(ENERGY_MJ) > BASE_MJ


def test_mig_instances_have_a_profile_and_its_share_of_the_memory(
    gpu: SimGpu, nvml: Nvml, state: State
) -> None:
    gpu.set(mig=1, mig_profiles="4g.40gb 1c.2g.20gb 1g.10gb", memory_total_mib=80000)
    nvml.ask("d.extend(n.nvmlDeviceGetMigDeviceHandleByIndex(d[0], i) for i in range(3))")
    names = [f"Simulated GPU MIG {each}" for each in ("4g.40gb", "1c.2g.20gb", "1g.10gb")]
    assert nvml.ask("[n.nvmlDeviceGetName(h) for h in d[2:]]") == names
    totals = nvml.ask("[n.nvmlDeviceGetMemoryInfo(h).total // 2**20 for h in d]")
    assert totals[2:] == [int(each / 78 * 80000) for each in (40, 20, 10)]
    sizes = "[(a.gpuInstanceSliceCount, a.computeInstanceSliceCount, a.memorySizeMB) for a in"
    asked = f"{sizes} map(n.nvmlDeviceGetAttributes_v2, d[2:])]"
    assert nvml.ask(asked) == [[4, 4, totals[2]], [2, 1, totals[3]], [1, 1, totals[4]]]
    assert nvml.ask("n.nvmlDeviceGetAttributes_v2(d[0])") == "NVMLError_NotSupported"
    assert nvml.ask("n.nvmlDeviceGetComputeMode(d[2])") == "NVMLError_NotSupported"
    before_mib = state.free_mib(0, 2)
    gpu.start_training(seconds=60, device=2, memory_mib=3000)
    assert before_mib - state.free_mib(0, 2) == 3000
    assert state.free_mib(0, 1) == 2 * before_mib


def test_a_container_with_instances_may_not_ask_their_board(gpu: SimGpu, nvml: Nvml) -> None:
    gpu.set(mig=1)
    gpu.fail(NO_PERMISSION, *OF_THE_BOARD, device=0)
    nvml.ask("d.append(n.nvmlDeviceGetMigDeviceHandleByIndex(d[0], 0))")
    for function in ("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetComputeRunningProcesses"):
        answer = f"isinstance(n.{function}(d[2]), object)"
        assert nvml.ask(f"n.{function}(d[0])") == "NVMLError_NoPermission"
        assert nvml.ask(answer) is True
    assert nvml.ask(ENERGY_MJ) >= BASE_MJ
    assert nvml.ask("n.nvmlDeviceGetMemoryInfo(d[1]).total") > 0


@pytest.mark.parametrize(
    ("mode", "first", "second"),
    [("default", 0, 0), ("exclusive process", 0, 1), ("prohibited", 1, 1)],
)
def test_compute_mode_says_who_may_come(
    gpu: SimGpu, nvml: Nvml, mode: str, first: int, second: int
) -> None:
    gpu.set(compute_mode=mode)
    modes = ("default", "exclusive thread", "prohibited", "exclusive process")
    assert nvml.ask("n.nvmlDeviceGetComputeMode(d[0])") == modes.index(mode)
    command = gpu.command(seconds=0.01)
    assert run(command, gpu.environment()).returncode == first
    holder = gpu.add(pid=11)
    assert run(command, gpu.environment()).returncode == second
    gpu.set(mps_pid=77)
    assert run(command, gpu.environment()).returncode == (mode == "prohibited")
    gpu.end(holder)


# ---- trainings ------------------------------------------------------------------------------


def test_training_prints_as_one_and_notes_its_end(gpu: SimGpu) -> None:
    training = gpu.start_training(work_seconds=0.2, epochs=2)
    output, _ = training.communicate()
    assert re.fullmatch(
        r"Device: simulated GPU\nEpoch 1/2 .*\nEpoch 2/2 .*\nTest Accuracy: 91.5\n", output
    )
    assert training.returncode == 0
    (slot,) = gpu.slots()
    assert slot.start_s + 0.2 <= slot.end_s <= now_s()


def test_failing_training_gives_no_accuracy(gpu: SimGpu) -> None:
    result = run(gpu.command(seconds=0.05, exit_code=3), gpu.environment())
    assert (result.returncode, "Accuracy" in result.stdout) == (3, False)
    assert result.stderr == "train.py: this training was told to fail\n"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_training_that_is_told_to_stop_notes_its_end(
    gpu: SimGpu, state: State, signum: int
) -> None:
    training = gpu.start_training(seconds=60)
    training.send_signal(signum)
    training.communicate()
    assert training.returncode == -signum
    assert 0 < state.layout.slots[0].end_s <= now_s()


def test_killed_training_ends_when_somebody_looks(gpu: SimGpu, nvml: Nvml, state: State) -> None:
    training = gpu.start_training(seconds=60)
    training.kill()
    training.wait()
    killed_s = now_s()
    assert state.layout.slots[0].end_s == 0
    assert pids(nvml) == []
    assert killed_s <= state.layout.slots[0].end_s <= now_s()
    assert nvml.ask(INSTANT_MW) == 60_000
    other = gpu.start_training(seconds=60)
    other.kill()
    other.wait()
    assert not any(slot.lives(now_s()) for slot in state.slots())


@pytest.mark.parametrize("neighbour_s", [0.3, 60])
def test_work_slows_down_beside_a_neighbour(gpu: SimGpu, neighbour_s: float) -> None:
    """On a busy machine a training may be late at its end, but not each of several."""
    works_s = []
    for _ in range(5):
        neighbour = gpu.start_training(seconds=neighbour_s, shared_watts=20)
        gpu.start_training(work_seconds=0.6, shared_speed=0.5).wait()
        other, slot = gpu.slots()[-2:]
        beside_s = min(other.ended_by_s(), slot.end_s) - slot.start_s
        works_s.append(0.5 * beside_s + (slot.end_s - slot.start_s - beside_s))
        neighbour.kill()
        neighbour.wait()
        assert works_s[-1] >= 0.6
        if works_s[-1] < 0.7:
            return
    raise AssertionError(works_s)


def test_trainings_on_other_devices_are_no_neighbours(gpu: SimGpu, state: State) -> None:
    gpu.add(device=1)
    slot = gpu.add(device=0)
    assert state.shared_s(slot, now_s()) == 0


def test_time_beside_neighbours_that_overlap_counts_once(state: State) -> None:
    put(state, [load(100, 110), load(102, 106), load(103, 107), load(109, 120)])
    assert state.shared_s(state.layout.slots[0], 130) == 6
    assert state.shared_s(state.layout.slots[0], 104) == 2


def test_pid_is_the_outer_one_of_a_pid_namespace(gpu: SimGpu, nvml: Nvml, state: State) -> None:
    namespace = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    if os.geteuid() != 0:
        namespace[1:1] = ["--user", "--map-current-user"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no PID namespaces for this user")
    command = [*namespace, *gpu.command(seconds=60)]
    with subprocess.Popen(command, env=gpu.environment(), stdout=subprocess.DEVNULL) as outer:
        wait_for("a training", lambda: state.layout.slots[0].used)
        (pid,) = wait_for("it is shown", lambda: pids(nvml))
        assert str(outer.pid) == Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        assert state.layout.slots[0].pid == pid
        outer.kill()
    wait_for("it is gone", lambda: pids(nvml) == [])


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        (None, [(0, -1), (1, -1)]),
        ("1", [(1, -1)]),
        ("1,0", [(1, -1), (0, -1)]),
        ("0,7,1", [(0, -1)]),
        ("", []),
        ("GPU-51500001-0000-4000-8000-000000000000", [(1, -1)]),
        ("GPU-51500001,GPU-51500000", [(1, -1), (0, -1)]),
        ("GPU-5150", []),
    ],
)
def test_training_sees_the_devices_that_cuda_would(
    state: State, chosen: str | None, places: list[tuple[int, int]]
) -> None:
    train = runpy.run_path(str(ROOT / "tests" / "simgpu" / "train.py"))
    assert train["visible"](state, chosen) == places
    state.layout.devices[0].mig = 1
    assert train["visible"](state, "MIG-51500000-0000-4000-8000-000000000001") == [(0, 1)]


def test_training_without_its_device_ends(gpu: SimGpu) -> None:
    environment = {**gpu.environment(), "CUDA_VISIBLE_DEVICES": "-1"}
    result = run(gpu.command(), environment)
    assert (result.returncode, result.stderr) == (2, "train.py: there is no device 0\n")


def test_library_is_built_once(simgpu_library: Path) -> None:
    built = (simgpu_library / "libnvidia-ml.so.1").stat()
    assert build(simgpu_library.parent) == simgpu_library
    assert (simgpu_library / "libnvidia-ml.so.1").stat().st_mtime_ns == built.st_mtime_ns


# ---- what NVML sets --------------------------------------------------------------------------

SM_MHZ, MEMORY_MHZ = (f"n.nvmlDeviceGetClockInfo(d[0], {clock})" for clock in (1, 2))


def test_lower_limits_lower_the_clocks_and_the_power_from_then_on(
    gpu: SimGpu, nvml: Nvml, state: State
) -> None:
    gpu.add(watts=200, sm_percent=70)
    wait_for("some energy", lambda: now_s() > gpu.slots()[0].start_s + 0.2)
    nvml.ask("n.nvmlDeviceSetGpuLockedClocks(d[0], 990, 990)")
    assert nvml.ask(SM_MHZ) == 990
    assert nvml.ask(INSTANT_MW) == 160_000
    nvml.ask("n.nvmlDeviceSetPowerManagementLimit(d[0], 210000)")
    assert nvml.ask("n.nvmlDeviceGetEnforcedPowerLimit(d[0])") == 210_000
    assert nvml.ask(SM_MHZ) == 594
    nvml.ask("n.nvmlDeviceSetMemoryLockedClocks(d[0], 1593, 1593)")
    assert nvml.ask(MEMORY_MHZ) == 1593
    energy_mj = nvml.ask(ENERGY_MJ) - BASE_MJ
    low, high = (true_mj(gpu, state, at_s) for at_s in (nvml.begin_s, nvml.end_s))
    assert low - FLOORED_MJ <= energy_mj <= high
    for reset in ("GpuLocked", "MemoryLocked"):
        nvml.ask(f"n.nvmlDeviceReset{reset}Clocks(d[0])")
    nvml.ask("n.nvmlDeviceSetPowerManagementLimit(d[0], 700000)")
    assert [nvml.ask(SM_MHZ), nvml.ask(MEMORY_MHZ), nvml.ask(INSTANT_MW)] == [1980, 2619, 260_000]


@pytest.mark.parametrize(
    "setting",
    [
        "n.nvmlDeviceSetPowerManagementLimit(d[0], 199999)",
        "n.nvmlDeviceSetPowerManagementLimit(d[0], 700001)",
        "n.nvmlDeviceSetGpuLockedClocks(d[0], 990, 975)",
        "n.nvmlDeviceSetApplicationsClocks(d[0], 2619, 991)",
        "n.nvmlDeviceSetApplicationsClocks(d[0], 2618, 990)",
    ],
)
def test_what_a_board_cannot_be_set_to(nvml: Nvml, setting: str) -> None:
    assert nvml.ask(setting) == "NVMLError_InvalidArgument"
    assert nvml.ask(SM_MHZ) == 1980


def test_application_clocks_are_told_and_hold(nvml: Nvml) -> None:
    nvml.ask("n.nvmlDeviceSetApplicationsClocks(d[0], 1593, 990)")
    told = "[n.nvmlDeviceGetApplicationsClock(d[0], each) for each in (0, 2)]"
    assert nvml.ask(told) == [nvml.ask(SM_MHZ), nvml.ask(MEMORY_MHZ)] == [990, 1593]
    nvml.ask("n.nvmlDeviceResetApplicationsClocks(d[0])")
    assert nvml.ask(told) == [1755, 2619]
    assert nvml.ask("n.nvmlDeviceGetSupportedMemoryClocks(d[0])") == [2619, 1593]
    clocks = nvml.ask("n.nvmlDeviceGetSupportedGraphicsClocks(d[0], 2619)")
    assert (clocks[0], clocks[-1], len(clocks)) == (1980, 345, 110)


def test_only_root_sets(gpu: SimGpu) -> None:
    asked = Nvml({**gpu.environment(), "SIMGPU_UID": "1000"}).start()
    try:
        lock = "n.nvmlDeviceSetGpuLockedClocks(d[0], 990, 990)"
        assert asked.ask(lock) == "NVMLError_NoPermission"
        assert asked.ask(SM_MHZ) == 1980
    finally:
        asked.close()


def test_without_persistence_mode_the_end_of_the_last_client_forgets(gpu: SimGpu) -> None:
    gpu.set(persistence=0)
    clients = [Nvml(gpu.environment()).start() for _ in range(2)]
    clients[0].ask("n.nvmlDeviceSetPowerManagementLimit(d[0], 350000)")
    clients.pop(0).close()
    limit = "n.nvmlDeviceGetEnforcedPowerLimit(d[0])"
    clients.append(Nvml(gpu.environment()).start())
    assert clients[-1].ask(limit) == 350_000  # the second held the driver
    for client in clients:
        client.close()
    last = Nvml(gpu.environment()).start()
    try:
        assert last.ask(limit) == 700_000
    finally:
        last.close()
