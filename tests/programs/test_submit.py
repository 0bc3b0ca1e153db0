"""Workers on their way to Slurm: the batch script in Bash, lost answers, questions to squeue.

A stand-in of Slurm's commands is on PATH (tests/support/slurm).
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support import ROOT
from tandem.results.shared.jobs import Queue, Started, Submitted, Waiting, jobs_of, note_job
from tandem.work.slurm import queue, sbatch
from tandem.work.slurm.handover import Accepted, LostError, RefusedError, hand_over
from tandem.work.slurm.queue import ask, queue_of
from tandem.work.slurm.sbatch import Asked, Submission

TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n"
QUEUE_TIMED_OUT = "slurm_load_jobs error: Socket timed out on send/recv operation\n"
ODD = "a %j \"q' $(touch pwned) `x` ; #!\t\u00e9"
DEADLINE_S = 60.0  # a hang guard


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stand-in."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    monkeypatch.setenv("STANDIN_SLURM", str(folder))
    monkeypatch.setenv("PATH", f"{ROOT / 'tests/support/slurm'}:{os.environ['PATH']}")
    return folder


def says(slurm: Path, name: str, *, out: str = "", err: str = "", rc: int = 0) -> None:
    for kind, text in (("out", out), ("err", err), ("rc", str(rc))):
        (slurm / f"{name}.{kind}").write_text(text)


def ignore(_: object) -> None:
    pass


def calls(slurm: Path, name: str) -> list[list[str]]:
    """Return the arguments of each call of a command."""
    texts = [
        (slurm / f"{name}.{number}.argv").read_text()
        for number in range(1, 1 + len(list(slurm.glob(f"{name}.*.argv"))))
    ]
    return [text.split("\0")[:-1] for text in texts]


# -- the batch script ----------------------------------------------------------------------


def written(folder: Path, worker: str, monkeypatch: pytest.MonkeyPatch) -> Submission:
    """Write the batch script of a run in a project whose bin/tandem is these lines of Bash."""
    run, program = folder / ODD / "run_1", folder / f"project {ODD}" / "bin" / "tandem"
    for made in (run, program.parent):
        made.mkdir(parents=True)
    program.write_text(f"#!/usr/bin/env bash\n{worker}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sbatch, "ROOT", program.parents[1])
    submission = Submission(run, "name", 2, 1, Asked(partition=ODD, exclusive=True))
    submission.write()
    return submission


@contextmanager
def started(submission: Submission, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Have the script run as Slurm runs it: a copy, in a folder of its own."""
    copy = folder / "slurm_script"
    copy.write_bytes(submission.script.read_bytes())
    copy.chmod(0o755)
    with subprocess.Popen([copy], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_worker_gets_its_command_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = written(tmp_path, r'printf "%s\0" "$@"', monkeypatch)
    with started(submission, tmp_path) as process:
        said, _ = process.communicate(timeout=DEADLINE_S)
    assert said.split("\0")[:-1] == ["work", "--gpus", "all", "--", str(submission.run)]
    assert process.returncode == 0
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("worker", "code"), [("exit 1", 1), ("exit 75", 75), ("kill -KILL $$", 128 + signal.SIGKILL)]
)
def test_the_exit_code_is_the_worker_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: str, code: int
) -> None:
    with started(written(tmp_path, worker, monkeypatch), tmp_path) as process:
        assert process.wait(DEADLINE_S) == code


# A worker that says what it is told, and ends when it is let.
LATE = """\
import os, signal, sys, time

def say(number, _):
    print(signal.Signals(number).name.removeprefix("SIG"), flush=True)

for name in {names}:
    signal.signal(signal.Signals["SIG" + name], say)
print("ready", flush=True)
parent = os.getppid()
while not os.path.exists("end") and os.getppid() == parent:
    time.sleep(0.05)
sys.exit(7)
"""


