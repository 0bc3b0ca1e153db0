"""submit workers for a run to Slurm: of new settings, or for what is missing"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from tandem.base.arguments import OPTIONS
from tandem.base.errors import UsageError
from tandem.base.option_values import count
from tandem.base.output import complain, say
from tandem.base.text import quote
from tandem.commands.options import add_plan, read_plan, run_folder, told
from tandem.commands.run import refuse_beside_resume
from tandem.results.shared.jobs import WORKERS


def add_options(parser: argparse.ArgumentParser) -> None:
    add_plan(parser)
    parser.set_defaults(go_on=False)
    add = parser.add_argument
    text = (
        "submit workers for what is missing in this run, with the options of its last submission;"
        " as many as it had, less those that wait or run"
    )
    add("--resume", type=Path, metavar="RUN", help=text)
    text = f"how many workers, as one array of jobs ({WORKERS}, or one for each group)"
    add("--workers", type=count, metavar="K", help=text)
    add("--partition", type=one_word, metavar="P", help="where the jobs run (the site's default)")
    text = "how long a worker may run, as sbatch reads it (the partition's default)"
    add("--time", type=one_word, metavar="T", help=text)
    text = "type of the GPU that a worker gets, or none (any type, if a training may use a GPU)"
    add("--gpus", type=one_word, metavar="TYPE", help=text)
    text = "how many CPUs a worker gets (what goes with its GPU at this site)"
    add("--cpus", type=count, metavar="N", help=text)
    text = "how much memory a worker's job gets, such as 32G (what goes with its GPU at this site)"
    add("--memory", type=one_word, metavar="SIZE", help=text)
    text = "each job takes a whole node, with a worker for each GPU (no)"
    add("--exclusive", action=argparse.BooleanOptionalAction, default=None, help=text)
    text = "further options of sbatch, which replace these; they are split as a shell does"
    add("--sbatch-args", dest="arguments", type=words_in, metavar=OPTIONS, help=text)
    add("--dry-run", action="store_true", help="print everything; make and submit nothing")


def one_word(text: str) -> str:
    """What stands in an option of sbatch."""
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a word, not {quote(text)}")
    return text


def words_in(text: str) -> tuple[str, ...]:
    """The words of a command line; nothing else of a shell's language counts."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"options, not {quote(text)} ({error})") from None
    if any("\0" in word for word in words):
        raise argparse.ArgumentTypeError(f"options, not {quote(text)}")
    return words


def run(arguments: argparse.Namespace) -> int:
    from tandem.work.slurm.sbatch import Asked
    from tandem.work.slurm.submit import Wanted, submit_missing, submit_new

    names = ("partition", "time", "gpus", "cpus", "memory", "exclusive", "arguments")
    asked = Asked(**{name: getattr(arguments, name) for name in names})
    wanted = Wanted(asked, arguments.workers, arguments.dry_run)
    if arguments.resume:
        refuse_beside_resume(arguments)
        submit_missing(run_folder(arguments.resume, arguments.results), wanted)
        return 0
    reading = read_plan(arguments)
    for line in told(reading.problems):
        complain(line)
    if reading.plan is None:
        return UsageError.exit_code
    if arguments.dry_run:
        from tandem.report.check.text import text_of_check
        from tandem.report.grid import screen_columns

        say(text_of_check(reading.plan, (), arguments.results, screen_columns()) + "\n")
    submit_new(reading.plan, reading.copies, arguments.results.resolve(), wanted)
    return 0
