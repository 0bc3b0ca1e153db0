"""The frozen plan of a run: every experiment with every value decided."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.command import Value, training_command
from tandem.errors import UsageError
from tandem.mutation import draw, stream
from tandem.problems import Problem, ProblemsError, has_errors
from tandem.registry import Registry, load_registry
from tandem.resolve import Resolved, Resolver
from tandem.settings import Entry, Settings, load_settings

MAX_EXPERIMENTS = 100_000
_LONGEST_ID = 120


@dataclass(frozen=True)
class Training:
    """One training with its values fixed.

    `hyperparameters` are exactly those passed as flags, `mutated` the names among them that were
    drawn. `command` is the argv; its first element is the train script as the registry writes it,
    relative to `work_dir`, the absolute folder of the repository.
    """

    repo: str
    model: str
    hyperparameters: Mapping[str, int | float | str]
    mutated: tuple[str, ...]
    command: tuple[str, ...]
    work_dir: Path
    log_patterns: Mapping[str, str]


@dataclass(frozen=True)
class Experiment:
    """One foreground training with its background, if any.

    `id` is the folder name, safe characters only, unique in the plan. `timeout_s` is None when
    the foreground may take as long as it likes; the other times are in seconds.
    `source_path` says where the entry stands in the settings file ("experiments[3]") and
    `source_entry` is that entry as written.
    """

    number: int
    id: str
    foreground: Training
    background: Training | None
    foreground_mode: str
    max_retries: int
    timeout_s: float | None
    warmup_s: float
    ready_timeout_s: float
    restart_delay_s: float
    grace_s: float
    source_path: str
    source_entry: Mapping[str, Any]

    @property
    def mode(self) -> str:
        """`parallel` beside a background, else `mutation` or `default`."""
        return "parallel" if self.background else self.foreground_mode


@dataclass(frozen=True)
class Plan:
    """All experiments of a run, in order, and the seed that the drawn values come from."""

    name: str
    settings_file: Path | None
    registry_file: Path
    root: Path
    seed: int
    experiments: tuple[Experiment, ...]


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
    root = _absolute(root or _absolute(registry_file).parent.parent)
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
    given_seed = settings.seed if seed is None else seed
    seed = int.from_bytes(os.urandom(4), "big") if given_seed is None else given_seed
    problems = [*settings.problems, *registry.problems]
    planner = _Planner(settings, registry, root, seed, grace_s)
    experiments = planner.experiments() if _fits(settings, problems) else []
    problems += planner.problems
    if not experiments and (skip_invalid or not has_errors(problems)):
        message = "nothing is left to run" if has_errors(problems) else "holds nothing to run"
        problems.append(Problem("error", "experiments", message, str(settings.file or "")))
    if has_errors(problems) and not (skip_invalid and all(map(_can_be_skipped, problems))):
        raise ProblemsError(problems)
    if given_seed is None and any(each.foreground.mutated for each in experiments):
        message = f"drawn now; --seed {seed} gives these values again"
        problems.append(Problem("remark", "seed", message, str(settings.file or "")))
    plan = Plan(
        name=settings.name,
        settings_file=settings.file and _absolute(settings.file),
        registry_file=_absolute(registry.file),
        root=root,
        seed=seed,
        experiments=tuple(experiments),
    )
    return plan, problems


def _absolute(path: Path) -> Path:
    # Not resolve: a link's own place is what its owner means.
    return Path(os.path.abspath(path))


def _fits(settings: Settings, problems: list[Problem]) -> bool:
    total = sum(entry.runs for entry in settings.entries)
    if total <= MAX_EXPERIMENTS:
        return True
    message = f"{total} experiments, and {MAX_EXPERIMENTS} are the most (lower runs_per_config)"
    problems.append(Problem("error", "experiments", message, str(settings.file or "")))
    return False


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
        grace_s: float | None,
    ) -> None:
        self.problems: list[Problem] = []
        self._settings = settings
        self._file = str(settings.file or "")
        self._resolver = Resolver(registry, root, self._file)
        self._seed = seed
        self._grace_s = grace_s
        self._alike: Counter[str] = Counter()
        self._wrong = {
            problem.path.partition(".")[0]
            for problem in settings.problems
            if problem.severity == "error"
        }

    def experiments(self) -> list[Experiment]:
        experiments: list[Experiment] = []
        for entry in self._settings.entries:
            for foreground, background in self._trainings(entry):
                experiments.append(
                    self._experiment(len(experiments) + 1, entry, foreground, background)
                )
        return experiments

    def _trainings(self, entry: Entry) -> Iterable[tuple[Training, Training | None]]:
        """Foreground and background of each run; nothing where the entry cannot run."""
        foreground, problems = self._resolver.resolve(entry.foreground)
        background = None
        if entry.background:
            background, more = self._resolver.resolve(entry.background)
            problems = problems + more
        self.problems += problems
        if has_errors(problems) or foreground is None or entry.path in self._wrong:
            return []
        try:
            values = self._values(entry, foreground, background)
        except UsageError as error:
            place = entry.foreground.places["mutate"]
            self.problems.append(Problem("error", place, str(error), self._file))
            return []
        load = _training(background, background.given) if background else None
        return [(_training(foreground, each), load) for each in values]

    def _values(
        self, entry: Entry, foreground: Resolved, background: Resolved | None
    ) -> list[Mapping[str, Value]]:
        """The hyperparameters of each run of the foreground."""
        if entry.foreground.mode != "mutation":
            return [foreground.given] * entry.runs
        # What makes an entry itself, so that its values do not depend on its neighbours.
        pair = [(it.repository.name, it.model) for it in (foreground, background) if it]
        identity = [pair, sorted(hyperparameter.name for hyperparameter in foreground.drawn)]
        alike = json.dumps(identity)
        self._alike[alike] += 1
        random = stream(self._seed, identity, self._alike[alike])
        return list(draw(foreground.drawn, entry.runs, random))

    def _experiment(
        self, number: int, entry: Entry, foreground: Training, background: Training | None
    ) -> Experiment:
        return Experiment(
            number=number,
            id=_experiment_id(number, foreground, background is not None),
            foreground=foreground,
            background=background,
            foreground_mode=entry.foreground.mode,
            max_retries=entry.max_retries,
            timeout_s=entry.timeout_s,
            warmup_s=entry.warmup_s,
            ready_timeout_s=entry.ready_timeout_s,
            restart_delay_s=entry.restart_delay_s,
            grace_s=entry.grace_s if self._grace_s is None else self._grace_s,
            source_path=entry.path,
            source_entry=entry.source,
        )


def _training(resolved: Resolved, hyperparameters: Mapping[str, Value]) -> Training:
    repository = resolved.repository
    return Training(
        repo=repository.name,
        model=resolved.model,
        hyperparameters=hyperparameters,
        mutated=tuple(hyperparameter.name for hyperparameter in resolved.drawn),
        command=training_command(repository, resolved.model, hyperparameters),
        work_dir=resolved.work_dir,
        log_patterns=repository.log_patterns,
    )


def _experiment_id(number: int, foreground: Training, is_parallel: bool) -> str:
    """A folder name: safe characters, no leading dash or dot, at most 120 long."""
    ending = f"_{number:03d}" + ("_parallel" if is_parallel else "")
    start = re.sub(r"[^A-Za-z0-9._-]", "_", f"{foreground.repo}_{foreground.model}")
    return (start.lstrip("-.") or "training")[: _LONGEST_ID - len(ending)] + ending
