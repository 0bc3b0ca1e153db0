"""Print the figures by which Tandem's own cost is judged, as medians of several runs.

    bench/speed.py [RUNS]         at least 10 (the default)

The trainings are sleeps, so that what is left is Tandem's own. Other work on the machine shows in
the spread. docs/speed.md keeps the figures of one machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.stage import GRACE_S, Stage  # noqa: E402
from tandem.base.clock import boottime_s  # noqa: E402

DRIVER = [sys.executable, str(ROOT / "driver.py")]
WARMUP_S = 0.5
FOREGROUND = "echo started\nsleep 0.5\necho Test Accuracy: 1"
SHARE_S = 10.0


def staged(folder: Path, background: str, foreground: str = FOREGROUND) -> Stage:
    """Return a stage with a parallel experiment; both trainings are lines of Bash."""
    stage = Stage(folder)
    stage.build(foreground, f"echo started\n{background}", warmup_seconds=WARMUP_S)
    return stage


def run_once(stage: Stage) -> dict[str, float]:
    """Run one experiment; return its figures in seconds."""
    begin_s = boottime_s()
    done = stage.run()
    total_s = boottime_s() - begin_s
    if done.returncode != 0:
        raise SystemExit(f"bench: error: the experiment failed:\n{done.stdout}")
    front = stage.read("attempts/1/keeper.json")
    back = stage.read("background_logs/keeper.json")
    first_round = (stage.experiment / "background_logs/rounds.tsv").read_text().split()
    load_s = float(first_round[2])
    return {
        "to first background": load_s - begin_s,
        "warm-up to foreground": front["started_s"] - load_s - WARMUP_S,
        "foreground end to load gone": back["all_ended_s"] - front["all_ended_s"],
        "neither warm-up nor foreground": total_s - WARMUP_S - front["duration_s"],
    }


def show(what: str, values: list[float], limit: str, unit: str = "s") -> None:
    low, middle, high = min(values), statistics.median(values), max(values)
    print(f"{what:<52} {middle:8.3f} {unit:<4} ({low:.3f} to {high:.3f})  at most {limit}")


def bench_check(runs: int) -> None:
    command = [*DRIVER, "check", str(ROOT / "examples/parallel.json")]
    values = []
    for _ in range(runs):
        begin_s = time.monotonic()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        values.append(time.monotonic() - begin_s)
    show("driver.py check examples/parallel.json", values, "0.35 s")


def bench_experiment(runs: int) -> None:
    limits = {
        "to first background": "0.6 s",
        "warm-up to foreground": "0.15 s",
        "foreground end to load gone": "0.15 s",
        "neither warm-up nor foreground": "1 s",
    }
    with tempfile.TemporaryDirectory() as name:
        stage = staged(Path(name), "exec sleep 1000")
        results = [run_once(stage) for _ in range(runs)]
    for what, limit in limits.items():
        show(what, [result[what] for result in results], limit)


def bench_deaf(runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        stage = staged(Path(name), "trap '' TERM; while true; do sleep 1; done")
        results = [run_once(stage) for _ in range(runs)]
    what = "foreground end to load gone"
    values = [result[what] - GRACE_S for result in results]
    show(f"{what}, TERM ignored, beyond the grace", values, "0.15 s")


def processes_below(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def is_ours(pid: int) -> bool:
    """Tell a driver, keeper, script or unshare from a training."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    line = b" ".join(words)
    ours = (b"driver.py", b"keep.py", b"bg_loop.sh", b"fg_run.sh")
    return words[0] == b"unshare" or any(part in line for part in ours)


def cpu_s(pid: int) -> float:
    """Return CPU seconds to the nanosecond; /proc/PID/stat counts in steps of 10 ms."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory_bytes(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def bench_share(runs: int) -> None:
    """Sample all that is not a training while a foreground runs beside a background."""
    with tempfile.TemporaryDirectory() as name:
        front = f"echo Test Accuracy: 1\nexec sleep {(runs + 1) * SHARE_S}"
        stage = staged(Path(name), "exec sleep 1000", front)
        driver = stage.start(stage.command(), stdout=subprocess.DEVNULL)
        time.sleep(WARMUP_S + 3)
        ours = [pid for pid in processes_below(driver.pid) if is_ours(pid)]
        shares = [share_of(ours) for _ in range(runs)]
        memory = {
            key: sum(memory_bytes(pid, key) for pid in ours) / 2**20 for key in ("Rss", "Pss")
        }
        driver.terminate()
        driver.wait()
    show(f"share of one core, driver, keepers and loop, over {SHARE_S:g} s", shares, "0.2 %", "%")
    show("their memory, shared pages counted once (PSS)", [memory["Pss"]], "100 MiB", "MiB")
    show("their memory, shared pages counted in each (RSS)", [memory["Rss"]], "100 MiB", "MiB")


def share_of(pids: list[int]) -> float:
    before_s, begin_s = sum(map(cpu_s, pids)), time.monotonic()
    time.sleep(SHARE_S)
    return 100 * (sum(map(cpu_s, pids)) - before_s) / (time.monotonic() - begin_s)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(f"medians of {runs} (lowest to highest)")
    bench_check(runs)
    bench_experiment(runs)
    bench_deaf(runs)
    bench_share(max(3, runs // 3))


if __name__ == "__main__":
    main()
