#!/usr/bin/env python3
"""The controller of a background as a program; the header of bin/dose explains the options."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from contextlib import ExitStack
from typing import NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.background.dose.controller import Controller, NoKeeperError  # noqa: E402
from tandem.background.dose.feedback import LEAST_DUTY  # noqa: E402
from tandem.base.arguments import Arguments  # noqa: E402
from tandem.base.option_values import number, process_id, seconds  # noqa: E402
from tandem.base.paths import DOSE  # noqa: E402
from tandem.processes.owner import OwnerError  # noqa: E402

SHORTEST_S, LONGEST_S = 0.05, 0.5


def options_from(words: list[str]) -> Namespace:
    arguments = Arguments(DOSE)
    add = arguments.add_argument
    add("--out")
    add("--intensity", type=number)
    add("--target", type=number)
    add("--keeper", type=process_id)
    add("--period", type=seconds, default=LONGEST_S)
    options = arguments.parse_args(words)
    if not options.out:
        arguments.error("give a folder for the files with --out")
    if options.intensity is None and options.target is None:
        arguments.error("give --intensity or --target")
    if None not in (options.intensity, options.target):
        arguments.error("give one of --intensity and --target")
    if options.keeper is None:
        arguments.error("give the process id of the background with --keeper")
    if options.intensity is not None and not LEAST_DUTY <= options.intensity <= 1:
        arguments.refuse(f"--intensity must be {LEAST_DUTY:g} to 1")
    if options.target is not None and not 0 < options.target <= 100:
        arguments.refuse("--target must be above 0 and at most 100 percent")
    if not SHORTEST_S <= options.period <= LONGEST_S:
        arguments.refuse(f"--period must be {SHORTEST_S:g} to {LONGEST_S:g} s")
    options.out = arguments.folder("--out", options.out)
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
