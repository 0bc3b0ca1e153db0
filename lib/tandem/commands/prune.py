"""remove logs or samples of old runs, by rules; records and tables stay for ever"""

from __future__ import annotations

import argparse

from tandem.base.output import say
from tandem.commands.options import add_results


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--keep",
        action="append",
        required=True,
        metavar="RULE",
        help="logs=30d, samples=30d (by age) or logs=10, samples=10 (of the newest runs)",
    )
    add("--dry-run", action="store_true", help="say what would go; remove nothing")
    add_results(parser)


def run(arguments: argparse.Namespace) -> int:
    from tandem.results.prune import prune, rule_of

    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        say(line)

    prune(arguments.results, list(map(rule_of, arguments.keep)), arguments.dry_run, tell)
    if not said:
        say(f"{arguments.results}: nothing to remove")
    return 0
