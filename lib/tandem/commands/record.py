"""make records of a run from its files: the missing ones, or all of them elsewhere"""

from __future__ import annotations

import argparse
from pathlib import Path

from tandem.base.output import say
from tandem.commands.options import RUN_HELP, run_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="make all records into this new folder, to compare (in the run: what is missing)",
    )


def run(arguments: argparse.Namespace) -> int:
    from tandem.results.shared.workers import is_shared
    from tandem.run.again import record_in_place, record_into
    from tandem.work.again import record_together

    run = run_folder(arguments.run)
    if arguments.to is not None:
        record_into(run, arguments.to, say)
    elif is_shared(run):
        record_together(run, say)
    else:
        record_in_place(run, say)
    return 0
