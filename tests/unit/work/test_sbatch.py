"""What is handed to sbatch, and what is said of what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.plans import experiment, load, training
from tandem.base.errors import NotReadyError
from tandem.base.templates import TemplateError, render
from tandem.base.variables import VISIBLE
from tandem.config.options import Dose
from tandem.plan.model import Background
from tandem.work.slurm.client import Answer
from tandem.work.slurm.refusals import refusal
from tandem.work.slurm.sbatch import Asked, Submission, gpus_needed, refuse_odd_folder


def submission(count: int = 1, **asked: Any) -> Submission:
    return Submission(Path("/data/run_1"), "tandem-run_1-abc", 3, count, Asked(**asked))


@pytest.mark.parametrize(
    ("count", "asked", "expected"),
    [
        (1, {}, ["--gres=gpu:1"]),
        (2, {"gpus": "a100"}, ["--gres=gpu:a100:2"]),
        (0, {}, []),
        (0, {"cpus": 4, "memory": "8G"}, ["--cpus-per-task=4", "--mem=8G"]),
        (1, {"exclusive": True}, ["--gres=gpu:1", "--exclusive", "--mem=0"]),
        (1, {"exclusive": True, "memory": "9G"}, ["--gres=gpu:1", "--exclusive", "--mem=9G"]),
        (0, {"partition": "a b", "time": "1-0"}, ["--partition=a b", "--time=1-0"]),
    ],
)
def test_a_worker_gets_what_is_asked_for(
    count: int, asked: dict[str, Any], expected: list[str]
) -> None:
    assert list(submission(count, **asked).resources()) == expected


def test_a_whole_node_has_a_worker_for_each_of_its_gpus() -> None:
    assert "--gpus" not in submission().worker()
    assert submission(exclusive=True).worker()[1:4] == ["work", "--gpus", "all"]
    assert "--gpus" not in submission(0, exclusive=True).worker()


def test_the_arguments_of_a_person_come_last() -> None:
    command = submission(arguments=("--array=0-9%2", "-J", "a b")).command()
    assert command == [
        *("sbatch", "--parsable", "--array=0-9%2", "-J", "a b"),
        "/data/run_1/jobs/worker.sbatch",
    ]


def test_variables_of_sbatch_do_not_replace_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PARTITION", "TIMELIMIT", "JOB_NAME", "ARRAY_INX", "ACCOUNT"):
        monkeypatch.setenv(f"SBATCH_{name}", "x")
    left = submission(partition="gpu").environment()
    assert {"SBATCH_TIMELIMIT", "SBATCH_ACCOUNT"} <= left.keys()
    assert not {"SBATCH_PARTITION", "SBATCH_JOB_NAME", "SBATCH_ARRAY_INX"} & left.keys()


def test_what_was_asked_for_before_stands_where_nothing_is_now() -> None:
    earlier = Asked(partition="gpu", cpus=4, exclusive=True, arguments=("--qos=a",)).given()
    assert Asked(cpus=8, exclusive=False).over(earlier) == Asked(
        partition="gpu", cpus=8, exclusive=False, arguments=("--qos=a",)
    )


def test_only_what_may_use_a_gpu_needs_one() -> None:
    on_cpu = Background(training(device="cpu"), Dose())
    assert gpus_needed([experiment()]) == 1
    assert gpus_needed([experiment(foreground=training(device="cpu"), backgrounds=(on_cpu,))]) == 0
    assert gpus_needed([experiment(foreground=training(device="cpu"))]) == 1  # its background may


def test_experiments_whose_settings_name_two_gpus_need_two() -> None:
    front, back = (training(environment={VISIBLE: gpu}) for gpu in "01")
    two = experiment(foreground=front, backgrounds=(Background(back, Dose()),))
    same = experiment(foreground=front, backgrounds=(Background(front, Dose()),))
    assert (gpus_needed([same]), gpus_needed([same, two])) == (1, 2)
    assert gpus_needed([experiment(backgrounds=(Background(load(), Dose()),))]) == 1


def test_the_log_of_a_folder_with_percent_signs_stays_there() -> None:
    text = Submission(Path("/a %j b/run"), "n", 1, 0, Asked()).text()
    assert "#SBATCH '--output=/a %%j b/run/jobs/%A_%a.log'\n" in text


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\x7fb", "a\udcffb"])
def test_a_folder_that_slurm_cannot_take_is_refused(name: str) -> None:
    with pytest.raises(NotReadyError, match="--results"):
        refuse_odd_folder(Path("/data") / name)


def test_a_line_of_options_is_one_line() -> None:
    assert render("#SBATCH '{{ x }}'\n", {"x": ["--a=b", "--c=d e"]}) == "#SBATCH --a=b '--c=d e'\n"
    for wrong in (["a\nb"], "a"):
        with pytest.raises(TemplateError):
            render("#SBATCH '{{ x }}'\n", {"x": wrong})


SUBMISSION_FAILED = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        (SUBMISSION_FAILED + "Invalid partition name specified", "another partition"),
        (SUBMISSION_FAILED + "User's group not permitted to use this partition", "another part"),
        (SUBMISSION_FAILED + "Invalid job array specification", "fewer --workers"),
        (SUBMISSION_FAILED + "Requested node configuration is not available", "--gpus"),
        (SUBMISSION_FAILED + "Invalid Trackable RESource (TRES) specification", "--gpus"),
        ("sbatch: error: Invalid generic resource (gres) specification", "--gpus"),
        ("sbatch: error: Memory specification can not be satisfied", "less --memory"),
        (SUBMISSION_FAILED + "More processors requested than permitted", "fewer --cpus"),
        (
            SUBMISSION_FAILED + "Requested time limit is invalid (missing or exceeds some limit)",
            "a shorter --time",
        ),
        ("sbatch: error: Invalid --time specification", "HH:MM:SS"),
        (
            SUBMISSION_FAILED + "Job violates accounting/QOS policy"
            " (job submit limit, user's size and/or time limits)",
            "fewer --workers",
        ),
        (SUBMISSION_FAILED + "Invalid account or account/partition combination specified", "--acc"),
        (SUBMISSION_FAILED + "Invalid qos specification", "--qos=NAME"),
        (SUBMISSION_FAILED + "Resource temporarily unavailable", "later again"),
        ("sbatch: unrecognized option '--nosuch'", "--sbatch-args"),
    ],
)
def test_a_refusal_is_shown_as_it_is_with_what_would_help(said: str, helps: str) -> None:
    lines = refusal(Answer(stderr=f"{said}\n", problem="x")).splitlines()
    assert lines[0] == said
    assert lines[1].startswith("what would help: ")
    assert helps in lines[1]


def test_a_refusal_that_nobody_has_met_is_shown_alone() -> None:
    assert refusal(Answer(stderr="sbatch: error: no \x1b[31m\n", problem="x")) == (
        "sbatch: error: no \\x1b[31m"
    )
