"""driver.py, killed by itself when it comes to a certain line of what writes a run's files.

Usage: KILL_AT=N python killer.py ARGUMENT ...; 0: not at all, and say how many lines there were.
"""

from __future__ import annotations

import itertools
import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    str(path)
    for name in (
        *("base/files", "plan/file", "results/folder", "results/journal", "results/record"),
        *("results/table", "run/run", "run/sweep"),
    )
    for path in [ROOT / "lib" / "tandem" / f"{name}.py"]
    if path.is_file() or sys.exit(f"killer.py: there is no {path}")
}
kill_at = int(os.environ["KILL_AT"])
lines = itertools.count(1)


def on_line(_frame: FrameType, event: str, _value: Any) -> Any:
    if event in ("line", "return") and next(lines) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return on_line


def on_call(frame: FrameType, _event: str, _value: Any) -> Any:
    code = frame.f_code
    is_one = code.co_filename in MODULES and not code.co_name.startswith("<")
    return on_line if is_one else None


sys.argv[0] = str(ROOT / "driver.py")
sys.settrace(on_call)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    sys.settrace(None)
    if not kill_at:
        print(f"{next(lines) - 1} lines")
