"""run the experiments of a settings file; or what is missing of a run, or one training"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.base.errors import TandemError, UsageError
from tandem.base.option_values import count, moment, process_id, seconds
from tandem.base.output import complain, say
from tandem.base.paths import CPUFREQ, POWERCAP, PROC, ROOT, as_seen_from_here
from tandem.base.sudo import give_to_caller
from tandem.base.text import counted
from tandem.commands.options import add_plan, read_plan, registries, run_folder, told
from tandem.processes.control import die_with_parent
from tandem.run.notice import Notice, command_of

if TYPE_CHECKING:
    from tandem.plan.model import Plan
    from tandem.plan.planner import PlanReading
    from tandem.report.progress import Progress
    from tandem.run.continued import Sought
    from tandem.run.options import Options
    from tandem.run.run import Run


def add_options(parser: argparse.ArgumentParser) -> None:
    add_plan(parser)
    add = parser.add_argument
    add(
        "--plan-only",
        action="store_true",
        help="make the run's folder and run nothing: `tandem work RUN` does, on any machine",
    )
    add(
        "--resume",
        type=Path,
        metavar="RUN",
        help="run what is missing in this run; it reuses the saved plan",
    )
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
        "--notify",
        type=command_of,
        metavar="COMMAND",
        help="start this once at the end, however it comes: a program and its arguments (no shell);"
        " docs/cron.md has the variables that it gets, and examples",
    )
    add_running(parser)


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add what whoever runs experiments is told, beside their plan: see `options_of`."""
    add = parser.add_argument
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
        help="wait at most so many seconds for other runs to end (0)",
    )
    add(
        "--namespace",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep backgrounds in a PID namespace where that is permitted (yes)",
    )
    add(
        "--wait-idle",
        type=seconds,
        metavar="S",
        default=0.0,
        help="wait at most so many seconds for busy GPUs (0)",
    )
    add("--allow-busy", action="store_true", help="run beside others, and say so")
    add(
        "--no-report",
        dest="with_report",
        action="store_false",
        help="make no report.html at the end of the run",
    )
    add("--powercap", type=Path, default=POWERCAP, help="where RAPL is (%(default)s)")
    add("--proc", type=Path, default=PROC, help="where CPU time and pressure are (%(default)s)")
    add("--cpufreq", type=Path, default=CPUFREQ, help="where governors are (%(default)s)")
    add(
        "--stop-with-parent", type=process_id, metavar="PID", help="stop when this parent has ended"
    )


def run(arguments: argparse.Namespace) -> int:
    notice = Notice(arguments.notify or ())
    try:
        exit_code = run_told(arguments, notice)
    except TandemError as error:
        notice.send(error.exit_code, str(error))
        raise
    notice.send(exit_code)
    return exit_code


def run_told(arguments: argparse.Namespace, notice: Notice) -> int:
    """Run, or go on with a run; `notice` knows afterwards how it ended."""
    from tandem.plan.file import read_plan_file
    from tandem.report.progress import Progress
    from tandem.run.run import Run
    from tandem.work.slurm.inside import in_job

    if arguments.stop_with_parent:
        stop_with(arguments.stop_with_parent)
    progress = Progress(sys.stderr)
    options = in_job(options_of(arguments), progress.event)
    if arguments.rerun_invalid and not arguments.resume:
        raise UsageError("--rerun-invalid needs --resume RUN: only a run has groups to run again")
    if arguments.plan_only and (arguments.resume or arguments.go_on):
        raise UsageError("--plan-only makes a new run: it takes no --resume and no --continue")
    if arguments.resume:
        refuse_beside_resume(arguments)
        folder = run_folder(arguments.resume, arguments.results)
        return going_on(read_plan_file(folder), folder, options, progress, notice).run()
    sought = sought_run(arguments) if arguments.go_on else None
    if sought:
        if found := sought.found():
            progress.event(f"continuing {found[0]}")
            return going_on(found[1], found[0], options, progress, notice).run()
        for line in sought.changes():
            progress.event(line)
    reading = read_plan(arguments)
    for line in told(reading.problems):
        progress.event(line)
    if reading.plan is None:
        return UsageError.exit_code
    if arguments.plan_only:
        make_run(reading, options.results)
        return 0
    find = sought.found if sought else None
    return Run(reading.plan, None, options, progress, find, reading.copies, notice).run()


def make_run(reading: PlanReading, results: Path) -> None:
    """Make the folder of a run that workers are to drain, and say how."""
    from tandem.results.folder import make_run_folder
    from tandem.results.latest import point_at

    assert reading.plan
    run = make_run_folder(results, reading.plan, reading.copies)
    give_to_caller(run)
    point_at(run, complain)
    shown = as_seen_from_here(run)
    counts = f"{counted(len(reading.plan.experiments), 'experiment')} in"
    say(f"{counts} {counted(len(reading.plan.groups), 'group')}; nothing has run")
    work = shlex.join([str(ROOT / "bin" / "tandem"), "work", str(run)])
    say(f"on each machine that sees this folder: {work}")
    say(f"results: {shown}")


def going_on(plan: Plan, run: Path, options: Options, progress: Progress, notice: Notice) -> Run:
    """Return what runs the rest of a run: as one of its workers, if it has any."""
    from tandem.results.shared.workers import is_shared
    from tandem.run.run import Run
    from tandem.work.worker import Worker

    return (Worker if is_shared(run) else Run)(plan, run, options, progress, notice=notice)


def options_of(arguments: argparse.Namespace) -> Options:
    from tandem.machine.gpus import Sensors
    from tandem.run.options import Options

    return Options(
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
        arguments.with_report,
    )


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
