"""Settings in the dialects of the system before: real ones where they are, small ones everywhere.

The real ones are read from the folder that TANDEM_COMPAT names, by default compat/ in the folder
shared/ beside the project.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from tandem.config.options import GpuSetup, as_settings
from tandem.config.problems import problem_lines
from tandem.plan.file import VERSION, text_of_reading
from tandem.plan.model import Experiment
from tandem.plan.planner import PlanReading, read_plan
from tandem.report.check.text import text_of_check

COMPAT = Path(os.environ.get("TANDEM_COMPAT") or ROOT.parent / "shared" / "compat")
REGISTRY = COMPAT / "models_config.json"
real = pytest.mark.skipif(
    not REGISTRY.is_file(), reason=f"no settings of the old system in {COMPAT} (set TANDEM_COMPAT)"
)

Paths = dict[str, int]  # how many problems, by path without the list's index


def project(registry: Path, root: Path) -> None:
    """Make a stub of every repository that the registry names."""
    for repository in json.loads(registry.read_text(encoding="utf-8"))["models"].values():
        script = root / repository["path"] / repository["train_script"]
        script.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)


def paths(reading: PlanReading, severity: str) -> Paths:
    found = [it.path for it in reading.problems if it.severity == severity]
    return dict(Counter(re.sub(r"\[\d+\]", "[]", path) for path in found))


def experiments(reading: PlanReading) -> tuple[Experiment, ...]:
    assert reading.plan, problem_lines(reading.problems, "error")
    return reading.plan.experiments


MISSING_TABLE = {"historical_csvs[]": 1}
PROGRESS_NOTES = dict.fromkeys(("version", "created"), 1)
FILES: dict[str, tuple[int, Paths, Paths]] = {  # experiments, errors, warnings
    "archived__parallel_example": (
        2,
        {},
        {"experiments[].background.hyperparameters.dropout": 1},
    ),
    "archived__11_models_sequential_and_parallel_training": (22, {}, {}),
    "archived__default": (
        13,
        {"experiments[].model": 2},
        {f"experiments[].hyperparameters.{name}": 1 for name in ("epochs", "learning_rate")},
    ),
    "archived__mutation_2x_supplement": (
        16,
        {},
        MISSING_TABLE
        | {"cleanup_gpu_memory": 1, "cleanup_between_experiments": 1, "mode": 1}
        | {"experiments[].num_mutations": 7, "experiments[].fixed_hyperparams": 4},
    ),
    "archived__optimized_mutation_v1": (
        23,
        {},
        dict.fromkeys(("session_name", "base_results_dir"), 1)
        | dict.fromkeys(("mutation_strategy", "validation_note"), 1)
        | dict.fromkeys(("experiments[].experiment_id", "experiments[].mutation_note"), 23)
        | dict.fromkeys(("experiments[].repository", "experiments[].hyperparameters"), 23),
    ),
    "stage_final_all_remaining": (
        110,
        {},
        MISSING_TABLE
        | PROGRESS_NOTES
        | dict.fromkeys(("estimated_duration_hours", "estimated_experiments", "merge_info"), 1)
        | dict.fromkeys(("target_completion", "execution_summary", "completion_status"), 1)
        | dict.fromkeys(("experiments[].mode", "experiments[].mutate_params"), 5)
        | {"experiments[].baseline_runs": 5, "experiments[].background.repo": 8},
    ),
    "multi_param_mutation_all_models": (
        110,
        {},
        MISSING_TABLE | {"experiments[].background.repo": 4},
    ),
    "test_data_extraction_debug": (
        4,
        {"experiments[]": 4},
        PROGRESS_NOTES
        | dict.fromkeys(("purpose", "global_settings", "expected_results"), 1)
        | {"experiments[].mode": 4, "experiments[].timeout": 4}
        | {"experiments[].experiment_type": 8},
    ),
}
names = pytest.mark.parametrize("name", FILES)


def read(name: str, root: Path, *, skip_invalid: bool = True, seed: int = 1) -> PlanReading:
    if not (root / "repos").exists():
        project(REGISTRY, root)
    settings = COMPAT / f"{name}.json"
    return read_plan(settings, REGISTRY, root=root, seed=seed, skip_invalid=skip_invalid)


@real
@names
def test_a_real_file_plans_what_it_should_and_says_what_it_should(
    tmp_path: Path, name: str
) -> None:
    count, errors, warnings = FILES[name]
    reading = read(name, tmp_path)
    assert len(experiments(reading)) == count
    assert paths(reading, "error") == errors
    assert paths(reading, "warning") == warnings
    strict = read(name, tmp_path, skip_invalid=False)
    assert (strict.plan is None) == bool(errors)


@pytest.mark.long
@real
@names
def test_a_real_file_gives_the_same_plan_again_and_is_left_as_it_was(
    tmp_path: Path, name: str
) -> None:
    digest = hashlib.sha256((COMPAT / f"{name}.json").read_bytes()).hexdigest()
    plan, again = read(name, tmp_path).plan, read(name, tmp_path).plan
    assert plan and plan == again
    assert plan.settings_sha256 == digest
    assert hashlib.sha256((COMPAT / f"{name}.json").read_bytes()).hexdigest() == digest
    drawn = [it.foreground.hyperparameters for it in plan.experiments if it.foreground.mutated]
    other = experiments(read(name, tmp_path, seed=2))
    others = [it.foreground.hyperparameters for it in other if it.foreground.mutated]
    assert len(drawn) == len(others)
    assert not drawn or drawn != others


@real
@names
def test_in_a_real_file_every_key_does_what_its_warning_says(tmp_path: Path, name: str) -> None:
    top = json.loads((COMPAT / f"{name}.json").read_text(encoding="utf-8"))
    for experiment in experiments(read(name, tmp_path)):
        entry, training = experiment.source_entry, experiment.foreground
        is_parallel = entry.get("mode", top.get("mode")) == "parallel"
        assert bool(experiment.backgrounds) == is_parallel
        inner = entry["foreground"] if is_parallel else entry
        assert training.repo == inner.get("repo", inner.get("repository"))
        assert training.model == inner["model"]
        assert experiment.limits.timeout_s == entry.get("timeout")
        assert experiment.limits.max_retries == top.get("max_retries", 2)
        given = inner.get("hyperparameters", inner.get("fixed_hyperparams", {}))
        if inner.get("mode", top.get("mode", "mutation")) == "default":
            assert training.hyperparameters == {
                key: value for key, value in given.items() if key in training.hyperparameters
            }
            assert training.mutated == ()
        else:
            mutate = inner.get("mutate", inner.get("mutate_params")) or ()
            assert set(training.mutated) == set(training.hyperparameters)
            assert not mutate or set(training.mutated) == set(mutate)
        for background in experiment.backgrounds:
            passed = entry["background"].get("hyperparameters", {})
            assert set(background.training.hyperparameters) <= set(passed)
            assert background.training.repo == entry["background"]["repo"]


@real
@names
def test_a_real_file_runs_each_entry_as_often_as_it_says(tmp_path: Path, name: str) -> None:
    top = json.loads((COMPAT / f"{name}.json").read_text(encoding="utf-8"))
    planned = Counter(it.source_path for it in experiments(read(name, tmp_path)))
    for index, entry in enumerate(top["experiments"]):
        inner = entry.get("foreground", entry)
        runs = entry.get("runs_per_config", inner.get("runs_per_config"))
        wanted = top.get("runs_per_config", 1) if runs is None else runs
        assert planned.get(f"experiments[{index}]", wanted) == wanted


# What settings could not say then, as a plan has it where they do not.
ADDED = ('"idle_context_seconds": 0.0, ', f', "gpu_setup": {json.dumps(as_settings(GpuSetup()))}')
# What `text_of_plan` gives with the seed 5, from before there were settings of version 2: with the
# registry of the old system and with the default one.
PLANS = {
    "archived__parallel_example": ("9acc0014856e239a", "455a394ef1c898b5"),
    "archived__11_models_sequential_and_parallel_training": (
        "f1eb1d1c50e69b55",
        "36e5e510540c4e02",
    ),
    "archived__default": ("d17f07c3e705d035", "54c1e7dd0ef7e1ff"),
    "archived__mutation_2x_supplement": ("c1345f141ea1feff", "455a394ef1c898b5"),
    "archived__optimized_mutation_v1": ("815d612e5c0d7a67", "9bb2eb178c10a682"),
    "stage_final_all_remaining": ("68b11eaccddd555b", "f3575d5af777c6af"),
    "multi_param_mutation_all_models": ("1711bda1608eed4a", "4ed0b237f668c7bd"),
    "test_data_extraction_debug": ("be44c8167cef29fa", "455a394ef1c898b5"),
}


def default_project(root: Path) -> Path:
    """Make the default registry's project without what only a machine with data has."""
    registry = json.loads((ROOT / "config" / "models_config.json").read_text(encoding="utf-8"))
    for repository in registry["models"].values():
        folder = root / repository["path"]
        folder.mkdir(parents=True)
        repository.pop("needs_modules", None)
        repository.pop("commit", None)
        for needed in repository.pop("needs_files", {}):
            (folder / needed).mkdir(parents=True)
        if "train_script" in repository:
            (folder / repository["train_script"]).write_text("#!/bin/sh\n")
            (folder / repository["train_script"]).chmod(0o755)
    file = root / "models_config.json"
    file.write_text(json.dumps(registry), encoding="utf-8")
    return file


