"""Print what bin/powermon costs and how right it is.

    bench/measuring.py [RUNS]         at least 5 (the default), which take some 10 minutes
    bench/measuring.py calibration [WINDOWS [SEED]]   only how right the stated deviations are (400)

The GPU is the simulated one of the tests, so its energy is known exactly. docs/speed.md keeps the
figures of one machine.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("lib", "tests", "tests/simgpu")]

from simgpu import SimGpu, build  # noqa: E402
from speed import cpu_s, memory_bytes  # noqa: E402
from support.calibration import BOARDS, HEADER, line, windows  # noqa: E402
from support.stage import wait_for  # noqa: E402
from tandem.base.paths import POWERMON  # noqa: E402
from tandem.measure.windows.window import read_monitor  # noqa: E402
from waves import BOARD, BUSY, LENGTHS_S, QUIET, Error, full_cores, measure, square_wave  # noqa: E402

HELPERS = 8  # processes beside a training's main one and its shell: they load data
MINUTE_S = 60.0
REST_S = 30.0
WEEK_S = 7 * 86400
MIB = 2**20
# So many digits more has a row's cumulative part after a week: joules; two roles' CPU seconds.
LATE_BYTES = {"gpu_0.csv": 4, "cpu.csv": 10}
CALIBRATION_WINDOWS = 400
CALIBRATION_SEED = 12  # nothing was chosen by what its windows show
LIMITS = {"counter": 0.2, "trapezoid": 1.0}  # percent
# What a run of the monitor costs: unit, and the most that may be.
COSTS: dict[str, tuple[str, float | None]] = {
    "powermon: share of one core over 60 s": ("%", 0.5),
    "its memory (RSS)": ("MiB", 40.0),
    "its RSS after 2.5 min less that after 1 min": ("MiB", 0.0),
    "a row of the GPU's file, after a week": ("B", None),
    "a row of cpu.csv, after a week, without RAPL": ("B", None),
    "a week of the GPU's file": ("MB", 100.0),
    "a week of both": ("MB", None),
}


def show(what: str, values: Sequence[float], unit: str, most: float | None = None) -> None:
    low, middle, high = min(values), statistics.median(values), max(values)
    limit = "" if most is None else f"  at most {most:g} {unit}{missed(middle, most)}"
    print(f"{what:<52} {middle:8.3f} {unit:<4} ({low:.3f} to {high:.3f}){limit}", flush=True)


def missed(value: float, most: float) -> str:
    return "" if value <= most else ", MISSED"


# -- what it costs -----------------------------------------------------------------------------


def start_powermon(gpu: SimGpu, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start bin/powermon at its defaults; return when it samples."""
    command = [str(POWERMON), "--out", str(folder), *options]
    process = subprocess.Popen(command, env=gpu.environment(), stderr=subprocess.DEVNULL)
    wait_for("powermon samples", (folder / "monitor.json").exists)
    return process


def bench_start(library: Path, folder: Path, runs: int) -> None:
    """Start and stop bin/powermon, one at a time."""
    folder.mkdir()
    ready_s, used_s, shared_mib = [], [], []
    with SimGpu(folder / "gpu.state", library, **BOARD) as gpu:
        for run in range(runs):
            begin_s = time.monotonic()
            process = start_powermon(gpu, folder / str(run))
            ready_s.append(time.monotonic() - begin_s)
            shared_mib.append(memory_bytes(process.pid, "Pss") / MIB)
            process.terminate()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            used_s.append(usage.ru_utime + usage.ru_stime)
    show("powermon: start to first sample", ready_s, "s")
    show("CPU to start, sample once and stop", used_s, "s")
    show("its memory when it is the only one (PSS)", shared_mib, "MiB", 40.0)


