"""Whether a background may have a PID namespace of its own. Standard library only.

In a namespace nothing can outlive its first process, whatever is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tandem.base.paths import GPU_DRIVER

PROBE_TIMEOUT_S = 10
CUDA_PROBE = Path(__file__).with_name("cuda_probe.py")


@dataclass(frozen=True)
class Isolation:
    """How a background is kept: `mode` "pid namespace" or "keepers only", and why."""

    mode: str
    reason: str
    command: tuple[str, ...]


def off(reason: str) -> Isolation:
    return Isolation("keepers only", reason, ())


def unshare_command() -> tuple[str, ...]:
    """Return the words that start a command as the first process of a PID namespace.

    --mount-proc: NVIDIA drivers from 570 write to /proc/self/task/*/comm.
    """
    as_user = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    return ("unshare", *as_user, "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--")


def probe() -> Isolation:
    """Try a PID namespace, and CUDA in it: it must come up inside as it does outside."""
    command = unshare_command()
    error = first_error((*command, "true"))
    if error:
        return off(f"not permitted: {error}")
    if has_cuda():
        probe_cuda = (sys.executable, "-S", "-E", str(CUDA_PROBE))
        outside = output(probe_cuda)
        inside = output((*command, *probe_cuda))
        if inside != outside:
            return off(f"CUDA comes up differently inside: {inside!r}, outside: {outside!r}")
    return Isolation("pid namespace", "permitted", command)


def has_cuda() -> bool:
    return GPU_DRIVER.exists()


def first_error(command: tuple[str, ...]) -> str:
    """Return why a command fails in one line; "" when it does not."""
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[0] if lines else f"exit code {done.returncode}"


def output(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout.strip() or f"exit code {done.returncode}"
