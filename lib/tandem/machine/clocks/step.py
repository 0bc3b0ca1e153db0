"""A step of a Slurm job that holds clocks: Slurm sets them as root, and puts them back at its end.

Slurm sets application clocks (its plugin gpu/nvml, where gres.conf has AutoDetect=nvml) when a step
begins that asks for them (srun --gpu-freq), and puts them back when that step ends. The step here
does nothing but wait for its owner's end, so nothing of it stays, whatever is killed.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from contextlib import suppress

from tandem.base.text import printable
from tandem.base.variables import COOKIE
from tandem.machine.clocks.kinds import MEMORY, SM, Wanted
from tandem.machine.clocks.means import ClocksError
from tandem.nvml import limits
from tandem.nvml.devices import Board

SLURM = "slurm"
NO_POWER = "Slurm sets clocks (--gpu-freq), but no power limit"
_READ = {SM: limits.sm_application_clock_mhz, MEMORY: limits.memory_application_clock_mhz}
_READY = b"set\n"
_READY_S, _END_S = 60.0, 30.0
_WAIT = 'echo set; exec tail --pid="$1" -f /dev/null'  # on the node of its owner


def in_job() -> bool:
    """Whether this process is in a job of Slurm that can have steps."""
    return "SLURM_JOB_ID" in os.environ and shutil.which("srun") is not None


def start_step(wanted: Wanted) -> subprocess.Popen[bytes]:
    """Start a step that holds clocks; ClocksError: Slurm does not have it so."""
    if wanted.power_limit_watts is not None:
        raise ClocksError(NO_POWER)
    node = os.environ.get("SLURMD_NODENAME")
    step = subprocess.Popen(
        [
            *("srun", "--overlap", "--nodes=1", "--ntasks=1", "--job-name=clocks"),
            *([f"--nodelist={node}"] if node else []),
            *(f"--gpu-freq={frequencies(wanted)}", "--input=none"),
            *("sh", "-c", _WAIT, "sh", str(os.getpid())),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is not for it
        env={name: text for name, text in os.environ.items() if name != COOKIE},
    )
    assert step.stdout
    is_heard = bool(select.select([step.stdout], [], [], _READY_S)[0])
    if not is_heard or os.read(step.stdout.fileno(), len(_READY)) != _READY:
        raise ClocksError(f"Slurm began no step that holds them: {end_step(step)}")
    return step


def frequencies(wanted: Wanted) -> str:
    """Return clocks as srun --gpu-freq takes them."""
    clocks = (wanted.sm_clock_mhz, wanted.memory_clock_mhz)
    words = [f"{prefix}{mhz}" for prefix, mhz in zip(("", "memory="), clocks, strict=True) if mhz]
    return ",".join(words)


def end_step(step: subprocess.Popen[bytes]) -> str:
    """End a step, with which its clocks are put back; return what srun said last."""
    said = b""
    for end in (step.terminate, step.kill):  # srun asks the step's task to end
        end()
        with suppress(subprocess.TimeoutExpired):
            said = step.communicate(timeout=_END_S)[1]
            break
    lines = said.decode(errors="replace").strip().splitlines()
    return printable(lines[-1]) if lines else "srun said nothing"


def read_clock(board: Board, key: str) -> float:
    """Return the application clock that is set; NvmlError."""
    return _READ[key](board)


def check_set(board: Board, wanted: Wanted) -> None:
    """See that a board has what was asked for; ClocksError: Slurm did nothing; NvmlError."""
    for key, mhz in wanted.values().items():
        found = read_clock(board, key)
        if found != mhz:
            raise ClocksError(
                f"Slurm took --gpu-freq={frequencies(wanted)}, but GPU {board.index} has"
                f" {found:g} MHz: its nodes may lack the plugin gpu/nvml (AutoDetect=nvml in"
                " gres.conf)"
            )
