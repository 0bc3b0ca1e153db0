"""Records made from files that were written by hand: every end, every missing file, every clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.monitored import cpu_rows, write_cpu, write_monitor
from support.records import flaws, outcome
from tandem.base.clock import Moment
from tandem.experiment.outcome import read_outcome, write_outcome
from tandem.experiment.record import make_record, record_whatever_happens
from tandem.plan.model import Plan, Size
from tandem.plan.planner import read_plan
from tandem.results.record import Record
from tandem.results.record_file import json_bytes

NAME = "front_default_001_parallel"
CLOCK = Moment(1000.0, 1_769_860_800.0)
ROUNDS = [(1, 1001.0, 1004.0, 0), (2, 1004.1, 1014.0, 0), (3, 1014.1, 1030.0, 0)]
BEGIN_S, END_S = 1010.0, 1020.0  # of the foreground


def plan_of(root: Path, backgrounds: int = 1, **settings: Any) -> Plan:
    """Return a plan of one experiment, beside so many backgrounds."""
    models = {}
    for name in ("front", "back"):
        folder = root / "repos" / name
        folder.mkdir(parents=True)
        (folder / "train.sh").write_text("#!/bin/sh\n")
        (folder / "train.sh").chmod(0o755)
        models[name] = {
            **{"path": f"repos/{name}", "train_script": "./train.sh", "models": ["default"]},
            "supported_hyperparams": {"size": {"flag": "--size", "type": "int", "default": 64}},
            "performance_metrics": {"log_patterns": {"accuracy": "Accuracy: ([0-9.]+)"}},
        }
    foreground = {"mode": "default", "repo": "front", "model": "default"}
    background = {"repo": "back", "model": "default"} | settings.pop("background", {})
    entry: dict[str, Any] = foreground
    if backgrounds:
        entry = {"mode": "parallel", "foreground": foreground}
        entry["background"] = background if backgrounds == 1 else [background] * backgrounds
    (root / "registry.json").write_text(json.dumps({"models": models}))
    (root / "settings.json").write_text(json.dumps({**settings, "experiments": [entry]}))
    reading = read_plan(root / "settings.json", root / "registry.json", root=root, seed=1)
    assert reading.plan, reading.problems
    return reading.plan


def keeper(**values: Any) -> dict[str, Any]:
    """Return the report of a foreground's keeper."""
    stop: dict[str, Any] = {"lingered_s": 0.0, "lingered": [], "went_on": []}
    stop |= {"duration_s": 0.0, "terminated": [], "killed": [], "left": []}
    return {
        **{"command": ["./train.sh"], "clock": CLOCK.readings(), "started_s": BEGIN_S},
        **{"ended_s": END_S, "all_ended_s": END_S, "start_took_s": 0.002, "suspended_s": 0.0},
        **{"duration_s": END_S - BEGIN_S, "exit_code": 0, "signal": None, "reason": "ended"},
        **{"error": None, "cpu_user_s": 8.0, "cpu_system_s": 1.0, "peak_memory_bytes": 2**26},
        "stop": stop,
        **values,
    }


def loop_facts(logs: str = "background_logs", **values: Any) -> Any:
    """Return what the owner of a loop knew."""
    memory: dict[str, Any] = {
        **{"limit_mib": None, "max_mib": None, "exceeded": None, "exceeded_boottime_s": None},
        **{"sm_max_percent": None, "used_boottime_s": None, "reason": "none seen", "env": {}},
    }
    return {
        **{"name": "background", "logs": logs, "dose": None, "dose_problem": None, "starts": 1},
        **{"reports": [keeper()], "problems": [], "size": None, "chosen": None, "tried": []},
        "gpu_memory": memory,
        "ready_by": "epoch",
        **values,
    }


