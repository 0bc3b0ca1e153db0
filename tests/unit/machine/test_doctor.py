"""What a machine has, told from folders and modules; what needs a process is in programs/."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.person import not_root, put
from tandem.machine import doctor
from tandem.machine.doctor import Check, text
from tandem.processes import census


def test_text_is_aligned_and_wrapped() -> None:
    words = "word " * 30
    checks = [
        Check("a", True, "found", "not shown"),
        Check("long name", False, words.strip(), "all\nsudo chmod " + "x" * 100),
    ]
    assert text(checks) == (
        "ok   a          found\n"
        "no   long name  " + ("word " * 17).strip() + "\n"
        "                " + ("word " * 13).strip() + "\n"
        "                lost: all\n"
        "                  sudo chmod " + "x" * 100
    )


def test_modules_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy", "pynvml"):
        monkeypatch.setitem(sys.modules, name, None)
    assert not doctor._numpy().ok
    check = doctor._nvml()
    assert not check.ok
    assert "pip install nvidia-ml-py" in check.found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 2023",
            "NVIDIA 535.104.05",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build\n"
            "GCC version:  gcc version 12.3.0\n",
            "NVIDIA 550.54.14",
        ),
        ("", "NVIDIA of unknown version"),
    ],
)
def test_gpu_driver(root: Path, content: str, found: str) -> None:
    path = root / "proc/driver/nvidia/version"
    check = doctor._gpu_driver(root)
    assert (check.ok, check.found) == (False, f"{path}: No such file or directory")
    put(path, content)
    check = doctor._gpu_driver(root)
    assert (check.ok, check.found) == (True, found)


def test_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = root / "results" / "here"
    monkeypatch.setattr(doctor, "ENOUGH_DISK_BYTES", 0)
    check = doctor._disk(results)
    assert check.ok
    assert check.found.endswith(f" GiB free in {root}")
    assert not results.exists()
    results.mkdir(parents=True)
    results.chmod(0o555)
    with not_root():
        check = doctor._disk(results)
    assert not check.ok
    assert check.found.endswith(f"{results}, but this user may not write there")
    results.chmod(0o755)
    monkeypatch.setattr(doctor, "ENOUGH_DISK_BYTES", 2**63)
    assert not doctor._disk(results).ok


def test_the_persistence_daemon_is_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    holders = [census.Found(7, "nvidia-persiste")]
    monkeypatch.setattr(census, "device_holders", lambda: holders)
    assert doctor._gpu_holders().ok
    holders.append(census.Found(8, "python"))
    check = doctor._gpu_holders()
    assert not check.ok
    assert check.found.startswith("nvidia-persiste (7), python (8)")
    holders.extend(census.Found(pid, "x") for pid in range(100, 110))
    assert "x (105), and 4 more" in doctor._gpu_holders().found
