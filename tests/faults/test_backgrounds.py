"""Several backgrounds beside one foreground: each is its own, and all end together."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.records import flaws
from support.stage import Stage, stop, wait_for
from support.summary import rows_of

STRAYS = "setsid+daemon+bare+hidden"
PROCESSES = 5  # of each training: itself and one of each kind
NAMESPACES = pytest.mark.parametrize(
    "namespace", ["--namespace", pytest.param("--no-namespace", marks=pytest.mark.long)]
)
# What stands in the command line of a background's part, beside its folder for logs.
PARTS = {"outer keeper": "--strict", "round's keeper": "--round", "loop": "--loop"}
LOGS = "background_logs_{}"


def pid_of(stage: Stage, part: str, number: int) -> int:
    """Return the pid of a part of the background with this number."""
    mine = [
        pid
        for pid, line in stage.everything().items()
        if PARTS[part] in line
        and LOGS.format(number) in line
        and (part != "loop" or line.startswith("bash "))
    ]
    assert len(mine) == 1, f"{part}: {mine}"
    return mine[0]


def of_part(stage: Stage, part: str) -> set[int]:
    """Return the processes of one training: `front`, `back_1` or `back_2`."""
    end = f"{stage.folder}/{part} "
    return {pid for pid, line in stage.trainings().items() if line.endswith(end)}


def parts_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the backgrounds' parts of a record, which fits its schema."""
    assert flaws(record) == []
    parts: list[dict[str, Any]] = record["background"]["parts"]
    return parts


def rounds_file(stage: Stage, number: int) -> Path:
    return stage.experiment / LOGS.format(number) / "rounds.tsv"


def has_round(stage: Stage, number: int, event: str, at_least: int) -> bool:
    try:
        lines = rounds_file(stage, number).read_text().splitlines()
    except OSError:
        return False
    return any(
        fields[0] == event and int(fields[1]) >= at_least
        for fields in (line.split("\t") for line in lines)
    )


def rounds_begun(stage: Stage, number: int) -> int:
    return rounds_file(stage, number).read_text().count("start\t")


# -- what there is of each -----------------------------------------------------------------


def test_each_has_its_own_loop_logs_and_account(stage: Stage) -> None:
    stage.more_environment["CUDA_VISIBLE_DEVICES"] = "GPU-ab1,1"
    says = 'echo "sees [$CUDA_VISIBLE_DEVICES]"'
    stage.build(
        f"{says}; {stage.worker('front')}",
        [f"{says}; sleep 0.2", f"{says}; {stage.worker('back_2')}"],
        [{"restart_delay_seconds": 0}, {"gpus": [1]}],
        validity={"min_coverage": 0.01},
    )
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    wait_for("a third round", lambda: has_round(stage, 1, "end", 3))
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert "experiment 1 of 1: backgrounds ready\n" in output
    assert stage.everything() == {}
    folder = stage.experiment
    assert sorted(path.name for path in folder.glob("b*")) == [
        *("background_logs_1", "background_logs_2", "bg_loop_1.sh", "bg_loop_2.sh")
    ]
    assert (folder / "background_logs_1" / "run_1.log").read_text() == "sees [GPU-ab1,1]\n"
    assert (folder / "background_logs_2" / "run_1.log").read_text().startswith("sees [1]\n")
    assert (folder / "training.log").read_text().startswith("sees [GPU-ab1,1]\n")
    record = stage.record()
    first, second = parts_of(record)
    assert [part["name"] for part in (first, second)] == ["background 1", "background 2"]
    assert [part["repository"] for part in (first, second)] == ["back_1", "back_2"]
    assert [part["logs"] for part in (first, second)] == ["background_logs_1", "background_logs_2"]
    assert [part["restart_delay_seconds"] for part in (first, second)] == [0, 0.1]
    assert second["env"] == {"CUDA_VISIBLE_DEVICES": "1"}
    assert (first["env"], record["environment"]["env"]) == ({}, {})
    assert first["rounds_completed"] >= 3
    assert (second["rounds_completed"], second["rounds_stopped"]) == (0, 1)


