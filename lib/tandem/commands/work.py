"""run groups of a run that several workers drain; start one for each GPU, on any machine"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tandem.base.option_values import count, seconds
from tandem.base.variables import VISIBLE
from tandem.commands.options import RUN_HELP, add_results, run_folder
from tandem.commands.run import add_running, options_of, stop_with


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help=RUN_HELP)
    add(
        "--gpus",
        metavar="LIST",
        help="start one worker for each of these: numbers or UUIDs with commas between, or all"
        f" (one worker, on what {VISIBLE} says)",
    )
    add("--max-groups", type=count, metavar="N", help="end after so many groups (all)")
    add(
        "--claim-expires",
        type=count,
        metavar="S",
        default=120,
        help="take over a group whose worker gave no sign for so many seconds (%(default)s);"
        " give all workers of a run the same",
    )
    add(
        "--wait-disk",
        type=seconds,
        metavar="S",
        default=600,
        help="wait at most so many seconds for the run's disk, where that is full or gone"
        " (%(default)s)",
    )
    add_results(parser)
    add_running(parser)
    parser.set_defaults(rerun_invalid=False)


def run(arguments: argparse.Namespace) -> int:
    from tandem.plan.file import read_plan_file
    from tandem.report.progress import Progress
    from tandem.work.boards import chosen_boards
    from tandem.work.crew import run_crew
    from tandem.work.slurm.inside import in_job
    from tandem.work.slurm.job import job_of
    from tandem.work.slurm.node import see_node
    from tandem.work.worker import Worker

    if arguments.stop_with_parent:
        stop_with(arguments.stop_with_parent)
    folder = run_folder(arguments.run, arguments.results)
    plan, progress = read_plan_file(folder), Progress(sys.stderr)
    if (job := job_of(os.environ)) and not arguments.stop_with_parent:
        see_node(job, folder, plan.experiments)
    options = in_job(options_of(arguments), progress.event)
    if arguments.gpus:
        boards = chosen_boards(arguments.gpus)
        if len(boards) > 1:
            return run_crew(boards, sys.argv[1:])
        os.environ[VISIBLE] = boards[0].uuid
    return Worker(
        plan,
        folder,
        options,
        progress,
        most_groups=arguments.max_groups,
        claim_expires_s=arguments.claim_expires,
        wait_disk_s=arguments.wait_disk,
    ).run()
