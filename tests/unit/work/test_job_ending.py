"""Whether a job is queued again: not beside another worker of it, nor where nothing ever ends.

Also where Slurm is busy just then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tandem.work.slurm import ending
from tandem.work.slurm.client import Answer
from tandem.work.slurm.ending import has_ended_any, is_of, queue_again
from tandem.work.slurm.job import Job

BUSY = "slurm_requeue error: Unable to contact slurm controller (connect failure)"
TASK = Job("14", "12", "3", restart=1)


@pytest.mark.parametrize(
    ("worker", "is_one"),
    [
        ("n1_12-3_r0", True),
        ("n1_12-3.2_r1", True),  # the second of the job
        ("n1_12-30_r0", False),
        ("n1_112-3_r0", False),
        ("n1_20261130T010101-12_r0", False),
    ],
)
def test_a_worker_is_of_a_job_by_its_name(worker: str, is_one: bool) -> None:
    assert is_of(TASK, worker) is is_one


@pytest.mark.parametrize(
    ("worker", "is_progress"),
    [
        ("n1_12-3_r1", True),
        ("n1_12-3.2_r1", True),
        ("n1_12-3_r0", False),  # of an earlier start
        ("n2_12-4_r1", False),  # of another task
    ],
)
def test_what_has_ended_since_the_start_of_the_job(
    tmp_path: Path, worker: str, is_progress: bool
) -> None:
    (tmp_path / "a").symlink_to(f"workers/{worker}/a")
    assert has_ended_any(TASK, tmp_path, ["a", "missing"]) is is_progress


@pytest.mark.parametrize(("busy", "is_lost"), [(2, False), (99, True)])
def test_a_slurm_that_is_busy_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: int, is_lost: bool
) -> None:
    asked, said, pauses = list[Sequence[str]](), list[str](), list[float]()

    def answer(command: Sequence[str], _limit_s: float) -> Answer:
        asked.append(command)
        return Answer(stderr=BUSY, problem=BUSY) if len(asked) <= busy else Answer()

    monkeypatch.setattr(ending, "answer_of", answer)
    queue_again(TASK, tmp_path, said.append, pauses.append)
    assert len(asked) == len(pauses) + 1 == min(busy, len(ending.PAUSES_S)) + 1
    assert said[-1].startswith("not queued again: ") is is_lost
    assert sum(pauses) < 60, "the job's end is near"
