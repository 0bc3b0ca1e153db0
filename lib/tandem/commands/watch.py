"""print again and again what a run does, until it ends"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from tandem.base.output import say
from tandem.commands import status
from tandem.commands.status import existing, look

if TYPE_CHECKING:
    from tandem.results.glance import Glance


def add_options(parser: argparse.ArgumentParser) -> None:
    status.add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from tandem.base.paths import how_to_go_on
    from tandem.report.grid import screen_columns
    from tandem.report.live.colour import coloured, has_colour
    from tandem.report.live.screen import Screen
    from tandem.report.live.status import status_json, status_lines
    from tandem.results.glance import Watched

    folder = existing(arguments.run)
    watched, resume = Watched(folder, arguments.ended), how_to_go_on(folder)
    is_terminal = sys.stdout.isatty() and not arguments.json
    dress = coloured if has_colour(is_terminal=is_terminal) else str

    def text(glance: Glance, columns: int) -> str:
        if arguments.json:
            return json.dumps(status_json(glance, resume), ensure_ascii=False)
        return dress("\n".join(status_lines(glance, columns, resume)))

    with Screen(is_terminal=is_terminal) as screen:
        while (glance := look(watched)).is_on:
            if screen.is_drawn:
                screen.draw(text(glance, screen.columns()).split("\n"))
            else:
                say(text(glance, screen_columns()) + ("" if arguments.json else "\n"))
            if not screen.wait():
                return screen.exit_code
    say(text(glance, screen_columns()))
    return 0
