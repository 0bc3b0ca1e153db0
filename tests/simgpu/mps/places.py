"""Where MPS's files lie, which faults are asked for, and how its logs are written."""

from __future__ import annotations

import os
import time
from datetime import datetime

CONTROL, LOCK, PID = "control", "control_lock", "nvidia-cuda-mps-control.pid"


def pipe_folder() -> str:
    default = os.environ.get("SIMGPU_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")
    return os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or default


def log_folder() -> str:
    default = os.environ.get("SIMGPU_MPS_LOG_DIRECTORY", "/var/log/nvidia-mps")
    return os.environ.get("CUDA_MPS_LOG_DIRECTORY") or default


def driver() -> int:
    return int(os.environ.get("SIMGPU_MPS_DRIVER", "590"))


def faults() -> dict[str, str]:
    """Return the faults that are asked for at the moment, each with what stands after its "="."""
    try:
        with open(os.environ["SIMGPU_MPS_FAULTS"], encoding="utf-8") as file:
            words = file.read().split()
    except (KeyError, OSError):
        return {}
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def fault_seconds(name: str) -> float:
    return float(faults().get(name, "0"))


def wait_for_ever() -> None:
    while True:
        time.sleep(3600)


class Log:
    """A log of MPS; a disk that is full changes nothing but the log."""

    def __init__(self, name: str, who: str) -> None:
        self._path, self._who = os.path.join(log_folder(), name), who

    def write(self, text: str) -> bool:
        stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        line = f"[{stamp} {self._who} {os.getpid():5}] {text}\n"
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError:
            return False
        try:
            os.write(file, line.encode())
        except OSError:
            return False
        finally:
            os.close(file)
        return True
