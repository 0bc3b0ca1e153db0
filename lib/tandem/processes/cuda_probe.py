"""Print whether CUDA comes up in this process: the result of cuInit and the device count.

Standard library only; run as a program, outside and inside a PID namespace.
"""

from __future__ import annotations

import ctypes


def main() -> None:
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        print("no libcuda.so.1")
        return
    count = ctypes.c_int(0)
    initialised = cuda.cuInit(0)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    print(f"cuInit {initialised}, devices {count.value}")


if __name__ == "__main__":
    main()
