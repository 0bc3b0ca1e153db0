"""run groups of a run that several workers drain; start one for each GPU, on any machine"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tandem.base.option_values import count
from tandem.commands.options import RUN_HELP, add_results, run_folder
from tandem.commands.run import add_running, options_of, stop_with


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--max-groups", type=count, metavar="N", help="end after so many groups (all)"
    )
    add_results(parser)
    add_running(parser)
    parser.set_defaults(rerun_invalid=False)


def run(arguments: argparse.Namespace) -> int:
    from tandem.plan.file import read_plan_file
    from tandem.report.progress import Progress
    from tandem.work.slurm.inside import in_job
    from tandem.work.worker import Worker

    if arguments.stop_with_parent:
        stop_with(arguments.stop_with_parent)
    folder = run_folder(arguments.run, arguments.results)
    progress = Progress(sys.stderr)
    options = in_job(options_of(arguments), progress.event)
    worker = Worker(read_plan_file(folder), folder, options, progress)
    worker.most_groups = arguments.max_groups
    return worker.run()