class Watched:
    """A board with two trainings, watched by a powermon."""

    def __init__(self, library: Path, folder: Path, stack: ExitStack) -> None:
        folder.mkdir()
        self.energy = folder / "energy"
        self.gpu = stack.enter_context(SimGpu(folder / "gpu.state", library, **BOARD))
        options: list[str] = []
        for role, power in (("foreground", square_wave(0.7)), ("background", {"watts": 120})):
            process = self.start_training(**power, seconds=1000, memory_mib=9000)
            stack.callback(process.wait)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
            options += [f"--{role}", str(process.pid)]
        self.monitor = start_powermon(self.gpu, self.energy, *options)
        stack.callback(self.monitor.wait)
        stack.callback(self.monitor.terminate)

    def start_training(self, **flags: object) -> subprocess.Popen[bytes]:
        """Start a tree such as a training has: a shell, itself, processes that load data."""
        helpers = f"for ((i = 0; i < {HELPERS}; i++)); do sleep 1000 & done"
        line = f"{helpers}; {shlex.join(self.gpu.command(**flags))} & wait"
        return subprocess.Popen(
            ["bash", "-c", line],
            env=self.gpu.environment(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def rss_mib(self) -> float:
        return memory_bytes(self.monitor.pid, "Rss") / MIB

    def begin_minute(self) -> None:
        self.begin_s, self.begin_cpu_s = time.monotonic(), cpu_s(self.monitor.pid)
        self.begin_mib = self.rss_mib()

    def end_minute(self) -> None:
        used_s = cpu_s(self.monitor.pid) - self.begin_cpu_s
        self.cpu_share = used_s / (time.monotonic() - self.begin_s)

    def costs(self) -> list[float]:
        """Return the values of COSTS in their order."""
        (gpu,) = read_monitor(self.energy)["gpus"]
        gpu_bytes, cpu_bytes = (row_bytes(self.energy / name) for name in LATE_BYTES)
        assert gpu["processes_mapped"], "powermon does not see the trainings"
        rss_mib = self.rss_mib()
        return [
            100 * self.cpu_share,
            rss_mib,
            rss_mib - self.begin_mib,
            gpu_bytes,
            cpu_bytes,
            gpu_bytes * WEEK_S / 1e6,
            (gpu_bytes + cpu_bytes) * WEEK_S / 1e6,
        ]


def row_bytes(file: Path) -> float:
    """Return the mean length of a file's rows as they will be after a week."""
    rows = file.read_bytes().splitlines(keepends=True)[1:]
    return statistics.mean(map(len, rows)) + LATE_BYTES[file.name]


def bench_cost(library: Path, folder: Path, runs: int) -> None:
    """Let powermons run side by side, each with trainings of its own."""
    folder.mkdir()
    with ExitStack() as stack:
        watched = [Watched(library, folder / str(run), stack) for run in range(runs)]
        time.sleep(MINUTE_S)
        for each in watched:
            each.begin_minute()
        time.sleep(MINUTE_S)
        for each in watched:
            each.end_minute()
        time.sleep(REST_S)
        values = zip(*(each.costs() for each in watched), strict=True)
    for (what, (unit, most)), found in zip(COSTS.items(), values, strict=True):
        show(what, found, unit, most)


# -- how right it is ---------------------------------------------------------------------------


def show_errors(condition: str, found: dict[int, list[Error]]) -> None:
    """Print a line a length and method: the sizes of the errors over all waves."""
    for length_s in LENGTHS_S:
        for method, most in LIMITS.items():
            what = f"{condition}, {length_s} s windows, {method}"
            print(f"{what:<52} {sizes(found[length_s], method, most)}", flush=True)


def sizes(some: Sequence[Error], method: str, most: float) -> str:
    values = [(abs(getattr(each, method)), each.wave_s) for each in some]
    worst, wave_s = max(values)
    middle = statistics.median(value for value, _ in values)
    over = sum(value > most for value, _ in values)
    limit = f"at most {most:g}" + (f", MISSED by {over} of {len(some)}" if over else "")
    return f"{middle:8.3f} {worst:8.3f} ({wave_s:g} s)  {limit}"


def bench_calibration(count: int = CALIBRATION_WINDOWS, seed: int = CALIBRATION_SEED) -> None:
    """Print how many windows lie within two and three deviations of what they state.

    Boards and time are simulated, the monitor and the windows are Tandem's own.
    """
    print(f"seed {seed}\n\n{HEADER}", flush=True)
    for board in BOARDS:
        print(line(board, windows(board, count, seed)), flush=True)


def main() -> None:
    if sys.argv[1:2] == ["calibration"]:
        bench_calibration(*map(int, sys.argv[2:4]))
        return
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if shutil.which("cc") is None:
        raise SystemExit("bench: error: the simulated GPU needs a C compiler (cc)")
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # it is not meant for the simulated ones
    print(f"medians of {runs} (lowest to highest); the GPU is simulated\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = build(folder)
        bench_start(library, folder / "start", runs)
        bench_cost(library, folder / "cost", runs)
        print("\nsize of the error in %: median and worst (of which wave) over all waves")
        show_errors(QUIET, measure(library, folder / "quiet", runs))
        with full_cores():
            show_errors(BUSY, measure(library, folder / "busy", runs))
    print("\nstated deviations: 95 % of windows within two and 99 % within three, or MISSED")
    bench_calibration()


if __name__ == "__main__":
    main()
