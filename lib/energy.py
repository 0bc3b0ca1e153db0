"""A window's figures as a program; the header of bin/energy explains the options."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from tandem.base.arguments import Arguments
from tandem.base.errors import TandemError, UsageError
from tandem.base.output import complain, mute, say
from tandem.base.paths import ENERGY
from tandem.base.text import quote
from tandem.measure.windows.lookup import facts_of, monitor_folders
from tandem.report.window import text_of_window


def options_from(words: list[str]) -> Namespace:
    arguments = Arguments(ENERGY)
    add = arguments.add_argument
    add("folder", nargs="?")
    add("--from", dest="from_text", default="")
    add("--to", dest="to_text", default="")
    add("--json", action="store_true")
    options = arguments.parse_args(words)
    if not options.folder:
        arguments.error("give the folder of an experiment or of a run")
    return options


def main() -> int:
    options = options_from(sys.argv[1:])
    path = Path(options.folder)
    try:
        folders = monitor_folders(path)
        is_run = folders[0] not in (path, path / "energy")
        found = facts_of(folders, options.from_text, options.to_text, is_run=is_run)
        if not found:
            raise UsageError(f"{quote(options.folder)} holds no samples of that time")
        if options.json:
            say(json.dumps(found if is_run else next(iter(found.values())), indent=2))
        else:
            say("\n\n".join(text_of_window(name, facts) for name, facts in found.items()))
    except TandemError as error:
        complain(f"energy: error: {error}")
        return error.exit_code
    except (OSError, ValueError) as error:
        mute(sys.stdout)  # it may be what failed
        complain(f"energy: error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