def text_of_plan(reading: PlanReading, root: Path) -> str:
    """The plan as it is written, without what differs by machine and the registry's own digest."""
    text = text_of_reading(reading.plan, ())
    python = shutil.which("python3") or ""
    places = {f"{root}/": "", str(root): "", f"{COMPAT}/": "", f"{ROOT}/": "", python: "python3"}
    for place, name in places.items():
        text = text.replace(place, name)
    for added in ADDED:
        text = text.replace(added, "")
    text = text.replace(f'"plan_version": {VERSION}', '"plan_version": 4')
    return re.sub('"registry_sha256": "[0-9a-f]+"', '"registry_sha256": ""', text)


@real
@names
@pytest.mark.parametrize("registry", ["old", "default"])
def test_a_real_file_gives_the_plan_that_it_gave_before(
    tmp_path: Path, name: str, registry: str
) -> None:
    if registry == "old":
        reading = read(name, tmp_path, seed=5)
    else:
        file = default_project(tmp_path)
        settings = COMPAT / f"{name}.json"
        reading = read_plan(settings, file, root=tmp_path, seed=5, skip_invalid=True)
    digest = hashlib.sha256(text_of_plan(reading, tmp_path).encode()).hexdigest()
    assert digest[:16] == PLANS[name][registry == "default"]


