"""Before an experiment: its folder, the scripts of foreground and backgrounds, their loops."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tandem.background.backgrounds import Backgrounds
from tandem.background.dosing import Dosing, mode_of
from tandem.background.loop import Loop
from tandem.background.memory import memory_use
from tandem.base.paths import ROOT, TEMPLATES
from tandem.base.templates import Values, render_file
from tandem.base.variables import VISIBLE
from tandem.config.options import Dose
from tandem.experiment.mps import variables_of
from tandem.measure.powermon import Powermon
from tandem.plan.model import Background, Experiment, Training
from tandem.processes.namespace import Isolation
from tandem.results.shared.local_samples import Samples

LOGS_KEPT = 20
ROUNDS_KEPT = 500


def prepare(
    experiment: Experiment,
    folder: Path,
    isolation: Isolation,
    *,
    environment: Mapping[str, str],
    monitor: Powermon,
    samples: Samples,
    say: Callable[[str], None],
) -> Backgrounds | None:
    """Make the folder, render what will run, and return the backgrounds; None: there are none."""
    folder.mkdir()
    grace_s = repr(experiment.limits.grace_s)
    common = {"root": str(ROOT), "python": sys.executable, "grace_s": grace_s}
    render_foreground(experiment, folder / "fg_run.sh", common)
    loops = []
    for number, background in enumerate(experiment.backgrounds, start=1):
        several = f"_{number}" if len(experiment.backgrounds) > 1 else ""
        name = f"background {number}" if several else "background"
        script, logs = folder / f"bg_loop{several}.sh", folder / f"background_logs{several}"
        memory = memory_use(name, background, say)
        values = {**common, "isolation": isolation.command}
        about = experiment, script, background.dose
        render = partial(render_loop, *about, added=memory.variables, common=values)
        render(background.training)
        parts = environment, monitor, memory
        dosing = dosing_of(background, samples, f"dose{several}", environment)
        loops.append(Loop(name, experiment, background, render, script, logs, *parts, dosing))
    samples.link()
    return Backgrounds(loops) if loops else None


def dosing_of(
    background: Background, samples: Samples, name: str, environment: Mapping[str, str]
) -> Dosing | None:
    """Return the controller that a background's dose asks for, if it does."""
    dose, given = background.dose, background.training.environment
    own = {**environment, **({VISIBLE: given[VISIBLE]} if VISIBLE in given else {})}
    mode = mode_of(dose)
    return Dosing(samples.place(name), *mode, own) if mode else None


def render_foreground(experiment: Experiment, script: Path, common: Values) -> None:
    training, timeout_s = experiment.foreground, experiment.limits.timeout_s
    values: Values = {
        **common,
        "work_dir": str(training.work_dir),
        "environment": assignments(variables_of(experiment, training)),
        "timeout": [] if timeout_s is None else ["--timeout", repr(timeout_s)],
        "out_words": str(training.out_words),
        "command": training.command,
    }
    render_file(TEMPLATES / "fg_run.sh.j2", script, values)


def render_loop(
    experiment: Experiment,
    script: Path,
    dose: Dose,
    training: Training,
    *,
    added: Mapping[str, str],
    common: Values,
) -> None:
    """Render a background's loop; `added` are variables besides its own environment's."""
    values: Values = {
        **common,
        "work_dir": str(training.work_dir),
        "restart_delay_s": repr(dose.restart_delay_s),
        "max_rounds": str(dose.max_rounds or 0),
        "logs_kept": str(LOGS_KEPT),
        "log_rules": json.dumps(asdict(training.log), ensure_ascii=False),
        "rounds_kept": str(ROUNDS_KEPT),
        "environment": assignments({**variables_of(experiment, training), **added}),
        "out_words": str(training.out_words),
        "command": training.command,
    }
    render_file(TEMPLATES / "bg_loop.sh.j2", script, values)


def assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={text}" for name, text in environment.items()]
