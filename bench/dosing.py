"""Print what bin/dose costs, and how far from its targets it ends up on the simulated GPU.

    bench/dosing.py [RUNS]         at least 5 (the default), which take some 4 minutes

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
from dataclasses import dataclass, field
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

SETTLE_S, WINDOW_S = 6.0, 30.0
PROCESSES, THREADS = 10, 4
COST_LIMIT, ERROR_LIMIT = 0.2, 5.0  # percent of a core, points
USE, DUTY = "sm_avg_percent", "duty_mean"
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


@dataclass(frozen=True)
class Case:
    """A dose, what is read of it, and how much of the GPU whom uses; `front`: a foreground."""

    what: str
    options: str
    column: str
    wanted: float
    use: int
    more: dict[str, float] = field(default_factory=lambda: {"seconds": 1000})
    front: int | None = None
    limit: float | None = ERROR_LIMIT


CASES = [
    *(
        Case(f"{target} % of a training that uses {use} %", f"--target {target}", USE, target, use)
        for use in (100, 90)
        for target in (20, 50, 80)
    ),
    Case("30 % beside a foreground's 60 %", "--target 30", USE, 30, 80, front=60),
    Case("30 % in rounds of 0.5 s", "--target 30", USE, 30, 100, {"work_seconds": 0.5}, limit=None),
    *(
        Case(
            f"intensity {duty}, periods of 0.3 s",
            f"--intensity {duty} --period 0.3",
            DUTY,
            duty,
            60,
        )
        for duty in (0.2, 0.7)
    ),
]


class Dosed:
    """A training on a GPU of its own, in a background loop, dosed."""

    def __init__(self, folder: Path, library: Path, stack: ExitStack, case: Case) -> None:
        folder.mkdir(parents=True)
        gpu = stack.enter_context(SimGpu(folder / "gpu.state", library))
        self.folder, self.case = folder / "dose", case
        training = gpu.command(sm_percent=case.use, **case.more)
        crowd = ["bash", "-c", '"$0" -c "$1" & shift; exec "$@"', sys.executable, CROWD, *training]
        self.load = self.start(stack, gpu, str(BGRUN), "--logs", str(folder / "logs"), "--", *crowd)
        wait_for("the training", lambda: gpu.slots() and len(self.trainings()) > PROCESSES)
        words = ["--out", str(self.folder), "--keeper", str(self.load.pid), *case.options.split()]
        self.process = self.start(stack, gpu, str(DOSE), *words)
        wait_for("a row", (self.folder / CSV).exists)
        if case.front is not None:
            gpu.start_training(seconds=1000, sm_percent=case.front)

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
        """Return by how many points the window is off what was asked for."""
        column, wanted = self.case.column, self.case.wanted
        mode = "intensity" if column == DUTY else "target"
        value = dose_facts(self.folder, mode, wanted, self.begin_s, self.end_s)[column]
        assert isinstance(value, float), f"{self.case.what}: not known"
        return abs(value - wanted) * (100 if column == DUTY else 1)


def bench(library: Path, folder: Path) -> list[Dosed]:
    """Dose all cases side by side: none takes more than a fraction of a percent."""
    with ExitStack() as stack:
        dosed = [
            Dosed(folder / str(place), library, stack, case) for place, case in enumerate(CASES)
        ]
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
        found = [bench(library, Path(name) / str(run)) for run in range(runs)]
    lasting = {"seconds": 1000.0}
    plain = [case.column == USE and case.more == lasting and not case.front for case in CASES]
    every = [dosed for run in found for dosed, is_plain in zip(run, plain, strict=True) if is_plain]
    show("dose: share of one core", [each.cost for each in every], "%", COST_LIMIT)
    show("keepers and loop meanwhile", [each.keepers_cost for each in every], "%")
    show("dose: memory (RSS)", [each.rss_mib for each in every], "MiB")
    for place, case in enumerate(CASES):
        errors = [run[place].error for run in found]
        show(f"error at {case.what}", errors, "pt", case.limit)


if __name__ == "__main__":
    main()
