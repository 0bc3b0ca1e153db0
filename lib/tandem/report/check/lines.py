"""Every command line of a plan, as a shell reads it: `check --lines`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tandem.base.text import counted, printable, word
from tandem.config.options import Dose
from tandem.config.problems import Problem
from tandem.plan.command import text_of
from tandem.plan.model import Background, Experiment, Plan, Training
from tandem.report.check.conditions import conditions_text
from tandem.report.problems import problem_blocks
from tandem.report.shell import shell_line, shell_word

NOTHING = "nothing is planned"


def text_of_lines(plan: Plan | None, problems: Sequence[Problem]) -> str:
    """Every experiment with its command lines, then what is wrong."""
    blocks = [plan_head(plan), *map(_experiment_text, plan.experiments)] if plan else [NOTHING]
    return "\n\n".join([*blocks, *problem_blocks(problems)])


def plan_head(plan: Plan) -> str:
    """What a plan is called, how many experiments it has, and what it is made from."""
    modes = Counter(experiment.control or experiment.mode for experiment in plan.experiments)
    counts = ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    head = [
        f"{printable(plan.name)}: {counted(len(plan.experiments), 'experiment')} ({counts})",
        f"  settings  {printable(str(plan.settings_file or 'none, from the command line'))}",
        *(
            f"  registry  {printable(str(file))}"
            for file in (*plan.earlier_registries, plan.registry_file)
        ),
        f"  root      {printable(str(plan.root))}",
        f"  seed      {plan.seed}",
    ]
    if plan.governor:
        head.append(f"  governor  {printable(plan.governor)}")
    return "\n".join(head)


def _experiment_text(experiment: Experiment) -> str:
    lines = [f"{experiment.id}  {_mode(experiment)}"]
    lines.append(f"  {_limits(experiment)}")
    if gpus := _gpu_setup(experiment):
        lines.append(f"  GPUs {gpus}")
    lines += _training_lines("foreground", experiment.foreground)
    for number, background in enumerate(experiment.backgrounds, start=1):
        name = f"background {number}" if len(experiment.backgrounds) > 1 else "background"
        lines += _training_lines(name, background.training)
        if background.auto:
            lines.append(f"    {word(background.auto[0].name)} auto: {_sizes(background)}")
        if dose := dose_words(background.dose):
            lines.append(f"    dose {', '.join(dose)}")
    return "\n".join(lines)


def _sizes(background: Background) -> str:
    return ", ".join(str(size.value) for size in background.auto)


def _mode(experiment: Experiment) -> str:
    if experiment.control:
        of = f" of {experiment.twin}" if experiment.twin else ""
        return f"{experiment.mode}, {experiment.control} control{of}"
    if not experiment.backgrounds:
        return experiment.mode
    control = f", control {experiment.twin}" if experiment.twin else ""
    return f"{experiment.mode}, {experiment.foreground_mode} in the foreground{control}"


def _gpu_setup(experiment: Experiment) -> str:
    """How the GPUs are shared, set and read; "" where they are left as they are."""
    counters = experiment.gpu_setup.counters
    texts = conditions_text(experiment.gpu_setup), f"counters {counters}" if counters else ""
    return ", ".join(filter(None, texts))


def _limits(experiment: Experiment) -> str:
    timeout, retries = experiment.limits.timeout_s, experiment.limits.max_retries
    limits = [
        f"timeout {'none' if timeout is None else _seconds(timeout)}",
        f"{retries} {'retry' if retries == 1 else 'retries'}",
    ]
    if experiment.backgrounds:
        limits.append(f"warm-up {_seconds(experiment.limits.warmup_s)}")
    if experiment.limits.cooldown_s is not None:
        limits.append(f"cool-down at most {_seconds(experiment.limits.cooldown_s)}")
    return ", ".join(limits + _windows(experiment))


def dose_words(dose: Dose) -> list[str]:
    """What holds a background back, beside the usual pause."""
    words = {
        "at most {:g} rounds": dose.max_rounds,
        "intensity {:g}": dose.intensity,
        "GPU held at {:g} %": dose.target_sm_percent,
        "at most {:g} MiB": dose.gpu_memory_mib,
        "at most {:g} of the GPU's memory": dose.gpu_memory_fraction,
    }
    return [text.format(value) for text, value in words.items() if value is not None]


def _windows(experiment: Experiment) -> list[str]:
    """What is measured besides the foreground, and for how long."""
    controls = experiment.controls
    windows = []
    if controls.idle_s:
        windows.append(f"idle {_seconds(controls.idle_s)} before and after")
    if controls.idle_context_s:
        windows.append(f"bare CUDA context {_seconds(controls.idle_context_s)}")
    if controls.background_s and experiment.backgrounds:
        windows.append(f"background alone {_seconds(controls.background_s)}")
    return windows


def _seconds(value: float) -> str:
    return f"{str(value).removesuffix('.0')} s"


def _training_lines(role: str, training: Training) -> list[str]:
    values = ", ".join(
        f"{word(name)}={shell_word(text_of(value))}"
        for name, value in training.hyperparameters.items()
    )
    how = f"{values} ({_origin(training)})" if values else "no values passed"
    lines = [
        f"  {role}  {word(training.repo)} {word(training.model)}: {how}",
        f"    in   {shell_line([str(training.work_dir)])}",
        f"    run  {shell_line(training.command)}",
    ]
    if training.environment:
        given = (f"{name}={shell_word(text)}" for name, text in training.environment.items())
        lines.append(f"    env  {' '.join(given)}")
    return lines


def _origin(training: Training) -> str:
    """Whether a training's values were drawn or given."""
    if not training.mutated:
        return "given"
    are_all = len(training.mutated) == len(training.hyperparameters)
    return "drawn" if are_all else f"drawn: {', '.join(map(word, training.mutated))}"
