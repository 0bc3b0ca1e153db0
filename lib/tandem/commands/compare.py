"""print what two trainings cost each other, over all repeats"""

from __future__ import annotations

import argparse
from pathlib import Path

from tandem.base.option_values import percent
from tandem.base.output import complain, say
from tandem.commands.options import RUN_HELP, run_in_words

FORMATS = ("table", "csv", "json", "markdown")


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "names",
        nargs="+",
        metavar="RUN",
        help=f"{RUN_HELP}; or a part of it: RUN:c07 (a configuration), RUN:b2 (a"
        " background and its dose), RUN:dropout=0.5 (a level), RUN:b2,dropout=0.5 (both). Several"
        " are put together; A vs B compares the two",
    )
    add(
        "--by",
        metavar="FACTOR",
        help="compare the levels of: background, intensity, foreground, config, or a"
        " hyperparameter of the foreground",
    )
    add(
        "--equivalent",
        type=percent,
        metavar="2%",
        help="say whether the effect is less than this share, more, or not known",
    )
    add("--format", choices=FORMATS, default=FORMATS[0], help="of the output (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    from tandem.report.compare.text import text_of_compare
    from tandem.report.grid import screen_columns

    options = arguments.by, arguments.equivalent, arguments.format, screen_columns()
    as_typed = [name == "vs" or Path(name).is_file() for name in arguments.names]
    names = [
        name if is_as_typed else run_in_words(name)
        for name, is_as_typed in zip(arguments.names, as_typed, strict=True)
    ]
    text, remarks = text_of_compare(names, *options)
    say(text)
    for remark in remarks:
        complain(f"tandem: {remark}")
    return 0
