#!/usr/bin/env python3
"""The controller of a background's load as a program; bin/dose starts it, and explains it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from typing import NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.background.dose.controller import Controller, NoKeeperError  # noqa: E402
from tandem.background.dose.feedback import LEAST_DUTY  # noqa: E402
from tandem.processes.owner import OwnerError  # noqa: E402

SHORTEST_S, LONGEST_S = 0.05, 0.5


def options_from(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dose", add_help=False)
    parser.add_argument("--out", required=True)
    parser.add_argument("--intensity", type=float)
    parser.add_argument("--target", type=float)
    parser.add_argument("--period", type=float, required=True)
    parser.add_argument("--keeper", type=int, required=True)
    options = parser.parse_args(arguments)
    if options.intensity is not None and not LEAST_DUTY <= options.intensity <= 1:
        fail(2, f"--intensity must be {LEAST_DUTY:g} to 1")
    if options.target is not None and not 0 < options.target <= 100:
        fail(2, "--target must be above 0 and at most 100 percent")
    if not SHORTEST_S <= options.period <= LONGEST_S:
        fail(2, f"--period must be {SHORTEST_S:g} to {LONGEST_S:g} s")
    return options


def fail(code: int, text: str) -> NoReturn:
    try:
        print(f"dose: error: {text}", file=sys.stderr, flush=True)
    except OSError:
        pass
    sys.exit(code)


def main() -> None:
    options = options_from(sys.argv[1:])
    with ExitStack() as stack:
        try:
            Controller(options, stack).run()
        except OwnerError as error:
            fail(error.exit_code, str(error))
        except ProcessLookupError:
            fail(2, f"--keeper: there is no process {options.keeper}")
        except NoKeeperError as error:
            fail(2, f"--keeper: {error}")
        except OSError as error:
            where = error.filename or options.out
            fail(1, f"{os.fspath(where)}: {error.strerror}: the dosing ends here")


if __name__ == "__main__":
    main()
