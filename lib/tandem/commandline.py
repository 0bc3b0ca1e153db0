"""The driver's command line: its subcommands and their options."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.base.errors import UsageError
from tandem.base.option_values import count, moment, percent, seconds
from tandem.base.paths import CPUFREQ, POWERCAP, PROC, REGISTRY, RESULTS
from tandem.config.options import Limits
from tandem.plan import file as planfile
from tandem.processes.control import die_with_parent

if TYPE_CHECKING:
    from tandem.plan.planner import PlanReading
    from tandem.run.continued import Sought

FORMATS = ("table", "csv", "json", "markdown")  # of a comparison
Command = Callable[[argparse.Namespace], int]


def parser(description: str, commands: Sequence[Command]) -> argparse.ArgumentParser:
    """Return the reader of the command line: a subcommand for each of `commands`, by their names.

    Their docstrings are their help; the first line of `description` is the program's.
    """
    title, _, epilog = description.partition("\n")
    top = argparse.ArgumentParser(
        prog="driver.py",
        description=title,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommands = top.add_subparsers(required=True, metavar="COMMAND")
    for function in commands:
        name = function.__name__.removeprefix("command_")
        text = (function.__doc__ or "").strip()
        command = subcommands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        for add_options in _OPTIONS[name]:
            add_options(command)
    return top


def _registry(command: argparse.ArgumentParser) -> None:
    usual = str(REGISTRY).replace("%", "%%")
    text = f"registry ({usual}); given again: a later FILE's entries replace those of earlier ones"
    command.add_argument("--registry", type=Path, action="append", metavar="FILE", help=text)


def _results(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for runs (%(default)s)"
    )


def _plan(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("config", type=Path, nargs="?", help="settings file")
    add("--repo", help="instead of a settings file: the repository to train")
    add("--model", help="with --repo: its model")
    add("--mutate", metavar="A,B", help="with --repo: draw these; all: every one")
    add("--runs", type=int, help="with --repo: how often (1)")
    add("--seed", type=int, help="seed of the drawn values (the settings', or drawn)")
    add(
        "--grace", type=seconds, metavar="S", help=f"seconds from TERM to KILL ({Limits.grace_s:g})"
    )
    add("--skip-invalid", action="store_true", help="run what can be run")


def _run(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--resume", type=Path, metavar="RUN", help="run what is missing in this run's folder")
    add(
        "--rerun-invalid",
        action="store_true",
        help="with --resume: run the groups again that hold something not valid",
    )
    add(
        "--continue",
        dest="go_on",
        action="store_true",
        help="resume the newest run of these settings, if they still mean the same",
    )
    add(
        "--until",
        type=moment,
        metavar="TIME",
        help="start nothing that will probably not end by then: HH:MM or a date and time",
    )
    add(
        "--stop-after-invalid",
        type=count,
        metavar="N",
        help="end the run when N experiments in a row are not valid for the same reason",
    )
    add(
        "--wait-lock",
        type=seconds,
        metavar="S",
        default=0.0,
        help="wait so long for other runs to end (0)",
    )
    add(
        "--namespace",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep backgrounds in a PID namespace where that is permitted (yes)",
    )
    add(
        "--wait-idle", type=seconds, metavar="S", default=0.0, help="wait so long for busy GPUs (0)"
    )
    add("--allow-busy", action="store_true", help="run beside others, and say so")
    add("--powercap", type=Path, default=POWERCAP, help="where RAPL is (%(default)s)")
    add("--proc", type=Path, default=PROC, help="where CPU time and pressure are (%(default)s)")
    add("--cpufreq", type=Path, default=CPUFREQ, help="where governors are (%(default)s)")
    add("--stop-with-parent", type=int, metavar="PID", help="stop when this parent has ended")


def _root(command: argparse.ArgumentParser) -> None:
    text = "what the registry's paths are relative to (the folder above that of the file with them)"
    command.add_argument("--root", type=Path, help=text)


def _check(command: argparse.ArgumentParser) -> None:
    text = "what is written and has no effect (IGNORED) is an error"
    command.add_argument("--strict", action="store_true", help=text)
    add = command.add_mutually_exclusive_group().add_argument
    add("--lines", action="store_true", help="print every command line as it will run")
    add("--json", action="store_true", help="print the plan as plan.json has it, and the problems")


def _several_runs(command: argparse.ArgumentParser) -> None:
    command.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")


def _compare(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "names",
        nargs="+",
        metavar="RUN",
        help="folder of a run, or what is wanted of it: RUN:c07 (a configuration), RUN:b2 (a"
        " background and its dose), RUN:dropout=0.5 (a level), RUN:b2,dropout=0.5 (both). Several"
        " are put together; A vs B compares the two",
    )
    add(
        "--by",
        metavar="FACTOR",
        help="compare the levels of: background, intensity, foreground, config, or a"
        " hyperparameter of the foreground",
    )
    add(
        "--equivalent",
        type=percent,
        metavar="2%",
        help="say whether the effect is less than this share, more, or not known",
    )
    add("--format", choices=FORMATS, default=FORMATS[0], help="of the output (%(default)s)")


def _record(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    command.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="make all records into this new folder, to compare (in the run: what is missing)",
    )


def _prune(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--keep",
        action="append",
        required=True,
        metavar="RULE",
        help="logs=30d, samples=30d (by age) or logs=10, samples=10 (of the newest runs)",
    )
    add("--dry-run", action="store_true", help="say what would go; remove nothing")


_OPTIONS = {
    "run": (_plan, _registry, _root, _results, _run),
    "check": (_plan, _registry, _root, _results, _check),
    "list": (_registry,),
    "repos": (_registry, _root),
    "compare": (_compare,),
    "record": (_record,),
    "verify": (_several_runs,),
    "prune": (_results, _prune),
    "doctor": (_results,),
}


def refuse_beside_resume(arguments: argparse.Namespace) -> None:
    """Refuse, with a UsageError, what would have to be planned: the plan of a run stands."""
    given = (
        *(arguments.config, arguments.repo, arguments.model, arguments.mutate, arguments.runs),
        *(arguments.root, arguments.seed, arguments.grace),
    )
    if any(value is not None for value in given) or arguments.skip_invalid or arguments.go_on:
        raise UsageError(
            "--resume reuses the saved plan; it takes no settings file and no plan options"
        )


def stop_with(parent: int) -> None:
    """Stop, as by TERM, when the parent dies: a killed make cannot tell us."""
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def run_folder(path: Path) -> Path:
    """The folder of a run that is named by itself, or by its plan."""
    return (path.parent if path.name == planfile.NAME else path).resolve()


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
        raise UsageError("give a settings file, or --repo and --model (driver.py list prints them)")
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


def strictly(reading: PlanReading) -> PlanReading:
    """Return the reading in which all that has no effect is an error; with one, no plan."""
    if not any(problem.is_ignored for problem in reading.problems):
        return reading
    problems = (
        replace(problem, severity="error") if problem.is_ignored else problem
        for problem in reading.problems
    )
    return replace(reading, plan=None, problems=tuple(problems))


def sought_run(arguments: argparse.Namespace) -> Sought:
    """Return the run that --continue goes on with, as something to be found."""
    from tandem.config.jsonfile import read_json
    from tandem.config.registry import load_registry
    from tandem.run.continued import Sought

    files = registries(arguments)
    if arguments.config is None:
        raise UsageError("--continue needs a settings file (--resume RUN goes on with any run)")
    for file in (arguments.config, *files):
        if file.exists() and not file.is_file():
            raise UsageError(f"--continue needs files that can be read again, and {file} is none")
    settings, registry = read_json(arguments.config), load_registry(*files, root=arguments.root)
    return Sought(arguments.results.resolve(), settings, registry, arguments.seed)
