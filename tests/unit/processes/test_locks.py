"""Who holds a lock, by what the kernel writes of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from tandem.base.errors import NotReadyError
from tandem.processes import cookie, locks
from tandem.processes.locks import Flock, _device_of, flock_on, flocks, holder, open_shared

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


def test_the_locks_that_are_held() -> None:
    """Neither one that waits, nor another kind of lock; pid 0 has no number here."""
    assert list(flocks(LOCKS)) == [
        Flock(12, True, "00:1b:77"),
        Flock(14, False, "fe:00:77"),
        Flock(0, True, "fe:00:78"),
    ]


def test_where_locks_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where all may write and nobody remove another's; /tmp, which is cleaned by age, else."""
    monkeypatch.setattr(cookie, "_PUBLIC", str(tmp_path))
    monkeypatch.delenv("TANDEM_LOCKS")
    for mode, places in [(0o1777, [str(tmp_path), "/tmp"]), (0o777, ["/tmp"]), (0o1755, ["/tmp"])]:
        tmp_path.chmod(mode)
        assert [cookie.lock_folder(), *cookie.older_lock_folders()] == places
    monkeypatch.setattr(cookie, "_PUBLIC", str(tmp_path / "nowhere"))
    assert cookie.lock_folder() == "/tmp"
    monkeypatch.setenv("TANDEM_LOCKS", "/mine")
    assert [cookie.lock_folder(), *cookie.older_lock_folders()] == ["/mine"]


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "."])
def test_the_device_is_as_the_kernel_writes_it(folder: str) -> None:
    path = Path(folder) / f"lock_of_{os.getpid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = Path("/proc/locks").read_text().splitlines()
        mine = f" {os.getpid()} {_device_of(file)}:{os.fstat(file).st_ino} "
        assert any(mine in line for line in lines)
        assert flock_on(file) == Flock(os.getpid(), True, mine.split()[1])
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


@pytest.mark.parametrize("times", [1, 1000])
def test_a_file_that_is_removed_before_it_is_locked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, times: int
) -> None:
    """Whoever comes next would lock another one; so would we, again and again."""
    opened: list[Path] = []

    def open_and_lose(path: Path) -> int:
        file = open_shared(path)
        opened.append(path)
        if len(opened) <= times:
            path.unlink()
        return file

    monkeypatch.setattr(locks, "open_shared", open_and_lose)
    if times == 1:
        with locks.lock(str(tmp_path), "x", fcntl.LOCK_EX, "x") as held:
            assert not held.is_removed()
        assert len(opened) == 2
    else:
        with (
            pytest.raises(NotReadyError, match="removes the lock file again and again"),
            locks.lock(str(tmp_path), "x", fcntl.LOCK_EX, "x"),
        ):
            pass
