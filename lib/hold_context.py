#!/usr/bin/env python3
"""Hold a bare CUDA context on every GPU that CUDA shows to this process, and do nothing with it.

Usage: hold_context.py

It says in one line that they are there, or why not, and holds them until it is told to stop or
whoever started it ends. The GPUs are those of CUDA_VISIBLE_DEVICES.

Environment: TANDEM_LIFELINE_FD, an open pipe whose other end only the owner holds.

Exit codes: 0 the owner has ended · 128+N signal N · 1 no CUDA, or no owner · 2 usage · 3 too old
"""

from __future__ import annotations

import ctypes
import select
import signal
import sys
from typing import Any, NoReturn

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C this early must not be a traceback

from tandem.base.output import end_in_silence  # noqa: E402
from tandem.processes.control import catch_stop_signals, end_by  # noqa: E402
from tandem.processes.owner import OwnerError, watch_owner  # noqa: E402


class CudaError(Exception):
    """A function of CUDA's driver API has failed; the message says which, and how."""


class Cuda:
    """The driver API, initialised; CudaError where it does not come up."""

    def __init__(self) -> None:
        try:
            self.library: Any = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise CudaError(f"there is no libcuda.so.1 that can be loaded: {error}") from None
        self.call("cuInit", 0)

    def call(self, function: str, *arguments: Any) -> None:
        code = getattr(self.library, function)(*arguments)
        if code:
            raise CudaError(f"{function}: error {code} ({self.name_of(code)})")

    def name_of(self, code: int) -> str:
        name = ctypes.c_char_p()
        self.library.cuGetErrorName(code, ctypes.byref(name))
        return (name.value or b"an error without a name").decode("ascii", "replace")

    def hold(self) -> list[int]:
        """Hold the primary context of each GPU; return the GPUs' handles.

        cuCtxCreate would do as well, but its parameters changed with CUDA 13.
        """
        count, device, context, held = ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p(), []
        self.call("cuDeviceGetCount", ctypes.byref(count))
        for number in range(count.value):
            self.call("cuDeviceGet", ctypes.byref(device), number)
            self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
            held.append(device.value)
        if not held:
            raise CudaError("CUDA shows no GPU to this process")
        return held


def fail(code: int, error: Exception | str) -> NoReturn:
    print(f"hold_context: error: {error}", file=sys.stderr)
    sys.exit(code)


def main() -> None:
    if sys.argv[1:] not in ([], ["--help"]):
        fail(2, "it takes no arguments (--help)")
    if sys.argv[1:]:
        end_in_silence()
        print(__doc__, end="")
        sys.exit(0)
    caught = list[int]()
    try:
        wakeup = catch_stop_signals(lambda signum, _: caught.append(signum))
        ends, cuda = [wakeup, *watch_owner(())], Cuda()
        held = cuda.hold()
        print(f"hold_context: ready, GPUs: {len(held)}", flush=True)
        select.select(ends, [], [])
        for device in held:
            cuda.call("cuDevicePrimaryCtxRelease_v2", device)
    except OwnerError as error:
        fail(error.exit_code, error)
    except CudaError as error:
        fail(1, error)
    if caught:
        end_by(caught[0])


if __name__ == "__main__":
    main()