def write_experiment(
    folder: Path, plan: Plan, reports: Mapping[int, Any], rounds: Any = ROUNDS, **values: Any
) -> Path:
    """Write what an experiment leaves that was not measured; return its folder."""
    [experiment] = plan.experiments
    place = folder / experiment.id
    trainings = [experiment.foreground, *(each.training for each in experiment.backgrounds)]
    state = {"commit": None, "dirty": None, "reason": "no git"}
    loops = [loop_facts(f"logs_{n}", name=f"b {n}") for n in range(len(experiment.backgrounds))]
    made = outcome(
        experiment_id=experiment.id,
        clock=CLOCK.readings(),
        started_s=1000.0,
        git=dict.fromkeys(("", *(str(each.work_dir) for each in trainings)), state),
        **{"attempts": len(reports), "backgrounds": loops} | values,
    )
    for number, report in reports.items():
        (place / "attempts" / str(number)).mkdir(parents=True)
        (place / "attempts" / str(number) / "keeper.json").write_text(json.dumps(report))
        (place / "attempts" / str(number) / "training.log").write_text("Accuracy: 97.5\n")
    for loop in made.backgrounds:
        (place / loop["logs"]).mkdir(parents=True)
        lines = [
            f"start\t{n}\t{start_s}\nend\t{n}\t{end_s}\t{code}\tended\n"
            for n, start_s, end_s, code in rounds
        ]
        (place / loop["logs"] / "rounds.tsv").write_text("".join(lines))
    place.mkdir(parents=True, exist_ok=True)
    write_outcome(made, place)
    return place


def made(place: Path, plan: Plan) -> Record:
    """Return the record of an experiment's folder, which is whole."""
    record = make_record(place, plan)
    assert flaws(record) == []
    return record


# -- every end -----------------------------------------------------------------------------


