"""NVML's binding: the module `pynvml` of the package nvidia-ml-py, loaded when first needed.

Nothing else in the project imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# NVML's return codes that make a difference here
UNINITIALIZED, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, INSUFFICIENT_SIZE = 1, 3, 4, 6, 7
DRIVER_NOT_LOADED, TIMEOUT, LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND, GPU_IS_LOST = 9, 10, 12, 13, 15
RESET_REQUIRED, LIB_RM_VERSION_MISMATCH, VERSION_MISMATCH, GPU_NOT_FOUND = 16, 18, 25, 28

_TRIES = 3
_BINDING = "pip install nvidia-ml-py"
_NEWER_DRIVER = "a newer NVIDIA driver may have it"
_HINTS = {
    NOT_SUPPORTED: "this kind of GPU has it not, or not as it is set up; a newer driver may help",
    NO_PERMISSION: "run as root, or ask the administrator of this machine for the right",
    DRIVER_NOT_LOADED: "load the driver (sudo modprobe nvidia) and see that nvidia-smi works",
    LIBRARY_NOT_FOUND: (
        "libnvidia-ml.so.1 comes with NVIDIA's driver; a container gets it with"
        " NVIDIA_DRIVER_CAPABILITIES=utility"
    ),
    FUNCTION_NOT_FOUND: _NEWER_DRIVER,
    GPU_IS_LOST: "the kernel's log says why (dmesg | grep -i xid); a reboot brings it back",
    RESET_REQUIRED: "reset the GPU, or reboot",
    LIB_RM_VERSION_MISMATCH: "the driver was updated while in use: reboot, or reload its modules",
    VERSION_MISMATCH: _NEWER_DRIVER,
}
# After these no call for the GPU can succeed.
_LOST = frozenset({UNINITIALIZED, DRIVER_NOT_LOADED, GPU_IS_LOST, RESET_REQUIRED, GPU_NOT_FOUND})


class NvmlError(Exception):
    """Something that NVML does not give; `hint` may be empty, `code` is 0 if it is not NVML's."""

    def __init__(self, reason: str, hint: str = "", code: int = 0) -> None:
        """Take why it is not given and what would help."""
        super().__init__(reason)
        self.hint = hint
        self.code = code

    def with_hint(self) -> str:
        """Return it with what would help, as people read it."""
        return f"{self} ({self.hint})" if self.hint else str(self)

    @property
    def lost(self) -> bool:
        """Whether all of the GPU is gone, not one sensor."""
        return self.code in _LOST


def binding() -> Any:
    """Return the module pynvml; NvmlError where it is not installed."""
    try:
        import pynvml
    except ImportError:
        raise NvmlError("the module pynvml is missing", _BINDING) from None
    return pynvml


def call(function: str, *arguments: Any) -> Any:
    """Call a function of the binding; NvmlError instead of its own errors."""
    nvml = binding()
    try:
        return getattr(nvml, function)(*arguments)
    except nvml.NVMLError as error:
        raise error_of(int(error.value)) from None
    except AttributeError:
        raise NvmlError(f"this pynvml has no {function}", f"{_BINDING} --upgrade") from None


def call_growing(function: str, *arguments: Any) -> Any:
    """Call again where a list grew between the question for its length and its entries."""
    for _ in range(_TRIES):
        try:
            return call(function, *arguments)
        except NvmlError as error:
            if error.code != INSUFFICIENT_SIZE:
                raise
    return call(function, *arguments)


def error_of(code: int) -> NvmlError:
    nvml = binding()
    return NvmlError(f"NVML: {nvml.NVMLError(code)}", _HINTS.get(code, ""), code)


@contextmanager
def opened() -> Iterator[None]:
    """Hold NVML open; NvmlError where there is no driver."""
    call("nvmlInit")
    try:
        yield
    finally:
        try:
            call("nvmlShutdown")
        except NvmlError:
            pass  # the driver went away meanwhile


def versions() -> tuple[str, str]:
    """Return the version of the driver and that of NVML."""
    return str(call("nvmlSystemGetDriverVersion")), str(call("nvmlSystemGetNVMLVersion"))


def cuda_version() -> str:
    """Return the newest version of CUDA that the driver can run, "13.1" for example."""
    thousands, rest = divmod(int(call("nvmlSystemGetCudaDriverVersion_v2")), 1000)
    return f"{thousands}.{rest // 10}"
