"""Going on with a run, from whatever a kill left of it; one run at a time."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from support.records import flaws
from support.stage import DEADLINE_S, Stage, wait_for
from tandem.base.makers import mark

FRONT = "echo Test Accuracy: 50; sleep 0.3"
BACK = "echo at work; exec sleep 1000"
BOTH = PARALLEL, SOLO = "front_default_001_parallel", "front_default_002_solo"
LOST = "will run again: experiment.json is missing or damaged"


def driver(stage: Stage, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return stage.run_command([sys.executable, str(ROOT / "driver.py"), "run", *map(str, words)])


def run_of(stage: Stage) -> Path:
    return next(stage.folder.glob("results/run_*"))


def events(run: Path) -> list[dict[str, Any]]:
    journal = run / "journal.jsonl"
    return (
        [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    )


def ended(run: Path) -> list[str]:
    return [event["experiment"] for event in events(run) if event["event"] == "ended"]


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "summary.csv", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made(run: Path) -> dict[str, bytes]:
    """Return what is made of a run's raw files, but for the table."""
    files = [*run.glob("*/experiment.json"), *run.glob("*/interference.json")]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Path]]:
    """A whole run of a parallel experiment and, after it, its solo control; and a copy of it."""
    stage = Stage(tmp_path_factory.mktemp("pair"))
    stage.build(FRONT, BACK, controls={"solo": True, "order": "parallel_first"})
    try:
        done = stage.run()
        assert done.returncode == 0, done.stdout
        yield stage, shutil.copytree(run_of(stage), stage.folder / "copy", symlinks=True)
    finally:
        stage.clean_up()


@pytest.fixture
def pair(whole: tuple[Stage, Path]) -> tuple[Stage, Path]:
    """That run as it was, whatever another test made of it."""
    stage, copy = whole
    run = run_of(stage)
    shutil.rmtree(run)
    shutil.copytree(copy, run, symlinks=True)
    return stage, run


def cut_journal(run: Path, event: str) -> None:
    """Take the journal's lines from the last one of this event on away, as if never written."""
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if f'"event": "{event}"' in line)
    (run / "journal.jsonl").write_text("".join(lines[:last]))


def test_a_whole_run_is_left_as_it_is(
    pair: tuple[Stage, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, run = pair
    monkeypatch.setenv("COLUMNS", "100")  # beside other tests there are 80, and names go on below
    before = contents(run)
    done = driver(stage, "--no-report", "--resume", run)
    assert done.returncode == 0
    assert "nothing is missing" in done.stdout
    table = done.stdout.split("\nexperiment ")[1]
    assert [name in table for name in BOTH] == [True, True]
    assert contents(run) == before


@pytest.mark.long
@pytest.mark.parametrize(
    "lost",
    [
        *("line", "row and line", "row", "twice a row", "table", "spreadsheet", "torn header"),
        *("blank line", "journal", "what it tells", "record"),
    ],
)
def test_what_was_killed_between_record_and_line_is_made_up_for(
    pair: tuple[Stage, Path], lost: str
) -> None:
    stage, run = pair
    before, told = rows(run), made(run)
    table = run / "summary.csv"
    if lost in ("line", "row and line", "what it tells", "record"):
        cut_journal(run, "ended")
    if lost in ("row", "row and line", "what it tells", "record"):
        whole = table.read_bytes()
        table.write_bytes(whole[: whole.rstrip(b"\n").rindex(b"\n") + 1] + b"torn,")
    if lost == "table":
        table.unlink()
    if lost == "twice a row":
        table.write_bytes(table.read_bytes() + table.read_bytes().splitlines(True)[1])
    if lost == "spreadsheet":
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"True", b"TRUE"))
    if lost == "torn header":
        table.write_bytes(table.read_bytes()[:40])
    if lost == "blank line":
        table.write_bytes(table.read_bytes() + b"\n")
    if lost == "journal":
        (run / "journal.jsonl").unlink()
    if lost in ("what it tells", "record"):  # killed before both were told of together
        (run / PARALLEL / "interference.json").unlink()
    if lost == "record":  # killed between the outcome and its record, which it had begun
        killed = "-".join([*mark().split("-")[:3], "1"])  # this pid, but of an earlier process
        (run / SOLO / "experiment.json").rename(run / SOLO / f".experiment.json.{killed}.tmp")
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    assert "nothing is missing" in done.stdout
    assert (f"{SOLO} had ended: made its experiment.json" in done.stdout) == (lost == "record")
    assert rows(run) == before
    assert made(run) == told
    assert sorted(ended(run)) == [PARALLEL, SOLO]
    assert not list(run.rglob("*.tmp"))


