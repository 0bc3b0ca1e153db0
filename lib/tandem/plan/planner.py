"""From settings and registry to the plan of a run: every value decided, every mistake told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tandem.base.text import show
from tandem.config.entries import Settings
from tandem.config.problems import Problem, ProblemsError, has_errors
from tandem.config.registry import Registry, absolute, load_registry
from tandem.config.settings import load_settings
from tandem.plan.context import Context, is_in_entry
from tandem.plan.design.experiments import experiments_of_designs
from tandem.plan.file import REGISTRY, SETTINGS
from tandem.plan.history import read_history
from tandem.plan.model import Experiment, Plan
from tandem.plan.version_1 import experiments_of_entries

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class PlanReading:
    """The plan, None where it cannot be run, and all that was found on the way to it.

    `copies` are what a run keeps of the files that it is planned from, by their names there.
    """

    plan: Plan | None
    problems: tuple[Problem, ...]
    copies: Mapping[str, bytes] = field(default_factory=dict)


def read_plan(
    source: Path | Settings,
    *registry_files: Path,
    root: Path | None = None,
    seed: int | None = None,
    grace_s: float | None = None,
    skip_invalid: bool = False,
) -> PlanReading:
    """Read settings (a file, or what `settings_from_arguments` gave) and registry, and plan.

    `root` is the folder that the registry's paths are relative to; by default the one above the
    folder of the registry file that holds them. `seed` and `grace_s` count before those of the
    settings. With `skip_invalid`, entries that cannot run are left out, their errors still
    reported. Starts nothing and raises nothing for what a person got wrong: that is in `problems`.
    """
    settings, registry = None, None
    problems: list[Problem] = []
    try:
        settings = source if isinstance(source, Settings) else load_settings(source)
        problems += settings.problems
    except ProblemsError as error:
        problems += error.problems
    try:
        registry = load_registry(*registry_files, root=root)
        problems += registry.problems
    except ProblemsError as error:
        problems += error.problems
    if settings is None or registry is None:
        return PlanReading(None, tuple(problems))
    try:
        plan, problems = make_plan(
            settings, registry, seed=seed, grace_s=grace_s, skip_invalid=skip_invalid
        )
    except ProblemsError as error:
        return PlanReading(None, error.problems)
    copies = {SETTINGS: settings.copy} if settings.file else {}
    return PlanReading(plan, tuple(problems), {**copies, REGISTRY: registry.copy})


def make_plan(
    settings: Settings,
    registry: Registry,
    *,
    seed: int | None = None,
    grace_s: float | None = None,
    skip_invalid: bool = False,
) -> tuple[Plan, list[Problem]]:
    """The plan and every problem found, those of settings and registry included.

    Arguments as for `read_plan`. Raises ProblemsError with all of them when there are errors and
    they are not to be skipped, when one concerns a file as a whole, or when nothing is left.
    """
    if seed is not None and not 0 <= seed <= MAX_SEED:
        message = f"must be 0 to {MAX_SEED}, not {show(seed)} (give another)"
        problem = Problem("error", "--seed", message)
        raise ProblemsError([*settings.problems, *registry.problems, problem])
    given_seed = settings.seed if seed is None else seed
    seed = int.from_bytes(os.urandom(4), "big") if given_seed is None else given_seed
    file = str(settings.file or "")
    history, unread = read_history(settings.tables, registry, file)
    problems = [*settings.problems, *registry.problems, *unread]
    context = Context(settings, registry, registry.root, seed, grace_s=grace_s, history=history)
    if settings.version > 1:
        experiments = experiments_of_designs(settings.designs, context)
    else:
        experiments = experiments_of_entries(settings.entries, context)
    problems += [*context.problems, *history.remarks()]
    if not experiments and (skip_invalid or not has_errors(problems)):
        message = "nothing is left to run" if has_errors(problems) else "holds nothing to run"
        problems.append(Problem("error", "experiments", message, file))
    can_be_skipped = all(map(_can_be_skipped, problems))
    if has_errors(problems) and not (skip_invalid and can_be_skipped):
        if can_be_skipped and experiments:
            message = f"--skip-invalid runs the other {len(experiments)}"
            problems.append(Problem("remark", "experiments", message, file))
        raise ProblemsError(problems)
    if given_seed is None and any(map(_hangs_on_seed, experiments)):
        what = "values" if settings.version == 1 else "plan"
        message = f"random seed {seed} was chosen; use --seed {seed} to get the same {what}"
        problems.append(Problem("remark", "seed", message, file))
    plan = Plan(
        name=settings.name,
        settings_file=settings.file and absolute(settings.file),
        registry_file=absolute(registry.files[-1]),
        root=registry.root,
        seed=seed,
        experiments=tuple(experiments),
        settings_sha256=settings.sha256,
        registry_sha256=registry.sha256,
        governor=settings.governor,
        earlier_registries=tuple(map(absolute, registry.files[:-1])),
    )
    return plan, problems


def _hangs_on_seed(experiment: Experiment) -> bool:
    """Whether its values are drawn, or its place in the plan."""
    return bool(experiment.foreground.mutated) or experiment.place is not None


def _can_be_skipped(problem: Problem) -> bool:
    """Whether it concerns one entry, or one repository, and not a file as a whole."""
    return (
        problem.severity != "error"
        or is_in_entry(problem.path)
        or problem.path.startswith("models")
    )
