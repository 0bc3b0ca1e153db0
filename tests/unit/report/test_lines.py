"""What check --lines prints: command lines that a shell reads back, on lines that hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.plans import experiment, load, plan, training
from tandem.config.options import Controls, Dose, Limits
from tandem.config.problems import Problem
from tandem.plan.model import Background
from tandem.report.check.lines import text_of_lines

PROBLEMS = [
    Problem("warning", "governor", "not applied", "s.json"),
    Problem("error", "experiments[0].repo", "is not in the registry", "s.json"),
]


def test_the_plan_as_text() -> None:
    assert text_of_lines(plan(experiment()), PROBLEMS) == (
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
    text = text_of_lines(None, PROBLEMS)
    assert text.startswith("nothing is planned\n\n1 error:\n")


def test_governor_and_cooldown_are_shown_where_they_are_asked_for() -> None:
    governed = replace(plan(experiment(limits=Limits(cooldown_s=90.0))), governor="performance")
    text = text_of_lines(governed, [])
    assert "\n  governor  performance\n" in text
    assert ", warm-up 5 s, cool-down at most 90 s\n" in text


def test_the_totals_count_the_modes() -> None:
    single = experiment(id="a", backgrounds=(), foreground_mode="default")
    text = text_of_lines(plan(experiment(), single, single), [])
    assert text.startswith("night: 3 experiments (2 default, 1 parallel)\n")
    assert "\na  default\n  timeout none, 2 retries\n" in text
    assert "error" not in text


def test_the_limits_of_an_experiment() -> None:
    limits = Limits(timeout_s=31536000.0, max_retries=1, warmup_s=0.25)
    text = text_of_lines(plan(experiment(limits=limits)), [])
    assert "\n  timeout 31536000 s, 1 retry, warm-up 0.25 s\n" in text


def test_the_controls_of_an_experiment() -> None:
    controls = Controls(idle_s=60.0, background_s=0.5, solo=True)
    pair = experiment(controls=controls, twin="s_002_solo")
    solo = experiment(
        id="s_002_solo", backgrounds=(), controls=controls, control="solo", twin=pair.id
    )
    text = text_of_lines(plan(pair, solo), [])
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
    lines = text_of_lines(plan(experiment(backgrounds=tuple(loads))), []).splitlines()
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
    shown = text_of_lines(plan(experiment(foreground=odd)), [])
    usual = text_of_lines(plan(experiment()), [])
    assert len(shown.splitlines()) == len(usual.splitlines())
    assert all(line.isprintable() for line in shown.split("\n"))


def test_which_values_of_a_training_were_drawn() -> None:
    mixed = training(hyperparameters={"epochs": 3, "rate": 0.5}, mutated=("rate",))
    shown = text_of_lines(plan(experiment(foreground=mixed)), [])
    assert "foreground  vision resnet20: epochs=3, rate=0.5 (drawn: rate)" in shown


def test_a_control_of_several_names_none_of_them() -> None:
    shown = text_of_lines(plan(experiment(id="s", backgrounds=(), control="solo")), [])
    assert "\ns  mutation, solo control\n" in shown
