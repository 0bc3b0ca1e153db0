"""print runs as a tidy table: experiments, windows, rounds, epochs or samples, CSV or JSON"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.output import complain, say
from tandem.commands.options import RUN_HELP, run_or_file

KINDS = ("experiments", "windows", "rounds", "epochs", "samples")
FORMATS = ("csv", "json")


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("runs", nargs="*", type=Path, metavar="RUN", help=RUN_HELP)
    add("--kind", choices=KINDS, default=KINDS[0], help="what a row is about (%(default)s)")
    add("--format", choices=FORMATS, help="of the table (csv; json where FILE ends so)")
    add("--experiment", metavar="ID", help="rows of this experiment alone")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write the table to FILE, whole or not at all, and its schema beside it:"
        " FILE with .schema.json in place of its ending",
    )
    add("--schema", action="store_true", help="print the Frictionless Table Schema instead")
    parser.epilog = (
        "Exit codes: 0 all was read · 1 something was passed over, as stderr says: what is damaged,"
        " pruned, or no run · 2 wrong usage, or no run at all. docs/data.md has every column."
    )


def run(arguments: argparse.Namespace) -> int:
    from tandem.results.tables import kinds, written
    from tandem.results.tables.reader import Reader, reader_of
    from tandem.results.tables.table import schema_of

    if not arguments.runs and not arguments.schema:
        raise UsageError("which run? (name its folder: results/run_...; or latest)")
    table = kinds.KINDS[arguments.kind]
    paths = [run_or_file(path) for path in arguments.runs]
    reader = reader_of(paths) if paths else Reader({})
    columns = reader.columns(table)
    schema = json.dumps(schema_of(table, columns), indent=2, ensure_ascii=False)
    if arguments.schema:
        say(schema)
        return 0
    rows = reader.rows(table, columns, arguments.experiment)
    file: Path | None = arguments.output
    by_name = written.JSON if file and file.suffix == ".json" else written.CSV
    text = written.blocks(arguments.format or by_name, columns, rows)
    if file:
        written.write(file, text, schema)
    else:
        for block in text:
            say(block)
    for problem in reader.problems:
        complain(f"tandem: passed over: {problem}")
    return 1 if reader.problems else 0