@pytest.mark.long
def test_a_gpu_that_the_run_has_no_lock_of_is_refused(stage: Stage) -> None:
    stage.more_environment["CUDA_VISIBLE_DEVICES"] = "1"
    stage.build(stage.worker("front"), [stage.worker("back_1")], [{"gpus": "1,2"}])
    done = stage.run()
    assert done.returncode == 3
    assert 'back_1 is to see GPU 2, but CUDA_VISIBLE_DEVICES is "1" for this run' in done.stdout
    assert not list(stage.folder.glob("results/run_*"))


@pytest.mark.long
def test_the_record_says_what_load_there_was_of_each_and_together(stage: Stage) -> None:
    stage.build(
        stage.worker("front"),
        ["sleep 0.2", stage.worker("back_2")],
        controls={"background_seconds": 3},
        validity={"min_coverage": 0.01},
    )
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    before = rounds_begun(stage, 1)
    wait_for("rounds beside the foreground", lambda: has_round(stage, 1, "start", before + 4))
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    record = stage.record()
    both, (first, second) = record["background"], parts_of(record)
    assert 0.01 < first["coverage"] < 0.99  # a pause of 0.1 s after each 0.2 s
    assert second["coverage"] == pytest.approx(1)
    assert both["coverage"] == pytest.approx(first["coverage"])
    assert record["attempts"][-1]["coverage"] == both["coverage"]
    for key in ("rounds_completed", "rounds_stopped", "training_seconds"):
        assert both[key] == pytest.approx(first[key] + second[key])
    windows = {window["name"]: window["load"] for window in record["windows"]}
    assert set(windows) == {"background", "foreground"}
    for load in windows.values():
        assert load["coverage"] == pytest.approx(load["parts"][0]["coverage"])
        assert load["parts"][1]["coverage"] == pytest.approx(1)
        assert load["rounds_completed"] == load["parts"][0]["rounds_completed"] > 0
        assert load["rounds_per_second"] is None
        assert load["rate_reason"] == "several backgrounds have no common rate of rounds"
        assert (load["seconds_without"], load["longest_gap_seconds"]) == (None, None)
    figure = stage.read("interference.json")["figures"]["background_progress_ratio"]
    assert figure["value"] is None
    assert "several backgrounds have no common rate of rounds" in figure["reason"]
    [row] = rows_of(stage.experiment.parent)
    assert (row["bg_repository"], row["bg_model"]) == ("back_1 + back_2", "default + default")
    assert row["bg_hyperparameters"] == "{}"
    assert int(row["bg_rounds_completed"]) == both["rounds_completed"]
    assert float(row["coverage"]) == pytest.approx(both["coverage"])


@pytest.mark.long
def test_a_list_of_one_is_as_one_alone(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 1; sleep 0.2", [stage.worker("back_1")])
    done = stage.run()
    assert done.returncode == 0, done.stdout
    assert "background ready" in done.stdout
    assert (stage.experiment / "background_logs" / "rounds.tsv").exists()
    assert (stage.experiment / "bg_loop.sh").exists()
    [part] = parts_of(stage.record())
    assert part["name"] == "background"


# -- one of them is no load ----------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "line", "reason"),
    [
        (2, "echo looking for it; exit 9", r"no round succeeded, [1-9]\d* failed, in 4 s"),
        (1, "echo looking for it; ./no-such", r"its training cannot be run \(exit code 127\)"),
        (2, "echo looking for it; ./no-such", r"its training cannot be run \(exit code 127\)"),
        (2, "exec sleep 1000", "no output and no CPU time in 4 s"),
    ],
)
def test_one_that_never_gets_ready_is_named(
    stage: Stage, number: int, line: str, reason: str
) -> None:
    """The foreground is not started, and those that were ready are stopped."""
    lines = [stage.worker("back_1"), stage.worker("back_2")]
    lines[number - 1] = line
    stage.build("touch started", lines, ready_timeout_seconds=3.8)
    done = stage.run()
    assert done.returncode == 1
    said = f"background {number} not ready: {reason}"
    end = "; the foreground is not started\n"
    assert re.search(f"experiment 1 of 1: {said}{end}", done.stdout), done.stdout
    assert ("looking for it" in done.stdout) == ("looking for it" in line)
    assert "Device: none" not in done.stdout  # the last lines of its log, and of no other's
    assert not list(stage.folder.glob("repos/*/started"))
    assert stage.everything() == {}
    record = stage.record()
    parts_of(record)
    assert record["status"] == "background not ready"
    assert record["error_message"] == record["invalid_reasons"][0]
    assert re.fullmatch(said, record["error_message"])
    assert record["attempts"] == []


