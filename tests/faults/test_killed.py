"""Whatever is killed, nothing outlives its owner, and no record says more than what happened."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest
from support import ROOT
from support.stage import Stage, stop, wait_for
from tandem.processes.tree import send

STRAYS = "setsid+daemon+bare+hidden+children"
OTHER_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
PROCESSES = 205  # of each training: itself, one of each kind, 200 children
long = pytest.mark.long
MAINS = pytest.mark.parametrize("main", ["obeys", pytest.param("ignores", marks=long)])
NAMESPACES = pytest.mark.parametrize(
    "namespace", ["--namespace", pytest.param("--no-namespace", marks=long)]
)
SIGNALS = [signal.SIGTERM, *(pytest.param(each, marks=long) for each in OTHER_SIGNALS)]

KEEPERS = {
    "outer keeper": "--strict",
    "round's keeper": "--round",
    "foreground's keeper": "--name fgrun",
    "loop": "bg_loop.sh --loop",
}


def running(stage: Stage, main: str, namespace: str) -> subprocess.Popen[str]:
    """Start a parallel experiment of rude trainings; return when both are at work."""
    stage.build(stage.worker("front", main, STRAYS), stage.worker("back", main, STRAYS))
    driver = stage.start(stage.command(namespace), start_new_session=True)
    stage.wait_for_foreground()
    wait_for("all strays live", lambda: len(stage.trainings()) == 2 * PROCESSES)
    return driver


def pid_of(stage: Stage, part: str) -> int:
    mine = [
        pid
        for pid, line in stage.everything().items()
        if KEEPERS[part] in line and (part != "loop" or line.startswith("bash "))
    ]
    assert len(mine) == 1, f"{part}: {mine}"
    return mine[0]


@NAMESPACES
@MAINS
@pytest.mark.parametrize("signum", SIGNALS)
def test_driver_told_to_stop(stage: Stage, main: str, namespace: str, signum: int) -> None:
    driver = running(stage, main, namespace)
    driver.send_signal(signum)
    driver.communicate()
    assert driver.returncode == -signum
    assert stage.everything() == {}
    record = stage.record()
    assert record["status"] == "interrupted"
    assert record["training_success"] is False
    assert record["invalid_reasons"][0] == f"interrupted by {signal.Signals(signum).name}"
    assert (stage.experiment.parent / "summary.csv").read_text().count("\n") == 1


@NAMESPACES
@MAINS
def test_driver_killed(stage: Stage, main: str, namespace: str) -> None:
    driver = running(stage, main, namespace)
    driver.kill()
    stage.wait_until_nothing_lives()
    assert not (stage.experiment / "experiment.json").exists()


@NAMESPACES
@MAINS
def test_driver_and_outer_keeper_killed_in_the_same_instant(
    stage: Stage, main: str, namespace: str
) -> None:
    driver = running(stage, main, namespace)
    keeper = pid_of(stage, "outer keeper")
    stop(driver.pid)  # so that neither can act on the other's death
    os.kill(keeper, signal.SIGKILL)
    os.kill(driver.pid, signal.SIGKILL)
    stage.wait_until_nothing_lives()
    assert not (stage.experiment / "experiment.json").exists()


@NAMESPACES
@MAINS
@pytest.mark.parametrize("part", [*KEEPERS])
def test_part_killed(stage: Stage, main: str, namespace: str, part: str) -> None:
    driver = running(stage, main, namespace)
    release = f"{stage.folder}/back "
    load = {pid for pid, line in stage.trainings().items() if line.endswith(release)}
    assert len(load) == PROCESSES
    os.kill(pid_of(stage, part), signal.SIGKILL)
    if part != "foreground's keeper":
        # Not only at the end: what a killed keeper left would weigh on the rounds that follow.
        wait_for("the load's trainings have ended", lambda: not load & set(stage.trainings()))
        stage.release("front")
    output, _ = driver.communicate()
    assert driver.returncode == 1, output
    assert stage.everything() == {}
    record = stage.record()
    assert record["status"] == "finished"
    assert record["valid"] is False, output
    assert record["training_success"] is (part != "foreground's keeper")


@NAMESPACES
def test_make_killed(stage: Stage, namespace: str) -> None:
    stage.build(stage.worker("front", "obeys", STRAYS), stage.worker("back", "obeys", STRAYS))
    config, *options = reversed(stage.command(namespace)[3:])
    command = ["make", "-C", str(ROOT), "parallel", f"CONFIG={config}"]
    make = stage.start([*command, f"OPTIONS={' '.join(reversed(options))}"])
    stage.wait_for_foreground()
    make.kill()
    stage.wait_until_nothing_lives()
    assert stage.record()["invalid_reasons"][0] == "interrupted by SIGTERM"


@NAMESPACES
@MAINS
def test_terminal_closed(stage: Stage, main: str, namespace: str) -> None:
    stage.build(stage.worker("front", main, STRAYS), stage.worker("back", main, STRAYS))
    ours, theirs = pty.openpty()
    command = ["setsid", "--ctty", "--wait", *stage.command(namespace)]
    stage.start(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    stage.wait_for_foreground()
    os.close(ours)
    stage.wait_until_nothing_lives()
    assert stage.record()["invalid_reasons"][0] == "interrupted by SIGHUP"


@MAINS
def test_stop_while_a_round_is_being_restarted(stage: Stage, main: str) -> None:
    """Rounds of a few milliseconds: almost every stop lands in a restart."""
    stage.build(stage.worker("front", main), "exit 0", restart_delay_seconds=0)
    for _ in range(5):
        driver = stage.start(stage.command("--no-namespace"), start_new_session=True)
        stage.wait_for_foreground()
        driver.terminate()
        driver.communicate()
        assert driver.returncode == -signal.SIGTERM
        assert stage.everything() == {}


@MAINS
def test_everything_killed_without_namespace(stage: Stage, main: str) -> None:
    """Nobody is left to keep; the next run finds what is left, removes it and names it.

    All but a process that has cleared its environment and closed its output as well: nothing says
    any more whose it was.
    """
    kinds = "setsid+daemon+bare+children"
    stage.build(stage.worker("front", main, kinds), stage.worker("back", main, kinds))
    driver = stage.start(stage.command("--no-namespace"), start_new_session=True)
    stage.wait_for_foreground()
    wait_for("all strays live", lambda: len(stage.trainings()) == 2 * (PROCESSES - 1))
    keepers = [pid_of(stage, part) for part in KEEPERS]
    for pid in (driver.pid, *keepers):
        stop(pid)
    for pid in (driver.pid, *keepers):
        send(pid, signal.SIGKILL)  # some are gone with their parents
    driver.wait()
    # The trainings themselves die with their keepers.
    wait_for("only strays live", lambda: len(stage.trainings()) == 2 * (PROCESSES - 2))
    left = stage.trainings()
    (stage.folder / "settings.json").write_text(
        '{"mode": "default", "experiments": [{"repo": "front", "model": "default"}]}'
    )
    (stage.folder / "repos/front/train.sh").write_text("#!/bin/bash\necho Test Accuracy: 50\n")
    done = stage.run()
    assert done.returncode == 0, done.stdout
    assert stage.everything() == {}
    for pid in left:
        assert f"removed process {pid} (" in done.stdout


def test_worker_is_what_the_stage_looks_for(stage: Stage) -> None:
    """The detector must detect: a stray that nobody keeps is seen."""
    line = stage.worker("front", "ignores", "daemon+bare")
    script = stage.folder / "train.sh"
    script.write_text(f"#!/bin/bash\n{line}\n")
    stage.start(["bash", str(script)])
    wait_for("main, daemon and bare are seen", lambda: len(stage.trainings()) == 3)
    stage.release("front")
    stage.wait_until_nothing_lives()
