"""make the report of runs: one HTML file that can be mailed"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from tandem.base.errors import TandemError, UsageError
from tandem.base.output import say
from tandem.base.paths import as_seen_from_here
from tandem.base.sudo import give_to_caller
from tandem.commands.options import RUN_HELP, run_folders


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    text = f"{RUN_HELP}; several are put into one report"
    add("runs", type=Path, nargs="+", metavar="RUN", help=text)
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where to write the report; -: print it (report.html in the folder of the run; of"
        " several runs, beside the first)",
    )


def run(arguments: argparse.Namespace) -> int:
    from tandem.report.page.page import page_of, write_page
    from tandem.report.page.runs import NAME, home_of
    from tandem.results.shared.workers import is_shared

    runs = [checked(run) for run in run_folders(arguments.runs)]
    for run in filter(is_shared, runs):
        from tandem.work.together import write_lost_figures

        with suppress(OSError, TandemError):
            write_lost_figures(run)
    if str(arguments.output) == "-":
        sys.stdout.flush()
        say(page_of(runs).removesuffix("\n"))
        return 0
    try:
        file = write_page(runs, arguments.output)
    except OSError as error:
        where = arguments.output or home_of(runs) / NAME
        raise UsageError(
            f"{where}: cannot be written: {error.strerror} (name another place with -o FILE)"
        ) from None
    give_to_caller(file)
    say(f"report: {as_seen_from_here(file)}")
    return 0


def checked(run: Path) -> Path:
    """Return the folder of a run; UsageError: it is none that can be read."""
    from tandem.results.record_file import NAME as RECORD

    named = as_seen_from_here(run)
    if not os.access(run, os.R_OK | os.X_OK):
        raise UsageError(f"{named}: the folder cannot be read (check its permissions)")
    if (run / RECORD).exists():
        raise UsageError(f"{named}: the folder of one experiment (name the run's, one above)")
    return run
