"""What it costs that several workers drain one run.

    bench/workers.py [WORKERS]        64 (the default) claim groups of a run of 10,000 experiments

About ten minutes, most of them sleep. Exit code 1 above the limits; docs/speed.md keeps the figures
of one machine. The workers that claim have opened the run's folder as `tandem work` does, run
nothing, and leave records of a training that has run once. Half of the run has ended before.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests"), str(ROOT / "tests" / "simgpu")]

from scale import bench_plan, design, run_one  # noqa: E402
from simgpu import build  # noqa: E402
from support.big_run import write_big_run  # noqa: E402
from support.big_shared_run import SharedBigRun  # noqa: E402
from support.fleet import Fleet  # noqa: E402
from support.planned_run import planned_run  # noqa: E402
from support.stage import Stage  # noqa: E402
from tandem.plan.file import read_plan_file  # noqa: E402
from tandem.plan.model import Experiment, Plan  # noqa: E402
from tandem.results.forecast import Forecast  # noqa: E402
from tandem.results.journal import NAME as JOURNAL  # noqa: E402
from tandem.results.record import Record  # noqa: E402
from tandem.results.record_file import read_record, write_record  # noqa: E402
from tandem.results.shared.worker_folder import WorkerFolder, make_worker_folder  # noqa: E402
from tandem.results.shared.workers import WORKERS  # noqa: E402
from tandem.work.boards import Site  # noqa: E402
from tandem.work.claims import Claims  # noqa: E402
from tandem.work.drain import GroupOrder  # noqa: E402

COUNT = 10_000
CLAIM_S, OPEN_S = 1.0, 3.0  # at most
START_S, GROUP_S, CLAIMS_EACH = 120.0, 60.0, 2  # all begin within; a group lasts; so many claims
SUBMIT_S, STATUS_S, TRIES = 5.0, 1.0, 5
SLEEP_S, GROUPS, LEAST_SHARE = 30, 4, 0.9


@dataclass
class Bench:
    is_over: bool = False

    def tell(self, what: str, values: list[float], most_s: float) -> None:
        middle = statistics.median(values)
        over = middle > most_s
        self.is_over |= over
        around = f"({min(values):.3f} to {max(values):.3f}, of {len(values)})"
        warning = "  TOO MUCH" if over else ""
        print(f"{what}: {middle:.3f} s {around}, at most {most_s:g} s{warning}", flush=True)

    def tell_share(self, workers: int, took_s: float, alone_s: float) -> None:
        share = alone_s / (workers * took_s)
        over = share < LEAST_SHARE
        self.is_over |= over
        what = f"{GROUPS} groups of {SLEEP_S} s of sleep, {workers} workers"
        least = f"{share:.1%} of linear, at least {LEAST_SHARE:.0%}"
        print(f"{what}: {took_s:.1f} s, {least}{'  TOO LITTLE' if over else ''}", flush=True)


# -- claiming --------------------------------------------------------------------------------


@dataclass
class Costs:
    """Seconds that a worker waited for what it needs, and CPU seconds of its claims."""

    open_s: list[float] = field(default_factory=list)
    claim_s: list[float] = field(default_factory=list)
    claim_cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def of_opening(self) -> Iterator[None]:
        begin_s = time.monotonic()
        yield
        self.open_s.append(time.monotonic() - begin_s)

    @contextmanager
    def of_claim(self) -> Iterator[None]:
        begin_s, cpu_s = time.monotonic(), time.process_time()
        yield
        self.claim_s.append(time.monotonic() - begin_s)
        self.claim_cpu_s.append(time.process_time() - cpu_s)


@dataclass(frozen=True)
class Claiming:
    """A run that workers claim groups of; `record` is what an experiment leaves."""

    run: Path
    plan: Plan
    record: Record

    def work(self, number: int) -> Costs:
        """Be a worker that begins at some moment: open the run, and claim group after group."""
        chance = random.Random(number)
        time.sleep(chance.uniform(0.0, START_S))
        costs = Costs()
        own = make_worker_folder(self.run, f"host_{number}_r0")
        with costs.of_opening():
            folder = WorkerFolder(self.run, own, self.plan, lambda _: None)
            order = self.order_of(folder)
            order.claims.open()
            forecast = Forecast(folder.missing())
        for _ in range(CLAIMS_EACH):
            with costs.of_claim():
                group = order.next_group(forecast)
            assert group
            time.sleep(chance.uniform(0.0, 2 * GROUP_S))
            for experiment in order.missing_of(group):
                self.end(folder, experiment)
            order.release()
        folder.close()
        return costs

    def order_of(self, folder: WorkerFolder) -> GroupOrder:
        claims = Claims(self.run, folder.own.name)
        site = Site(folder.own.name, frozenset({"GPU-0"}))
        return GroupOrder(
            folder=folder, claims=claims, site=site, left_s=lambda: math.inf, wait=time.sleep
        )

    def end(self, folder: WorkerFolder, experiment: Experiment) -> None:
        folder.begin(experiment).mkdir()
        record: Record = {**self.record, "experiment_id": experiment.id}
        assert folder.store(record)
        folder.note_ended(record, 60.0)


def bench_claims(bench: Bench, folder: Path, workers: int) -> None:
    stage, run = bench_plan(folder, f"plan {COUNT} of a design", design(COUNT))
    claiming = Claiming(run, read_plan_file(run), read_record(run_one(stage)))
    end_half(claiming)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        costs = list(pool.map(claiming.work, range(1, workers + 1)))
    print(f"{workers} workers, {COUNT} experiments, half of them ended, a group in {GROUP_S:g} s:")
    bench.tell("to open the run", [value for each in costs for value in each.open_s], OPEN_S)
    bench.tell("to claim a group", [value for each in costs for value in each.claim_s], CLAIM_S)
    bench.tell("CPU of that", [value for each in costs for value in each.claim_cpu_s], CLAIM_S)


def end_half(claiming: Claiming) -> None:
    """End the first half, all by one worker, which puts the table together."""
    run, plan = claiming.run, claiming.plan
    own = make_worker_folder(run, "host_0_r0")
    lines = []
    for experiment in plan.experiments[: COUNT // 2]:
        name = experiment.id
        (own / name).mkdir()
        write_record({**claiming.record, "experiment_id": name}, own / name)
        (run / name).symlink_to(f"{WORKERS}/{own.name}/{name}")
        for event in ("started", "ended"):
            facts = {"event": event, "utc": "", "experiment": name, "duration_s": 60.0}
            lines.append(json.dumps(facts) + "\n")
    (own / JOURNAL).write_text("".join(lines))
    with closing(WorkerFolder(run, own, plan, lambda _: None)) as folder:
        folder.write_table()


# -- submitting and looking --------------------------------------------------------------------


def bench_submit(bench: Bench, folder: Path) -> None:
    """Plan, write and submit a run; a stand-in for sbatch takes the job at once."""
    stage, run = bench_plan(folder, f"plan {COUNT} of a design", design(COUNT))
    shutil.rmtree(run)
    sbatch = folder / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text("#!/bin/sh\necho 4711\n")
    sbatch.chmod(0o755)
    options = ["--registry", folder / "registry.json", "--root", folder]
    options += ["--results", folder / "results", folder / "settings.json"]
    path = {"PATH": f"{sbatch.parent}:{os.environ['PATH']}"}
    times_s = timed(["submit", *map(str, options)], stage.environment | path)
    bench.tell(f"plan, write and submit {COUNT} experiments", times_s, SUBMIT_S)


def bench_status(bench: Bench, folder: Path) -> None:
    run = write_big_run(folder, configs=26, repeats=35, kind=SharedBigRun)
    times_s = timed(["status", str(run)], dict(os.environ))
    bench.tell("status of 10,010 experiments of 64 workers", times_s, STATUS_S)


def timed(words: list[str], environment: dict[str, str]) -> list[float]:
    """Return how many seconds a command of Tandem's takes, several times."""
    times_s = []
    for _ in range(TRIES):
        begin_s = time.monotonic()
        command = [sys.executable, str(ROOT / "driver.py"), *words]
        subprocess.run(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        times_s.append(time.monotonic() - begin_s)
    return times_s


# -- side by side ------------------------------------------------------------------------


def bench_share(bench: Bench, folder: Path) -> None:
    """Drain the same groups by one, two and four workers, each on a board of its own."""
    took_s: dict[int, float] = {}
    for workers in (1, 2, 4):
        place = folder / str(workers)
        place.mkdir(parents=True)
        fleet = Fleet(Stage(place), build(folder), hosts=1, boards=workers)
        training = f"echo Test Accuracy: 50\nexec sleep {SLEEP_S}"
        fleet.stage.build(training, None, runs_per_config=GROUPS)
        fleet.run = planned_run(fleet.stage, fleet.shared / "results")
        begin_s = time.monotonic()
        fleet.start()
        fleet.wait_for_end()
        took_s[workers] = time.monotonic() - begin_s
        codes = [code for each in fleet.places for code in each.codes]
        if not fleet.is_whole() or any(codes):
            raise SystemExit(f"bench: error: workers ended with {codes}\n{fleet.said()}")
        bench.tell_share(workers, took_s[workers], took_s[1])


def main() -> int:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    bench = Bench()
    with tempfile.TemporaryDirectory() as name:
        bench_claims(bench, Path(name) / "claims", workers)
        bench_submit(bench, Path(name) / "submit")
        bench_status(bench, Path(name) / "status")
        bench_share(bench, Path(name) / "share")
    return int(bench.is_over)


if __name__ == "__main__":
    sys.exit(main())
