#!/usr/bin/env python3
"""The monitor as a program; bin/powermon starts it, and its header explains the options."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from typing import NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.measure.sampling.files import say  # noqa: E402
from tandem.measure.sampling.monitor import Monitor  # noqa: E402
from tandem.nvml.devices import NvmlError, UnknownGpuError  # noqa: E402
from tandem.processes.owner import OwnerError  # noqa: E402

SHORTEST_S = 0.01


def options_from(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="powermon", add_help=False)
    parser.add_argument("--out", required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--row", type=float, required=True)
    parser.add_argument("--gpus")
    parser.add_argument("--foreground", type=int, action="append", default=[])
    parser.add_argument("--background", type=int, action="append", default=[])
    parser.add_argument("--powercap", required=True)
    options = parser.parse_args(arguments)
    if options.interval < SHORTEST_S:
        fail(2, f"--interval must be at least {SHORTEST_S:g} s")
    if options.row < options.interval:
        fail(2, "--row must not be shorter than --interval")
    return options


def fail(code: int, text: str) -> NoReturn:
    say("error", text)
    sys.exit(code)


def main() -> None:
    options = options_from(sys.argv[1:])
    with ExitStack() as stack:
        try:
            Monitor(options, stack).run()
        except OwnerError as error:
            fail(error.exit_code, str(error))
        except UnknownGpuError as error:
            fail(2, f"--gpus: {error}")
        except NvmlError as error:
            fail(2, f"--gpus: {error}" + (f" ({error.hint})" if error.hint else ""))
        except FileExistsError as error:
            fail(2, f"{error.filename} is there already; choose another folder")
        except OSError as error:
            where = error.filename or options.out
            fail(1, f"{os.fspath(where)}: {error.strerror}: the rows end here")


if __name__ == "__main__":
    main()
