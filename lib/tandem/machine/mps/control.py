"""The language of nvidia-cuda-mps-control: questions to one daemon, each with a time limit.

The program, started without options, reads a command from its input, and prints the answer of the
daemon whose folder CUDA_MPS_PIPE_DIRECTORY names. It was read about, not tried on a GPU.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PROGRAM = "nvidia-cuda-mps-control"
ANSWER_S = 5.0

_VERSION = re.compile(r"version:?\s*([0-9][0-9.]*)", re.IGNORECASE)
_LONGEST_ANSWER = 200  # of what a message repeats


class ControlError(Exception):
    """The daemon does not answer, or not as expected; the message says what."""


@dataclass(frozen=True)
class Control:
    """The daemon of one folder; `environment` names that folder."""

    environment: Mapping[str, str]

    def ask(self, command: str, limit_s: float = ANSWER_S) -> str:
        """Return what the daemon answers; ControlError: nothing in time, or an error."""
        return self._run([PROGRAM], f"{command}\n", command, limit_s)

    def version(self) -> str | None:
        """Return the version of the program; None where it does not say."""
        with contextlib.suppress(ControlError):
            found = _VERSION.search(self._run([PROGRAM, "-v"], "", "-v", ANSWER_S))
            return found[1] if found else None
        return None

    def start_server(self, uid: int) -> None:
        """Have a server started for a user, unless there is one; it is not ready yet."""
        self.ask(f"start_server -uid {uid}")

    def servers(self) -> list[int]:
        """Return the pids of the daemon's servers."""
        return _pids("get_server_list", self.ask("get_server_list"))

    def clients(self, server: int) -> list[int]:
        """Return the pids of a server's clients."""
        command = f"get_client_list {server}"
        return _pids(command, self.ask(command))

    def terminate(self, server: int, client: int, limit_s: float) -> None:
        """Have a client's contexts ended, not its process."""
        self.ask(f"terminate_client {server} {client}", limit_s)

    def quit(self, has_ended: Callable[[float], bool], limit_s: float) -> None:
        """Have the daemon quit, with its servers; ControlError: it has not within a time.

        `has_ended` waits for its end, so many seconds at most.
        """
        with contextlib.ExitStack() as stack:
            process = _started([PROGRAM], self.environment)
            stack.callback(_end, process)
            assert process.stdin
            with contextlib.suppress(OSError):  # it has ended at once: that is told below
                process.stdin.write(b"quit\n")
                process.stdin.close()
            if not has_ended(limit_s):
                raise ControlError(f"it did not end within {limit_s:g} s after quit")

    def _run(self, words: list[str], text: str, what: str, limit_s: float) -> str:
        try:
            done = subprocess.run(
                words,
                input=text.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=limit_s,
                env=self.environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ControlError(f"{what}: no answer within {limit_s:g} s") from None
        except OSError as error:
            raise ControlError(f"{PROGRAM}: {error.strerror}") from None
        answer = done.stdout.decode(errors="replace").strip()
        if done.returncode != 0:
            told = _short(answer) or "no answer"
            raise ControlError(f"{what}: {told} (exit code {done.returncode})")
        return answer


def _started(words: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, env=environment
        )
    except OSError as error:
        raise ControlError(f"{PROGRAM}: {error.strerror}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _pids(command: str, answer: str) -> list[int]:
    """Return the pids in an answer, which has one a line, or none."""
    words = answer.split()
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise ControlError(f"{command}: an answer that is no list of processes: {_short(answer)}")
    return [int(word) for word in words]


def _short(answer: str) -> str:
    return " ".join(answer.split())[:_LONGEST_ANSWER]