@pytest.mark.parametrize("missing", [PARALLEL, SOLO])
def test_either_of_a_pair_is_run_anew_and_both_are_told(
    pair: tuple[Stage, Path], missing: str
) -> None:
    stage, run = pair
    shutil.rmtree(run / missing)
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    (run / "journal.jsonl").write_text("".join(line for line in lines if missing not in line))
    kept = [row for row in rows(run) if row["experiment_id"] != missing]
    with open(run / "summary.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    parallel, solo = (json.loads((run / name / "experiment.json").read_text()) for name in BOTH)
    together = json.loads((run / PARALLEL / "interference.json").read_text())
    slowdown = together["figures"]["slowdown"]["value"]
    assert slowdown == pytest.approx(parallel["duration_seconds"] / solo["duration_seconds"])
    files = [(run / name / "experiment.json").read_bytes() for name in BOTH]
    assert [*together["records"].values()] == [sha256(data).hexdigest() for data in files]
    (row,) = (row for row in rows(run) if row["experiment_id"] == parallel["experiment_id"])
    assert float(row["slowdown"]) == slowdown
    assert len(rows(run)) == 2


def test_one_whose_record_is_gone_gets_it_again(pair: tuple[Stage, Path]) -> None:
    """The same, byte for byte; nothing runs for that."""
    stage, run = pair
    before, told = rows(run), made(run)
    (run / SOLO / "experiment.json").unlink()
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    assert f"{SOLO} had ended: made its experiment.json from its files" in done.stdout
    assert "2 experiments: 2 valid" in done.stdout
    assert (rows(run), made(run)) == (before, told)
    assert not (run / "cut_off").exists()
    assert "nothing is missing" in driver(stage, "--resume", run).stdout


def test_a_record_that_was_not_made_is_made_by_hand(pair: tuple[Stage, Path]) -> None:
    """The driver was killed between the outcome and the record: `record` completes the run."""
    stage, run = pair
    before, told = rows(run), made(run)
    cut_journal(run, "ended")
    table = (run / "summary.csv").read_bytes()
    (run / "summary.csv").write_bytes(table[: table.rstrip(b"\n").rindex(b"\n") + 1])
    for name in (f"{SOLO}/experiment.json", f"{PARALLEL}/interference.json"):
        (run / name).unlink()
    done = stage.run_command([sys.executable, str(ROOT / "driver.py"), "record", str(run)])
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [
        f"{SOLO} had ended: made its experiment.json from its files",
        f"{run}: 2 records, 0 experiments still to run",
    ]
    assert (rows(run), made(run)) == (before, told)
    assert "nothing is missing" in driver(stage, "--resume", run).stdout


def test_a_run_at_work_is_not_recorded_by_hand(stage: Stage) -> None:
    stage.build(stage.worker("front"), None)
    first = stage.start(stage.command())
    stage.wait_for_foreground()
    command = [sys.executable, str(ROOT / "driver.py"), "record", str(run_of(stage))]
    refused = stage.run_command(command)
    assert refused.returncode == 75
    assert f"process {first.pid} (" in refused.stdout
    stage.release("front")
    assert first.wait(DEADLINE_S) == 0


def test_one_whose_record_and_outcome_are_gone_is_missing_again(pair: tuple[Stage, Path]) -> None:
    stage, run = pair
    (run / SOLO / "experiment.json").unlink()
    (run / SOLO / "outcome.json").unlink()
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    assert f"{LOST}: 1 ({SOLO})" in done.stdout
    assert "2 experiments: 2 valid" in done.stdout
    assert sorted(row["experiment_id"] for row in rows(run)) == [PARALLEL, SOLO]
    assert (run / "cut_off" / f"{SOLO}.1" / "training.log").exists()


def test_where_raw_files_were_pruned_no_lesser_record_is_made(pair: tuple[Stage, Path]) -> None:
    stage, run = pair
    keep = [*(sys.executable, str(ROOT / "driver.py"), "prune"), "--results", str(run.parent)]
    assert stage.run_command([*keep, "--keep", "samples=0"]).returncode == 0
    (run / SOLO / "experiment.json").unlink()
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    assert f"{LOST}: 1 ({SOLO})" in done.stdout
    assert (run / "cut_off" / f"{SOLO}.1" / "outcome.json").exists()


def damage(run: Path, how: str) -> None:
    """Damage the record of the solo control."""
    file = run / SOLO / "experiment.json"
    whole = file.read_bytes()
    other = (run / PARALLEL / "experiment.json").read_bytes()
    record = json.loads(whole)
    del record["windows"]
    file.write_bytes(
        {
            "torn": whole[: len(whole) // 2],
            "empty": b"",
            "zeros at its end": whole[:-4096] + bytes(4096),
            "a stub": b'{"record_version": 2}',
            "no object": b"[]\n",
            "another's": other,
            "a key less": json.dumps(record).encode(),
        }[how]
    )


DAMAGE = ["torn", "empty", "zeros at its end", "a stub", "no object", "another's", "a key less"]


@pytest.mark.long
@pytest.mark.parametrize("with_table", [True, False])
@pytest.mark.parametrize("how", DAMAGE)
def test_one_whose_record_is_damaged_gets_it_again(
    pair: tuple[Stage, Path], how: str, with_table: bool
) -> None:
    stage, run = pair
    before, told = rows(run), made(run)
    damage(run, how)
    if not with_table:
        (run / "summary.csv").unlink()
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    assert f"{SOLO} had ended: made its experiment.json from its files" in done.stdout
    assert f"rebuilt {run}/summary.csv (1 row)" in done.stdout
    assert (rows(run), made(run)) == (before, told)
    assert ended(run).count(SOLO) == 2
    assert "nothing is missing" in driver(stage, "--resume", run).stdout


@pytest.mark.parametrize("outcome", [None, b"{", b"[]", b"{}"])
@pytest.mark.parametrize("how", [DAMAGE[0], DAMAGE[-1]])
def test_one_whose_record_and_outcome_are_damaged_runs_again(
    pair: tuple[Stage, Path], how: str, outcome: bytes | None
) -> None:
    stage, run = pair
    damage(run, how)
    damaged = (run / SOLO / "experiment.json").read_bytes()
    (run / SOLO / "outcome.json").unlink()
    if outcome is not None:
        (run / SOLO / "outcome.json").write_bytes(outcome)
    done = driver(stage, "--resume", run)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    assert f"{LOST}: 1 ({SOLO})" in done.stdout
    assert f"rebuilt {run}/summary.csv (1 row)" in done.stdout
    assert "2 experiments: 2 valid" in done.stdout
    assert [row["valid"] for row in rows(run)] == ["True", "True"]
    aside = run / "cut_off" / f"{SOLO}.1" / "experiment.json"
    assert aside.read_bytes() == damaged
    assert ended(run).count(SOLO) == 2
    assert "nothing is missing" in driver(stage, "--resume", run).stdout


@pytest.mark.long
def test_one_that_runs_again_and_is_interrupted_is_missing_still(stage: Stage) -> None:
    stage.build(f"[ -e ran ] || {{ touch ran; {FRONT}; exit; }}; {stage.worker('front')}", None)
    assert stage.run().returncode == 0
    run = run_of(stage)
    (run / "front_default_001" / "experiment.json").write_text("{")
    (run / "front_default_001" / "outcome.json").unlink()
    process = stage.start([*stage.command()[:3], "--resume", str(run)])
    log = run / "front_default_001" / "attempts" / "1" / "training.log"
    aside = run / "cut_off" / "front_default_001.1"
    wait_for("it works again", lambda: aside.exists() and log.exists() and log.stat().st_size)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert "1 experiment: 1 missing" in output
    record = json.loads((run / "front_default_001" / "experiment.json").read_text())
    assert record["status"] == "interrupted"
    stage.release("front")
    done = driver(stage, "--resume", run)
    assert "1 experiment: 1 valid" in done.stdout, done.stdout
    assert (len(rows(run)), ended(run)) == (1, ["front_default_001"] * 2)


@pytest.mark.long
def test_what_no_record_can_be_made_of_is_kept_and_the_night_goes_on(stage: Stage) -> None:
    """Here the first training leaves a round that starts at a time which no calendar has."""
    file = "../../results/run_*/*1_parallel/background_logs/rounds.tsv"
    spoil = f"printf 'start\\t9\\t1e300\\n' >>{file}"
    stage.build(f"[ -e ran ] || {spoil}; touch ran; {FRONT}", BACK, runs_per_config=2)
    done = stage.run()
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    folders = [run_of(stage) / f"front_default_00{number}_parallel" for number in (1, 2)]
    first, second = (json.loads((each / "experiment.json").read_text()) for each in folders)
    assert flaws(first) == []
    assert (first["status"], first["valid"], first["attempts"]) == ("not recorded", False, [])
    assert first["invalid_reasons"][0] == first["error_message"]
    assert first["error_message"].startswith("the record could not be made: ")
    assert "Traceback" in (folders[0] / "record_error.txt").read_text()
    assert (folders[0] / "attempts" / "1" / "training.log").exists()
    assert second["valid"]
    assert [row["status"] for row in rows(run_of(stage))] == ["not recorded", "finished"]
    done = driver(stage, "--resume", run_of(stage))
    assert "nothing is missing" in done.stdout


def test_one_that_was_interrupted_is_kept_aside(stage: Stage) -> None:
    stage.build(stage.worker("front"), BACK)
    process = stage.start(stage.command())
    stage.wait_for_foreground()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    run = run_of(stage)
    assert f"\n1 experiment: 1 missing (make resume RUN={run})\nresults: {run}\n" in output
    for number in (1, 2):
        process = stage.start([*stage.command()[:3], "--resume", str(run)])
        wait_for("resumed", lambda: f"front_default_001_parallel.{number}" in output_of(run))  # noqa: B023
        stage.wait_for_foreground()
        process.kill() if number == 1 else stage.release("front")
        process.communicate()
    record = json.loads((run / "front_default_001_parallel" / "experiment.json").read_text())
    names = [f"cut_off/front_default_001_parallel.{number}" for number in (1, 2)]
    assert record["cut_off"] == names
    assert (record["status"], record["valid"]) == ("finished", True)
    first = json.loads((run / names[0] / "experiment.json").read_text())
    assert first["status"] == "interrupted"
    assert not (run / names[1] / "experiment.json").exists()
    assert (run / names[1] / "attempts" / "1" / "training.log").exists()
    assert (len(rows(run)), len(ended(run))) == (1, 1)


def output_of(run: Path) -> str:
    return (run / "journal.jsonl").read_text()


# -- one at a time -------------------------------------------------------------------------


@pytest.mark.long
def test_a_second_sweep_stops_or_waits_as_told(stage: Stage) -> None:
    stage.build(stage.worker("front"), None)
    first = stage.start(stage.command())
    stage.wait_for_foreground()
    refused = stage.run()
    assert refused.returncode == 75
    assert f"process {first.pid} (" in refused.stdout
    begin_s = time.monotonic()
    refused = stage.run("--wait-lock", "1")
    assert (refused.returncode, time.monotonic() - begin_s >= 1) == (75, True)
    second = stage.start(stage.command("--wait-lock", "60"))
    assert second.stdout
    said = second.stdout.readline()
    assert said.startswith("waiting: another run uses this machine")
    assert "--wait-lock" not in said
    stage.release("front")
    assert (first.wait(DEADLINE_S), second.wait(DEADLINE_S)) == (0, 0)
    runs = [rows(run) for run in stage.folder.glob("results/run_*")]
    assert [len(each) for each in runs] == [1, 1]


def test_a_lock_that_was_removed_bars_others_and_the_record_says_so(stage: Stage) -> None:
    """By what cleans /tmp by age, say, which does not ask whether a file is locked."""
    stage.build(stage.worker("front"), None)
    first = stage.start(stage.command())
    stage.wait_for_foreground()
    lock = stage.folder / "tandem-machine.lock"
    lock.unlink()
    refused = stage.run()
    assert refused.returncode == 75
    assert f"process {first.pid} (" in refused.stdout
    stage.release("front")
    output, _ = first.communicate(timeout=DEADLINE_S)
    assert first.returncode == 1
    removed = f"lock {lock} was removed while this run held it"
    assert removed in output
    assert stage.record()["invalid_reasons"] == [removed]


def test_a_run_that_somebody_works_on_is_refused(stage: Stage) -> None:
    """Also from another GPU, with a lock of its own."""
    stage.build(stage.worker("front"), None)
    stage.more_environment["CUDA_VISIBLE_DEVICES"] = ""
    first = stage.start(stage.command())
    stage.wait_for_foreground()
    refused = driver(stage, "--resume", run_of(stage))
    assert refused.returncode == 75
    assert f"process {first.pid} (" in refused.stdout
    stage.release("front")
    assert first.wait(DEADLINE_S) == 0


# -- what is asked for ---------------------------------------------------------------------


@pytest.mark.long
def test_the_plan_stands_whatever_became_of_the_files(stage: Stage) -> None:
    stage.build(FRONT, None, runs_per_config=2)
    first = stage.start(stage.command())
    wait_for("one has ended", lambda: any(map(ended, stage.folder.glob("results/run_*"))))
    first.kill()
    first.wait()
    (stage.folder / "settings.json").write_text("no JSON")
    (stage.folder / "registry.json").unlink()
    (stage.folder / "repos").rename(stage.folder / "away")
    done = driver(stage, "--resume", run_of(stage))
    assert (done.returncode, 'repos/front" does not exist' in done.stdout) == (3, True), done.stdout
    assert len(ended(run_of(stage))) == 1
    (stage.folder / "away").rename(stage.folder / "repos")
    done = driver(stage, "--resume", run_of(stage))
    assert done.returncode == 0, done.stdout
    assert len(rows(run_of(stage))) == 2


@pytest.mark.long
def test_two_that_wait_to_continue_run_nothing_twice(stage: Stage) -> None:
    stage.build(stage.worker("front"), None, runs_per_config=2)
    other = stage.start(stage.command("--repo", "front", "--model", "default")[:-1])
    stage.wait_for_foreground()
    waiting = [stage.start(stage.command("--continue", "--wait-lock", "60")) for _ in range(2)]
    for process in waiting:
        assert process.stdout
        assert process.stdout.readline().startswith("waiting: ")
    stage.release("front")
    said = [process.communicate(timeout=DEADLINE_S)[0] for process in (other, *waiting)]
    assert [process.returncode for process in (other, *waiting)] == [0, 0, 0], said
    assert sorted(len(rows(run)) for run in stage.folder.glob("results/run_*")) == [1, 2]


def test_continue_is_for_settings_files(stage: Stage) -> None:
    stage.build(FRONT, None)
    done = driver(stage, "--continue", "--repo", "front", "--model", "default")
    assert (done.returncode, "--continue needs a settings file" in done.stdout) == (2, True)


def test_continue_goes_on_where_the_settings_are_the_same(stage: Stage) -> None:
    stage.build(FRONT, None, runs_per_config=2)
    first = stage.start(stage.command())
    wait_for("one has ended", lambda: any(map(ended, stage.folder.glob("results/run_*"))))
    first.kill()
    first.wait()
    done = stage.run("--continue")
    assert done.returncode == 0, done.stdout
    assert f"continuing {run_of(stage)}" in done.stdout
    done = stage.run("--continue")
    assert (done.returncode, "nothing is missing" in done.stdout) == (0, True)
    assert len(list(stage.folder.glob("results/run_*"))) == 1
    assert len(rows(run_of(stage))) == 2
    file = stage.folder / "settings.json"
    assert (run_of(stage) / "settings.json").read_bytes() == file.read_bytes()
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({"description": "words alone", **settings}, indent=1))
    done = stage.run("--continue")
    assert (done.returncode, "nothing is missing" in done.stdout) == (0, True)
    file.write_text(json.dumps({**settings, "max_retries": 1}))
    earlier = run_of(stage)
    done = stage.run("--continue")
    assert done.returncode == 0, done.stdout
    assert f"a new run begins: what {earlier} was planned from has changed" in done.stdout
    assert f"{file}: max_retries: 0 -> 1" in done.stdout
    assert len(list(stage.folder.glob("results/run_*"))) == 2


@pytest.mark.long
def test_nothing_is_started_that_would_not_end_in_time(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 50; sleep 6", None, runs_per_config=9)
    until = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 12))
    done = stage.run("--until", until)
    assert done.returncode == 0, done.stdout
    run = run_of(stage)
    assert len(ended(run)) == 1
    assert "not started: it would take about" in done.stdout
    assert "9 experiments: 1 valid, 8 missing (make resume RUN=" in done.stdout
    done = driver(stage, "--until", "2020-01-01", "--resume", run)
    assert (done.returncode, "the time is over" in done.stdout) == (0, True)


