"""A small CUDA program for checks: a bare context, or one that computes, without any framework.

    cuda_client.py bare | busy

It speaks to the driver API through ctypes. It prints "ready", and when it computes, how often it
has filled its memory, ten times a second. It ends when its input does, so it outlives nobody.
Exit code 3 where there is no CUDA.
"""

from __future__ import annotations

import ctypes
import select
import sys
import time

MEMORY_BYTES = 256 * 2**20
SAY_S = 0.1


def check(driver: ctypes.CDLL, function: str, *arguments: object) -> None:
    """Call a function of the driver; an error ends the program with the function's name."""
    try:
        code = getattr(driver, function)(*arguments)
    except AttributeError:
        code = "it is not in this libcuda.so.1"
    if code:
        print(f"no CUDA: {function}: {code}", file=sys.stderr)
        raise SystemExit(3)


def open_context() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """Return the driver and the primary context of the first GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        print(f"no CUDA: {error}", file=sys.stderr)
        raise SystemExit(3) from None
    check(driver, "cuInit", 0)
    device, context = ctypes.c_int(), ctypes.c_void_p()
    check(driver, "cuDeviceGet", ctypes.byref(device), 0)
    check(driver, "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    return driver, context


def is_over(wait_s: float) -> bool:
    """Whether whoever started this has closed its input."""
    return bool(select.select([sys.stdin], [], [], wait_s)[0])


def compute(driver: ctypes.CDLL, context: ctypes.c_void_p) -> None:
    check(driver, "cuCtxSetCurrent", context)
    memory, count = ctypes.c_uint64(), 0
    check(driver, "cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(MEMORY_BYTES))
    print("ready", flush=True)
    said_s = time.monotonic()
    while True:
        words = ctypes.c_size_t(MEMORY_BYTES // 4)
        check(driver, "cuMemsetD32_v2", memory, ctypes.c_uint(count), words)
        check(driver, "cuCtxSynchronize")
        count += 1
        if time.monotonic() - said_s >= SAY_S:
            said_s = time.monotonic()
            print(count, flush=True)
            if is_over(0.0):
                return


def main() -> None:
    driver, context = open_context()
    if sys.argv[1:] == ["busy"]:
        compute(driver, context)
    else:
        print("ready", flush=True)
        is_over(600.0)


if __name__ == "__main__":
    main()
