#!/usr/bin/env python3
"""Tandem: one measured training beside looping ones, and a record that can be trusted.

Exit codes: 0 all experiments succeeded and are valid (with --until: all that there was time for) ·
1 some failed or are invalid · 2 usage, settings or registry wrong (nothing was started) ·
3 the machine is not ready · 75 another run holds the lock ·
128+N ended by signal N, everything stopped and recorded
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "lib"))

if sys.getfilesystemencoding() != "utf-8":  # settings are UTF-8, and names must not change
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.argv])
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.base.errors import TandemError, UsageError  # noqa: E402
from tandem.base.output import complain, end_in_silence, mute, say  # noqa: E402
from tandem.commandline import (  # noqa: E402
    parser,
    read_plan,
    refuse_beside_resume,
    registries,
    run_folder,
    sought_run,
    stop_with,
    strictly,
)
from tandem.config.problems import ignored_lines, problem_lines  # noqa: E402


def command_run(arguments: argparse.Namespace) -> int:
    """run the experiments of a settings file, what is missing of a run, or one training"""
    from tandem.machine.gpus import Sensors
    from tandem.plan.file import read_plan_file
    from tandem.report.progress import Progress
    from tandem.run.options import Options
    from tandem.run.run import Run

    if arguments.stop_with_parent:
        stop_with(arguments.stop_with_parent)
    progress = Progress(sys.stderr)
    options = Options(
        arguments.results.resolve(),
        arguments.namespace,
        Sensors(
            arguments.powercap.absolute(),
            arguments.proc.absolute(),
            arguments.wait_idle,
            arguments.allow_busy,
        ),
        arguments.cpufreq.absolute(),
        arguments.wait_lock,
        arguments.until,
        arguments.rerun_invalid,
        arguments.stop_after_invalid,
    )
    if arguments.rerun_invalid and not arguments.resume:
        raise UsageError("--rerun-invalid needs --resume RUN: only a run has groups to run again")
    if arguments.resume:
        refuse_beside_resume(arguments)
        folder = run_folder(arguments.resume)
        return Run(read_plan_file(folder), folder, options, progress).run()
    sought = sought_run(arguments) if arguments.go_on else None
    if sought:
        if found := sought.found():
            progress.event(f"continuing {found[0]}")
            return Run(found[1], found[0], options, progress).run()
        for line in sought.changes():
            progress.event(line)
    reading = read_plan(arguments)
    for line in ignored_lines(reading.problems):
        progress.event(f"driver.py: {line}")
    others = [problem for problem in reading.problems if not problem.is_ignored]
    for severity in ("error", "warning", "remark"):
        for line in problem_lines(others, severity):
            progress.event(f"driver.py: {severity}: {line}")
    if reading.plan is None:
        return UsageError.exit_code
    find = sought.found if sought else None
    return Run(reading.plan, None, options, progress, find, reading.copies).run()


def command_check(arguments: argparse.Namespace) -> int:
    """check settings and registry; print the design, how long it takes, and what it can tell"""
    reading = read_plan(arguments)
    if arguments.strict:
        reading = strictly(reading)
    for line in ignored_lines(reading.problems):
        complain(f"driver.py: {line}")
    others = [it for it in reading.problems if arguments.strict or not it.is_ignored]
    if arguments.json:
        from tandem.plan.file import text_of_reading

        say(text_of_reading(reading.plan, reading.problems))
    elif arguments.lines:
        from tandem.report.check.lines import text_of_lines

        say(text_of_lines(reading.plan, others))
    else:
        from tandem.report.check.text import text_of_check
        from tandem.report.grid import screen_columns

        say(text_of_check(reading.plan, others, arguments.results, screen_columns()))
    return UsageError.exit_code if reading.plan is None else 0


def command_list(arguments: argparse.Namespace) -> int:
    """print the repositories, models and hyperparameters of the registry"""
    from tandem.config.problems import has_errors
    from tandem.config.registry import load_registry
    from tandem.report.registry import text_of_registry

    registry = load_registry(*registries(arguments))
    say(text_of_registry(registry))
    return UsageError.exit_code if has_errors(registry.problems) else 0


def command_repos(arguments: argparse.Namespace) -> int:
    """clone the repositories that are missing, each at the commit that the registry names"""
    from tandem.config.clone import clone_missing
    from tandem.config.registry import load_registry

    registry = load_registry(*registries(arguments), root=arguments.root)
    return 0 if clone_missing(registry, say) else 1


def command_compare(arguments: argparse.Namespace) -> int:
    """print what parallel experiments and their controls say over all repeats"""
    from tandem.report.compare.text import text_of_compare
    from tandem.report.grid import screen_columns

    options = arguments.by, arguments.equivalent, arguments.format, screen_columns()
    text, remarks = text_of_compare(arguments.names, *options)
    say(text)
    for remark in remarks:
        complain(f"driver.py: {remark}")
    return 0


def command_record(arguments: argparse.Namespace) -> int:
    """make records of a run from its files: the missing ones, or all of them elsewhere"""
    from tandem.run.again import record_in_place, record_into

    run = run_folder(arguments.run)
    if arguments.to is None:
        record_in_place(run, say)
    else:
        record_into(run, arguments.to, say)
    return 0


def command_verify(arguments: argparse.Namespace) -> int:
    """compute every figure of runs anew from their raw files, and say which differ"""
    from tandem.experiment.verify import text_of_verdict, verified

    has_differences = False
    for run, verdict in verified(arguments.runs):
        say(text_of_verdict(run, verdict))
        has_differences |= bool(verdict.differences)
    return int(has_differences)


def command_prune(arguments: argparse.Namespace) -> int:
    """remove logs or samples of old runs by rules; records and tables stay for ever"""
    from tandem.results.prune import prune, rule_of

    prune(arguments.results, list(map(rule_of, arguments.keep)), arguments.dry_run, say)
    return 0


def command_doctor(arguments: argparse.Namespace) -> int:
    """print what this machine has, and what is lost without the rest"""
    from tandem.machine import doctor

    say(doctor.text(doctor.examine(arguments.results)))
    return 0


def main() -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be any bytes
    end_in_silence()
    commands = (
        *(command_run, command_check, command_list, command_repos),
        *(command_compare, command_record, command_verify, command_prune, command_doctor),
    )
    arguments = parser(__doc__ or "", commands).parse_args()
    try:
        return int(arguments.function(arguments))
    except TandemError as error:
        for line in str(error).splitlines():
            complain(f"driver.py: error: {line}")
        return error.exit_code
    except ModuleNotFoundError as error:
        complain(
            f"driver.py: error: the Python package {error.name} is missing"
            " (run `make doctor` once, then .venv/bin/python driver.py)"
        )
        return 3
    except OSError as error:  # stdout is full
        mute(sys.stdout)
        complain(f"driver.py: error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
