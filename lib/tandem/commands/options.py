"""Options that several commands share, and what the commands make of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.base.errors import UsageError
from tandem.base.option_values import integer, seconds
from tandem.base.output import complain
from tandem.base.paths import REGISTRY, RESULTS, as_seen_from_here
from tandem.base.text import behind
from tandem.config.options import Limits
from tandem.config.problems import Problem, ignored_lines, problem_lines
from tandem.plan import file as planfile
from tandem.results.latest import find_run, why_not_found

if TYPE_CHECKING:
    from tandem.plan.planner import PlanReading


RUN_HELP = "a run: its folder, its name in results/, or latest"


def add_registry(parser: argparse.ArgumentParser) -> None:
    usual = str(REGISTRY).replace("%", "%%")
    text = f"registry ({usual}); may be given again: a later FILE's entries replace earlier ones"
    parser.add_argument("--registry", type=Path, action="append", metavar="FILE", help=text)


def add_root(parser: argparse.ArgumentParser) -> None:
    text = (
        "what the registry's paths are relative to (the folder above the one that holds the file)"
    )
    parser.add_argument("--root", type=Path, help=text)


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for runs (%(default)s)"
    )


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add what a plan is made from, by `read_plan`."""
    add = parser.add_argument
    add("config", type=Path, nargs="?", metavar="CONFIG", help="settings file")
    add("--repo", help="instead of a settings file: the repository to train")
    add("--model", help="with --repo: its model")
    add("--mutate", metavar="A,B", help="with --repo: draw these; all: every one")
    add("--runs", type=integer, help="with --repo: how often (1)")
    add("--seed", type=integer, help="seed of the drawn values (the settings', or drawn)")
    add(
        "--grace", type=seconds, metavar="S", help=f"seconds from TERM to KILL ({Limits.grace_s:g})"
    )
    add("--skip-invalid", action="store_true", help="run what can be run")
    for add_options in (add_registry, add_root, add_results):
        add_options(parser)


def run_folder(path: Path, results: Path = RESULTS) -> Path:
    """The folder of a run that is named by its path, its plan, or its name (`latest` too).

    UsageError: there is none.
    """
    folder = path.parent if path.name == planfile.NAME and path.is_file() else path
    if (found := find_run(folder, results)) is None:
        raise UsageError(why_not_found(folder, results))
    return found.resolve()


def run_in_words(text: str) -> str:
    """RUN or RUN:TERMS with the path of the run in place of its name; UsageError: there is none."""
    ends = [place for place, letter in enumerate(text) if letter == ":"]
    for end in (*ends, len(text)):
        if found := find_run(Path(text[:end]), RESULTS):
            name = text[:end] if os.path.isdir(text[:end]) else as_seen_from_here(found.resolve())
            return f"{name}{text[end:]}"
    raise UsageError(why_not_found(Path(text.partition(":")[0]), RESULTS))


def run_folders(paths: Sequence[Path]) -> list[Path]:
    """The folders of several runs, each once; of `results/run_*` what is no run is passed over.

    Each of those is named on stderr. UsageError: none is left. One that is named alone is returned
    whatever it is.
    """
    if len(paths) == 1:
        return [run_folder(paths[0])]
    folders = list(dict.fromkeys(map(run_or_file, paths)))
    foreign = {each: why for each in folders if (why := no_run(each))}
    lines = [f"{as_seen_from_here(each)}: {why}" for each, why in foreign.items()]
    if len(foreign) == len(folders):
        raise UsageError("\n".join(lines))
    for line in lines:
        complain(f"tandem: passed over: {line}")
    return [each for each in folders if each not in foreign]


def run_or_file(path: Path) -> Path:
    """The folder of a run as `run_folder` gives it; a file as it is, for whoever passes it over."""
    is_file = path.is_file() and path.name != planfile.NAME
    return path.absolute() if is_file else run_folder(path)


def no_run(folder: Path) -> str | None:
    """Return why a path is no run's folder; None: it is, or its command has better words."""
    from tandem.results.folder import TABLE
    from tandem.results.journal import NAME as JOURNAL
    from tandem.results.record_file import NAME as RECORD

    if not folder.is_dir():
        return "no folder"
    if not os.access(folder, os.R_OK):
        return None
    files = (planfile.NAME, JOURNAL, TABLE, RECORD, f"*/{RECORD}")
    is_run = any(path for name in files for path in folder.glob(name))
    return None if is_run else "no run: it holds neither a plan nor records"


def told(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield the lines that say what is wrong with settings and registry."""
    for line in ignored_lines(problems):
        yield f"tandem: {line}"
    others = [problem for problem in problems if not problem.is_ignored]
    for severity in ("error", "warning", "remark"):
        for line in problem_lines(others, severity):
            yield behind(f"tandem: {severity}: ", line)


def registries(arguments: argparse.Namespace) -> list[Path]:
    """Return the files of the registry, in the order in which they are given."""
    return arguments.registry or [REGISTRY]


def read_plan(arguments: argparse.Namespace) -> PlanReading:
    """Return the plan of a settings file, or of --repo and --model."""
    from tandem.config.settings import settings_from_arguments
    from tandem.plan.planner import read_plan as read

    of_one = (arguments.repo, arguments.model, arguments.mutate, arguments.runs)
    if arguments.config is not None:
        if of_one != (None, None, None, None):
            raise UsageError("--repo, --model, --mutate and --runs are for a run without settings")
        source = arguments.config
    elif arguments.repo is None or arguments.model is None:
        raise UsageError("give a settings file, or --repo and --model (tandem list prints them)")
    else:
        names = None if arguments.mutate is None else arguments.mutate.split(",")
        runs = 1 if arguments.runs is None else arguments.runs
        source = settings_from_arguments(arguments.repo, arguments.model, names, runs)
    return read(
        source,
        *registries(arguments),
        root=arguments.root,
        seed=arguments.seed,
        grace_s=arguments.grace,
        skip_invalid=arguments.skip_invalid,
    )
