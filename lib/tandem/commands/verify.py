"""compute all figures of runs from their raw files; say which differ"""

from __future__ import annotations

import argparse
from pathlib import Path

from tandem.base.output import say
from tandem.base.paths import as_seen_from_here
from tandem.commands.options import RUN_HELP, run_folders


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help=RUN_HELP)


def run(arguments: argparse.Namespace) -> int:
    from tandem.experiment.verify import text_of_verdict, verified

    has_differences = False
    for run, verdict in verified(run_folders(arguments.runs)):
        say(text_of_verdict(as_seen_from_here(run), verdict))
        has_differences |= bool(verdict.differences)
    return int(has_differences)