def test_one_that_was_not_measured_is_valid_and_says_what_it_lacks(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    record = made(write_experiment(tmp_path, plan, {1: keeper()}), plan)
    assert (record["valid"], record["invalid_reasons"]) == (True, [])
    assert record["performance_metrics"] == {"accuracy": 97.5}
    assert record["duration_seconds"] == 10.0
    [window] = record["windows"]
    assert (window["gpus"], window["gpus_reason"]) == ([], "there was no monitor")
    assert (window["start_boottime_s"], window["end_boottime_s"]) == (BEGIN_S, END_S)
    assert record["energy_metrics"] is None
    assert "there was no monitor" in str(record["energy_reason"])
    background = record["background"]
    assert background
    assert background["rounds_completed"] == 3
    assert background["coverage"] == pytest.approx(0.99)
    assert sorted(record["digests"]) == [
        *("attempts/1/keeper.json", "attempts/1/training.log", "logs_0/rounds.tsv"),
        "outcome.json",
    ]


@pytest.mark.parametrize("is_shared", [True, None])
def test_a_shared_machine_is_no_flaw_and_has_no_joules(
    tmp_path: Path, is_shared: bool | None
) -> None:
    """Those that RAPL counted may be others'; who has the machine alone keeps them."""
    why = "another run of Tandem was at work on this machine"
    plan = plan_of(tmp_path, 0)
    shared = {"node_shared": is_shared, "node_shared_reason": why}
    place = write_experiment(tmp_path, plan, {1: keeper()}, **shared)
    (place / "energy").mkdir()
    write_monitor(place / "energy", [])
    monitor = json.loads((place / "energy" / "monitor.json").read_text())
    no_gpu = {"gpus": [], "gpus_reason": "no driver", "has_gpu": False}
    (place / "energy" / "monitor.json").write_text(json.dumps(monitor | no_gpu))
    write_cpu(place / "energy", cpu_rows(31))
    record = made(place, plan)
    assert (record["valid"], record["warnings"]) == (True, [])
    assert record["environment"]["node_shared"] is is_shared
    assert record["environment"]["node_shared_reason"] == why
    [window] = record["windows"]
    assert window["cpu"]["package_joules"] is None
    assert window["cpu"]["reason"] == f"RAPL counts the whole machine, and {why}"
    write_outcome(replace(read_outcome(place), node_shared=False, node_shared_reason=None), place)
    [window] = made(place, plan)["windows"]
    assert window["cpu"]["package_joules"] == pytest.approx(800.0)


@pytest.mark.parametrize("backgrounds", [0, 1, 2])
@pytest.mark.parametrize(
    ("status", "attempts", "reason"),
    [
        ("finished", 1, None),
        ("GPU busy", 0, "GPU 0: process 4711 holds 5 MiB"),
        ("background not ready", 0, "background not ready: none of batch_size 64 fits"),
        ("background not ready", 1, "background not ready: it ended"),
        ("interrupted", 0, "interrupted by SIGTERM"),
        ("interrupted", 1, "interrupted by SIGTERM"),
    ],
)
def test_every_end_has_a_whole_record(
    tmp_path: Path, status: Any, attempts: int, reason: str | None, backgrounds: int
) -> None:
    plan = plan_of(tmp_path, backgrounds)
    reports = {number: keeper() for number in range(1, attempts + 1)}
    end = {"status": status, "error_message": reason, "stop_reason": reason or "foreground ended"}
    record = made(write_experiment(tmp_path, plan, reports, **end), plan)
    assert (record["status"], record["error_message"]) == (status, reason)
    assert record["invalid_reasons"][:1] == [reason][: reason is not None]
    assert record["training_success"] is record["valid"] is (reason is None)
    assert len(record["attempts"]) == len(record["windows"]) == attempts
    assert len(record["background"]["parts"] if record["background"] else []) == backgrounds
    assert record["stop"]["reason"] == (reason or "foreground ended")


def test_nothing_was_started_at_all(tmp_path: Path) -> None:
    """It was interrupted, or a GPU was busy, before the loops had begun."""
    plan = plan_of(tmp_path)
    loops = [loop_facts(starts=0, reports=[])]
    place = write_experiment(
        tmp_path, plan, {}, [], status="GPU busy", error_message="busy", backgrounds=loops
    )
    (place / "background_logs" / "rounds.tsv").unlink()
    background = made(place, plan)["background"]
    assert background
    assert (background["cpu_seconds"], background["cpu_reason"]) == (None, "it was not started")
    assert (background["rounds_completed"], background["coverage"]) == (0, None)
    assert made(place, plan)["stop"]["duration_seconds"] is None


def test_of_several_attempts_the_last_counts(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 0)
    failed = keeper(started_s=1001.0, ended_s=1002.0, duration_s=1.0, exit_code=3)
    place = write_experiment(tmp_path, plan, {1: failed, 2: keeper()})
    (place / "attempts" / "1" / "training.log").write_text("Accuracy: 1\n")
    record = made(place, plan)
    assert [each["error_message"] for each in record["attempts"]] == ["exit code 3", None]
    assert [each["attempt"] for each in record["windows"]] == [1, 2]
    assert (record["retries"], record["duration_seconds"]) == (1, 10.0)
    assert record["performance_metrics"] == {"accuracy": 97.5}
    assert record["valid"]


def test_a_size_that_was_found_is_the_one_in_the_record(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    [experiment] = plan.experiments
    [background] = experiment.backgrounds
    sizes = (Size("size", value, ("train", str(value))) for value in (128, 64))
    auto = replace(background, auto=tuple(sizes))
    plan = replace(plan, experiments=(replace(experiment, backgrounds=(auto,)),))
    tried = [{"value": 128, "reason": "out of memory in round 1"}]
    loops = [loop_facts(size=64, chosen=64, tried=tried)]
    record = made(write_experiment(tmp_path, plan, {1: keeper()}, backgrounds=loops), plan)
    assert record["background"]
    [part] = record["background"]["parts"]
    assert (part["hyperparameters"], part["command"]) == ({"size": 64}, ["train", "64"])
    assert part["auto"] == {"name": "size", "value": 64, "tried": tried}
    assert record["background"]["hyperparameters"] == {"size": 64}


# -- every missing file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("attempts/1/keeper.json", "foreground failed: no report from its keeper"),
        ("attempts/1/training.log", "no metric found: the log cannot be read: No such file"),
        ("logs_0/rounds.tsv", "coverage 0.0% is below 95%"),
    ],
)
def test_a_file_that_is_gone_is_no_evidence(tmp_path: Path, gone: str, reason: str) -> None:
    """A training removed it, or the disk was full: the record says what is not known."""
    plan = plan_of(tmp_path)
    place = write_experiment(tmp_path, plan, {1: keeper()})
    (place / gone).unlink()
    record = made(place, plan)
    assert record["valid"] is False
    assert record["invalid_reasons"][0].startswith(reason)
    assert gone not in record["digests"]


