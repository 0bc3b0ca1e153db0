"""print what a run does, what has ended and what is left"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.base.errors import UsageError
from tandem.base.option_values import count
from tandem.base.output import say
from tandem.commands.options import RUN_HELP, run_folder

if TYPE_CHECKING:
    from tandem.results.glance import Glance, Watched

SHOWN = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    text = f"{RUN_HELP} (latest)"
    add("run", type=Path, nargs="?", default=Path("latest"), metavar="RUN", help=text)
    add(
        "--ended",
        type=count,
        default=SHOWN,
        metavar="N",
        help="how many that have ended are named (%(default)s)",
    )
    add("--json", action="store_true", help="as an object of JSON on one line")


def run(arguments: argparse.Namespace) -> int:
    from tandem.base.paths import how_to_go_on
    from tandem.report.grid import screen_columns
    from tandem.report.live.colour import coloured, has_colour
    from tandem.report.live.status import status_json, status_lines
    from tandem.results.glance import Watched

    folder = existing(arguments.run)
    glance, resume = look(Watched(folder, arguments.ended)), how_to_go_on(folder)
    if arguments.json:
        say(json.dumps(status_json(glance, resume), ensure_ascii=False))
        return 0
    text = "\n".join(status_lines(glance, screen_columns(), resume))
    say(coloured(text) if has_colour(is_terminal=sys.stdout.isatty()) else text)
    return 0


def look(watched: Watched) -> Glance:
    """Return a run at a glance, with what Slurm says of its jobs, if it has any."""
    from tandem.work.slurm.queue import queue_of

    return watched.look().with_jobs(queue_of(watched.run))


def existing(path: Path) -> Path:
    """Return the folder of a run; UsageError: there is none of that name."""
    folder = run_folder(path)
    if not any((folder / name).exists() for name in ("plan.json", "journal.jsonl", "state.json")):
        raise UsageError(f"{path}: no folder of a run: it has no plan.json and no journal.jsonl")
    return folder