def test_each_signal_reaches_the_worker_which_may_take_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trap that ends the script, or one that exits 0, would make the job COMPLETED."""
    names = ("USR1", "USR2", "HUP", "INT", "QUIT", "TERM")
    late = tmp_path / "late.py"
    late.write_text(LATE.format(names=names))
    line = shlex.join(["exec", sys.executable, str(late)])
    submission = written(tmp_path, line, monkeypatch)
    with started(submission, tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        for name in (*names, "TERM"):
            process.send_signal(signal.Signals[f"SIG{name}"])
            assert process.stdout.readline() == f"{name}\n"
        assert process.poll() is None
        (tmp_path / "end").touch()
        assert process.wait(DEADLINE_S) == 7


def test_the_worker_can_be_interrupted_and_hears_of_usr1_once_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INT is ignored in what Bash starts in the background; an early USR1 would end the worker."""
    worker = "grep -E 'Sig(Ign|Cgt)' /proc/self/status"
    with started(written(tmp_path, f"exec {worker}", monkeypatch), tmp_path) as process:
        said, _ = process.communicate(timeout=DEADLINE_S)
    ignored = int(said.split()[1], 16)
    assert [each for each in (1, 2, 3, 10, 12, 15) if ignored >> (each - 1) & 1] == [10]


