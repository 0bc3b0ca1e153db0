"""journal.jsonl, wanted by two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support import ROOT
from tandem.results.journal import Journal

LIB = ROOT / "lib"


def test_another_process_is_refused_and_told_whose_it_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    program = (
        "import sys; from pathlib import Path; from tandem.results.journal import Journal\n"
        "from tandem.base.errors import LockedError\n"
        "try: Journal(Path(sys.argv[1]))\n"
        "except LockedError as error: print(error, error.exit_code)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(LIB)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"process {os.getpid()} " in told.stdout
    assert told.stdout.endswith(" 75\n")
    journal.close()
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == ""
