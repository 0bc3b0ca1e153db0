"""Run the tests in parts, and say which part runs, how far it is, and what became of each.

    tests/run.py [--stop-with-parent PID] test|test-all|test-rest|soak [PATH ...]

test: what shows in minutes that this installation works. test-all: all but the long random ones,
which are soak. test-rest: what test-all has and test has not. A part that fails keeps no other from
running. With PATHs: only these, whatever their marks. Every part is below a keeper, so nothing of
it is left, whatever ends this program.

Exit codes: 0 all passed · 1 something failed · 128+N ended by signal N.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.kept import KEEP, run_kept  # noqa: E402
from tandem.processes.control import die_with_parent  # noqa: E402

CPUS = len(os.sched_getaffinity(0))
TEST_TIMEOUT_S, FILE_TIMEOUT_S = "120", "600"  # of bats; hang guards, not figures
WAITING = ("programs", "faults", "runs", "examples", "simgpu", "browser")
SLURMS = 3  # clusters side by side, one for each process of pytest; their jobs mostly wait


@dataclass(frozen=True)
class Part:
    """A command that runs some of the tests."""

    title: str
    command: list[str]


def pytest(paths: Sequence[str], marks: str, workers: int) -> list[str]:
    """Return the command for the tests of these paths; with most of them all others wait."""
    options = ["-n", str(workers), "--dist", "loadgroup", "-m", marks, "-rs", "--durations", "5"]
    return [sys.executable, "-m", "pytest", *options, *paths]


def parts(which: str, paths: list[str]) -> list[Part]:
    many = min(3 * CPUS, 24)  # most tests wait most of the time
    if paths:
        return [Part("the tests of " + ", ".join(paths), pytest(paths, "", many))]
    folders = [f"tests/{name}" for name in WAITING]
    if which == "soak":
        folders.append("tests/slurm")
        examples = ["--hypothesis-profile", "soak", "--timeout", "7200"]
        return [
            Part("kills at random moments and at every line", pytest(folders, "soak", many)),
            Part("properties with many examples", pytest(["tests"], "hypothesis", CPUS) + examples),
        ]
    marks = {
        "test": "not long and not soak",
        "test-all": "not soak and not quiet",
        "test-rest": "long and not soak and not quiet",
    }[which]
    unit = Part("unit: pure functions", pytest(["tests/unit"], marks, CPUS))
    processes = Part(", ".join(WAITING) + ": processes", pytest(folders, marks, many))
    commands = Part("commands: what a person types", [sys.executable, __file__, "commands"])
    slurm = Part("slurm: a real one of two nodes", pytest(["tests/slurm"], "not soak", SLURMS))
    alone = Part("what needs the machine for itself", pytest(["tests/examples"], "quiet", 1))
    return {
        "test": [unit, processes, commands],
        "test-all": [unit, processes, commands, slurm, alone],
        "test-rest": [unit, processes, slurm, alone],
    }[which]


def run_parts(which: str, paths: list[str]) -> int:
    results = []
    every = parts(which, paths)
    for number, part in enumerate(every, 1):
        print(f"\n== {which}, part {number} of {len(every)}: {part.title}", flush=True)
        begin_s = time.monotonic()
        status = run_kept(part.command)
        results.append((part, status, time.monotonic() - begin_s))
        if status < 0 and -status != signal.SIGKILL:
            return 128 - status  # it was asked to stop
    print()
    for part, status, took_s in results:
        print(f"{'ok    ' if status == 0 else 'FAILED'} {took_s:4.0f} s  {part.title}", flush=True)
    return int(any(status != 0 for _, status, _ in results))


# -- bats ----------------------------------------------------------------------------------


def run_bats(file: Path) -> tuple[Path, subprocess.CompletedProcess[str], float]:
    begin_s = time.monotonic()
    limit = {"BATS_TEST_TIMEOUT": TEST_TIMEOUT_S} if shutil.which("ps") else {}  # bats needs it
    bats = [*KEEP, "--timeout", FILE_TIMEOUT_S, "--", str(ROOT / ".venv/bin/bats")]
    done = subprocess.run(
        [*bats, "--timing", str(file)],
        env={**os.environ, **limit},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return file, done, time.monotonic() - begin_s


def run_commands() -> int:
    """Run the bats files side by side; print a line for each, and all of what failed."""
    files = sorted((ROOT / "tests/programs").glob("*.bats"), key=lambda file: -file.stat().st_size)
    failed = 0
    with ThreadPoolExecutor(2 * CPUS) as pool:
        for future in [pool.submit(run_bats, file) for file in files]:
            file, done, took_s = future.result()
            count = sum(line.startswith("ok ") for line in done.stdout.splitlines())
            print(f"{file.name}: {count} passed in {took_s:.0f} s", flush=True)
            if done.returncode != 0:
                failed += 1
                print(done.stdout, flush=True)
    return int(failed > 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/run.py", usage=__doc__)
    parser.add_argument("--stop-with-parent", type=int)
    parser.add_argument("which", choices=["test", "test-all", "test-rest", "soak", "commands"])
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()
    if options.which == "commands":
        return run_commands()
    if options.stop_with_parent is not None:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != options.stop_with_parent:
            return 128 + signal.SIGTERM
    return run_parts(options.which, options.paths)


if __name__ == "__main__":
    sys.exit(main())
