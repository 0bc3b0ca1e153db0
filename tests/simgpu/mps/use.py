"""The stand-in of MPS as a test uses it: its environment, its daemons, its commands."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from simgpu import SimGpu

from mps.places import CONTROL, PID

BIN = Path(__file__).resolve().parent / "bin"
PROGRAM = str(BIN / "nvidia-cuda-mps-control")
DEADLINE_S = 60.0  # a guard, not a figure


class Mps:
    """MPS on a simulated machine, with folders of its own for the defaults.

    As a context manager it ends the daemons that it started, and all servers, when it is left.
    """

    def __init__(self, gpu: SimGpu) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mps"))  # short: a socket's path is
        self.default, self.log = self.folder / "pipe", self.folder / "log"
        self._gpu, self._faults = gpu, self.folder / "faults"
        self._daemons: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Mps:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait(timeout=DEADLINE_S)
            if daemon.stdout:
                daemon.stdout.close()  # its server may have it too
        for pid in self.servers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return an environment in which MPS's programs are found, and the simulated machine."""
        return {
            **self._gpu.environment(base),
            "PATH": f"{BIN}:{base['PATH']}",
            "SIMGPU_MPS_PIPE_DIRECTORY": str(self.default),
            "SIMGPU_MPS_LOG_DIRECTORY": str(self.log),
            "SIMGPU_MPS_FAULTS": str(self._faults),
        }

    def play(self, *words: str) -> None:
        """Let these faults, and no others, be there from now on: see the package's docstring."""
        temporary = self._faults.with_suffix(".new")
        temporary.write_text(" ".join(words))
        temporary.replace(self._faults)

    def start(self, pipe: Path | None = None, **variables: str) -> subprocess.Popen[str]:
        """Start a daemon, on the default path where no other is given, and wait for its files."""
        if pipe:
            variables = {"CUDA_MPS_PIPE_DIRECTORY": str(pipe), **variables}
            variables.setdefault("CUDA_MPS_LOG_DIRECTORY", str(pipe) + "_log")
        environment = {**self.environment(), **variables}
        daemon = subprocess.Popen([PROGRAM, "-f"], env=environment, stdout=-1, text=True)
        self._daemons.append(daemon)
        end_s = time.monotonic() + DEADLINE_S
        while not _is_of(pipe or self.default, daemon.pid):
            if daemon.poll() is not None or time.monotonic() > end_s:
                raise AssertionError("the daemon did not start")
            time.sleep(0.005)
        return daemon

    def ask(self, command: str, pipe: Path | None = None) -> tuple[int, str]:
        """Return the exit code and the answer of the front end."""
        environment = self.environment()
        if pipe:
            environment["CUDA_MPS_PIPE_DIRECTORY"] = str(pipe)
        result = subprocess.run(
            [PROGRAM], input=command + "\n", env=environment, stdout=-1, text=True, check=False
        )
        return result.returncode, result.stdout.strip()

    def servers(self) -> list[int]:
        """Return the pids of all servers that live, whoever's they are."""
        return sorted({pid for device in range(4) for pid in self._gpu.servers(device)})


def _is_of(pipe: Path, pid: int) -> bool:
    """Whether a daemon has made all its files."""
    try:
        return int((pipe / PID).read_text() or 0) == pid and (pipe / CONTROL).exists()
    except FileNotFoundError:
        return False