def test_one_that_dies_makes_the_run_invalid_and_is_named(stage: Stage) -> None:
    stage.build(stage.worker("front"), [stage.worker("back_1"), stage.worker("back_2")])
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    other = of_part(stage, "back_1")
    os.kill(pid_of(stage, "loop", 2), signal.SIGKILL)
    wait_for("the second is gone", lambda: not of_part(stage, "back_2"))
    assert of_part(stage, "back_1") == other
    assert of_part(stage, "front")
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 1, output
    record = stage.record()
    first, second = parts_of(record)
    problem = "the background 2 loop ended before the foreground"
    assert (first["problems"], second["problems"]) == ([], [problem])
    assert record["background"]["problems"] == [problem]
    assert problem in record["invalid_reasons"]
    assert not any("background 1" in reason for reason in record["invalid_reasons"])
    assert record["training_success"] is True
    assert first["coverage"] == pytest.approx(1)
    assert stage.everything() == {}


@pytest.mark.long
def test_one_that_died_is_started_again_for_the_next_attempt_alone(stage: Stage) -> None:
    stage.build(
        'if [ -e once ]; then echo Test Accuracy: 2; else touch once; read -r < "$PWD/hold"; fi',
        [stage.worker("back_1"), stage.worker("back_2")],
        max_retries=1,
    )
    os.mkfifo(stage.folder / "repos/front/hold")
    driver = stage.start(stage.command())
    wait_for("the first attempt", lambda: list(stage.folder.glob("repos/front/once")))
    os.kill(pid_of(stage, "loop", 1), signal.SIGKILL)
    wait_for("the first is gone", lambda: not of_part(stage, "back_1"))
    with open(stage.folder / "repos/front/hold", "w"):
        pass  # the first attempt reads end of file, and fails
    output, _ = driver.communicate()
    record = stage.record()
    first, second = parts_of(record)
    assert [attempt["exit_code"] for attempt in record["attempts"]] == [1, 0], output
    assert record["attempts"][1]["coverage"] == pytest.approx(1)
    assert [len(part["rounds"]) for part in (first, second)] == [2, 1]
    assert record["background"]["problems"] == first["problems"]
    assert first["problems"] == ["the background 1 loop ended before the foreground"]


@pytest.mark.long
def test_one_whose_rounds_all_fail_is_named(stage: Stage) -> None:
    failing = f"{stage.worker('back_2').removeprefix('exec ')}; exit 9"
    stage.build(stage.worker("front"), [stage.worker("back_1"), failing])
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    stage.release("back_2")
    wait_for("a failed round", lambda: has_round(stage, 2, "end", 1))
    stage.release("front")
    driver.communicate()
    reasons = stage.record()["invalid_reasons"]
    assert [reason for reason in reasons if "round succeeded" in reason] == [
        f"no background 2 round succeeded ({parts_of(stage.record())[1]['rounds_failed']} failed)"
    ]