@pytest.mark.long
def test_a_lost_record_is_a_failure_though_the_time_is_over(stage: Stage) -> None:
    stage.build('rm -rf "$PWD"/../../results/run_*/front*; sleep 2', None, runs_per_config=9)
    until = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 6))
    done = stage.run("--until", until)
    assert "no record" in done.stdout
    assert done.returncode == 1, done.stdout


@pytest.mark.long
def test_waiting_for_the_lock_ends_with_the_time(stage: Stage) -> None:
    stage.build(stage.worker("front"), None)
    first = stage.start(stage.command())
    stage.wait_for_foreground()
    until = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 6))
    done = stage.run("--wait-lock", "50", "--until", until)
    assert done.returncode == 75, done.stdout
    assert len(list(stage.folder.glob("results/run_*"))) == 1
    stage.release("front")
    assert first.wait(DEADLINE_S) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resume", "nowhere"], "nowhere: no such folder"),
        (["--resume", "results", "settings.json"], "it takes no settings file and no plan options"),
        (["--resume", "results", "--seed", "1"], "it takes no settings file and no plan options"),
    ],
)
def test_what_cannot_be_resumed_says_so(stage: Stage, words: list[str], said: str) -> None:
    done = driver(stage, *words)
    assert (done.returncode, said in done.stdout) == (2, True), done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.long
