"""What the machine is, asked in an interpreter that knows nothing of it yet."""

from __future__ import annotations

import os
import subprocess
import sys


def test_host_starts_no_process() -> None:
    script = (
        "import sys\n"
        "import tandem.machine.host as environment\n"
        "started = []\n"
        "sys.addaudithook(lambda name, _: started.append(name))\n"
        "environment.host()\n"
        "print([name for name in started if name.split('.')[-1] in "
        "('Popen', 'fork', 'forkpty', 'posix_spawn', 'exec', 'system')])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    assert answer.stdout == "[]\n"
