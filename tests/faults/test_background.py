"""Backgrounds that fail, cannot start, or are too quick: the record says what load there was."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from support import ROOT
from support.stage import GRACE_S, Stage, stop_when, wait_for
from tandem.background.logs import UNJUDGED
from tandem.base.paths import TEMPLATES
from tandem.base.templates import render_file
from tandem.processes.proc import stat
from tandem.processes.tree import send


@pytest.mark.long
def test_background_that_fails_every_time(stage: Stage) -> None:
    """That it begins again and again, and says something each time, is no sign of work."""
    crash = "echo reads its data; sleep 0.3; echo no data >&2; exit 9"
    stage.build("touch started", crash, warmup_seconds=2, ready_timeout_seconds=3)
    done = stage.run()
    assert done.returncode == 1
    assert not list(stage.folder.glob("repos/*/started"))
    record = stage.record()
    failed = record["background"]["rounds_failed"]
    assert failed >= 2
    why = f"background not ready: no round succeeded, {failed} failed, in 5 s"
    assert f"{why}; the foreground is not started" in done.stdout
    assert "    no data\n" in done.stdout
    assert (record["status"], record["attempts"]) == ("background not ready", [])
    assert stage.everything() == {}


@pytest.mark.long
def test_background_that_fails_at_first(stage: Stage) -> None:
    """What lives longer than the failed round did is a load."""
    crash = "[ -e once ] || { touch once; echo no data >&2; exit 9; }"
    back = f"{crash}; {stage.worker('back')}"
    stage.build(stage.worker("front"), back, validity={"min_coverage": 0.01})
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    rounds = stage.experiment / "background_logs/rounds.tsv"
    assert "start\t2\t" in rounds.read_text()
    stage.release("back")
    wait_for("its end", lambda: "end\t2\t" in rounds.read_text())
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert "background ready, rounds failed so far: 1" in output
    assert stage.record()["background"]["rounds_failed"] == 1


def test_background_that_fails_beside_the_foreground(stage: Stage) -> None:
    """The loop goes on, later and later; the failures show; the foreground finishes."""
    fails = f"[ ! -e '{stage.folder}/fails' ] || {{ echo no data >&2; exit 9; }}"
    stage.build(stage.worker("front"), f"{fails}; {stage.worker('back')}")
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    rounds = stage.experiment / "background_logs/rounds.tsv"
    stage.release("fails")
    stage.release("back")
    wait_for("a fourth round", lambda: "end\t4\t" in rounds.read_text())
    stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 1
    record = stage.record()
    background = record["background"]
    assert record["training_success"] is True
    assert record["valid"] is False
    assert background["rounds_failed"] >= 3
    assert background["rounds_completed"] == 1
    assert background["coverage"] < 0.9
    lines = rounds.read_text().splitlines()
    starts = [float(line.split("\t")[2]) for line in lines if line.startswith("start")][1:]
    assert starts[1] - starts[0] >= 1
    assert starts[2] - starts[1] >= 2
    assert "not valid: coverage" in output
    assert (stage.experiment / "background_logs/run_4.log").read_text() == "no data\n"


def test_background_that_cannot_start(stage: Stage) -> None:
    """The foreground is not started; the reason and the last lines of the log are shown."""
    stage.build("touch started; echo Test Accuracy: 1", "echo looking for it; ./no-such-program")
    done = stage.run()
    assert done.returncode == 1
    assert not list(stage.folder.glob("repos/*/started"))
    assert "background not ready: its training cannot be run (exit code 127)" in done.stdout
    assert "looking for it" in done.stdout
    assert "./no-such-program: No such file or directory" in done.stdout
    record = stage.record()
    assert record["status"] == "background not ready"
    assert record["attempts"] == []
    assert record["training_success"] is False
    assert record["valid"] is False


def test_who_had_to_be_killed_is_named_in_the_record(stage: Stage) -> None:
    """A training that ignores TERM and one that it started, not the keepers and the loop."""
    stage.build("echo Test Accuracy: 50", stage.worker("back", "ignores", "setsid"))
    assert stage.run().returncode == 0
    record = stage.record()
    killed = record["stop"]["killed"]
    assert [each["name"] for each in killed] == ["python"] * 2
    assert killed == record["stop"]["terminated"]
    said = (stage.experiment / "background_logs" / "bgrun.log").read_text()
    assert ", 2 had to be killed\n" in said
    assert record["invalid_reasons"] == []


def test_a_background_whose_interpreter_is_missing_is_found_beforehand(stage: Stage) -> None:
    stage.build("touch started; echo Test Accuracy: 1", "exit 0")
    (stage.folder / "repos/back/train.sh").write_text("#!/no/such/interpreter\n")
    done = stage.run()
    assert done.returncode == 2
    assert not list(stage.folder.glob("repos/*/started"))
    assert 'needs the interpreter "/no/such/interpreter", which does not exist' in done.stdout


def test_background_that_shows_no_work(stage: Stage) -> None:
    stage.build("touch started", "exec sleep 1000", ready_timeout_seconds=0.3)
    done = stage.run()
    assert done.returncode == 1
    assert not list(stage.folder.glob("repos/*/started"))
    assert "background not ready: no output and no CPU time in 0.5 s" in done.stdout
    assert stage.everything() == {}


@pytest.mark.long
def test_quick_rounds_leave_bounded_files(stage: Stage) -> None:
    """Thousands of rounds would: here the limits are small. All rounds stay counted."""
    stage.build(stage.worker("front"), "exit 0", restart_delay_seconds=0)
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    driver.terminate()
    driver.communicate()
    script = (stage.experiment / "bg_loop.sh").read_text()
    small = script.replace("readonly LOGS_KEPT=20 ", "readonly LOGS_KEPT=3 ")
    small = small.replace("readonly ROUNDS_KEPT=500 ", "readonly ROUNDS_KEPT=5 ")
    small = small.replace("readonly TEND_PERIOD_S=5 ", "readonly TEND_PERIOD_S=0 ")
    assert [small.count(f"{name} ") for name in ("KEPT=3", "KEPT=5", "PERIOD_S=0")] == [1, 1, 1]
    script_file = stage.folder / "bg_loop.sh"
    script_file.write_text(small)
    logs = stage.folder / "logs"
    loop = stage.start(["bash", str(script_file), str(logs)])

    def newest_round() -> int:
        numbers = [int(log.stem.removeprefix("run_")) for log in logs.glob("run_*.log")]
        return max(numbers, default=0)

    def lines_of(kind: str) -> list[list[str]]:
        lines = (logs / "rounds.tsv").read_text().splitlines()
        return [line.split("\t") for line in lines if line.startswith(kind)]

    # Folding waits for the judge, who may be slow for a while: it catches up.
    wait_for(
        "60 rounds, most of them folded", lambda: newest_round() >= 60 and len(lines_of("end")) < 40
    )
    loop.send_signal(signal.SIGTERM)
    loop.communicate()
    kept = sorted(int(log.stem.removeprefix("run_")) for log in logs.glob("run_*.log"))
    assert kept[0] == 1
    assert len(kept) <= 1 + 3 + UNJUDGED * 3  # the first, the newest, those still to be judged
    assert kept[1] > kept[-1] - 3 - UNJUDGED * 3
    folded = lines_of("folded")
    assert len(folded) <= 5
    counted = sum(int(fields[6]) for fields in folded) + len(lines_of("end"))
    assert counted == kept[-1]


def test_a_full_disk_does_not_end_the_loop(stage: Stage) -> None:
    """Nothing can be noted of its rounds; a stop leaves nothing all the same."""
    disk, script, said = (stage.folder / name for name in ("disk", "bg_loop.sh", "said"))
    disk.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run([*unshare, *mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine permits no mount namespace")
    values = {
        **{"root": str(ROOT), "python": sys.executable, "work_dir": str(stage.folder)},
        **{"restart_delay_s": "0", "max_rounds": "0", "grace_s": str(GRACE_S)},
        **{"logs_kept": "3", "log_rules": "", "rounds_kept": "1", "out_words": "0"},
        **{"environment": [], "isolation": []},
        "command": ["true"],
    }
    render_file(TEMPLATES / "bg_loop.sh.j2", script, values)
    fill = f"mkdir {disk}/logs; cat /dev/zero >{disk}/filler"
    run = f"{shlex.join(mount)}; {fill}; exec bash {script} {disk}/logs"
    with open(said, "w") as messages:
        loop = stage.start([*unshare, "bash", "-c", run], stdout=messages)
    wait_for("a second round", lambda: "round 2 ended with exit code" in said.read_text())
    loop.terminate()
    loop.communicate()
    assert loop.returncode == -signal.SIGTERM, said.read_text()
    assert "rounds.tsv: No space left on device" in said.read_text()
    assert stage.everything() == {}


def first_attempt(stage: Stage, *doses: Mapping[str, Any]) -> subprocess.Popen[str]:
    """Start an experiment whose foreground waits, fails, and succeeds at once when tried again."""
    stage.build(
        'if [ -e once ]; then echo Test Accuracy: 2; else touch once; read -r < "$PWD/hold"; fi',
        stage.worker("back"),
        doses,
        max_retries=1,
    )
    os.mkfifo(stage.folder / "repos/front/hold")
    driver = stage.start(stage.command("--no-namespace"))
    wait_for("the first attempt", lambda: list(stage.folder.glob("repos/front/once")))
    return driver


def fail_without_load(stage: Stage, driver: subprocess.Popen[str]) -> dict[str, Any]:
    """Let the first attempt fail once the load is gone; return the record."""
    wait_for("the load is gone", lambda: not stage.trainings())
    with open(stage.folder / "repos/front/hold", "w"):
        pass  # the first attempt reads end of file, and fails
    output, _ = driver.communicate()
    record = stage.record()
    assert [attempt["exit_code"] for attempt in record["attempts"]] == [1, 0], output
    return record


@pytest.mark.long
def test_load_that_dies_is_no_load(stage: Stage) -> None:
    """With retries left: the dead load is started again for the next attempt."""
    driver = first_attempt(stage)
    loops = [
        pid for pid, line in stage.everything().items() if " --loop " in line and "bash" in line
    ]
    for pid in loops:
        if stage.everything().get(pid, "").startswith("bash "):
            send(pid, signal.SIGKILL)
    record = fail_without_load(stage, driver)
    assert record["performance_metrics"] == {"accuracy": 2.0}
    assert record["attempts"][1]["coverage"] > 0.95
    assert record["valid"] is False
    assert "the background loop ended before the foreground" in record["invalid_reasons"]


@pytest.mark.long
def test_a_controller_that_died_is_told_of_once(stage: Stage) -> None:
    """Though the next attempt has another, of which there is nothing to tell."""
    driver = first_attempt(stage, {"intensity": 0.05})
    controller = stage.part("lib/dose.py")
    stop_when("all are stopped", controller, lambda: is_stopped(stage))
    os.kill(controller, signal.SIGKILL)
    wait_for("it is noticed", lambda: not is_stopped(stage))
    loop = next(pid for pid, line in stage.everything().items() if line.startswith("bash "))
    os.kill(loop, signal.SIGKILL)
    record = fail_without_load(stage, driver)
    problems = record["background"]["problems"]
    assert len([each for each in problems if "controller of the dose" in each]) == 1, problems


def is_stopped(stage: Stage) -> bool:
    return [stat(pid)[:1] for pid in stage.trainings()] == [["T"]]
