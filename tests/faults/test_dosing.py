"""Trainings that are stopped and continued: which ones, and that none stays so, whatever ends."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time

import pytest
from support.stage import GRACE_S, Stage, stop_when, wait_for
from tandem.background.account import Dosed
from tandem.background.dosing import Dosing, stop_all
from tandem.base.paths import BGRUN, DOSE
from tandem.processes.proc import descendants, name, stat
from tandem.processes.scripts import Script, end_script, start

STRAYS = "setsid+daemon+bare"
PROCESSES = 4
long = pytest.mark.long
NAMESPACES = pytest.mark.parametrize(
    "namespace", ["", pytest.param("--no-namespace", marks=long)], ids=["ns", "no-ns"]
)
MAINS = pytest.mark.parametrize("main", ["obeys", pytest.param("ignores", marks=long)])


def state(pid: int) -> str:
    return "".join(stat(pid)[:1])


def states(stage: Stage) -> dict[int, str]:
    return {pid: state(pid) for pid in stage.trainings() if state(pid)}


seen: dict[str, list[int]] = {}  # whom a stage had when it was looked for all of them


def all_are(stage: Stage, wanted: str, count: int = PROCESSES) -> bool:
    """Whether all of so many are; whom there is, is looked for only when some are missing.

    For that takes long on a busy machine, and they are stopped for some tenths of a second.
    """
    found = [each for each in map(state, seen.get(stage.marker, [])) if each]
    if len(found) != count:
        seen[stage.marker] = list(stage.trainings())
        found = [each for each in map(state, seen[stage.marker]) if each]
    return len(found) == count and all((each == "T") == (wanted == "T") for each in found)


def ours(stage: Stage) -> dict[int, str]:
    """Return keepers, loop, unshare and controller as pid: state."""
    words = ("keep.py", "bg_loop.sh", "dose.py")
    mine = [pid for pid, line in stage.everything().items() if any(word in line for word in words)]
    assert len(mine) >= 3
    return {pid: state(pid) for pid in mine if state(pid)}


def start_load(stage: Stage, namespace: str, line: str) -> Script:
    """Start bin/bgrun as the driver would, on a training that is a line of Bash."""
    script = stage.folder / "train.sh"
    script.write_text(f"#!/bin/bash\n{line}\n")
    script.chmod(0o755)
    options = [
        "--logs",
        str(stage.folder / "logs"),
        "--grace",
        str(GRACE_S),
        "--restart-delay",
        "0",
    ]
    options += [namespace] if namespace else []
    log = stage.folder / "bgrun.log"
    return start(BGRUN, [*options, "--", str(script)], log, stage.environment)


def start_training(
    stage: Stage, namespace: str = "", main: str = "obeys", kinds: str = STRAYS
) -> Script:
    """Start bin/bgrun on a rude training, and wait until all of it is there."""
    load = start_load(stage, namespace, stage.worker("back", main, kinds))
    log = stage.folder / "logs/run_1.log"
    wait_for("all live", lambda: log.exists() and log.read_text().count("Device: none") == 2)
    return load


def dosing(stage: Stage, load: Script, intensity: float = 0.05) -> Dosing:
    made = Dosing(stage.folder / "dose", "intensity", intensity, stage.environment)
    made.start(load)
    return made


def end(stage: Stage, made: Dosing, load: Script) -> None:
    stop_all([made])
    end_script(load, GRACE_S)
    assert stage.everything() == {}


@NAMESPACES
def test_all_of_the_training_is_stopped_and_nobody_else(stage: Stage, namespace: str) -> None:
    """What has a session of its own too, and 200 children at once; then all go on."""
    load = start_training(stage, namespace, kinds=STRAYS + "+children")
    made = dosing(stage, load, 0.2)
    for _ in range(3):
        wait_for("all are stopped", lambda: all_are(stage, "T", PROCESSES + 200))
        assert "T" not in ours(stage).values()
        wait_for("all go on", lambda: all_are(stage, "not T", PROCESSES + 200))
    stop_all([made])
    assert all_are(stage, "not T", PROCESSES + 200)
    assert made.problem is None
    end(stage, made, load)


@pytest.mark.long
@NAMESPACES
def test_who_is_born_later_is_stopped_too(stage: Stage, namespace: str) -> None:
    """In sessions of their own, again and again: so they are looked for."""
    line = "for ((;;)); do setsid sleep 0.7 & sleep 0.1; done"
    load = start_load(stage, namespace, line)
    made = dosing(stage, load, 0.5)

    def sleepers() -> list[str]:
        return [state(pid) for pid in descendants(load.pid) if name(pid) == "sleep"]

    for _ in range(3):
        wait_for("some run", lambda: len(sleepers()) > 3 and "S" in sleepers())
        wait_for("all are stopped", lambda: set(sleepers()) == {"T"})
    end(stage, made, load)


@pytest.mark.long
@NAMESPACES
def test_rounds_of_half_a_second(stage: Stage, namespace: str) -> None:
    """Rounds come and go as ever, and who begins while the others are stopped is stopped."""
    line = stage.worker("back", "ignores", STRAYS).removeprefix("exec ")
    load = start_load(stage, namespace, f"{line} & sleep 0.4")
    made = dosing(stage, load)
    rounds = stage.folder / "logs/rounds.tsv"
    wait_for("six rounds", lambda: rounds.exists() and "start\t6" in rounds.read_text())
    for _ in range(3):
        wait_for("some run", lambda: "S" in states(stage).values() or not states(stage))
        wait_for("all are stopped", lambda: set(states(stage).values()) == {"T"})
        assert "T" not in ours(stage).values()
    assert made.check()
    end(stage, made, load)


# -- ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signum",
    [signal.SIGTERM, *(pytest.param(each, marks=long) for each in (signal.SIGINT, signal.SIGQUIT))],
)
def test_told_to_end_it_continues_all(stage: Stage, signum: int) -> None:
    load = start_training(stage)
    made = dosing(stage, load)
    wait_for("all are stopped", lambda: all_are(stage, "T"))
    assert made.script
    made.script.signal(signum)
    wait_for("it ended", made.script.ended)
    assert all_are(stage, "not T")
    report = json.loads((stage.folder / "dose/dose.json").read_text())
    assert report["end_boottime_s"] >= report["clock"]["boottime_s"]
    assert not made.check()
    assert made.problem == "the controller of the dose ended early: exit code 0"
    end(stage, made, load)


@pytest.mark.long
def test_its_disk_is_full(stage: Stage) -> None:
    """It cannot go on, and says why; the trainings can."""
    load = start_training(stage)
    made = dosing(stage, load)
    rows = stage.folder / "dose/dose.csv"
    # Its message must fit in what a file may be.
    wait_for("rows", lambda: rows.exists() and rows.stat().st_size > 300)
    assert made.script
    size = rows.stat().st_size
    resource.prlimit(made.script.pid, resource.RLIMIT_FSIZE, (size, size))
    wait_for("it ended", made.script.ended)
    assert all_are(stage, "not T")
    assert not made.check()
    assert made.problem
    assert made.problem.endswith(
        f"exit code 1; dose: error: {rows}: File too large: the dosing ends here"
    )
    end(stage, made, load)


def test_its_owner_ends(stage: Stage) -> None:
    """By whatever: then all go on."""
    load = start_training(stage)
    words = [str(DOSE), "--out", str(stage.folder / "dose"), "--keeper", str(load.pid)]
    line = '"$@" & echo started; wait'
    owner = stage.start(["bash", "-c", line, "-", *words, "--intensity", "0.05"])
    wait_for("all are stopped", lambda: all_are(stage, "T"))
    owner.kill()
    owner.wait()
    wait_for("all go on", lambda: all_are(stage, "not T"))
    wait_for("it ended", lambda: not any("dose.py" in line for line in stage.everything().values()))
    assert all_are(stage, "not T")
    end_script(load, GRACE_S)


@pytest.mark.long
def test_the_background_ends(stage: Stage) -> None:
    load = start_training(stage)
    made = dosing(stage, load)
    wait_for("all are stopped", lambda: all_are(stage, "T"))
    end_script(load, GRACE_S)
    assert made.script
    wait_for("it ended", made.script.ended)
    stop_all([made])
    assert made.problem is None
    assert stage.everything() == {}


@NAMESPACES
@MAINS
def test_killed_while_all_are_stopped(stage: Stage, main: str, namespace: str) -> None:
    """Whoever started it continues them; or the keepers end them in their time."""
    load = start_training(stage, namespace, main)
    made = dosing(stage, load)
    for is_noticed in (True, False):
        assert made.script
        wait_for("it doses", made.has_begun)
        stop_when("all are stopped", made.script.pid, lambda: all_are(stage, "T"))
        os.kill(made.script.pid, signal.SIGKILL)
        wait_for("it ended", made.script.ended)
        if is_noticed:
            assert not made.check()
            assert made.problem == "the controller of the dose ended early: ended by signal 9"
            assert all_are(stage, "not T")
            made.start(load)
            assert made.problem is None
    was_stopped = all_are(stage, "T")
    end_script(load, GRACE_S)
    assert stage.everything() == {}
    assert was_stopped
    if main == "obeys" and namespace:
        report = json.loads((stage.folder / "logs/keeper.json").read_text())
        assert report["stop"]["killed"] == []
    made.end()


@pytest.mark.long
@NAMESPACES
@MAINS
def test_killed_at_any_moment(stage: Stage, main: str, namespace: str) -> None:
    """Nothing is stopped or alive in the end."""
    chance = random.Random(f"{main}{namespace}")
    load = start_training(stage, namespace, main)
    made = Dosing(stage.folder / "dose", "intensity", 0.4, stage.environment)
    for _ in range(5):
        made.start(load)
        time.sleep(chance.uniform(0.05, 1.0))
        assert made.script
        os.kill(made.script.pid, signal.SIGKILL)
        wait_for("it ended", made.script.ended)
        assert not made.check()
        assert all_are(stage, "not T")
    made.start(load)
    time.sleep(chance.uniform(0.2, 1.0))
    assert made.script
    os.kill(made.script.pid, signal.SIGKILL)
    end_script(load, GRACE_S)
    assert stage.everything() == {}
    made.end()


@pytest.mark.long
def test_those_that_hang_are_ended(stage: Stage) -> None:
    """And their trainings go on."""
    load = start_training(stage)
    folders = [stage.folder / f"dose_{number}" for number in range(3)]
    several = [Dosing(folder, "intensity", 0.05, stage.environment) for folder in folders]
    for made in several:
        made.start(load)
        wait_for("it doses", made.has_begun)
    wait_for("all are stopped", lambda: all_are(stage, "T"))
    for made in several:
        assert made.script
        os.kill(made.script.pid, signal.SIGSTOP)
    stop_all(several)
    assert all_are(stage, "not T")
    problem = "the controller of the dose did not end well: ended by signal 9"
    assert [made.problem for made in several] == [problem] * 3
    end(stage, several[0], load)


# -- what it refuses -----------------------------------------------------------------------


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(DOSE), *words], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.long
def test_a_background_that_has_ended_is_refused(stage: Stage) -> None:
    done = run("--out", str(stage.folder), "--intensity", "0.5", "--keeper", str(2**22 - 1))
    assert done.returncode == 2
    assert done.stderr == f"dose: error: --keeper: there is no process {2**22 - 1}\n"
    made = Dosing(stage.folder / "dose", "intensity", 7, stage.environment)
    load = start_training(stage)
    made.start(load)
    assert made.script
    wait_for("it ended", made.script.ended)
    assert not made.check()
    assert made.problem
    assert made.problem.endswith("exit code 2; dose: error: --intensity must be 0.05 to 1")
    dosed = Dosed(made.folder, made.mode, made.target, made.problem)
    assert dosed.figures(1.0, 2.0)["reason"].startswith(made.problem)
    end(stage, made, load)
