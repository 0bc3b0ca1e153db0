"""What reading a training's log costs: CPU seconds and memory for 100 MB of several kinds.

Usage: python bench/logs.py [MB]. Each is read in a process of its own, by four patterns. Exit code
1 above the limits.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S, MOST_MIB = 7.0, 60.0
READ = r"""
import resource, sys
sys.path.insert(0, sys.argv[1])
from tandem.log.reader import read_log
from tandem.log.rules import LogRules
patterns = {
    "test_accuracy": r"Test Accuracy[:\s]+([0-9.]+)",
    "train_accuracy": r"train accuracy[:\s]+([0-9.]+)",
    "train_loss": r"loss[:\s]+([0-9.]+)",
    "accuracy": r"(?:acc|accuracy) (\d+\.\d+)",
}
read_log(sys.argv[2], LogRules(patterns))
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""
KINDS: dict[str, Callable[[int, float], str]] = {
    "a line a step": lambda n, x: f"step {n} loss: {x:.4f} lr 0.001 time 0.12 s\n",
    "an epoch in each line": lambda n, x: f"Epoch: [{n // 400}][{n % 400}/400]\tLoss {x:.4f}\n",
    "bars that are drawn over themselves": lambda n, x: f"\r{n % 100}%|##  | {n} [loss={x:.3f}]",
    "colours": lambda n, x: f"\x1b[32mstep {n}\x1b[0m loss: \x1b[1m{x:.4f}\x1b[0m\n",
    "one line": lambda n, x: f"{x:.9f}, ",
}


def write(path: Path, size_bytes: float, line: Callable[[int, float], str]) -> None:
    values = random.Random(1)
    with path.open("w", newline="") as file:
        for number in itertools.count():
            file.write(line(number, values.random()))
            if number % 10_000 == 0 and file.tell() >= size_bytes:
                return


def main() -> None:
    size_mb = float(sys.argv[1]) if len(sys.argv) > 1 else 100.0
    is_slow = False
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "training.log"
        for what, line in KINDS.items():
            write(log, size_mb * 1e6, line)
            command = [sys.executable, "-c", READ, str(ROOT / "lib"), str(log)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cpu_s, memory_mib = map(float, done.stdout.split())
            print(
                f"log of {size_mb:g} MB, {what:<36} {cpu_s:6.2f} s  {memory_mib:4.0f} MiB"
                f"  at most {LONGEST_S:g} s, {MOST_MIB:g} MiB"
            )
            is_slow |= cpu_s > LONGEST_S * size_mb / 100 or memory_mib > MOST_MIB
    if is_slow:
        raise SystemExit("bench: error: too slow, or too much memory")


if __name__ == "__main__":
    main()
