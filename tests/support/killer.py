"""driver.py, killed by itself when it comes to a certain line of what writes a run's files.

Usage: KILL_AT=LINE python killer.py ARGUMENT ...
       KILL_LIST=FILE python killer.py ARGUMENT ... --results FOLDER ...

The second is not killed, and writes every LINE into FILE: a module's name, the line's number, how
often it has come. Behind it stands, after a tab, what the files in FOLDER are like before it: a
kill at any line with the same state leaves the same files. With KILL_BETWEEN="ONE OTHER" only lines
from the call of the function ONE to the end of OTHER count, each time that they are called.
"""

from __future__ import annotations

import hashlib
import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    *("base/files", "plan/file", "results/journal", "results/folder", "results/table"),
    *("results/record_file", "experiment/outcome", "experiment/record"),
    *("plan/tries", "run/groups", "run/pairs", "run/sweep", "run/run"),
]
first, last = os.environ.get("KILL_BETWEEN", " ").split(" ")
if first:  # else it would count how often it looks at a training that goes on
    NAMES.append("experiment/experiment")
MODULES = {str(ROOT / "lib" / "tandem" / f"{name}.py"): name for name in NAMES}
kill_at = os.environ.get("KILL_AT")
seen: Counter[str] = Counter()
listed: list[str] = []
is_counting = not first


def on_line(frame: FrameType, event: str, _value: Any) -> Any:
    global is_counting  # noqa: PLW0603
    code = frame.f_code
    if is_counting and event in ("line", "return") and code.co_filename in MODULES:
        count(f"{MODULES[code.co_filename]}:{frame.f_lineno}")
    if event == "return" and code.co_name == last:
        is_counting = False
    return on_line


def on_call(frame: FrameType, _event: str, _value: Any) -> Any:
    global is_counting  # noqa: PLW0603
    code = frame.f_code
    is_counting = is_counting or code.co_name == first
    return on_line if code.co_filename in MODULES and code.co_name[0] != "<" else None


def count(place: str) -> None:
    seen[place] += 1
    line = f"{place}:{seen[place]}"
    if line == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if kill_at is None:
        listed.append(f"{line}\t{state()}\n")


def state() -> str:
    """Return what the files of the run are like: their names, sizes and when they were written.

    But for state.json, of which nothing is ever made.
    """
    found = []
    for place, _, names in os.walk(sys.argv[sys.argv.index("--results") + 1]):
        for path in (os.path.join(place, name) for name in names if name != "state.json"):
            facts = os.lstat(path)
            found.append((path, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


sys.argv[0] = str(ROOT / "driver.py")
sys.settrace(on_call)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    sys.settrace(None)
    if kill_at is None:
        Path(os.environ["KILL_LIST"]).write_text("".join(listed))
