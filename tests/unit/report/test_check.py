"""What check and list print: command lines that a shell reads back, on lines that hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tandem.config.options import Controls, Dose, Limits
from tandem.config.problems import Problem
from tandem.config.registry import load_registry
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Experiment, Plan, Training
from tandem.report.check import text_of_check, text_of_registry


def training(**changes: Any) -> Training:
    values: dict[str, Any] = {
        "repo": "vision",
        "model": "resnet20",
        "hyperparameters": {"rate": 1e-7},
        "mutated": ("rate",),
        "command": ("./train.sh", "--lr", "1e-07", "a b"),
        "work_dir": Path("/data/my repos"),
        "log": LogRules({}),
    }
    return Training(**values | changes)


def load() -> Training:
    bare = {"hyperparameters": {}, "mutated": (), "command": ("./load.sh",)}
    return training(**bare, environment={"THREADS": "a b"})


def experiment(**changes: Any) -> Experiment:
    values: dict[str, Any] = {
        "number": 1,
        "id": "vision_resnet20_001_parallel",
        "foreground": training(),
        "backgrounds": (Background(load(), Dose()),),
        "foreground_mode": "mutation",
        "source_path": "experiments[0]",
        "source_entry": {},
    }
    return Experiment(**values | changes)


def plan(*experiments: Experiment) -> Plan:
    return Plan("night", Path("/s.json"), Path("/r.json"), Path("/root"), 7, experiments)


PROBLEMS = [
    Problem("warning", "governor", "not applied", "s.json"),
    Problem("error", "experiments[0].repo", "is not in the registry", "s.json"),
]


def test_the_plan_as_text() -> None:
    assert text_of_check(plan(experiment()), PROBLEMS) == (
        "night: 1 experiment (1 parallel)\n"
        "  settings  /s.json\n"
        "  registry  /r.json\n"
        "  root      /root\n"
        "  seed      7\n"
        "\n"
        "vision_resnet20_001_parallel  parallel, mutation in the foreground\n"
        "  timeout none, 2 retries, warm-up 5 s\n"
        "  foreground  vision resnet20: rate=0.0000001 (drawn)\n"
        "    in   '/data/my repos'\n"
        "    run  ./train.sh --lr 1e-07 'a b'\n"
        "  background  vision resnet20: no values passed\n"
        "    in   '/data/my repos'\n"
        "    run  ./load.sh\n"
        "    env  THREADS='a b'\n"
        "\n"
        "1 error:\n"
        "  s.json: experiments[0].repo: is not in the registry\n"
        "\n"
        "1 warning:\n"
        "  s.json: governor: not applied"
    )


def test_without_a_plan_only_the_problems() -> None:
    text = text_of_check(None, PROBLEMS)
    assert text.startswith("nothing is planned\n\n1 error:\n")


def test_governor_and_cooldown_are_shown_where_they_are_asked_for() -> None:
    governed = replace(plan(experiment(limits=Limits(cooldown_s=90.0))), governor="performance")
    text = text_of_check(governed, [])
    assert "\n  governor  performance\n" in text
    assert ", warm-up 5 s, cool-down at most 90 s\n" in text


def test_the_totals_count_the_modes() -> None:
    single = experiment(id="a", backgrounds=(), foreground_mode="default")
    text = text_of_check(plan(experiment(), single, single), [])
    assert text.startswith("night: 3 experiments (2 default, 1 parallel)\n")
    assert "\na  default\n  timeout none, 2 retries\n" in text
    assert "error" not in text


def test_the_limits_of_an_experiment() -> None:
    limits = Limits(timeout_s=31536000.0, max_retries=1, warmup_s=0.25)
    text = text_of_check(plan(experiment(limits=limits)), [])
    assert "\n  timeout 31536000 s, 1 retry, warm-up 0.25 s\n" in text


def test_the_controls_of_an_experiment() -> None:
    controls = Controls(idle_s=60.0, background_s=0.5, solo=True)
    pair = experiment(controls=controls, twin="s_002_solo")
    solo = experiment(
        id="s_002_solo", backgrounds=(), controls=controls, control="solo", twin=pair.id
    )
    text = text_of_check(plan(pair, solo), [])
    assert text.startswith("night: 2 experiments (1 parallel, 1 solo)\n")
    assert (
        "\nvision_resnet20_001_parallel  parallel, mutation in the foreground, control s_002_solo\n"
        "  timeout none, 2 retries, warm-up 5 s, idle 60 s before and after,"
        " background alone 0.5 s\n"
    ) in text
    assert (
        "\ns_002_solo  mutation, solo control of vision_resnet20_001_parallel\n"
        "  timeout none, 2 retries, idle 60 s before and after\n"
    ) in text


def test_the_doses_of_several_backgrounds() -> None:
    dose = Dose(restart_delay_s=3.0, max_rounds=7, intensity=0.25, gpu_memory_mib=900.0)
    share = Dose(target_sm_percent=40.0, gpu_memory_fraction=0.5)
    loads = [Background(load(), each) for each in (dose, Dose(), share)]
    lines = text_of_check(plan(experiment(backgrounds=tuple(loads))), []).splitlines()
    shown = [line.strip() for line in lines if "background" in line or "dose" in line]
    assert shown == [
        "background 1  vision resnet20: no values passed",
        "dose at most 7 rounds, intensity 0.25, at most 900 MiB",
        "background 2  vision resnet20: no values passed",
        "background 3  vision resnet20: no values passed",
        "dose GPU held at 40 %, at most 0.5 of the GPU's memory",
    ]


@given(name=st.text(min_size=1), value=st.text())
def test_no_name_breaks_the_layout(name: str, value: str) -> None:
    odd = training(
        repo=name, model=name, hyperparameters={name: value}, command=(name, value), mutated=()
    )
    shown = text_of_check(plan(experiment(foreground=odd)), [])
    usual = text_of_check(plan(experiment()), [])
    assert len(shown.splitlines()) == len(usual.splitlines())
    assert all(line.isprintable() for line in shown.split("\n"))


def test_the_registry_as_text(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    repository = {
        "path": "repos/vision",
        "train_script": "./train.sh",
        "models": ["resnet20", "a\nb"],
        "required_args": {"data": "-d 'x y'"},
        "supported_hyperparams": {
            "epochs": {"flag": "-e", "type": "int", "default": 10, "range": [5, 15]},
            "decay": {
                "flag": "--wd",
                "type": "float",
                "range": [1e-5, 0.001],
                "distribution": "log_uniform",
                "zero_probability": 0.3,
            },
            "tag": {"flag": "--tag", "type": "str", "default": "a b"},
            "rate": {"flag": "lr=", "type": "float", "choices": [1e-5, 1]},
            "amp": {"flag": "-a", "off_flag": "-b", "type": "switch", "default": True},
        },
        "model_flag": "-n",
        "performance_metrics": {"log_patterns": {"accuracy": "acc ([0-9.]+)"}},
    }
    bare = {"path": "b", "train_script": "t", "models": ["m"], "trian_script": 1}
    bare["performance_metrics"] = repository["performance_metrics"]
    path.write_text(json.dumps({"models": {"vision": repository, "bare": bare}}))
    assert text_of_registry(load_registry(path)) == (
        "vision\n"
        "  path    repos/vision\n"
        "  script  ./train.sh -d 'x y'\n"
        '  models  resnet20, "a\\nb"\n'
        "  hyperparameter  flag     type    range           "
        "distribution                         default\n"
        "  epochs          -e       int     5 to 15         "
        "uniform                              10\n"
        "  decay           --wd     float   1e-05 to 0.001  "
        "log_uniform, 0 with probability 0.3  -\n"
        "  tag             --tag    str     -               "
        "-                                    'a b'\n"
        "  rate            lr=      float   0.00001, 1.0    "
        "uniform                              -\n"
        "  amp             -a / -b  switch  -               "
        "-                                    true\n"
        "\n"
        "bare\n"
        "  path    b\n"
        "  script  t\n"
        "  models  m\n"
        "\n"
        "1 warning:\n"
        f"  {path}: models.bare.trian_script: unknown key, ignored"
        ' (did you mean "train_script"?)'
    )
