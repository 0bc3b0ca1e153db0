"""The progress lines of a program whose reader has gone."""

from __future__ import annotations

import os
import subprocess
import sys


def test_a_reader_that_is_gone_does_not_change_the_exit_code() -> None:
    script = (
        "import sys\n"
        "from tandem.report.progress import Progress\n"
        "progress = Progress(sys.stderr)\n"
        "sys.stdin.read()\n"
        "progress.event('one')\n"
        "progress.event('two')\n"
        "progress.close()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stderr.close()
    process.stdin.close()
    assert process.wait(60) == 0
