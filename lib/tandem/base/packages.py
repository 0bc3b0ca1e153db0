"""The Python packages that Tandem needs: found here, or in the project's own .venv."""

from __future__ import annotations

import fcntl
import os
import sys
from importlib.util import find_spec

from tandem.base.errors import NotReadyError
from tandem.base.paths import ROOT

NEEDED = ("sh", "jsonschema", "pynvml")  # by the names that are imported
VENV = ROOT / ".venv"


def find_packages() -> None:
    """Go on here if the packages are there, else as the project's .venv, which replaces us.

    NotReadyError: it has none either.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if not missing:
        _hold()
        return
    python = VENV / "bin" / "python"
    is_whole = (VENV / ".run-installed").exists() and os.access(python, os.X_OK)
    if is_whole and not _is_ours():
        os.execv(python, [str(python), *sys.argv])
    raise NotReadyError(
        f"this Python ({sys.executable}) has no package {missing[0]}"
        f" (run `make doctor` once in {ROOT}, then bin/tandem)"
    )


def _is_ours() -> bool:
    return VENV.exists() and os.path.samefile(sys.prefix, VENV)


def _hold() -> None:
    """Keep others from making .venv anew (lib/venv.sh) until this process ends."""
    try:
        if _is_ours():
            held = os.open(VENV / ".lock", os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass  # a .venv from before has no such file; nobody makes it anew right now
