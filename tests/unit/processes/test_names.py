"""What people call a process: its program, what it calls itself, the script, the module."""

from __future__ import annotations

import pytest
from tandem.processes.names import names_in


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["/opt/wandb-core", "--port", "1"], ["wandb-core", "wandb-core"]),
        (["wandb-service(2-4711-s/1)"], ["1)", "wandb-service"]),
        (["python: worker 3"], ["python: worker 3", "python"]),
        (["/my tools/helper", "x"], ["helper"]),
        (["/usr/bin/python3.11", "-u", "a/upload.py", "--x"], ["python3.11", "upload.py"]),
        (["python", "-X", "utf8", "-W", "ignore", "upload.py"], ["python", "upload.py"]),
        (["python3", "-um", "wandb.sdk.service"], ["python3", "wandb", "wandb.sdk.service"]),
        (["python3", "-c", "import this"], ["python3"]),
        (["python3"], ["python3"]),
        (["python3", "-m"], ["python3", ""]),
        (["/bin/sh", "./sync.sh", "all"], ["sh", "sync.sh"]),
        (["bash", "-c", "sleep 9"], ["bash"]),
        (["-bash"], ["-bash"]),
        (["node", "watch.js"], ["node", "watch.js"]),
        (["sleep", "9"], ["sleep"]),
        ([""], [""]),
        ([], []),
    ],
)
def test_names_in_a_command_line(line: list[str], expected: list[str]) -> None:
    assert list(dict.fromkeys(names_in(line))) == list(dict.fromkeys(expected))
