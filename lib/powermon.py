#!/usr/bin/env python3
"""The monitor as a program; the header of bin/powermon explains the options."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.base.arguments import Arguments  # noqa: E402
from tandem.base.option_values import process_id, seconds  # noqa: E402
from tandem.base.paths import POWERCAP, POWERMON, PROC  # noqa: E402
from tandem.base.text import quote_path  # noqa: E402
from tandem.measure.sampling.files import say  # noqa: E402
from tandem.measure.sampling.monitor import Sampler  # noqa: E402
from tandem.nvml.binding import NvmlError  # noqa: E402
from tandem.nvml.devices import UnknownGpuError  # noqa: E402
from tandem.processes.owner import OwnerError  # noqa: E402

SHORTEST_S = 0.01


def options_from(words: list[str]) -> Namespace:
    arguments = Arguments(POWERMON)
    add = arguments.add_argument
    add("--out")
    add("--interval", type=seconds, default=0.1)
    add("--row", type=seconds, default=1.0)
    add("--gpus")
    add("--counters", choices=["gpm"])
    add("--foreground", type=process_id, action="append", default=[])
    add("--background", type=process_id, action="append", default=[])
    add("--powercap", default=str(POWERCAP))
    add("--proc", default=str(PROC))
    add("--run", type=process_id)
    options = arguments.parse_args(words)
    if not options.out:
        arguments.error("give a folder for the files with --out")
    if options.interval < SHORTEST_S:
        arguments.refuse(f"--interval must be at least {SHORTEST_S:g} s")
    if options.row < options.interval:
        arguments.refuse("--row must not be shorter than --interval")
    options.out = arguments.folder("--out", options.out)
    if os.path.exists(os.path.join(options.out, "monitor.json")):
        already = "holds the files of a monitor already; choose another folder"
        arguments.refuse(f"--out: {quote_path(Path(options.out))} {already}")
    options.powercap = os.path.abspath(options.powercap)
    return options


def fail(code: int, text: str) -> NoReturn:
    say("error", text)
    sys.exit(code)


def main() -> None:
    options = options_from(sys.argv[1:])
    with ExitStack() as stack:
        try:
            Sampler(options, stack).run()
        except OwnerError as error:
            fail(error.exit_code, str(error))
        except UnknownGpuError as error:
            fail(2, f"--gpus: {error}")
        except NvmlError as error:
            fail(2, f"--gpus: {error.with_hint()}")
        except FileExistsError as error:
            fail(2, f"{error.filename} is there already; choose another folder")
        except OSError as error:
            where = error.filename or options.out
            fail(1, f"{os.fspath(where)}: {error.strerror}: the rows end here")


if __name__ == "__main__":
    main()
