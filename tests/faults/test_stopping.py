"""Ctrl-C: what is waited for and how long is said; a second one kills at once."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from support.stage import Stage, wait_for
from tandem.results.journal import ended_in, events_in
from tandem.results.state import read_state

LONG_GRACE_S = "300"  # nobody waits so long: what ends sooner was killed


def stubborn(stage: Stage) -> list[str]:
    """Make trainings that ignore TERM, with a grace that is longer than any test."""
    kinds = "setsid+daemon"
    stage.build(stage.worker("front", "ignores", kinds), stage.worker("back", "ignores", kinds))
    command = stage.command()
    command[command.index("--grace") + 1] = LONG_GRACE_S
    return command


@pytest.mark.parametrize(
    "first", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    "namespace", ["--namespace", pytest.param("--no-namespace", marks=pytest.mark.long)]
)
def test_a_second_signal_kills_at_once(
    stage: Stage, tmp_path: Path, first: signal.Signals, namespace: str
) -> None:
    command = stubborn(stage)
    log = tmp_path / "said"
    with log.open("w") as said:
        driver = stage.start(
            [*command, namespace], start_new_session=True, stdout=said, stderr=said
        )
    stage.wait_for_foreground()
    driver.send_signal(first)
    again = "Ctrl-C again" if first == signal.SIGINT else "a second signal"
    text = (
        f"waiting up to 300 s for the foreground and the background to end; {again} kills at once"
    )
    wait_for("it says for what it waits", lambda: text in log.read_text())
    if first == signal.SIGTERM:
        time.sleep(1.1)  # sooner, it is taken for the same request
    assert driver.poll() is None
    assert len(stage.trainings()) == 6
    driver.send_signal(first)
    assert driver.wait(60) == -first
    assert stage.everything() == {}
    record = stage.record()
    assert record["status"] == "interrupted"
    [attempt] = record["attempts"]
    assert attempt["stop"]["killed"], attempt["stop"]
    run = stage.experiment.parent
    events = list(events_in((run / "journal.jsonl").read_bytes()))
    assert events[-1]["event"] == "interrupted"
    assert ended_in((run / "journal.jsonl").read_bytes()) == {}
    state = read_state(run)
    assert state is not None
    assert (state.status, state.why) == ("stopped", f"by {first.name}")


def test_the_first_signal_waits_for_the_grace(stage: Stage) -> None:
    """A training that obeys ends in it, and is not killed; no second signal was needed."""
    stage.build(stage.worker("front", "obeys"), stage.worker("back", "obeys"))
    command = stage.command()
    command[command.index("--grace") + 1] = LONG_GRACE_S
    driver = stage.start(command, start_new_session=True)
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGTERM)
    driver.send_signal(signal.SIGTERM)  # some send it twice: to a process, and to its group
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == -signal.SIGTERM
    assert re.search(r"stopping: waiting up to 300 s for the foreground and the background", output)
    [attempt] = stage.record()["attempts"]
    assert not attempt["stop"]["killed"], attempt["stop"]
