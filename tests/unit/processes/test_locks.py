"""Who holds a lock, by what the kernel writes of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from tandem.processes.locks import _device_of, _holder_in, holder

LOCKS = """\
1: POSIX  ADVISORY  WRITE 11 fe:00:77 0 EOF
2: FLOCK  ADVISORY  WRITE 12 00:1b:77 0 EOF
3: -> FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF
4: OFDLCK ADVISORY  READ  -1 fe:00:77 0 EOF
5: FLOCK  ADVISORY  READ 14 fe:00:77 0 EOF
5: -> FLOCK  ADVISORY  WRITE 15 fe:00:77 0 EOF
6: FLOCK  ADVISORY  WRITE 0 fe:00:78 0 EOF
7: LEASE  ACTIVE    READ 16 fe:00:79 0 EOF
"""


@pytest.mark.parametrize(
    ("device", "inode", "pid"),
    [
        ("fe:00", 77, 14),  # neither one that waits, nor another kind of lock
        ("00:1b", 77, 12),  # the same number on another device is another file
        ("00:1c", 77, 0),
        ("fe:00", 7, 0),
        ("fe:00", 78, 0),  # a process that has no number here
        ("fe:00", 79, 0),
        ("", 77, 0),
    ],
)
def test_whose_lock_it_is(device: str, inode: int, pid: int) -> None:
    assert _holder_in(LOCKS, device, inode) == pid


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "."])
def test_the_device_is_as_the_kernel_writes_it(folder: str) -> None:
    path = Path(folder) / f"lock_of_{os.getpid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = Path("/proc/locks").read_text().splitlines()
        mine = f" {os.getpid()} {_device_of(file)}:{os.fstat(file).st_ino} "
        assert any(mine in line for line in lines)
        assert holder(file).startswith(f"process {os.getpid()} (")
    finally:
        os.close(file)
        path.unlink()


def test_a_file_that_nobody_has_locked(tmp_path: Path) -> None:
    with open(tmp_path / "lock", "w") as file:
        assert holder(file.fileno()) == "its process cannot be seen from here"


def test_a_file_that_is_on_no_mount() -> None:
    reading, writing = os.pipe()
    try:
        assert _device_of(reading) == ""
    finally:
        os.close(reading)
        os.close(writing)
