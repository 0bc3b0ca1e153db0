"""What CUDA does in a process when it begins: be a client of MPS where a daemon answers."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from typing import Any

from mps.places import CONTROL, pipe_folder


class CudaError(Exception):
    """A call to CUDA fails."""


class Client:
    """A connection to an MPS server."""

    def __init__(self, stream: socket.socket, found: dict[str, Any]) -> None:
        self._stream = stream
        self.hangs = False
        self.server: int = found["server"]
        self.places: list[tuple[int, int]] = [(device, mig) for device, mig in found["places"]]
        asked = os.environ.get("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "100")
        self.percent = min(float(asked), found["percent"])
        self._limits = [
            {key: mib(value) for key, value in found["limits"].items()},
            limits(os.environ.get("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT", "")),
        ]

    def limit_mib(self, ordinal: int) -> float:
        """Return how much memory it may have on a device of its own numbers; 0: no limit."""
        return min((each[str(ordinal)] for each in self._limits if str(ordinal) in each), default=0)

    def open_context(self, device: int) -> None:
        self._stream.sendall(f"context {device}\n".encode())

    def fault(self) -> None:
        self._stream.sendall(b"fault\n")

    def close(self) -> None:
        """End as a process that has waited for its work does."""
        try:
            self._stream.sendall(b"bye\n")
        except OSError:
            pass

    def check(self) -> None:
        """Raise CudaError where the server has ended, or ended this client's contexts."""
        if not select.select([self._stream], [], [], 0)[0]:
            return
        message = heard(self._stream)
        if message.get("hang"):
            self.hangs = True
            return
        raise CudaError(f"CUDA error: {message['error']}")


def mib(text: str) -> float:
    return float(text[:-1]) * (1024 if text.endswith("G") else 1)


def limits(text: str) -> dict[str, float]:
    """Return the limits of a text such as 0=2G,1=512M, in MiB."""
    pairs = [word.partition("=") for word in text.split(",") if word]
    return {device: mib(value) for device, _, value in pairs}


def heard(stream: socket.socket) -> dict[str, Any]:
    text = b""
    while not text.endswith(b"\n"):
        try:
            part = stream.recv(4096)
        except ConnectionError:
            part = b""
        if not part:
            return {"error": "the MPS server has gone (806)"}
        text += part
    message: dict[str, Any] = json.loads(text.split(b"\n")[0])
    return message


def connect() -> Client | None:
    """Become a client of the daemon; None, and no MPS, where none answers. CudaError."""
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.connect(os.path.join(pipe_folder(), CONTROL))
    except OSError:
        stream.close()
        return None
    asked = {"command": os.path.basename(sys.argv[0])}
    try:
        stream.sendall(f"CLIENT {json.dumps(asked)}\n".encode())
        found = heard(stream)
    except OSError as error:
        raise CudaError(
            f"CUDA error: the MPS client failed to connect to the MPS server: {error}"
        ) from None
    if "error" in found:
        raise CudaError(f"CUDA error: {found['error']}")
    return Client(stream, found)
