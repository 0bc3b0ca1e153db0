"""compute all figures of runs from their raw files; say which differ"""

from __future__ import annotations

import argparse
from pathlib import Path

from tandem.base.output import say


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")


def run(arguments: argparse.Namespace) -> int:
    from tandem.experiment.verify import text_of_verdict, verified

    has_differences = False
    for run, verdict in verified(arguments.runs):
        say(text_of_verdict(run, verdict))
        has_differences |= bool(verdict.differences)
    return int(has_differences)