# -- so many rounds and no more ------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("several", [False, True])
def test_after_the_last_round_the_loop_rests(stage: Stage, several: bool) -> None:
    """The load is gone, which the coverage says; it is no failure, and nothing is left."""
    limited = stage.worker("back_1")
    back = [limited, stage.worker("back_2")] if several else limited
    stage.build(stage.worker("front"), back, [{"max_rounds": 2}], validity={"min_coverage": 0})
    begin_s = time.monotonic()
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    stage.release("back_1")
    folder = LOGS.format(1) if several else "background_logs"
    wait_for(
        "its rest", lambda: " rests: " in (stage.experiment / folder / "bgrun.log").read_text()
    )
    rest_s = time.monotonic()  # a quarter as long again without that load as with it, or more
    wait_for("its end", lambda: time.monotonic() - rest_s > (rest_s - begin_s) / 4)
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert stage.everything() == {}
    record = stage.record()
    first, *others = parts_of(record)
    assert (record["valid"], record["invalid_reasons"]) == (True, [])
    assert (first["max_rounds"], first["rounds_completed"]) == (2, 2)
    assert first["problems"] == []
    assert first["coverage"] < 0.9
    assert record["background"]["coverage"] < 0.9
    assert [(part["max_rounds"], part["coverage"]) for part in others] == [
        (None, pytest.approx(1))
    ] * several
    assert record["stop"]["left"] == record["stop"]["strays_killed"] == []
    # The sleep that it rests with is the loop's own: only trainings are named.
    assert "sleep" not in [each["name"] for each in record["stop"]["terminated"]]


