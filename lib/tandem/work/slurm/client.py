"""Slurm's own commands, asked from here: what they print, or why there is no answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from tandem.base.text import printable

# Variables that give a command options are the person's, and change what it prints.
_OPTIONS_OF_QUESTIONS = ("SQUEUE_", "SINFO_", "SCONTROL_")
# What Slurm's commands say where its controller is busy, stopped or not to be reached.
_BUSY = (
    "Socket timed out",
    "Unable to contact slurm controller",
    "Zero Bytes were transmitted or received",
    "Unable to establish controller machine",
    "Unexpected message received",  # it was killed in mid-answer
)


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its `problem` in one line; None: it gave an answer."""

    stdout: str = ""
    stderr: str = ""
    problem: str | None = None
    was_killed: bool = False  # by a signal, as at the end of the job that it is in

    @property
    def is_busy(self) -> bool:
        """Whether Slurm said neither yes nor no."""
        return self.problem is not None and any(words in self.stderr for words in _BUSY)


def answer_of(command: Sequence[str], limit_s: float | None = None) -> Answer:
    """Run a question to Slurm, at most for a time, with none of the person's usual options."""
    environment = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(_OPTIONS_OF_QUESTIONS)
    }
    return run(command, {**environment, "LC_ALL": "C"}, limit_s)


def run(
    command: Sequence[str], environment: dict[str, str], limit_s: float | None = None
) -> Answer:
    """Run one of Slurm's commands to its end."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError:
        return Answer(problem=f"there is no {command[0]} on this machine")
    except OSError as error:
        return Answer(problem=f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(problem=f"{command[0]} did not answer within {limit_s:g} s")
    stdout, stderr = (text.decode(errors="replace") for text in (ended.stdout, ended.stderr))
    lines = stderr.strip().splitlines()
    said = printable(lines[-1]) if lines else f"{command[0]} ended with {ended.returncode}"
    return Answer(stdout, stderr, said if ended.returncode else None, ended.returncode < 0)
