"""From settings and registry to the plan of a run: every value decided, every mistake told."""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.text import show
from tandem.config.entries import Entry, Settings
from tandem.config.hyperparameter import Value
from tandem.config.jsonfile import digest_of
from tandem.config.problems import Problem, ProblemsError, has_errors, is_within, join, line_of
from tandem.config.registry import Registry, absolute, load_registry, root_of
from tandem.config.settings import load_settings
from tandem.plan.controls import experiment_id, with_control
from tandem.plan.draw import draw, stream
from tandem.plan.history import History, read_history
from tandem.plan.model import Background, Experiment, Origin, Plan, Training
from tandem.plan.resolve import Resolved, Resolver, background_of, training_of

MAX_EXPERIMENTS = 100_000
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class PlanReading:
    """The plan, None where it cannot be run, and all that was found on the way to it."""

    plan: Plan | None
    problems: tuple[Problem, ...]


def read_plan(
    source: Path | Settings,
    registry_file: Path,
    *,
    root: Path | None = None,
    seed: int | None = None,
    grace_s: float | None = None,
    skip_invalid: bool = False,
) -> PlanReading:
    """Read settings (a file, or what `settings_from_arguments` gave) and registry, and plan.

    `root` is the folder that the registry's paths are relative to; by default the one above the
    folder that holds the registry. `seed` and `grace_s` count before those of the settings. With
    `skip_invalid`, entries that cannot run are left out, their errors still reported. Starts
    nothing and raises nothing for what a person got wrong: that is in `problems`.
    """
    settings, registry = None, None
    problems: list[Problem] = []
    try:
        settings = source if isinstance(source, Settings) else load_settings(source)
        problems += settings.problems
    except ProblemsError as error:
        problems += error.problems
    try:
        registry = load_registry(registry_file)
        problems += registry.problems
    except ProblemsError as error:
        problems += error.problems
    if settings is None or registry is None:
        return PlanReading(None, tuple(problems))
    root = root_of(registry_file, root)
    try:
        plan, problems = make_plan(
            settings, registry, root=root, seed=seed, grace_s=grace_s, skip_invalid=skip_invalid
        )
    except ProblemsError as error:
        return PlanReading(None, error.problems)
    return PlanReading(plan, tuple(problems))


