"""Whether a job is queued again: not beside another worker of it, nor where nothing ever ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.work.slurm.ending import has_ended_any, is_of
from tandem.work.slurm.job import Job

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
