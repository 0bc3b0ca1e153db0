"""A design that is run: first runs thrown away, groups that run again, kills in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from support.records import flaws
from support.stage import DEADLINE_S, Stage, wait_for
from support.summary import rows_of
from tandem.experiment.verify import verify_run
from tandem.results.standing import standing_plan
from tandem.run.again import record_into

# Each start is a line in `starts`. One fails, one hangs, and of one the record does not count.
FRONT = """echo >>starts
case $(wc -l <starts) in
  {fails}) exit 1 ;;
  {hangs}) exec sleep 1000 ;;
  {lost}) rm "$TANDEM_LOCKS/tandem-machine.lock" ;;
esac
echo Test Accuracy: 50
sleep 0.3"""
BACK = "echo at work; exec sleep 1000"
PAIR = PARALLEL, SOLO = "front_default_c01_b1_r1_parallel", "front_default_c01_r1_solo"
TWICE = [f"{name}_try2" for name in PAIR]
WARM_UP = f"{PARALLEL}_warm_up1"
KILLER = ROOT / "tests" / "support" / "killer.py"


def build(stage: Stage, lost: int = 0, fails: int = 0, hangs: int = 0) -> None:
    """Write a design of one group: alone, and beside one background, which comes first."""
    stage.build(FRONT.format(fails=fails, hangs=hangs, lost=lost), BACK)
    design = {
        **{"settings_version": 2, "seed": 1, "max_retries": 0, "warmup_seconds": 0.2},
        **{"rerun_invalid": 1, "order": "as_written"},
        "factors": {"background": [{"repo": "back", "model": "default"}, None]},
        "experiments": [{"foreground": {"repo": "front", "model": "default"}}],
    }
    (stage.folder / "settings.json").write_text(json.dumps(design))


def resume(stage: Stage, *options: str) -> subprocess.CompletedProcess[str]:
    driver = [sys.executable, str(ROOT / "driver.py"), "run", "--resume", str(run_of(stage))]
    return stage.run_command([*driver, "--proc", str(stage.folder / "no_proc"), *options])


def run_of(stage: Stage) -> Path:
    return next(stage.folder.glob("results/run_*"))


def rows(run: Path) -> dict[str, dict[str, str]]:
    return {row["experiment_id"]: row for row in rows_of(run)}


def counts(run: Path) -> list[str]:
    return [name for name, row in rows(run).items() if row["counts"] == "True"]


def starts(stage: Stage) -> int:
    file = stage.folder / "repos/front/starts"
    return file.read_text().count("\n") if file.exists() else 0


def together(run: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / name / "interference.json").read_text())
    return found


def test_a_warm_up_that_fails_and_a_group_that_runs_again(stage: Stage) -> None:
    build(stage, fails=1, lost=3)
    done = stage.run()
    assert done.returncode == 0, done.stdout
    run = run_of(stage)
    assert [*rows(run)] == [WARM_UP, *PAIR, *TWICE]
    assert counts(run) == TWICE
    assert f"warm-up before experiment 1 of 2: {WARM_UP} started" in done.stdout
    assert f"c01_r1 runs again, whole (try 2): {SOLO} is not valid: lock " in done.stdout
    assert f"experiment 4 of 4: {TWICE[1]} started" in done.stdout
    last = "2 experiments: 2 valid; not counted: 2 of groups that ran again, 1 warm-up\n"
    assert last in done.stdout
    record = json.loads((run / WARM_UP / "experiment.json").read_text())
    assert flaws(record) == []
    assert (record["control"], record["twin"], record["valid"]) == ("warm_up", None, False)
    assert not (run / WARM_UP / "interference.json").exists()
    assert together(run, TWICE[0])["twin"] == TWICE[1]
    assert verify_run(run).differences == []
    record_into(run, stage.folder / "again", lambda text: None)
    for file in (stage.folder / "again").rglob("*.*"):
        assert file.read_bytes() == (run / file.relative_to(stage.folder / "again")).read_bytes()
    done = resume(stage)
    assert (done.returncode, "nothing is missing" in done.stdout) == (0, True)
    assert starts(stage) == 5


@pytest.mark.long
@pytest.mark.parametrize(
    ("hangs", "lost", "again", "all_starts"),
    [
        pytest.param(1, 4, [WARM_UP, PARALLEL], 6, id="in the warm-up"),
        pytest.param(3, 0, [SOLO], 5, id="in the group"),
        pytest.param(5, 3, [TWICE[1]], 7, id="in its second try"),
    ],
)
def test_killed_while_one_runs_it_goes_on_with_what_is_missing(
    stage: Stage, hangs: int, lost: int, again: list[str], all_starts: int
) -> None:
    """Behind a warm-up of its own; of a pair that two processes ran it is said."""
    build(stage, lost=lost, hangs=hangs)
    driver = stage.start(stage.command())
    wait_for("it hangs", lambda: starts(stage) == hangs)
    driver.kill()
    driver.wait()
    run, begun = run_of(stage), {path.parent.name for path in run_of(stage).glob("*/attempts")}
    assert again[0] in begun
    done = resume(stage)
    assert done.returncode == 0, done.stdout
    assert counts(run) == (TWICE if lost else [*PAIR])
    warm_up = f"{again[-1]}_warm_up{1 + (again[0] == WARM_UP)}"
    assert rows(run)[warm_up]["counts"] == "False"
    assert starts(stage) == all_starts
    is_parted, parallel = again[0] != WARM_UP, counts(run)[0]
    said = "the run was stopped and resumed between this experiment and its control"
    assert (said in together(run, parallel)["warnings"]) == is_parted
    assert (f"warning: {parallel}: {said}" in done.stdout) == is_parted
    assert verify_run(run).differences == []
    assert resume(stage).stdout.count("nothing is missing") == 1


@pytest.mark.long
def test_killed_while_a_try_is_added_it_is_added_once(tmp_path: Path) -> None:
    """At each state of the files between the last line of a block and the first of its try."""

    def run_killer(name: str, **variables: str) -> Stage:
        stage = Stage(tmp_path / name)
        stage.folder.mkdir()
        build(stage, lost=3)
        command = [sys.executable, str(KILLER), *stage.command()[2:]]
        variables |= {"KILL_BETWEEN": "due add_experiments", "TANDEM_LOCKS": str(stage.folder)}
        environment = {**os.environ, **variables}
        subprocess.run(
            command, env=environment, capture_output=True, timeout=DEADLINE_S, check=False
        )
        return stage

    listed = tmp_path / "lines"
    run_killer("list", KILL_LIST=str(listed)).clean_up()
    lines = [line.split("\t") for line in listed.read_text().splitlines()]
    firsts = [next(same)[0] for _, same in groupby(lines, key=lambda line: line[1])]
    for number, line in enumerate(firsts[:2]):  # without and with the line that adds it
        stage = run_killer(str(number), KILL_AT=line)
        try:
            assert starts(stage) == 3
            assert resume(stage).returncode == 0
            run = run_of(stage)
            assert counts(run) == TWICE
            assert [each.id for each in standing_plan(run).experiments] == [
                *(WARM_UP, *PAIR, f"{TWICE[0]}_warm_up1", *TWICE)
            ]
            assert starts(stage) == 6
            assert verify_run(run).differences == []
        finally:
            stage.clean_up()


@pytest.mark.long
def test_by_hand_a_pair_of_version_1_runs_again(stage: Stage) -> None:
    """Also for a training that failed."""
    stage.build(FRONT.format(fails=1, hangs=0, lost=0), BACK, controls={"solo": True})
    assert stage.run().returncode == 1
    run = run_of(stage)
    parallel, solo = (f"front_default_00{number}" for number in ("1_parallel", "2_solo"))
    assert {*counts(run)} == {parallel, solo}
    options = f"OPTIONS=--rerun-invalid --proc {stage.folder}/no_proc"
    done = stage.run_command(["make", "-C", str(ROOT), "resume", f"RUN={run}", options])
    assert done.returncode == 0, done.stdout
    assert "2 experiments: 2 valid; not counted: 2 of groups that ran again" in done.stdout
    assert {*counts(run)} == {f"{parallel}_try2", f"{solo}_try2"}
    assert together(run, f"{parallel}_try2")["figures"]["slowdown"]["value"]
    assert verify_run(run).differences == []
    done = resume(stage, "--rerun-invalid")
    assert (done.returncode, "nothing is missing" in done.stdout) == (0, True)
    assert starts(stage) == 4


def test_by_hand_only_a_run_has_groups_to_run_again(stage: Stage) -> None:
    stage.build(FRONT, None)
    done = stage.run("--rerun-invalid")
    assert (done.returncode, "--rerun-invalid needs --resume RUN" in done.stdout) == (2, True)
