"""Whether there is a GPU although NVML cannot start, and which GPUs a choice may mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.nvml.binding import (
    DRIVER_NOT_LOADED,
    LIB_RM_VERSION_MISMATCH,
    LIBRARY_NOT_FOUND,
    NO_PERMISSION,
    NvmlError,
)
from tandem.nvml.presence import has_gpu, words_of

NO_BINDING = 0


@pytest.mark.parametrize(
    ("code", "files", "expected"),
    [
        (LIBRARY_NOT_FOUND, (), False),  # a laptop
        (LIBRARY_NOT_FOUND, ("driver",), False),  # a container without a GPU on a host with one
        (LIBRARY_NOT_FOUND, ("nvidia0",), True),  # a container with one and without NVML
        (DRIVER_NOT_LOADED, (), False),
        (DRIVER_NOT_LOADED, ("nvidiactl",), True),
        (NO_BINDING, (), False),
        (NO_BINDING, ("driver",), True),
        (LIB_RM_VERSION_MISMATCH, (), True),
        (NO_PERMISSION, (), True),
    ],
)
def test_a_gpu_leaves_traces(
    tmp_path: Path, code: int, files: tuple[str, ...], expected: bool
) -> None:
    for name in files:
        (tmp_path / name).touch()
    error = NvmlError("NVML: no", "", code)
    assert has_gpu(error, str(tmp_path / "nvidia*"), tmp_path / "driver") is expected


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        (",0", []),
        ("0, 1", ["0", "1"]),
        ("0,-1,1", ["0"]),
        ("GPU-5a,MIG-7b", ["GPU-5a", "MIG-7b"]),
    ],
)
def test_a_word_that_names_no_gpu_hides_all_behind_it(selection: str, words: list[str]) -> None:
    assert words_of(selection) == words
