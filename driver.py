#!/usr/bin/env python3
"""One measured training beside looping ones, and a record that can be trusted.

RUN is a folder, its name in results/, or latest. COMMAND --help says more.
Exit codes: 0 all valid (that there was time for) · 1 not all · 2 usage or files
wrong · 3 machine not ready · 75 another run has the lock · 128+N by signal N
"""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "lib"))

if sys.getfilesystemencoding() != "utf-8":  # settings are UTF-8, and names must not change
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.argv])
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.base.errors import TandemError  # noqa: E402
from tandem.base.output import complain, end_in_silence, mute  # noqa: E402
from tandem.base.packages import find_packages  # noqa: E402
from tandem.base.text import behind  # noqa: E402
from tandem.commandline import parser  # noqa: E402


def main() -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be any bytes
    end_in_silence()
    arguments = parser(__doc__ or "").parse_args()
    try:
        find_packages()
        return int(arguments.function(arguments))
    except TandemError as error:
        for line in str(error).splitlines():
            complain(behind("tandem: error: ", line))
        return error.exit_code
    except ModuleNotFoundError as error:
        complain(f"tandem: error: the Python package {error.name} is missing (reinstall Tandem)")
        return 3
    except OSError as error:  # stdout is full, or a run may not be read
        mute(sys.stdout)
        where = f"{error.filename}: " if error.filename else ""
        complain(f"tandem: error: {where}{error.strerror or error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
