"""A small process that puts boards back when the run that set them is killed.

It lives only while something is set, in a session of its own, and holds the boards' locks with its
owner. Its input is a pipe from the owner: one byte says that all is put back; its end without that
byte says that the owner has gone.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from tandem.base.paths import ROOT
from tandem.base.variables import COOKIE
from tandem.machine.clocks.put_back import board_of, lines_of, put_back_board
from tandem.machine.clocks.state import read_state, state_path
from tandem.machine.trusted_file import NotTrustedError
from tandem.nvml.binding import NvmlError, opened

PROGRAM = ROOT / "lib" / "hold_clocks.py"
_DONE, _READY = b".", b"\n"
_READY_S, _END_S = 60.0, 10.0
_DEAF = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)


def start_holder(uuids: Sequence[str], locks: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a holder for boards, which shares their locks; OSError: it did not start."""
    environment = {name: text for name, text in os.environ.items() if name != COOKIE}
    holder = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(os.getpid()), *uuids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=locks,
        env=environment,
        cwd="/",
    )
    assert holder.stdout
    is_heard = bool(select.select([holder.stdout], [], [], _READY_S)[0])
    if not is_heard or os.read(holder.stdout.fileno(), 1) != _READY:
        holder.kill()
        holder.communicate()
        raise OSError("the process that would put it back after a kill did not start")
    return holder


def end_holder(holder: subprocess.Popen[bytes]) -> None:
    """Tell a holder that all is done; one that was killed, or does not end, is not waited for."""
    with suppress(OSError, subprocess.TimeoutExpired):
        holder.communicate(_DONE, timeout=_END_S)
        return
    holder.kill()
    holder.wait()


def hold_until_gone(owner: int, uuids: Sequence[str]) -> None:
    """Wait for the owner's word or its end, and then put back what it has set."""
    for signum in _DEAF:
        signal.signal(signum, signal.SIG_IGN)
    try:
        pidfd = os.pidfd_open(owner)
    except ProcessLookupError:
        pidfd = 0  # its end of the pipe is closed, too
    os.write(1, _READY)
    os.close(1)
    select.select([0, pidfd], [], [])
    if select.select([0], [], [], 0)[0] and os.read(0, 1) == _DONE:
        return
    for uuid in uuids:
        with suppress(NvmlError, NotTrustedError, OSError):
            _put_back(uuid)


def _put_back(uuid: str) -> None:
    state = read_state(state_path(uuid))
    if state is not None:
        with opened():
            board = board_of(uuid)
            for line in lines_of(f"GPU {board.index}", put_back_board(board, state)):
                print(line, file=sys.stderr)
