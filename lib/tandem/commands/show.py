"""print what is known of one experiment: figures, timeline, reasons, the end of its log"""

from __future__ import annotations

import argparse
from pathlib import Path

from tandem.base.output import say


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("experiment", metavar="EXPERIMENT", help="RUN/ID as a path, or its ID in a run")
    add("--run", type=Path, default=Path("latest"), metavar="RUN", help="its run (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    from tandem.commands.experiments import experiment_named
    from tandem.report.details.show import can_show, text_of_experiment
    from tandem.report.grid import screen_columns

    run, reading = experiment_named(arguments.experiment, arguments.run)
    say(text_of_experiment(run, reading, screen_columns(), has_utf8=can_show("✓█▁")))
    return 0