def test_how_long_to_cool_down_is_for_the_experiment_before_to_say(stage: Stage) -> None:
    stage.build(FRONT, None)
    file = stage.folder / "settings.json"
    settings = json.loads(file.read_text())
    (entry,) = settings["experiments"]
    entries = [{**entry, "cooldown_seconds": seconds} for seconds in (0.5, 0)]
    file.write_text(json.dumps({**settings, "experiments": entries}))
    done = stage.run()
    assert done.returncode == 0, done.stdout
    records = [json.loads(path.read_text()) for path in sorted(run_of(stage).glob("*/exp*.json"))]
    first, second = (record["cooldown"] for record in records)
    assert (first, second["limit_seconds"]) == (None, 0.5)
    assert second["duration_seconds"] >= 0.5


def test_a_run_ends_after_so_many_that_are_invalid_alike_and_is_gone_on_with(stage: Stage) -> None:
    stage.build("echo no metric at all", None, runs_per_config=5)
    done = stage.run("--stop-after-invalid", "0")
    assert (done.returncode, "a whole number, 1 or more" in done.stdout) == (2, True)
    done = stage.run("--stop-after-invalid", "3")
    assert done.returncode == 1, done.stdout
    told = "warning: 3 experiments in a row are not valid: no metric found in the foreground's log"
    assert done.stdout.count(told) == 1
    assert "experiment 4 of 5: not started (--stop-after-invalid)" in done.stdout
    run = run_of(stage)
    last = events(run)[-1]
    assert (last["event"], last["reason"]) == ("stopped", "invalid")
    assert (last["experiment"], "no metric found" in last["why"]) == ("front_default_004", True)
    assert len(rows(run)) == 3
    done = driver(stage, "--resume", run, "--stop-after-invalid", "3")  # it counts anew
    assert (done.returncode, "in a row" in done.stdout, len(rows(run))) == (1, False, 5)
