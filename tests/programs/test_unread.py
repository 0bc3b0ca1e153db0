"""Programs whose reader has had enough (`| head`): they end in silence, and as they would have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.monitored import cpu_rows, steady, write_cpu, write_monitor
from support.records import record, write_run
from support.stage import DEADLINE_S, Stage
from tandem.base.paths import ENERGY, ROOT

DRIVER = [sys.executable, str(ROOT / "driver.py")]


def unread(
    words: Sequence[str | Path], stream: str, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of which nobody reads a stream; what the other says is kept."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=writing if stream == "stdout" else subprocess.PIPE,
            stderr=writing if stream == "stderr" else subprocess.PIPE,
            env=environment,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["list"], 0),
        (["doctor"], 0),
        (["check", str(ROOT / "examples/parallel.json")], 0),
        (["check", "--json", str(ROOT / "examples/parallel.json")], 0),
        (["check", "nonesuch.json"], 2),
        (["list", "--registry", "nonesuch.json"], 2),
    ],
)
def test_what_only_prints(words: list[str], code: int) -> None:
    done = unread([*DRIVER, *words], "stdout")
    assert done.returncode == code
    assert b"Broken pipe" not in done.stderr
    assert code or not done.stderr
    assert unread([*DRIVER, *words], "stderr").returncode == code


def test_compare_and_verify(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run_1", record())
    for command, code in (("compare", 0), ("verify", 2)):  # it is no run that can be verified
        done = unread([*DRIVER, command, run], "stdout")
        assert done.returncode == code, done.stderr
        assert b"Broken pipe" not in done.stderr


def test_energy(tmp_path: Path) -> None:
    write_monitor(tmp_path, steady())
    write_cpu(tmp_path, cpu_rows())
    for words in ([], ["--json"], ["--help"]):
        done = unread([ENERGY, tmp_path, *words], "stdout")
        assert done.stderr == b""
        assert done.returncode in (0, -signal.SIGPIPE)
    assert unread([ENERGY, tmp_path / "nowhere"], "stderr").returncode == 2


def test_prune_removes_all_that_is_due(tmp_path: Path) -> None:
    """A dry run accuses nobody's journal of what happened to stdout."""
    for number in (1, 2, 3):
        place = tmp_path / f"run_{number}" / "a_b_001" / "attempts" / "1"
        place.mkdir(parents=True)
        (place / "training.log").write_text("old")
        (place.parents[1] / "fg_run.sh").touch()
        run = place.parents[2]
        (run / "plan.json").write_text('{"experiments": [{"id": "a_b_001"}]}')
        ended = {"event": "ended", "experiment": "a_b_001", "duration_s": 1.5}
        line = json.dumps({**ended, "utc": "2020-01-01T00:00:00+00:00"})
        (run / "journal.jsonl").write_text(f"{line}\n")
    words = [*DRIVER, "prune", "--results", str(tmp_path), "--keep", "logs=1d"]
    for more, left in (["--dry-run"], 3), ([], 0):
        done = unread([*words, *more], "stdout")
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(list(tmp_path.rglob("training.log"))) == left


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_run_goes_on_to_its_end(stage: Stage, stream: str) -> None:
    stage.build("echo Test Accuracy: 90", None)
    assert unread(stage.command(), stream, stage.environment).returncode == 0
    assert stage.record()["valid"]
    assert (stage.experiment.parent / "summary.csv").exists()
