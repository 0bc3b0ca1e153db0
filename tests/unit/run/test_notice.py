"""What is said of --notify's command."""

from __future__ import annotations

import os

from tandem.run.notice import MOST_SHOWN, started


def test_of_a_command_that_prints_without_end_little_is_shown() -> None:
    command = ["bash", "-c", "printf '%09999d'; exit 3"]
    assert started(command, os.environ, "") == "exit code 3: " + "0" * MOST_SHOWN
