"""A simulated GPU for tests, behind NVML's own C interface: the real binding runs against it.

    from simgpu import COUNTER, NOT_SUPPORTED, SimGpu, build
    from simgpu_state import now_s

    library = build(tmp_path_factory.getbasetemp() / "simgpu")   # compiles once, returns the folder
    with SimGpu(tmp_path / "gpu.state", library) as gpu:
        environment = gpu.environment(os.environ)  # for whatever uses NVML, and for the trainings
        training = gpu.start_training(shape="square", watts=300, low_watts=80, period=0.6, duty=0.5,
                                      work_seconds=4, epochs=4, sm_percent=70, memory_mib=2000)
        from_s = now_s()                             # CLOCK_BOOTTIME, as everywhere
        training.wait()
        energy_j = gpu.truth_j(0, from_s, now_s())   # exact
        gpu.fail(NOT_SUPPORTED, *COUNTER)            # from now on there is no energy counter
        gpu.mend(*COUNTER)

The board's power is `idle_w` plus what the live loads on it draw; a load is a process of train.py,
or a slot made by `add` for any pid. The past is never forgotten, so the truth of any window can be
asked for at any time afterwards. Options may change while processes run, but not `idle_w`: it
holds for the past as well (for a drift add a hidden load, a ramp for example).

What `fail` can play: no counter (NOT_SUPPORTED, *COUNTER) · an old driver that has only
nvmlDeviceGetPowerUsage (NOT_SUPPORTED, *POWER_FIELDS) · no buffer of power samples (NOT_SUPPORTED,
*SAMPLES) · no driver (DRIVER_NOT_LOADED, *INIT) · permission denied (NO_PERMISSION, "nvml...") · a
container that was given instances and not their board (NO_PERMISSION, *OF_THE_BOARD): "device
nvml..." is a function as it is called for a whole device · a function the library does not have
(FUNCTION_NOT_FOUND, "nvml...") · a board without GPM (NOT_SUPPORTED, "gpm") · anything (code, "*")
· no CUDA (100, "cuInit").

Beside NVML lies a libcuda.so.1 (cuda.c) by which a process can hold bare contexts: each is a load
of 40 W, or of SIMGPU_CONTEXT_W, that does nothing.

train.py by hand or from a registry of Tandem: see its --help; it needs SIMGPU_STATE only.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from simgpu_state import (
    COMPUTE_MODES,
    DEVICES,
    KINDS,
    PROCESSES,
    SHAPES,
    VERSION,
    Device,
    Layout,
    Slot,
    State,
    gpm_array,
    now_s,
)

HERE = Path(__file__).resolve().parent
LIBRARIES = {"libnvidia-ml.so.1": HERE / "nvml.c", "libcuda.so.1": HERE / "cuda.c"}
SOURCES = (*LIBRARIES.values(), *(HERE / f"{name}.h" for name in ("model", "settings", "gpm")))
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden")
DEADLINE_S = 120.0  # a guard, not a figure

NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED = 3, 4, 9
FUNCTION_NOT_FOUND, GPU_IS_LOST, UNKNOWN = 13, 15, 999
COUNTER = ("nvmlDeviceGetTotalEnergyConsumption", "field 83")
POWER_FIELDS = ("field 185", "field 186")
SAMPLES = ("nvmlDeviceGetSamples",)
OF_THE_BOARD = tuple(
    f"device nvmlDeviceGet{what}"
    for what in (
        *("MemoryInfo", "MemoryInfo_v2", "ComputeRunningProcesses_v3"),
        *("MPSComputeRunningProcesses_v3", "GraphicsRunningProcesses_v3", "UtilizationRates"),
    )
)
INIT = ("nvmlInitWithFlags", "nvmlInit_v2")


def build(cache: Path) -> Path:
    """Compile the libraries into a folder below `cache`, once for each of their texts; return that.

    subprocess.CalledProcessError, FileNotFoundError without a C compiler named cc.
    """
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()
    folder = cache / f"simgpu-{digest[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in LIBRARIES.items():
        library, temporary = folder / name, folder / f".{os.getpid()}"
        if not library.exists():
            output = ["-shared", "-fPIC", "-o", str(temporary)]
            subprocess.run(["cc", *FLAGS, *output, str(source), "-lm", "-lpthread"], check=True)
            temporary.replace(library)
    return folder


class SimGpu:
    """A simulated machine with 1 to 4 GPUs, and the trainings started on it by a test.

    As a context manager it ends those trainings when it is left.
    """

    def __init__(self, path: Path, library: Path, devices: int = 1, **options: Any) -> None:
        """Create the state in a file; `library` is what build() returned; options of device 0."""
        self._path, self._library = path, library
        self._started: list[subprocess.Popen[str]] = []
        self._state = State(path)
        layout = self._state.layout
        layout.size, layout.device_count = ctypes.sizeof(Layout), devices
        layout.driver, layout.nvml_version = b"590.48.01", b"13.590.48.01"
        for index in range(DEVICES):
            self.set(index, **_at_first(index))
            self.bring_back(index)
        if options:
            self.set(**options)
        layout.version = VERSION

    def __enter__(self) -> SimGpu:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._started:
            process.kill()  # not TERM: it may be deaf, or stopped
        for process in self._started:
            process.communicate(timeout=DEADLINE_S)

    def set(self, device: int = 0, **options: Any) -> None:
        """Change options of a device. In brackets what they are at first.

        name ("Simulated GPU"), uuid ("GPU-51500000-...", the next "GPU-51500001-..."),
            idle_w (60.0), power_limit_w (700.0), sm_clock_mhz (1980), memory_clock_mhz (2619),
            memory_total_mib (81559), memory_reserved_mib (400)
        power_period_s, counter_period_s (0.0): power and counter are as of the last multiple of it
        counter_base_mj (10**9), counter_from_s (when the state was made): the counter is the base
            plus the energy since then; a base of 0 and now is a driver loaded anew
        average_s (1.0): over which field 185 averages; usage_average_s (1.0): the same for
            nvmlDeviceGetPowerUsage, 0 for instantaneous
        sample_buffer_s (2.4): how far nvmlDeviceGetSamples goes back, 20 ms a sample
        idle_c (35.0), c_per_w (0.1): temperature = idle_c + c_per_w x (mean power over the last
            20 s - idle_w)
        event_reasons (0): bits; GpuIdle (1) comes in addition while nothing lives
        held_by_power, held_by_heat (0.0): share of the time, since the machine's start, in which
            that held the clocks down by the driver's counters
        compute_mode ("default"): or "exclusive thread", "prohibited", "exclusive process"
        mig (0): 1 for MIG mode with the instances of mig_profiles ("3g.40gb 3g.40gb"), at most
            seven words; they are devices of their own to train.py, and `add` puts a load on the
            first by mig=0
        mps_pid (0): pid of an MPS server; compute processes are then its clients (a whole MPS is
            in mps/)
        pid_offset (0): is added to every pid that NVML tells: ids that map to nothing
        ecc_corrected, ecc_uncorrected (0): errors since the driver was loaded
        power_default_w (700.0): the default limit and the highest; power_least_w (200.0)
        sm_locked_mhz, memory_locked_mhz, sm_application_mhz, memory_application_mhz (0): the limits
            that NVML's setters set, 0 for none; they and power_limit_w lower the clocks that NVML
            tells, and the power of loads in the same proportion as the SM clock
        persistence (1): 0 for a driver that forgets all limits when its last client has gone
        ignores_settings (0): 1 for a board that answers to every setter and does nothing
        gpm_missing (0): bits, in the order of GPM, of the metrics that GPM does not give
        gpm_disturbed (0): 1 while another reader of the counters makes nonsense of all values
        gpm_wraps_at (0.0): where the counters begin anew, in percent (or MiB) times seconds
        processes ("shown"): "hidden" for lists without anybody, "without memory" for memory N/A
        """
        board = self._state.layout.devices[device]
        for name, value in options.items():
            if name not in _OPTIONS:
                raise TypeError(f"a device has no option {name}")
            if name in _WORDS:
                setattr(board, name, _WORDS[name].index(value))
            else:
                setattr(board, name, value.encode() if isinstance(value, str) else value)
        if _LIMITS & set(options):
            board.note_pace(now_s())

    def fail(self, result: int, *names: str, device: int = -1) -> None:
        """Let functions ("nvml...", "*" for all of a device) or fields ("field 186") fail."""
        for name in names:
            failures = list(self._state.layout.failures)
            same = (
                entry for entry in failures if (entry.name, entry.device) == (name.encode(), device)
            )
            entry = next(same, None) or next(entry for entry in failures if not entry.result)
            entry.name, entry.device = name.encode(), device
            entry.result = result

    def mend(self, *names: str) -> None:
        """Take back what `fail` did, for all devices."""
        for entry in self._state.layout.failures:
            if entry.name.decode() in names:
                entry.result = 0

    def lose(self, device: int = 0, after_calls: int = 0) -> None:
        """Let a GPU be lost from now on, or from after so many further calls on it."""
        self._state.layout.devices[device].calls_left = after_calls

    def bring_back(self, device: int = 0) -> None:
        self._state.layout.devices[device].calls_left = -1

    def report_xid(self, code: int, device: int = 0) -> None:
        """Let the driver report an Xid to whoever has registered for it."""
        self._state.report_xid(code, device)

    def calls(self, device: int = 0) -> int:
        """Return how many NVML calls this device has had."""
        calls: int = self._state.layout.devices[device].calls
        return calls

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return an environment in which the loader finds this NVML, and NVML this machine."""
        paths = [str(self._library), *filter(None, [base.get("LD_LIBRARY_PATH")])]
        return {**base, "LD_LIBRARY_PATH": ":".join(paths), "SIMGPU_STATE": str(self._path)}

    def command(self, **flags: Any) -> list[str]:
        """Return the command of a fake training: work_seconds=3 for --work-seconds 3 (train.py)."""
        words = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
        return [sys.executable, "-S", "-E", str(HERE / "train.py"), *words]

    def start_training(self, **flags: Any) -> subprocess.Popen[str]:
        """Start a fake training, its output in a pipe, and wait until it draws power."""
        process = subprocess.Popen(
            self.command(**flags), env=self.environment(), stdout=subprocess.PIPE, text=True
        )
        self._started.append(process)
        end_s = time.monotonic() + DEADLINE_S
        while not any(slot.pid == process.pid and slot.lives(now_s()) for slot in self.slots()):
            if process.poll() is not None or time.monotonic() > end_s:
                raise AssertionError(f"the fake training did not start: {process.args!r}")
            time.sleep(0.002)
        return process

    def add(self, pid: int = 0, **values: Any) -> Slot:
        """Add a load without a process of its own, a stranger say; it starts on return.

        device, mig, kind ("compute", "graphics", "hidden"), shape ("level", "square", "ramp"),
        watts, low_watts, period_s, duty, shared_watts, sm_percent, memory_mib, gpm (what GPM counts
        of it: {"sm_active": 40.0}).
        """
        values["gpm"] = gpm_array(values.get("gpm", {}))
        for name, words in (("kind", KINDS), ("shape", SHAPES)):
            values[name] = words.index(values.get(name, words[0]))
        return self._state.claim(
            **{"pid": pid, "mig": -1, "period_s": 1.0, "duty": 0.5, "shared_watts": -1.0, **values}
        )

    def end(self, slot: Slot) -> None:
        """End a load that `add` made."""
        self._state.end(slot)

    def slots(self, device: int | None = None) -> list[Slot]:
        """Return all loads so far by start: pid, start_s, end_s (0 while it lives) and so on."""
        return self._state.slots(device)

    def servers(self, device: int) -> list[int]:
        """Return the pids of the MPS servers that hold a context on a board."""
        return [server.pid for server in self._state.servers(device)]

    def power_w(self, device: int, at_s: float) -> float:
        """Return the true power of a board at a moment, in watts."""
        return self._state.power_w(device, at_s)

    def truth_j(self, device: int, from_s: float, to_s: float) -> float:
        """Return the true energy of a board between two moments, in joules."""
        return self._state.truth_j(device, from_s, to_s)


_OPTIONS = {field[0] for field in Device._fields_} - {
    *("calls", "calls_left", "xid_count", "xids", "pace_count", "paces", "unused"),
}
_LIMITS = {"power_limit_w", "sm_locked_mhz", "sm_application_mhz"}
_WORDS = {"processes": PROCESSES, "compute_mode": COMPUTE_MODES}


def _at_first(index: int) -> dict[str, Any]:
    """Return the options of a device when nothing is said of them."""
    return {
        "name": "Simulated GPU",
        "uuid": f"GPU-5150000{index}-0000-4000-8000-000000000000",
        "idle_w": 60.0,
        "power_limit_w": 700.0,
        "counter_from_s": now_s(),
        "counter_base_mj": 10**9,
        "average_s": 1.0,
        "usage_average_s": 1.0,
        "sample_buffer_s": 2.4,
        "idle_c": 35.0,
        "c_per_w": 0.1,
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 2619,
        "memory_total_mib": 81559,
        "memory_reserved_mib": 400,
        "power_default_w": 700.0,
        "power_least_w": 200.0,
        "persistence": 1,
        "mig_profiles": "3g.40gb 3g.40gb",
    }
