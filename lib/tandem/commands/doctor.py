"""print what this machine has; what is lost without the rest"""

from __future__ import annotations

import argparse

from tandem.base.output import say
from tandem.commands.options import add_results


def add_options(parser: argparse.ArgumentParser) -> None:
    add_results(parser)


def run(arguments: argparse.Namespace) -> int:
    from tandem.machine import doctor

    say(doctor.text(doctor.examine(arguments.results)))
    return 0