def make_plan(
    settings: Settings,
    registry: Registry,
    *,
    root: Path,
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
    history, unread = read_history(settings.tables, registry, root, file)
    problems = [*settings.problems, *registry.problems, *unread]
    planner = _Planner(settings, registry, root, seed, grace_s=grace_s, history=history)
    experiments = planner.experiments() if _fits(settings, problems) else []
    problems += [*planner.problems, *history.remarks()]
    if not experiments and (skip_invalid or not has_errors(problems)):
        message = "nothing is left to run" if has_errors(problems) else "holds nothing to run"
        problems.append(Problem("error", "experiments", message, file))
    can_be_skipped = all(map(_can_be_skipped, problems))
    if has_errors(problems) and not (skip_invalid and can_be_skipped):
        if can_be_skipped and experiments:
            message = f"--skip-invalid runs the other {len(experiments)}"
            problems.append(Problem("remark", "experiments", message, file))
        raise ProblemsError(problems)
    if given_seed is None and any(each.foreground.mutated for each in experiments):
        message = f"random seed {seed} was chosen; use --seed {seed} to get the same values"
        problems.append(Problem("remark", "seed", message, file))
    plan = Plan(
        name=settings.name,
        settings_file=settings.file and absolute(settings.file),
        registry_file=absolute(registry.file),
        root=root,
        seed=seed,
        experiments=tuple(experiments),
        settings_sha256=settings.sha256,
        registry_sha256=digest_of(registry.file),
        governor=settings.governor,
    )
    return plan, problems


def origin_of(settings_file: Path, registry_file: Path, root: Path | None) -> Origin:
    """The origin that a plan of these files has; the root is by default as for `read_plan`."""
    return Origin(
        absolute(settings_file),
        digest_of(settings_file),
        absolute(registry_file),
        digest_of(registry_file),
        root_of(registry_file, root),
    )


def _fits(settings: Settings, problems: list[Problem]) -> bool:
    solo = sum(entry.runs for entry in settings.entries if _has_twins(entry))
    total = sum(entry.runs for entry in settings.entries) + solo
    if total <= MAX_EXPERIMENTS:
        return True
    controls = f", {solo} of them controls" if solo else ""
    most = f"{MAX_EXPERIMENTS} are the most (lower runs_per_config)"
    message = f"{total} experiments{controls}, and {most}"
    problems.append(Problem("error", "experiments", message, str(settings.file or "")))
    return False


def _has_twins(entry: Entry) -> bool:
    return bool(entry.backgrounds) and entry.controls.solo


def _can_be_skipped(problem: Problem) -> bool:
    """Whether it concerns one entry, or one repository, and not a file as a whole."""
    return problem.severity != "error" or problem.path.startswith(("experiments[", "models"))


class _Planner:
    """Turns the entries of the settings into experiments; collects problems on the way."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        root: Path,
        seed: int,
        *,
        grace_s: float | None,
        history: History,
    ) -> None:
        self.problems: list[Problem] = []
        self._settings = settings
        self._file = str(settings.file or "")
        self._resolver = Resolver(registry, root, self._file)
        self._seed = seed
        self._grace_s = grace_s
        self._history = history
        self._alike: Counter[str] = Counter()
        self._wrong = {
            _entry_of(problem) for problem in settings.problems if problem.severity == "error"
        }
        self._of_entry: defaultdict[str, list[Problem]] = defaultdict(list)
        for problem in settings.problems:
            self._of_entry[_entry_of(problem)].append(problem)
        self._of_repository = {
            name: [it for it in registry.problems if is_within(it.path, join("models", name))]
            for name in registry.repos
        }

    def experiments(self) -> list[Experiment]:
        experiments: list[Experiment] = []
        turns = cycle((False, True))
        for entry in self._settings.entries:
            for foreground, backgrounds in self._trainings(entry):
                number = len(experiments) + 1
                experiment = self._experiment(number, entry, foreground, backgrounds)
                twins = _has_twins(entry)
                experiments += with_control(experiment, turns) if twins else [experiment]
        return experiments

    def _trainings(self, entry: Entry) -> Iterable[tuple[Training, tuple[Background, ...]]]:
        """Foreground and backgrounds of each run; nothing where the entry cannot run."""
        foreground, problems = self._resolver.resolve(entry.foreground)
        resolved: list[Resolved] = []
        for given in entry.backgrounds:
            background, more = self._resolver.resolve(given.training, is_background=True)
            problems = problems + more
            for other in filter(None, (foreground, *resolved)):
                if background:
                    place = given.training.places["repo"]
                    problems += self._resolver.shared(other, background, place)
            resolved += [background] if background else []
        self.problems += problems
        self._of_entry[entry.path] += problems
        if has_errors(problems) or foreground is None or entry.path in self._wrong:
            return []
        try:
            values = self._values(entry, foreground, resolved)
        except UsageError as error:
            place = entry.foreground.places["mutate"]
            self.problems.append(Problem("error", place, str(error), self._file))
            return []
        backgrounds = tuple(map(background_of, resolved, entry.backgrounds))
        gpus = entry.foreground.gpus
        return [(training_of(foreground, each, gpus), backgrounds) for each in values]

    def _values(
        self, entry: Entry, foreground: Resolved, backgrounds: Sequence[Resolved]
    ) -> list[Mapping[str, Value]]:
        """The hyperparameters of each run of the foreground."""
        if entry.foreground.mode != "mutation":
            return [foreground.given] * entry.runs
        # What makes an entry itself, so that its values do not depend on its neighbours.
        pair = [(it.repository.name, it.model) for it in (foreground, *backgrounds)]
        identity = [pair, sorted(hyperparameter.name for hyperparameter in foreground.drawn)]
        alike = json.dumps(identity)
        self._alike[alike] += 1
        random = stream(self._seed, identity, self._alike[alike])
        taken = self._history.taken(
            foreground.repository,
            foreground.model,
            foreground.drawn,
            is_parallel=bool(backgrounds),
        )
        return list(draw(foreground.drawn, entry.runs, random, taken))

    def _experiment(
        self,
        number: int,
        entry: Entry,
        foreground: Training,
        backgrounds: tuple[Background, ...],
    ) -> Experiment:
        limits = entry.limits
        if self._grace_s is not None:
            limits = replace(limits, grace_s=self._grace_s)
        return Experiment(
            number=number,
            id=experiment_id(number, foreground, "parallel" if backgrounds else ""),
            foreground=foreground,
            backgrounds=backgrounds,
            foreground_mode=entry.foreground.mode,
            source_path=entry.path,
            source_entry=entry.source,
            limits=limits,
            warnings=self._warnings(entry.path, foreground, backgrounds),
            controls=entry.controls,
            validity=entry.validity,
        )

    def _warnings(
        self, path: str, foreground: Training, backgrounds: Sequence[Background]
    ) -> tuple[str, ...]:
        trainings = foreground, *(background.training for background in backgrounds)
        repositories = dict.fromkeys(training.repo for training in trainings)
        problems = [self._of_entry[path], *map(self._of_repository.__getitem__, repositories)]
        return tuple(line_of(it) for it in chain(*problems) if it.severity == "warning")


def _entry_of(problem: Problem) -> str:
    """The path of the entry, or of the key of the top level, that the problem lies in."""
    return re.split(r"(?<=\])|\.", problem.path, maxsplit=1)[0]
