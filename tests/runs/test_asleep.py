"""A machine that is suspended in mid-run: no time in the record has a part of that."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.stage import DEADLINE_S, Stage, wait_for

SHIM = Path(__file__).parents[1] / "support" / "asleep.c"


@pytest.fixture
def asleep(stage: Stage) -> Path:
    """A file that takes for how many seconds the stage's machine has been suspended so far."""
    if shutil.which("cc") is None:
        pytest.skip("a simulated suspension needs a C compiler (cc)")
    library, file = stage.folder / "asleep.so", stage.folder / "asleep"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SHIM], check=True)
    stage.more_environment = {"LD_PRELOAD": str(library), "ASLEEP_FILE": str(file)}
    return file


@pytest.mark.long
def test_a_suspension_is_told_and_is_no_part_of_any_time(stage: Stage, asleep: Path) -> None:
    """The background works for about half of the time that the machine is awake."""
    front = f"sleep 2; echo 3600 > {asleep}.new; mv {asleep}.new {asleep}; sleep 2"
    back = "end=$((SECONDS + 1)); while ((SECONDS < end)); do :; done; echo Test Accuracy: 1"
    stage.build(f"{front}; echo Test Accuracy: 50", back, restart_delay_seconds=1)
    assert stage.run().returncode == 1
    record = stage.record()
    suspended = "the machine was suspended for 3600 s beside the foreground"
    below, said = record["invalid_reasons"]
    assert (below[:9], said) == ("coverage ", suspended)
    attempt, background = record["attempts"][0], record["background"]
    window = next(each for each in record["windows"] if each["name"] == "foreground")
    load = window["load"]
    assert 4 <= record["duration_seconds"] < 60
    assert window["duration_seconds"] == pytest.approx(record["duration_seconds"], abs=0.1)
    assert window["suspended_seconds"] == pytest.approx(3600, abs=0.1)
    assert load["seconds_without"] + load["coverage"] * window["duration_seconds"] == (
        pytest.approx(window["duration_seconds"], abs=0.1)
    )
    assert load["longest_gap_seconds"] < 60
    assert background["training_seconds"] < 60
    assert all(each["training_seconds"] < 60 for each in background["parts"][0]["rounds"])
    assert 0.2 < attempt["coverage"] == background["coverage"] < 0.8
    assert load["coverage"] == pytest.approx(background["coverage"])
    assert [each["duration_seconds"] for each in record["suspensions"]] == [
        pytest.approx(3600, abs=0.1)
    ]


@pytest.mark.long
def test_a_suspension_in_an_idle_window(stage: Stage, asleep: Path) -> None:
    """The foreground's own time is as it was; what is compared with the idle time is not."""
    stage.build("echo Test Accuracy: 50", None, controls={"idle_seconds": 1})
    driver = stage.start(stage.command())
    wait_for("the idle window", lambda: has_mark(stage))
    asleep.write_text("7200")
    output, _ = driver.communicate(timeout=DEADLINE_S)
    reason = "the machine was suspended for 7200 s in the idle window"
    assert driver.returncode == 1
    assert reason in output
    assert stage.record()["invalid_reasons"] == [reason]


def has_mark(stage: Stage) -> bool:
    """Whether the edge of a window has been marked."""
    rows = [path.read_text() for path in stage.folder.glob("results/run_*/*/energy/cpu.csv")]
    return any(",mark," in text for text in rows)
