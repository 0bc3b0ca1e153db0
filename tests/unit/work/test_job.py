"""What a job is by its environment, and by what scontrol says of it (texts of Slurm 22.05)."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest
from support import job
from support.job import NODE
from tandem.work.slurm import inside, questions
from tandem.work.slurm.client import Answer
from tandem.work.slurm.job import Job, job_of
from tandem.work.slurm.questions import Answers, ask, pairs

JOB = job.JOB.replace("2036", "2026")
CONFIG = job.CONFIG.format(kill_wait_s=45)


def test_outside_a_job_there_is_none() -> None:
    assert job_of({"SLURM_CONF": "/etc/slurm/slurm.conf"}) is None
    assert job_of({"SLURM_JOB_ID": ""}) is None


def test_a_job_and_its_task() -> None:
    job = job_of({"SLURM_JOB_ID": "12", "SLURMD_NODENAME": "n1", "SLURM_CPUS_ON_NODE": "4"})
    assert job == Job("12", node="n1", cpus=4)
    assert (job.name, job.worker_id, job.restart) == ("12", "12", 0)
    task = job_of(
        {
            **{"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "0"},
            **{"SLURM_RESTART_COUNT": "2", "SLURM_JOB_END_TIME": "1796000000"},
        }
    )
    assert task
    assert (task.name, task.worker_id, task.restart) == ("12_0", "12-0", 2)
    assert (task.end_s, task.node, task.gpus) == (1796000000, None, 0)


def answers(**more: str) -> Answers:
    return Answers(pairs(JOB) | more, pairs(NODE))


@pytest.mark.parametrize(
    ("job", "said", "is_shared", "words"),
    [
        (Job("1", node="n1", cpus=1, gpus=1), answers(), True, "1 of the 4 CPUs"),
        (Job("1", node="n1", cpus=4, gpus=1), answers(), False, None),
        (Job("1", node="n1", cpus=4, gpus=0), answers(), True, "0 of the 1 GPUs"),
        (Job("1", node="n1", cpus=1, gpus=1), answers(OverSubscribe="NO"), False, None),
        (Job("1", node="n1", cpus=4, gpus=1), answers(OverSubscribe="YES"), True, "CPUs"),
        (Job("1", node="n1", cpus=4, gpus=1), answers(OverSubscribe="USER"), False, None),
        (Job("1", node="n1", cpus=4, gpus=1), Answers(), None, "Slurm is silent"),
        (Job("1", node="n1", gpus=1), answers(), None, "Slurm is silent"),
        (Job("1", cpus=4, gpus=1), answers(OverSubscribe="NO"), None, "no node of its job"),
    ],
)
def test_a_job_with_a_part_of_its_node_is_not_alone(
    job: Job, said: Answers, is_shared: bool | None, words: str | None
) -> None:
    found = said.sharing(job)
    assert found.is_shared is is_shared
    assert (words is None) == (found.reason is None)
    assert (words or "") in (found.reason or "")


@pytest.mark.parametrize(
    ("gres", "count"),
    [
        ("(null)", 0),
        ("gpu:1", 1),
        ("gpu:a100:4(S:0-1)", 4),
        ("gpu:a100:2(S:0),gpu:v100:1(S:1),nvme:3", 3),
        ("gpu:a100_3g.20gb:2", 2),
    ],
)
def test_how_many_gpus_a_node_has(gres: str, count: int) -> None:
    assert Answers(node={"Gres": gres}).node_gpus == count


def test_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"job": JOB, "node": NODE, "config": CONFIG}
    asked: list[list[str]] = []

    def answer_of(command: list[str], _limit_s: float) -> Answer:
        asked.append(command)
        return Answer(texts[command[2]])

    monkeypatch.setattr(questions, "answer_of", answer_of)
    found = ask(Job("12", node="n1"))
    assert [words[1:] for words in asked] == [
        ["show", "job", "12"],
        ["show", "node", "n1"],
        ["show", "config"],
    ]
    assert found.kill_wait_s == 45.0
    assert found.end_s == datetime(2026, 11, 30, 2, 18, 14).timestamp()
    assert found.node_gpus == 1


def test_who_does_not_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def answer_of(command: list[str], _limit_s: float) -> Answer:
        asked.append(command)
        return Answer(problem="scontrol did not answer within 10 s")

    monkeypatch.setattr(questions, "answer_of", answer_of)
    found = ask(Job("12", node="n1"))
    assert len(asked) == 1
    assert (found.kill_wait_s, found.end_s) == (30.0, None)
    assert found.sharing(Job("12", node="n1", cpus=4)).is_shared is None


@pytest.mark.parametrize("text", ["Unknown", "N/A", "02:18:14", ""])
def test_an_end_that_is_no_moment_is_not_known(text: str) -> None:
    assert answers(EndTime=text).end_s is None


def test_the_end_of_a_job_is_as_until(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 10_000.0)
    said: list[str] = []
    job = Job("12", end_s=20_000.0)
    assert inside.until(job, Answers(), None, said.append) == 19_760.0
    assert len(said) == 1
    assert said[0].startswith("job 12 ends ")
    assert "--until" in said[0]
    assert inside.until(job, Answers(), 25_000.0, said.append) == 19_760.0
    short = Job("12", end_s=10_400.0)
    assert inside.until(short, Answers(), None, said.append) == 10_300.0


def test_an_earlier_until_stays_and_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 10_000.0)
    said: list[str] = []
    assert inside.until(Job("12", end_s=20_000.0), Answers(), 15_000.0, said.append) == 15_000.0
    assert said == []


def test_an_older_slurm_tells_the_end_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    end_s = datetime(2026, 11, 30, 2, 18, 14).timestamp()
    monkeypatch.setattr(time, "time", lambda: end_s - 10_000.0)
    assert inside.until(Job("12"), answers(), None, lambda _text: None) == end_s - 240.0


def test_an_end_that_nobody_tells_is_said() -> None:
    said: list[str] = []
    assert inside.until(Job("12"), Answers(), None, said.append) is None
    assert said == ["warning: when job 12 ends is not known (--until TIME says it)"]
