#!/usr/bin/env python3
"""Keep a process tree: run one command and leave nothing of it behind.

Usage: keep.py [OPTION ...] -- COMMAND [ARG ...]

The keeper stands between an owner and a command. It ends the command's whole tree when
the command ends, when it gets TERM, INT, HUP or QUIT, when its owner dies, or when its
timeout passes: TERM first, KILL after the grace period (at once where QUIT follows), until
the kernel answers ECHILD, which is the proof that nobody is left.

Options:
  --directory DIR  the command's working folder (.)
  --env NAME=TEXT  a variable of the command's environment, and of its alone; may be repeated
  --grace S        seconds from TERM to KILL (10)
  --pause S        seconds from the keeper's own start to that of the command, at least (0)
  --timeout S      stop the command after S seconds (never)
  --patience S     after the command has ended by itself, give whatever it has left S seconds to end
                   too (0); the report says who went on, and for how long anybody did
  --owner PID,...  the parent, then its parent, and so on: the death of each ends the command;
                   end at once if one is another by now; 0: nobody's death does from here on
  --log FILE       append the command's stdout and stderr to FILE (inherited)
  --input FILE     the command's stdin (none)
  --report FILE    write what happened to FILE as JSON, atomically
  --events FILE    append a line at the start and at the end of the command, and one when all
                   below it has ended, seconds on CLOCK_BOOTTIME: start<TAB>ROUND<TAB>SECONDS,
                   end<TAB>ROUND<TAB>SECONDS<TAB>EXIT<TAB>REASON and
                   used<TAB>ROUND<TAB>SECONDS<TAB>CPU SECONDS
  --round N        the number in those lines (1)
  --killed FILE    append a line for each process that had to be killed: PID<TAB>NAME; a keeper of
                   keepers (--strict) counts what those below it append as its own
  --strict         a keeper of keepers: kill at once whatever is adopted while the command
                   runs, and give the keepers below the time that they need
  --name NAME      the name in messages (keep)
  --verbose        say on stderr what was stopped

Environment: TANDEM_LIFELINE_FD, the number of an open pipe whose other end only the owner
holds: its end is the owner's end. TANDEM_MONITOR_FD, the number of a pidfd of a bin/powermon,
which is asked for a row (SIGUSR1) at the start and at the end. TANDEM_COOKIE is set for the
command unless it is set; with --log, TANDEM_OUT is set to the folder of the log.

Exit codes: the command's own · 128+N ended by signal N · 124 timeout · 126 cannot be run ·
127 not found · 2 usage · 3 this machine cannot keep. A keeper that was stopped by a signal
ends by that signal.

Overhead: one process of about 11 MiB, no wake-ups while nothing happens (--strict: two a
second).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.base.output import end_in_silence  # noqa: E402
from tandem.processes.keeper import Keeper  # noqa: E402
from tandem.processes.owner import OwnerError, TooOldError  # noqa: E402


def pids(text: str) -> list[int]:
    return list(map(int, text.split(",")))


def options_from(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keep.py", usage=__doc__, add_help=False)
    parser.add_argument("--directory", default=".")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--patience", type=float, default=0.0)
    parser.add_argument("--owner", type=pids)
    parser.add_argument("--log")
    parser.add_argument("--input", default=os.devnull)
    parser.add_argument("--report")
    parser.add_argument("--events")
    parser.add_argument("--round", type=int, default=1)
    parser.add_argument("--killed")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--name", default="keep")
    parser.add_argument("--verbose", action="store_true")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:split])
    options.command = arguments[split + 1 :]
    if not options.command:
        parser.error("no command after --")
    return options


def fail(name: str, error: OwnerError) -> NoReturn:
    print(f"{name}: error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


def main() -> NoReturn:
    if sys.argv[1:] == ["--help"]:
        end_in_silence()
        print(__doc__, end="")
        sys.exit(0)
    options = options_from(sys.argv[1:])
    try:
        keeper = Keeper(options)
    except OwnerError as error:
        fail(options.name, error)
    except OSError as error:
        fail(options.name, TooOldError(error))
    if keeper.pause() and keeper.start():
        keeper.watch()
        keeper.stop()
    elif keeper.error:
        keeper.say(f"error: cannot start the command: {keeper.error}")
    keeper.write_report()
    keeper.end()


if __name__ == "__main__":
    main()