@real
@pytest.mark.parametrize("name", ["multi_param_mutation_all_models", "stage_final_all_remaining"])
@pytest.mark.parametrize("columns", [80, 100])
def test_a_hundred_experiments_are_a_table_that_a_person_reads(
    tmp_path: Path, name: str, columns: int
) -> None:
    text = text_of_check(read(name, tmp_path).plan, (), tmp_path, columns)
    _, table, *_ = text.split("\n\n")
    assert len(table.splitlines()) < 65
    assert max(map(len, table.splitlines())) <= columns
    draws = re.findall(r"(?<=\()\d+|\d+(?= draws of)", table)
    assert sum(map(int, draws)) == 110


Run = tuple[str, str, bool, frozenset[tuple[str, float]]]


def run_of(repo: str, model: str, *, parallel: bool, values: dict[str, Any]) -> Run:
    """What a run is known by: what it is, and the values that are not the default."""
    models = json.loads(REGISTRY.read_text(encoding="utf-8"))["models"]
    known = models[repo]["supported_hyperparams"]
    changed = {key: float(value) for key, value in values.items() if value != ""}
    others = ((key, value) for key, value in changed.items() if value != known[key]["default"])
    return repo, model, parallel, frozenset(others)


def runs_of_table(path: Path) -> set[Run]:
    runs = set()
    with open(path, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            sides = [
                {
                    key.removeprefix(f"{side}hyperparam_"): text
                    for key, text in row.items()
                    if key.startswith(f"{side}hyperparam_") and text
                }
                for side in ("fg_", "")
            ]
            repo, model = row["repository"] or row["fg_repository"], row["model"] or row["fg_model"]
            values = sides[0] | sides[1]
            runs.add(run_of(repo, model, parallel=row["mode"] == "parallel", values=values))
    return runs


def runs_of_plan(reading: PlanReading) -> list[Run]:
    return [
        run_of(
            it.foreground.repo,
            it.foreground.model,
            parallel=bool(it.backgrounds),
            values=dict(it.foreground.hyperparameters),
        )
        for it in experiments(reading)
        if it.foreground.mutated
    ]


@pytest.mark.long
@real
def test_nothing_that_stands_in_the_real_table_is_drawn_again(tmp_path: Path) -> None:
    name, old_runs = "stage_final_all_remaining", runs_of_table(COMPAT / "raw_data.csv")
    without = read(name, tmp_path)
    assert old_runs & set(runs_of_plan(without))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw_data.csv").symlink_to(COMPAT / "raw_data.csv")
    reading = read(name, tmp_path)
    assert not old_runs & set(runs_of_plan(reading))
    assert len(experiments(reading)) == 100
    assert [it.message.partition(" (")[0] for it in reading.problems if it.severity == "error"] == [
        '5 different values of "epochs" are wanted, but only 3 are left:'
        " 10 without the default, less 7 in historical_csvs",
        '5 different values of "kfold" are wanted, but only 1 is left:'
        " 8 without the default, less 7 in historical_csvs",
    ]
    told = [it for it in reading.problems if it.path == "historical_csvs[0]"]
    assert [it.severity for it in told] == ["warning", "remark"]
    assert told[0].message.startswith("3 rows of ")
    assert told[1].message.endswith("not drawn again: 166 of 1225")


def checksums(*folders: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(settings: Path, registry: Path, root: Path, results: Path) -> tuple[int, list[Path]]:
    """Run a settings file; return the exit code and the folders of its experiments."""
    command = [sys.executable, str(ROOT / "driver.py"), "run", str(settings), "--seed", "1"]
    options = {"--registry": registry, "--root": root, "--results": results}
    for option, path in options.items():
        command += [option, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, sorted(path.parent for path in results.glob("run_*/*/fg_run.sh"))


@pytest.mark.long
@real
@pytest.mark.parametrize(
    ("name", "backgrounds"),
    [("archived__parallel_example", 2), ("archived__mutation_2x_supplement", 0)],
)
def test_a_real_file_runs_and_nothing_is_changed_by_that(
    tmp_path: Path, name: str, backgrounds: int
) -> None:
    root = tmp_path / "root"
    project(REGISTRY, root)
    before = checksums(COMPAT, root)
    results = tmp_path / "results"
    code, folders = run(COMPAT / f"{name}.json", REGISTRY, root, results)
    assert code == 1  # the stubs print no metric
    assert len(folders) == FILES[name][0]
    assert checksums(COMPAT, root) == before
    assert len(list(results.rglob("bg_loop.sh"))) == backgrounds
    for folder in folders:
        assert json.loads((folder / "experiment.json").read_text())["training_success"] is True


# The same dialects by hand, small: they are read also where there are no real files.

SMALL: dict[str, Any] = {
    "models": {
        "reid": {
            "path": "repos/reid",
            "train_script": "./train.sh",
            "models": ["dense", "pcb"],
            "model_flag": "-n",
            "supported_hyperparams": {
                "epochs": {"flag": "-e", "type": "int", "default": 60, "range": [30, 90]},
                "dropout": {"flag": "-d", "type": "float", "default": 0.5, "range": [0.3, 0.6]},
            },
            "performance_metrics": {"log_patterns": {"rank1": "Rank@1: ([0-9.]+)"}},
        },
        "bugs": {
            "path": "repos/bugs",
            "train_script": "./train.sh",
            "models": ["default"],
            "required_args": "-d 'set one'",
            "supported_hyperparams": {
                "kfold": {"flag": "-k", "type": "int", "default": 10, "range": [2, 10]}
            },
            "performance_metrics": {"log_patterns": {"top1": "Top-1: ([0-9.]+)"}},
        },
    }
}
PCB = {"repo": "reid", "model": "pcb"}
BUGS = {"repo": "bugs", "model": "default"}

DIALECTS: dict[str, tuple[Any, list[str], Paths, Paths]] = {  # ids, errors, warnings
    "stages": (
        {
            "comment": "stage 12",
            "version": "4.7",
            "estimated_experiments": 5,
            "merge_info": {"stage12": "pcb"},
            "use_deduplication": True,
            "historical_csvs": ["data/old.csv"],
            "experiments": [
                {"comment": "=== part 1 ==="},
                {
                    "mode": "parallel",
                    "foreground": PCB | {"mode": "mutation", "mutate": ["epochs"], "comment": "x"},
                    "background": BUGS | {"hyperparameters": {}},
                    "runs_per_config": 2,
                },
                {"comment": "=== part 2 ===", "estimated_time_hours": "5"},
                BUGS
                | {"mode": "nonparallel", "mutate_params": ["kfold"], "baseline_runs": 0}
                | {"runs_per_config": 3},
            ],
        },
        ["reid_pcb_001_parallel", "reid_pcb_002_parallel"]
        + [f"bugs_default_{number:03d}" for number in (3, 4, 5)],
        {},
        {"version": 1, "estimated_experiments": 1, "merge_info": 1, "historical_csvs[]": 1}
        | {"experiments[].estimated_time_hours": 1, "experiments[]": 1}
        | {"experiments[].mode": 1, "experiments[].mutate_params": 1}
        | {"experiments[].baseline_runs": 1},
    ),
    "batch": (
        {
            "mode": "batch",
            "runs_per_config": 2,
            "governor": "performance",
            "cleanup_gpu_memory": True,
            "experiments": [
                BUGS | {"num_mutations": 1, "mutate": ["kfold"]},
                PCB | {"mode": "default", "fixed_hyperparams": {"epochs": 1}},
            ],
        },
        ["bugs_default_001", "bugs_default_002", "reid_pcb_003", "reid_pcb_004"],
        {},
        {"cleanup_gpu_memory": 1, "mode": 1}
        | {"experiments[].num_mutations": 1, "experiments[].fixed_hyperparams": 1},
    ),
    "other names": (
        {
            "session_name": "v1",
            "mutation_strategy": {"dropout": {"type": "offset"}},
            "experiments": [
                {"experiment_id": 1, "repository": "reid", "model": "pcb"}
                | {"hyperparameters": {"dropout": 0.2}, "mutation_note": "0.5 - 0.3"}
            ],
        },
        ["reid_pcb_001"],
        {},
        {"session_name": 1, "mutation_strategy": 1, "experiments[].experiment_id": 1}
        | {"experiments[].repository": 1, "experiments[].hyperparameters": 1}
        | {"experiments[].mutation_note": 1},
    ),
    "mixed": (
        {
            "mode": "mixed",
            "experiments": [
                BUGS | {"mode": "default", "hyperparameters": {"kfold": 10}, "note": "1/2"},
                {
                    "mode": "parallel",
                    "foreground": PCB | {"mode": "default", "hyperparameters": {"epochs": 60}},
                    "background": BUGS | {"hyperparameters": {"kfold": 5}},
                    "note": "2/2",
                },
            ],
        },
        ["bugs_default_001", "reid_pcb_002_parallel"],
        {},
        {},
    ),
    "settings inside settings": (
        {
            "global_settings": {"runs_per_config": 3, "use_deduplication": True},
            "experiments": [
                BUGS | {"mutation_type": "default", "runs_per_config": 2},
                PCB
                | {"mutation_type": "mutation", "timeout": 60}
                | {"mutate_params": {"epochs": {"distribution": "uniform", "min": 1, "max": 9}}},
                {"mutation_type": "parallel", "foreground": PCB, "background": BUGS},
            ],
        },
        ["bugs_default_001", "bugs_default_002", "reid_pcb_003"],
        {"experiments[]": 1},
        {"global_settings": 1, "experiments[].mutation_type": 3}
        | {"experiments[].mutate_params": 1, "experiments[].timeout": 1},
    ),
    "placeholders": (
        {
            "mode": "parallel",
            "notes": ["1. the outer names mean nothing"],
            "experiments": [
                {
                    "repo": "placeholder",
                    "model": "placeholder",
                    "foreground": PCB | {"mutate": ["all"], "description": "measured"},
                    "background": BUGS
                    | {"hyperparameters": {"kfold": 2, "epochs": 1}, "description": "load"},
                }
            ],
        },
        ["reid_pcb_001_parallel"],
        {},
        {"experiments[].background.hyperparameters.epochs": 1},
    ),
    "several at once": (
        {
            "_description": "x",
            "_total_configs": 2,
            "mode": "mutation",
            "experiments": [
                PCB | {"mode": "mutation", "mutate": ["epochs", "dropout"], "runs_per_config": 2},
                PCB
                | {
                    "mode": "parallel",
                    "foreground": PCB | {"mode": "mutation", "mutate": ["epochs", "dropout"]},
                    "background": {"repo": "reid", "model": "dense", "mode": "default"},
                },
            ],
        },
        ["reid_pcb_001", "reid_pcb_002", "reid_pcb_003_parallel"],
        {},
        {"experiments[].background.repo": 1},
    ),
    "unknown models": (
        {
            "mode": "default",
            "experiments": [
                PCB | {"model": "pcbb"},
                BUGS | {"hyperparameters": {"epochs": 1, "kfold": 4}},
            ],
        },
        ["bugs_default_001"],
        {"experiments[].model": 1},
        {"experiments[].hyperparameters.epochs": 1},
    ),
}


def read_small(folder: Path, settings: Any, *, skip_invalid: bool = True) -> PlanReading:
    registry = folder / "models_config.json"
    if not registry.exists():
        registry.write_text(json.dumps(SMALL), encoding="utf-8")
        project(registry, folder)
    (folder / "night.json").write_text(json.dumps(settings), encoding="utf-8")
    path = folder / "night.json"
    return read_plan(path, registry, root=folder, seed=1, skip_invalid=skip_invalid)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_plans_what_it_should_and_says_what_it_should(tmp_path: Path, name: str) -> None:
    settings, ids, errors, warnings = DIALECTS[name]
    reading = read_small(tmp_path, settings)
    assert [it.id for it in experiments(reading)] == ids
    assert paths(reading, "error") == errors
    assert paths(reading, "warning") == warnings
    assert read_small(tmp_path, settings).plan == reading.plan
    strict = read_small(tmp_path, settings, skip_invalid=False)
    assert (strict.plan is None) == bool(errors)


def values_of(folder: Path, name: str) -> list[dict[str, Any]]:
    reading = read_small(folder, DIALECTS[name][0])
    return [dict(it.foreground.hyperparameters) for it in experiments(reading)]


def test_what_the_dialects_pass_and_draw(tmp_path: Path) -> None:
    *drawn, first, second = values_of(tmp_path, "batch")
    assert [list(values) for values in drawn] == [["kfold"]] * 2
    assert first == second == {"epochs": 1}
    assert [list(values) for values in values_of(tmp_path, "other names")] == [
        ["epochs", "dropout"]
    ]
    assert values_of(tmp_path, "mixed") == [{"kfold": 10}, {"epochs": 60}]
    [*_, inside] = values_of(tmp_path, "settings inside settings")
    assert list(inside) == ["epochs"]
    assert 30 <= inside["epochs"] <= 90
    [placed] = experiments(read_small(tmp_path, DIALECTS["placeholders"][0]))
    [background] = placed.backgrounds
    assert background.training.command == ("./train.sh", "-d", "set one", "-k", "2")
    assert values_of(tmp_path, "unknown models") == [{"kfold": 4}]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_without_the_mode_parallel_starts_no_background(
    tmp_path: Path, name: str
) -> None:
    def without_mode(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {key: it for key, it in value.items() if (key, it) != ("mode", "parallel")}
            return {key: without_mode(it) for key, it in kept.items()}
        return [without_mode(it) for it in value] if isinstance(value, list) else value

    reading = read_small(tmp_path, without_mode(DIALECTS[name][0]))
    plan = reading.plan
    assert all(not it.backgrounds for it in (plan.experiments if plan else ()))


@pytest.mark.long
@pytest.mark.parametrize(("name", "backgrounds"), [("stages", 2), ("batch", 0)])
def test_a_dialect_runs_and_nothing_is_changed_by_that(
    tmp_path: Path, name: str, backgrounds: int
) -> None:
    root, results = tmp_path / "root", tmp_path / "results"
    root.mkdir()
    reading = read_small(root, DIALECTS[name][0] | {"warmup_seconds": 0.1})
    before = checksums(root)
    _, folders = run(root / "night.json", root / "models_config.json", root, results)
    assert [folder.name for folder in folders] == sorted(it.id for it in experiments(reading))
    assert checksums(root) == before
    assert len(list(results.rglob("bg_loop.sh"))) == backgrounds


def test_a_list_of_entries_is_no_settings_file(tmp_path: Path) -> None:
    reading = read_small(tmp_path, [BUGS | {"mutate_strategy": "random"}])
    assert reading.plan is None
    [problem] = reading.problems
    assert problem.message.startswith("must be an object, not a list (write ")
