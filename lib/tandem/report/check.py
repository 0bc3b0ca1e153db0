"""What `check` and `list` show to people: the plan and the registry."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from tandem.base.text import aligned, printable, word
from tandem.config.hyperparameter import Hyperparameter
from tandem.config.options import Dose
from tandem.config.problems import Problem, problem_lines
from tandem.config.registry import Registry, Repository
from tandem.plan.command import text_of
from tandem.plan.model import Background, Experiment, Plan, Training

_SEVERITIES = ("error", "warning", "remark")


def shell_line(command: Iterable[str]) -> str:
    """The command as one line that bash reads back as exactly these arguments."""
    return " ".join(map(_shell_word, command))


def _shell_word(argument: str) -> str:
    if argument.isprintable():
        return shlex.quote(argument)
    # $'...' keeps line breaks and escape sequences away from the terminal.
    return "$'" + "".join(map(_escaped, argument)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))


def text_of_check(plan: Plan | None, problems: Sequence[Problem]) -> str:
    """The plan for people, then errors, warnings and remarks, each under a heading."""
    blocks = _plan_blocks(plan) if plan else ["nothing is planned"]
    return "\n\n".join(blocks + _problem_blocks(problems))


def _problem_blocks(problems: Sequence[Problem]) -> list[str]:
    blocks = []
    for severity in _SEVERITIES:
        count = sum(problem.severity == severity for problem in problems)
        if count:
            lines = [_counted(count, severity) + ":", *problem_lines(problems, severity)]
            blocks.append("\n  ".join(lines))
    return blocks


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _plan_blocks(plan: Plan) -> list[str]:
    modes = Counter(experiment.control or experiment.mode for experiment in plan.experiments)
    counts = ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    head = [
        f"{printable(plan.name)}: {_counted(len(plan.experiments), 'experiment')} ({counts})",
        f"  settings  {printable(str(plan.settings_file or 'none, from the command line'))}",
        f"  registry  {printable(str(plan.registry_file))}",
        f"  root      {printable(str(plan.root))}",
        f"  seed      {plan.seed}",
    ]
    if plan.governor:
        head.append(f"  governor  {printable(plan.governor)}")
    return ["\n".join(lines) for lines in [head, *map(_experiment_lines, plan.experiments)]]


def _experiment_lines(experiment: Experiment) -> list[str]:
    lines = [f"{experiment.id}  {_mode(experiment)}"]
    lines.append(f"  {_limits(experiment)}")
    lines += _training_lines("foreground", experiment.foreground)
    for number, background in enumerate(experiment.backgrounds, start=1):
        name = f"background {number}" if len(experiment.backgrounds) > 1 else "background"
        lines += _training_lines(name, background.training)
        if background.auto:
            lines.append(f"    {word(background.auto[0].name)} auto: {_sizes(background)}")
        if dose := _dose(background.dose):
            lines.append(f"    dose {', '.join(dose)}")
    return lines


def _sizes(background: Background) -> str:
    return ", ".join(str(size.value) for size in background.auto)


def _mode(experiment: Experiment) -> str:
    if experiment.control:
        return f"{experiment.mode}, {experiment.control} control of {experiment.twin}"
    if not experiment.backgrounds:
        return experiment.mode
    control = f", control {experiment.twin}" if experiment.twin else ""
    return f"{experiment.mode}, {experiment.foreground_mode} in the foreground{control}"


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


def _dose(dose: Dose) -> list[str]:
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
    if controls.background_s and experiment.backgrounds:
        windows.append(f"background alone {_seconds(controls.background_s)}")
    return windows


def _seconds(value: float) -> str:
    return f"{str(value).removesuffix('.0')} s"


def _training_lines(role: str, training: Training) -> list[str]:
    values = ", ".join(
        f"{word(name)}={_shell_word(text_of(value))}"
        for name, value in training.hyperparameters.items()
    )
    how = f"{values} ({'drawn' if training.mutated else 'given'})" if values else "no values passed"
    lines = [
        f"  {role}  {word(training.repo)} {word(training.model)}: {how}",
        f"    in   {shell_line([str(training.work_dir)])}",
        f"    run  {shell_line(training.command)}",
    ]
    if training.environment:
        given = (f"{name}={_shell_word(text)}" for name, text in training.environment.items())
        lines.append(f"    env  {' '.join(given)}")
    return lines


def text_of_registry(registry: Registry) -> str:
    """The repositories for people, with models and hyperparameters, then what is wrong."""
    blocks = [_repository_text(repository) for repository in registry.repos.values()]
    return "\n\n".join(blocks + _problem_blocks(registry.problems))


def _repository_text(repository: Repository) -> str:
    rows: list[tuple[str, ...]] = [
        ("hyperparameter", "flag", "type", "range", "distribution", "default")
    ]
    rows += [_hyperparameter_row(it) for it in repository.hyperparameters.values()]
    lines = [
        word(repository.name),
        f"  path    {shell_line([repository.path])}",
        f"  {_how(repository)}",
        f"  models  {', '.join(map(word, repository.models))}",
    ]
    table = [f"  {line}" for line in aligned(rows)] if len(rows) > 1 else []
    return "\n".join(lines + table)


def _how(repository: Repository) -> str:
    if repository.train_script is None:
        return f"command {shell_line([*repository.train_command, *repository.required_args])}"
    return f"script  {shell_line([repository.train_script, *repository.required_args])}"


def _hyperparameter_row(hyperparameter: Hyperparameter) -> tuple[str, ...]:
    low, high = hyperparameter.low, hyperparameter.high
    zero = hyperparameter.zero_probability
    chance = f", 0 with probability {zero:g}" if zero else ""
    default = hyperparameter.default
    values = ", ".join(_shell_word(text_of(choice)) for choice in hyperparameter.choices)
    flags = filter(None, (hyperparameter.flag, hyperparameter.off_flag))
    return (
        word(hyperparameter.name),
        " / ".join(map(_shell_word, flags)),
        hyperparameter.kind,
        f"{low} to {high}" if hyperparameter.has_range else values or "-",
        hyperparameter.distribution + chance if hyperparameter.can_be_drawn else "-",
        "-" if default is None else _shell_word(text_of(default)),
    )