@pytest.mark.parametrize("name", ["attempts/1/training.log", "logs_0/rounds.tsv"])
def test_what_is_no_file_is_no_evidence(tmp_path: Path, name: str) -> None:
    plan = plan_of(tmp_path)
    place = write_experiment(tmp_path, plan, {1: keeper()})
    (place / name).unlink()
    (place / name).mkdir()
    assert record_whatever_happens(place, plan)["valid"] is False


def test_what_no_record_can_be_made_of_says_so_and_why(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    place = write_experiment(tmp_path, plan, {1: keeper()}, [(1, 1001.0, 1e300, 0)])
    record = record_whatever_happens(place, plan)
    assert flaws(record) == []
    assert (record["status"], record["attempts"], record["digests"]) == ("not recorded", [], {})
    assert "record_error.txt says where" in str(record["error_message"])
    assert "Traceback" in (place / "record_error.txt").read_text()
    to = tmp_path / "to"
    to.mkdir()
    (place / "record_error.txt").unlink()
    assert record_whatever_happens(place, plan, to=to) == record
    assert [path.name for path in to.iterdir()] == ["record_error.txt"]
    assert not (place / "record_error.txt").exists()


def test_one_that_was_interrupted_stays_so_though_no_record_can_be_made(tmp_path: Path) -> None:
    """It is to run again: not being recorded would be an end."""
    plan = plan_of(tmp_path)
    end = {"status": "interrupted", "error_message": "interrupted by SIGTERM"}
    place = write_experiment(tmp_path, plan, {1: keeper()}, [(1, 1001.0, 1e300, 0)], **end)
    assert record_whatever_happens(place, plan)["status"] == "interrupted"


# -- the same, again and elsewhere ---------------------------------------------------------


def test_it_is_the_same_again_and_elsewhere(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 2)
    place = write_experiment(tmp_path, plan, {1: keeper()})
    before = json_bytes(made(place, plan))
    assert json_bytes(made(place, plan)) == before
    place.rename(tmp_path / "moved")
    (tmp_path / "moved").rename(tmp_path / "repos" / place.name)
    assert json_bytes(made(tmp_path / "repos" / place.name, plan)) == before


def test_what_was_pruned_is_as_an_earlier_record_says(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    place = write_experiment(tmp_path, plan, {1: keeper()})
    kept = made(place, plan)
    (place / "attempts/1/training.log").unlink()
    assert made(place, plan) != kept
    assert make_record(place, plan, kept) == kept


# -- every clock ---------------------------------------------------------------------------


@pytest.mark.parametrize("set_by_s", [-7200.0, -1.0, 1.0, 7200.0])
@pytest.mark.parametrize(
    ("rounds", "reasons"),
    [
        (ROUNDS, []),
        (
            [(1, 1001.0, 1009.9, 0), (2, 1009.95, 1015.0, 1), (3, 1015.01, 1030.0, 1)],
            ["no b 0 round succeeded beside the foreground (1 failed)"],
        ),
    ],
)
def test_a_clock_that_is_set_in_between_changes_only_what_is_shown(
    tmp_path: Path, rounds: Any, reasons: list[str], set_by_s: float
) -> None:
    """The clock was set after the experiment had begun and before the foreground's keeper did.

    The second one is not valid: its only good round ended just before the foreground began, by any
    clock. Dated by UTC it would have ended beside it, or hours away.
    """
    plan = plan_of(tmp_path)
    before = made(write_experiment(tmp_path, plan, {1: keeper()}, rounds), plan)
    later = Moment(CLOCK.boottime_s, CLOCK.utc_s + set_by_s)
    report = keeper(clock=later.readings())
    after = made(write_experiment(tmp_path / "set", plan, {1: report}, rounds), plan)
    assert before["invalid_reasons"] == after["invalid_reasons"] == reasons
    assert before["windows"] == after["windows"]
    assert before["background"] == after["background"]
    [shown] = after["attempts"]
    assert shown["started"] == later.iso_at(BEGIN_S) != before["attempts"][0]["started"]
    times = ("start_boottime_s", "end_boottime_s", "duration_seconds", "coverage")
    assert [shown[name] for name in times] == [before["attempts"][0][name] for name in times]  # type: ignore[literal-required]
