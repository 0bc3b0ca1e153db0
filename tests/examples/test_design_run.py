"""examples/design.json, run: spoiled in one group, killed in its middle, resumed and compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from support.stage import processes, stop, wait_for
from support.summary import rows_of
from tandem.plan.file import read_plan_file
from tandem.plan.tries import block_of
from tandem.processes.proc import children

DESIGN = ROOT / "examples" / "design.json"
Driver = Callable[..., "subprocess.Popen[str]"]
SPOILED = "digits_mlp_c01_b1_r2_parallel"
DEADLINE_S = 1500.0  # a hang guard, not a figure

pytestmark = [
    pytest.mark.long,
    pytest.mark.quiet,
    pytest.mark.timeout(2 * DEADLINE_S),
    pytest.mark.xdist_group("examples/design.json"),
]


@dataclass
class Finished:
    """A run that is over; `plan` is plan.json as it was before the kill."""

    folder: Path
    plan: bytes

    @property
    def rows(self) -> list[dict[str, str]]:
        return list[dict[str, str]](rows_of(self.folder))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """Run driver.py where nobody else's run is met."""
    locks = str(tmp_path_factory.mktemp("locks"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TANDEM_LOCKS": locks}

    def start(*words: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "driver.py"), *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a process, once it has ended."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    journal = run / "journal.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [event for line in lines if (event := json.loads(line))["event"] == kind]


def foreground_of(folder: Path) -> int:
    """Return the main process of a foreground once it has trained an epoch."""
    attempt = folder / "attempts" / "1"

    def is_training() -> bool:
        log = attempt / "training.log"
        return log.exists() and b"Epoch 1/" in log.read_bytes()

    wait_for(f"{folder.name} trains", is_training, DEADLINE_S)
    keepers = [pid for pid, words in processes(str(attempt)).items() if "keep.py" in words]
    [main] = [child for pid in keepers for child in children(pid)]
    return main


@pytest.fixture(scope="module")
def finished(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The run: a foreground of block 2 was stopped for a moment, the driver killed in block 4.

    Who stops a foreground has spoiled its group, and nothing else.
    """
    results = tmp_path_factory.mktemp("results")
    process = driver("run", DESIGN, "--results", results)
    try:
        found = wait_for("the run begins", lambda: [*results.glob("run_*/plan.json")])
        plan_file, run = found[0], found[0].parent
        main = foreground_of(run / SPOILED)
        stop(main)
        os.kill(main, signal.SIGCONT)
        in_block_4 = [each for each in read_plan_file(run).experiments if block_of(each) == 4]
        foreground_of(run / in_block_4[1].id)
        plan = plan_file.read_bytes()
    finally:
        process.kill()
        process.communicate()
    wait_for("nothing of it lives", lambda: not processes(str(run)))
    code, out, err = ended(driver("run", "--resume", run))
    assert code == 0, out + err
    return Finished(run, plan)


def test_it_goes_on_with_the_same_plan(finished: Finished) -> None:
    assert (finished.folder / "plan.json").read_bytes() == finished.plan
    planned = {each.id for each in read_plan_file(finished.folder).experiments}
    counts = Counter(event["experiment"] for event in events(finished.folder, "ended"))
    assert planned <= counts.keys()
    assert set(counts.values()) == {1}


def test_the_spoiled_group_ran_again_whole(finished: Finished) -> None:
    tries = [event for event in events(finished.folder, "added") if event["as"] == "try"]
    assert len(tries) == 1
    again = tries[0]["experiments"]
    assert sorted(again.values()) == [
        SPOILED,
        "digits_mlp_c01_b2_r2_parallel",
        "digits_mlp_c01_r2_solo",
    ]
    rows = {row["experiment_id"]: row for row in finished.rows}
    spoiled = rows[SPOILED]
    assert "stopped (SIGSTOP)" in spoiled["invalid_reasons"]
    assert {rows[name]["counts"] for name in again.values()} == {"False"}
    assert {(rows[name]["counts"], rows[name]["valid"]) for name in again} == {("True", "True")}


def test_a_block_has_every_load_once_and_all_that_counts_is_valid(finished: Finished) -> None:
    counting = [row for row in finished.rows if row["counts"] == "True"]
    cells = Counter((row["block"], row["background_number"]) for row in counting)
    assert cells == {(str(block), load): 1 for block in range(1, 7) for load in ("", "1", "2")}
    assert {row["valid"] for row in counting} == {"True"}
    warm_ups = [row for row in finished.rows if row["control"] == "warm_up"]
    assert len(warm_ups) == 2  # one for each process
    assert {row["counts"] for row in warm_ups} == {"False"}


def test_every_pair_has_a_slowdown_of_its_epochs_with_its_uncertainty(finished: Finished) -> None:
    loaded = [row for row in finished.rows if row["background_number"] and row["counts"] == "True"]
    for row in loaded:
        for name in ("slowdown", "slowdown_of_epochs"):
            assert float(row[name]) > 0
            assert float(row[f"{name}_clock_uncertainty"]) > 0


def test_the_comparison_has_a_verdict(driver: Driver, finished: Finished) -> None:
    words = "--by", "background", "--format", "json"
    code, out, err = ended(driver("compare", finished.folder, *words))
    assert (code, err) == (0, "")
    groups = json.loads(out)["groups"]
    rows = [row for group in groups for row in group["rows"] if row["figure"] == "slowdown"]
    assert [row["units"] for row in rows] == [6, 6]
    for row in rows:
        assert row["low"] <= row["estimate"] <= row["high"]
        assert row["verdict"]


def test_it_says_what_its_raw_files_say(driver: Driver, finished: Finished) -> None:
    code, out, err = ended(driver("verify", finished.folder))
    assert (code, err) == (0, ""), out
    assert "every figure is what they say" in out