def test_a_node_without_the_shared_file_system_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = written(tmp_path, "exit 0", monkeypatch)
    Path(submission.worker()[0]).unlink()
    ended = subprocess.run(
        [submission.script],
        env={**os.environ, "SLURMD_NODENAME": "n7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stderr.startswith("worker: error: n7 does not see ")


def never(what: object) -> None:
    pytest.fail(str(what))


# -- sbatch --------------------------------------------------------------------------------


def some_submission(folder: Path, *arguments: str) -> Submission:
    return Submission(folder, "tandem-run_1-abc", 2, 1, Asked(arguments=arguments))


def test_a_job_on_one_of_several_clusters_is_cancelled_there(slurm: Path) -> None:
    says(slurm, "sbatch", out="77;north\n")
    accepted = hand_over(some_submission(slurm), never, never)
    assert accepted.cancelling == ["scancel", "--clusters=north", "77"]


def test_a_lost_answer_does_not_submit_twice(slurm: Path) -> None:
    says(slurm, "sbatch", err=TIMED_OUT, rc=1)
    says(slurm, "squeue", out="77\n77\n")
    said, pauses = list[str](), list[float]()
    assert hand_over(some_submission(slurm), said.append, pauses.append) == Accepted("77")
    assert len(calls(slurm, "sbatch")) == len(said) == len(pauses) == 1
    assert "--name=tandem-run_1-abc" in calls(slurm, "squeue")[0]
    assert "Socket timed out" in said[0]


def test_while_slurm_does_not_say_whether_it_took_the_job_it_is_not_submitted_again(
    slurm: Path,
) -> None:
    says(slurm, "sbatch", err=TIMED_OUT, rc=1)
    says(slurm, "squeue", err=QUEUE_TIMED_OUT, rc=1)
    pauses = list[float]()
    with pytest.raises(LostError, match="squeue --me"):
        hand_over(some_submission(slurm), ignore, pauses.append)
    assert len(calls(slurm, "sbatch")) == 1
    assert len(calls(slurm, "squeue")) == len(pauses) == 5
    assert pauses == sorted(pauses)


def test_what_was_not_taken_is_submitted_again(slurm: Path) -> None:
    says(slurm, "sbatch.1", err=TIMED_OUT, rc=1)
    assert hand_over(some_submission(slurm), ignore, ignore) == Accepted("1234")
    assert len(calls(slurm, "sbatch")) == 2
    assert not calls(slurm, "scancel")


def test_a_job_that_was_taken_late_is_cancelled(slurm: Path) -> None:
    says(slurm, "sbatch.1", err=TIMED_OUT, rc=1)
    says(slurm, "squeue.2", out="77\n1234\n")
    says(slurm, "squeue")
    assert hand_over(some_submission(slurm), ignore, ignore) == Accepted("1234")
    assert calls(slurm, "scancel") == [["77"]]


def test_a_job_that_was_named_by_hand_cannot_be_looked_for(slurm: Path) -> None:
    says(slurm, "sbatch", err=TIMED_OUT, rc=1)
    with pytest.raises(LostError):
        hand_over(some_submission(slurm, "-J", "mine"), ignore, ignore)
    assert len(calls(slurm, "sbatch")) == 1
    assert not calls(slurm, "squeue")


def test_an_answer_without_a_job_is_a_refusal_if_squeue_knows_none(slurm: Path) -> None:
    says(slurm, "sbatch", out="sbatch: verification passed\nmore\n")
    with pytest.raises(RefusedError, match=r"verification passed$"):
        hand_over(some_submission(slurm, "--test-only"), never, never)


def test_a_job_that_was_taken_in_silence_is_asked_for(slurm: Path) -> None:
    """With --quiet sbatch prints no number; the job is there, and needs the run's folder."""
    says(slurm, "sbatch", out="\n")
    says(slurm, "squeue", out="77\n77\n")
    assert hand_over(some_submission(slurm, "--quiet"), never, never) == Accepted("77")
    says(slurm, "squeue", err=QUEUE_TIMED_OUT, rc=1)
    with pytest.raises(LostError, match="not known"):
        hand_over(some_submission(slurm, "--quiet"), never, never)


# -- squeue --------------------------------------------------------------------------------

LINES = """\
1234|0|RUNNING|n1|None|tandem-x
1234|1|PENDING||Resources|tandem-x
1234|2|COMPLETED|n2|None|tandem-x
1234|3|PENDING||ReqNodeNotAvail, UnavailableNodes:n1|tandem-x
88|N/A|COMPLETING|n2|None|tandem-by-hand
99|0|RUNNING|n3|None|another
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run for which a job was submitted."""
    (tmp_path / "run" / "jobs").mkdir(parents=True)
    note_job(tmp_path / "run", Submitted("1234", "tandem-x", "0", "2026-11-30T02:00:00+00:00", 4))
    return tmp_path / "run"


def test_pending_and_running_workers_are_those_of_the_run(slurm: Path, run: Path) -> None:
    note_job(run, Submitted(None, "tandem-by-hand", "0", "2026-11-30T02:01:00+00:00", 1))
    says(slurm, "squeue", out=LINES)
    assert ask(jobs_of(run)) == Queue(
        pending=(
            Waiting("1234_1", "Resources"),
            Waiting("1234_3", "ReqNodeNotAvail, UnavailableNodes:n1"),
        ),
        running=(Started("1234_0", "n1"), Started("88", "n2")),
        age_s=0.0,
    )


def test_a_run_that_was_never_submitted_has_no_queue(slurm: Path, tmp_path: Path) -> None:
    assert queue_of(tmp_path) is None
    assert not calls(slurm, "squeue")


def test_squeue_is_asked_once_a_minute(
    slurm: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(slurm, "squeue", out=LINES)
    now = [1000.0]
    monkeypatch.setattr(queue.time, "time", lambda: now[0])  # type: ignore[attr-defined]
    ages = []
    for now[0] in (1000.0, 1030.0, 1059.0, 1061.0):
        answer = queue_of(run)
        assert answer
        ages.append(answer.age_s)
    assert ages == [0.0, 30.0, 59.0, 0.0]
    assert len(calls(slurm, "squeue")) == 2
    note_job(run, Submitted("5", "tandem-y", "0", "2026-11-30T02:01:00+00:00", 1))
    queue_of(run)
    assert len(calls(slurm, "squeue")) == 3  # a new job is looked for at once


def test_while_squeue_fails_it_is_asked_less_and_less_and_the_last_answer_stands(
    slurm: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(slurm, "squeue", out=LINES)
    now = [1000.0]
    monkeypatch.setattr(queue.time, "time", lambda: now[0])  # type: ignore[attr-defined]
    queue_of(run)
    says(slurm, "squeue", err=QUEUE_TIMED_OUT, rc=1)
    asked_at = []
    for now[0] in range(1000, 4000, 10):
        count = len(calls(slurm, "squeue"))
        answer = queue_of(run)
        if len(calls(slurm, "squeue")) > count:
            asked_at.append(now[0])
    assert asked_at == [1060, 1180, 1420, 1900, 2800, 3700]
    assert answer
    assert answer.running == (Started("1234_0", "n1"),)
    assert answer.reason == QUEUE_TIMED_OUT.strip()
    assert answer.age_s == 2990.0


def test_without_squeue_there_is_a_reason(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queue_of(run) == Queue(reason="there is no squeue on this machine")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pending": 5}', '{"pending": [], "running": [], "asked_s": "x"}']
)
def test_a_damaged_answer_is_asked_for_again(slurm: Path, run: Path, text: str) -> None:
    says(slurm, "squeue", out=LINES)
    (run / "jobs" / "queue.json").write_text(text)
    answer = queue_of(run)
    assert answer
    assert len(answer.running) == 1


def test_damaged_lines_of_the_list_of_jobs_are_passed_over(run: Path) -> None:
    [whole] = jobs_of(run)
    with open(run / "jobs" / "jobs.jsonl", "a") as file:
        print("{", "[]", '{"job": "5"}', json.dumps({**vars(whole), "arguments": 3}), file=file)
        print(json.dumps(vars(replace(whole, job="6"))), file=file)
    assert [each.job for each in jobs_of(run)] == ["1234", "6"]