@pytest.mark.long
def test_rounds_that_are_over_make_a_record_invalid_by_its_coverage_alone(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 1; sleep 2", stage.worker("back"), [{"max_rounds": 1}])
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    stage.release("back")
    output, _ = driver.communicate()
    assert driver.returncode == 1, output
    [reason] = stage.record()["invalid_reasons"]
    assert reason.startswith("coverage ")


@pytest.mark.long
@pytest.mark.parametrize("several", [False, True])
def test_rounds_that_are_over_before_the_foreground_are_no_load(
    stage: Stage, several: bool
) -> None:
    """Of several, one may be gone while another is waited for."""
    late = f"sleep 1; {stage.worker('back_2')}"
    back = ["exit 0", late] if several else "exit 0"
    # Long enough for the rounds to be over before the warm-up is, however busy the machine.
    limits = {"validity": {"min_coverage": 0}, "warmup_seconds": 30}
    stage.build("touch started", back, [{"max_rounds": 2}], **limits)
    done = stage.run()
    assert done.returncode == 1
    assert not list(stage.folder.glob("repos/*/started"))
    name = "background 1" if several else "background"
    problem = f"{name} not ready: all its rounds (max_rounds) are over"
    assert f"{problem}; the foreground is not started\n" in done.stdout
    record = stage.record()
    assert (record["status"], record["attempts"]) == ("background not ready", [])
    assert record["error_message"] == problem
    assert stage.everything() == {}


@pytest.mark.long
def test_a_load_that_rests_is_none_for_the_next_attempt(stage: Stage) -> None:
    stage.build(
        'echo begins; read -r < "$PWD/hold"',
        stage.worker("back"),
        [{"max_rounds": 1}],
        max_retries=1,
    )
    os.mkfifo(stage.folder / "repos/front/hold")
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    stage.release("back")
    log = stage.experiment / "background_logs" / "bgrun.log"
    wait_for("its rest", lambda: " rests: " in log.read_text())
    with open(stage.folder / "repos/front/hold", "w"):
        pass  # the first attempt reads end of file, and fails
    output, _ = driver.communicate()
    assert "max_rounds) are over; the foreground is not started again" in output
    assert len(stage.record()["attempts"]) == 1


# -- the end -------------------------------------------------------------------------------


def running(stage: Stage, namespace: str) -> subprocess.Popen[str]:
    """Start three rude trainings, two as load, one of them dosed; return when all are at work."""
    front, *back = (stage.worker(part, "ignores", STRAYS) for part in ("front", "back_1", "back_2"))
    stage.build(front, back, [{}, {"intensity": 0.5}])
    driver = stage.start(stage.command(namespace), start_new_session=True)
    stage.wait_for_foreground()
    wait_for("all strays live", lambda: len(stage.trainings()) == 3 * PROCESSES)
    return driver


@NAMESPACES
def test_both_are_stopped_together(stage: Stage, namespace: str) -> None:
    """Both ignore TERM: one grace period for both, not one after the other."""
    driver = running(stage, namespace)
    loads = [of_part(stage, part) for part in ("back_1", "back_2")]
    assert [len(load) for load in loads] == [PROCESSES] * 2
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert stage.everything() == {}
    record = stage.record()
    parts_of(record)
    assert record["valid"] is True
    ended = {it["pid"] for key in ("terminated", "killed") for it in record["stop"][key]}
    if namespace == "--no-namespace":  # inside of one they have other ids
        assert set().union(*loads) <= ended
    stops = [keepers_report(stage, number) for number in (1, 2)]
    spans = [(at_s - took_s, at_s) for at_s, took_s in stops]
    assert max(begin_s for begin_s, _ in spans) < min(end_s for _, end_s in spans), spans
    assert record["stop"]["duration_seconds"] == max(took_s for _, took_s in stops)


def keepers_report(stage: Stage, number: int) -> tuple[float, float]:
    """Return when a background's stop was over, in seconds since boot, and how long it took."""
    file = stage.experiment / LOGS.format(number) / "keeper.json"
    report = json.loads(file.read_text())
    return report["all_ended_s"], report["stop"]["duration_s"]


@pytest.mark.long
def test_controllers_that_hang_hold_nobody_up(stage: Stage) -> None:
    """They are killed in their time (unit/background/test_dosing.py), and all loads end."""
    back = [stage.worker("back_1"), stage.worker("back_2"), stage.worker("back_3")]
    stage.build(stage.worker("front"), back, [{"intensity": 0.5}, {"intensity": 0.5}])
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    controllers = [pid for pid, line in stage.everything().items() if "lib/dose.py" in line]
    assert len(controllers) == 2
    for pid in controllers:
        stop(pid)
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 1, output
    record = stage.record()
    problem = "the controller of the dose did not end well: ended by signal 9"
    assert record["background"]["problems"] == [f"background {n}: {problem}" for n in (1, 2)]
    assert stage.everything() == {}


@NAMESPACES
def test_driver_told_to_stop(stage: Stage, namespace: str) -> None:
    driver = running(stage, namespace)
    driver.terminate()
    driver.communicate()
    assert driver.returncode == -signal.SIGTERM
    assert stage.everything() == {}
    record = stage.record()
    assert record["invalid_reasons"][0] == "interrupted by SIGTERM"
    assert [part["problems"] for part in parts_of(record)] == [[], []]


@pytest.mark.long
@NAMESPACES
def test_driver_killed(stage: Stage, namespace: str) -> None:
    running(stage, namespace).kill()
    stage.wait_until_nothing_lives()
    assert not (stage.experiment / "experiment.json").exists()


@pytest.mark.long
@NAMESPACES
def test_driver_and_an_outer_keeper_killed_in_the_same_instant(
    stage: Stage, namespace: str
) -> None:
    driver = running(stage, namespace)
    keeper = pid_of(stage, "outer keeper", 2)
    stop(driver.pid)  # so that neither can act on the other's death
    os.kill(keeper, signal.SIGKILL)
    os.kill(driver.pid, signal.SIGKILL)
    stage.wait_until_nothing_lives()


@pytest.mark.long
@NAMESPACES
@pytest.mark.parametrize("part", [*PARTS])
def test_part_of_one_killed(stage: Stage, namespace: str, part: str) -> None:
    """Its own training ends, the other background works on."""
    driver = running(stage, namespace)
    other, load = of_part(stage, "back_1"), of_part(stage, "back_2")
    os.kill(pid_of(stage, part, 2), signal.SIGKILL)
    wait_for("the load's trainings have ended", lambda: not load & set(stage.trainings()))
    assert other <= set(stage.trainings())
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 1, output
    assert stage.everything() == {}
    record = stage.record()
    first, _ = parts_of(record)
    assert (record["status"], record["training_success"]) == ("finished", True)
    assert (first["problems"], first["coverage"]) == ([], pytest.approx(1))
    assert record["valid"] is False
