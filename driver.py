#!/usr/bin/env python3
"""Tandem: one measured training beside looping ones, and a record that can be trusted.

Exit codes: 0 all experiments succeeded and are valid · 1 some failed or are invalid ·
2 usage, settings or registry wrong (nothing was started) · 3 the machine is not ready ·
75 another run holds the lock · 128+N ended by signal N, everything stopped and recorded
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "lib"))

if sys.getfilesystemencoding() != "utf-8":  # settings are UTF-8, and names must not change
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.argv])
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.errors import TandemError, UsageError  # noqa: E402
from tandem.paths import POWERCAP, REGISTRY  # noqa: E402

if TYPE_CHECKING:
    from tandem.plan import PlanReading


def command_run(arguments: argparse.Namespace) -> int:
    """run the experiments of a settings file, or one training without one"""
    from tandem.measure.busy import Sensors
    from tandem.problems import problem_lines
    from tandem.progress import Progress
    from tandem.run import Run

    if arguments.stop_with_parent:
        stop_with_parent()
    reading = read_plan(arguments)
    progress = Progress(sys.stderr)
    for severity in ("error", "warning", "remark"):
        for line in problem_lines(reading.problems, severity):
            progress.event(f"driver.py: {severity}: {line}")
    if reading.plan is None:
        return UsageError.exit_code
    sensors = Sensors(arguments.powercap, arguments.wait_idle, arguments.allow_busy)
    results = arguments.results.resolve()
    return Run(reading.plan, results, arguments.namespace, sensors, progress).run()


def command_check(arguments: argparse.Namespace) -> int:
    """check settings and registry, print every command line as it will run; run nothing"""
    from tandem.listing import json_of_check, text_of_check

    reading = read_plan(arguments)
    if arguments.json:
        print(json.dumps(json_of_check(reading.plan, reading.problems)))
    else:
        print(text_of_check(reading.plan, reading.problems))
    return UsageError.exit_code if reading.plan is None else 0


def command_list(arguments: argparse.Namespace) -> int:
    """print the repositories, models and hyperparameters of the registry"""
    from tandem.listing import text_of_registry
    from tandem.problems import has_errors
    from tandem.registry import load_registry

    registry = load_registry(arguments.registry)
    print(text_of_registry(registry))
    return UsageError.exit_code if has_errors(registry.problems) else 0


def command_compare(arguments: argparse.Namespace) -> int:
    """print what the runs' parallel experiments and their controls say over all repeats"""
    from tandem.measure.interference.compare import text_of_compare

    print(text_of_compare(arguments.runs))
    return 0


def command_doctor(arguments: argparse.Namespace) -> int:
    """print what this machine has, and what is lost without the rest"""
    from tandem import doctor

    print(doctor.text(doctor.examine(arguments.results)))
    return 0


def read_plan(arguments: argparse.Namespace) -> PlanReading:
    """Return the plan of a settings file, or of --repo and --model."""
    from tandem.plan import read_plan as read
    from tandem.settings import settings_from_arguments

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
        arguments.registry,
        root=arguments.root,
        seed=arguments.seed,
        grace_s=arguments.grace,
        skip_invalid=arguments.skip_invalid,
    )


def stop_with_parent() -> None:
    """Stop, as by TERM, when the parent dies: a killed make cannot tell us."""
    from tandem.proc import die_with_parent

    parent = os.getppid()
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def seconds(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise ValueError
    return value


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line: one subcommand for each command_ function."""
    registry = argparse.ArgumentParser(add_help=False)
    registry.add_argument("--registry", type=Path, default=REGISTRY, help="registry (%(default)s)")
    results = argparse.ArgumentParser(add_help=False)
    results.add_argument(
        "--results", type=Path, default=ROOT / "results", help="folder for runs (%(default)s)"
    )
    plan = argparse.ArgumentParser(add_help=False)
    plan.add_argument("config", type=Path, nargs="?", help="settings file")
    plan.add_argument("--repo", help="instead of a settings file: the repository to train")
    plan.add_argument("--model", help="with --repo: its model")
    plan.add_argument("--mutate", metavar="A,B", help="with --repo: draw these; all: every one")
    plan.add_argument("--runs", type=int, help="with --repo: how often (1)")
    plan.add_argument("--root", type=Path, help="what the registry's paths are relative to")
    plan.add_argument("--seed", type=int, help="seed of the drawn values (the settings', or drawn)")
    plan.add_argument("--grace", type=seconds, metavar="S", help="seconds from TERM to KILL (10)")
    plan.add_argument("--skip-invalid", action="store_true", help="run what can be run")

    top = argparse.ArgumentParser(
        prog="driver.py",
        description=(__doc__ or "").partition("\n")[0],
        epilog=(__doc__ or "").partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, function: object, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        text = (function.__doc__ or "").strip()
        command = commands.add_parser(name, help=text, description=text, parents=list(parents))
        command.set_defaults(function=function)
        return command

    run = add("run", command_run, plan, registry, results)
    run.add_argument(
        "--namespace",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep backgrounds in a PID namespace where that is permitted (yes)",
    )
    run.add_argument(
        "--wait-idle", type=seconds, metavar="S", default=0.0, help="wait so long for busy GPUs (0)"
    )
    run.add_argument("--allow-busy", action="store_true", help="run beside others, and say so")
    run.add_argument("--powercap", type=Path, default=POWERCAP, help="where RAPL is (%(default)s)")
    run.add_argument("--stop-with-parent", action="store_true", help="stop when the parent dies")
    check = add("check", command_check, plan, registry)
    check.add_argument("--json", action="store_true", help="print it for machines")
    add("list", command_list, registry)
    compare = add("compare", command_compare)
    compare.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    add("doctor", command_doctor, results)
    return top


def main() -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be any bytes
    arguments = parser().parse_args()
    try:
        return int(arguments.function(arguments))
    except TandemError as error:
        for line in str(error).splitlines():
            print(f"driver.py: error: {line}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(
            f"driver.py: error: the Python package {error.name} is missing"
            " (run `make doctor` once, then .venv/bin/python driver.py)",
            file=sys.stderr,
        )
        return 3
    except OSError as error:  # stdout is full, or whoever read it had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(f"driver.py: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
