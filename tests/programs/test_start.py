"""What the command line loads before it knows which command it is for."""

from __future__ import annotations

import os
import subprocess
import sys

from support import ROOT


def test_the_commands_options_load_no_more_than_they_need() -> None:
    text = "import sys; from tandem.commandline import parser; parser('x'); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    loaded = subprocess.check_output([sys.executable, "-c", text], env=environment, text=True)
    heavy = {"tandem.results.folder", "tandem.results.record", "sh", "jsonschema", "pynvml"}
    assert heavy & {*loaded.split()} == set()
