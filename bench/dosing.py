"""Print what bin/dose costs, and how far from its targets it ends up on the simulated GPU.

    bench/dosing.py [RUNS]         at least 5 (the default), which take some 6 minutes

docs/speed.md keeps the figures of one machine.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("lib", "tests", "tests/simgpu")]

from measuring import show  # noqa: E402
from simgpu import SimGpu, build  # noqa: E402
from speed import cpu_s, memory_bytes  # noqa: E402
from support.stage import wait_for  # noqa: E402
from tandem.background.dose.files import CSV, dose_facts  # noqa: E402
from tandem.base.paths import BGRUN, DOSE  # noqa: E402
from tandem.processes.proc import descendants  # noqa: E402

TARGETS = (20, 50, 80)
USES = (100, 90)  # percent of the GPU that the training uses while it runs
SETTLE_S, WINDOW_S = 6.0, 30.0
PROCESSES, THREADS = 10, 4
COST_LIMIT, ERROR_LIMIT = 0.2, 5.0  # percent of a core, points
# A training as big as that; its last process is the one that uses the GPU.
CROWD = f"""
import os, sys, threading, time
for number in range({PROCESSES} - 1):
    if os.fork() == 0:
        break
for _ in range({THREADS} - 1):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
time.sleep(1000)
"""


class Dosed:
    """A training on a GPU of its own, in a background loop, dosed for a target."""

    def __init__(
        self, folder: Path, library: Path, stack: ExitStack, target: int, use: int
    ) -> None:
        folder.mkdir(parents=True)
        gpu = stack.enter_context(SimGpu(folder / "gpu.state", library))
        self.folder, self.target = folder / "dose", target
        training = gpu.command(seconds=1000, sm_percent=use)
        crowd = ["bash", "-c", '"$0" -c "$1" & shift; exec "$@"', sys.executable, CROWD, *training]
        self.load = self.start(stack, gpu, str(BGRUN), "--logs", str(folder / "logs"), "--", *crowd)
        wait_for("the training", lambda: gpu.slots() and len(self.trainings()) > PROCESSES)
        words = ["--out", str(self.folder), "--target", str(target), "--keeper", str(self.load.pid)]
        self.process = self.start(stack, gpu, str(DOSE), *words)
        wait_for("a row", (self.folder / CSV).exists)

    def start(self, stack: ExitStack, gpu: SimGpu, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(words, env=gpu.environment(), stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.send_signal, signal.SIGTERM)
        return process

    def trainings(self) -> list[int]:
        return descendants(self.load.pid)

    def keepers_s(self) -> float:
        """Return the CPU seconds of the keepers and the loop: a stop wakes a round's keeper."""
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.trainings()}
        ours = [pid for pid, line in lines.items() if b"keep.py" in line or b"bg_loop" in line]
        return sum(map(cpu_s, [self.load.pid, *ours]))

    def begin(self) -> None:
        self.begin_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.begin_cpu_s, self.begin_keepers_s = cpu_s(self.process.pid), self.keepers_s()

    def end(self) -> None:
        self.end_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        share = 100 / (self.end_s - self.begin_s)
        self.cost = share * (cpu_s(self.process.pid) - self.begin_cpu_s)
        self.keepers_cost = share * (self.keepers_s() - self.begin_keepers_s)
        self.rss_mib = memory_bytes(self.process.pid, "Rss") / 2**20
        self.process.terminate()
        self.process.wait()
        self.error = self.points_off()

    def points_off(self) -> float:
        """Return by how many points the use in the window is off its target."""
        percent = dose_facts(self.folder, self.begin_s, self.end_s)["sm_avg_percent"]
        assert isinstance(percent, float), "the use of the GPU is not known"
        return abs(percent - self.target)


def bench(library: Path, folder: Path, use: int) -> list[Dosed]:
    """Dose for all targets side by side: none takes more than a fraction of a percent."""
    with ExitStack() as stack:
        dosed = [Dosed(folder / str(each), library, stack, each, use) for each in TARGETS]
        time.sleep(SETTLE_S)
        for each in dosed:
            each.begin()
        time.sleep(WINDOW_S)
        for each in dosed:
            each.end()
        return dosed


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if shutil.which("cc") is None:
        raise SystemExit("bench: error: the simulated GPU needs a C compiler (cc)")
    print(f"medians of {runs} (lowest to highest); the GPU is simulated")
    print(
        f"trainings of {PROCESSES} processes with {THREADS} threads each, windows of {WINDOW_S:g} s"
    )
    with tempfile.TemporaryDirectory() as name:
        library = build(Path(name))
        found = {
            use: [bench(library, Path(name) / f"{use}_{run}", use) for run in range(runs)]
            for use in USES
        }
    every = [dosed for some in found.values() for run in some for dosed in run]
    show("dose: share of one core", [each.cost for each in every], "%", COST_LIMIT)
    show("keepers and loop meanwhile", [each.keepers_cost for each in every], "%")
    show("dose: memory (RSS)", [each.rss_mib for each in every], "MiB")
    for use, some in found.items():
        for index, target in enumerate(TARGETS):
            what = f"error at {target} % of a training that uses {use} %"
            show(what, [run[index].error for run in some], "pt", ERROR_LIMIT)


if __name__ == "__main__":
    main()
