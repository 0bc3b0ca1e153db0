"""What a machine has, told from real folder trees, real programs and a library built here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from simgpu import DRIVER_NOT_LOADED, INIT, NOT_SUPPORTED, SimGpu
from support.person import not_root, put
from tandem.base.variables import COOKIE
from tandem.machine import doctor
from tandem.machine.doctor import examine
from tandem.nvml.gpm import NONE_HERE
from tandem.processes import namespace, proc
from tandem.processes.cookie import realm

NAMES = [
    *(
        "bash",
        "util-linux",
        "find",
        "git",
        "Python",
        "NumPy",
        "GPU driver",
        "NVML",
        "clocks",
        "MPS",
    ),
    *("RAPL", "namespaces", "disk", "leftovers", "GPU in use"),
]


def program(folder: Path, name: str, script: str) -> None:
    put(folder / name, f"#!/bin/sh\n{script}\n").chmod(0o755)


def test_examine_looks_at_everything() -> None:
    checks = examine()
    assert [check.name for check in checks] == NAMES
    assert all(check.found and check.lost for check in checks)
    assert next(check.ok for check in checks if check.name == "Python")


@pytest.mark.parametrize(
    ("version", "ok", "found"),
    [
        ("GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", True, "5.2.15"),
        ("GNU bash, version 4.4.0(1)-release", True, "4.4.0"),
        ("GNU bash, version 4.3.30(1)-release", False, "4.3.30, 4.4 or newer is needed"),
        ("something else", False, "not found"),
    ],
)
def test_bash(
    root: Path, monkeypatch: pytest.MonkeyPatch, version: str, ok: bool, found: str
) -> None:
    program(root, "bash", f"echo '{version}'")
    monkeypatch.setenv("PATH", str(root))
    check = doctor._bash()
    assert (check.ok, check.found) == (ok, found)


def test_programs_that_are_missing_or_fail(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(root, "flock", "exit 0")
    program(root, "find", "echo BusyBox v1.36")
    program(root, "git", "echo git version 2.0; exit 1")
    monkeypatch.setenv("PATH", str(root))
    assert (doctor._bash().ok, doctor._bash().found) == (False, "not found")
    assert (doctor._git().ok, doctor._git().found) == (False, "not found")
    check = doctor._util_linux()
    assert (check.ok, check.found) == (False, "missing: unshare, setpriv")
    assert (doctor._find().ok, doctor._find().found) == (False, "no GNU find")
    program(root, "find", "echo 'find (GNU findutils) 4.9.0'; echo 'Copyright ...'")
    assert (doctor._find().ok, doctor._find().found) == (True, "GNU find 4.9.0")
    program(root, "git", "echo git version 2.39.5")
    assert (doctor._git().ok, doctor._git().found) == (True, "2.39.5")


def seen_by(gpu: SimGpu, check: str) -> list[object]:
    """What a check says in a process whose NVML is the simulated one."""
    script = (
        f"import json; from tandem.machine import doctor; check = doctor.{check};"
        " print(json.dumps([check.ok, check.found]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=gpu.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    seen: list[object] = json.loads(answer.stdout)
    return seen


def test_nvml_through_its_own_binding(gpu: SimGpu) -> None:
    gpu.set(name="G1")
    assert seen_by(gpu, "_nvml()") == [True, "G1"]
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    ok, found = seen_by(gpu, "_nvml()")
    assert not ok
    assert "Driver Not Loaded" in str(found)
    assert "modprobe nvidia" in str(found)


def test_how_each_board_may_be_shared(two_gpus: SimGpu) -> None:
    two_gpus.set(0, compute_mode="exclusive process")
    two_gpus.set(1, mig=1, mig_profiles="4g.40gb 2g.20gb")
    alone = "compute mode exclusive process, not divided (MIG is off), GPM counters"
    assert seen_by(two_gpus, "_boards()[0]") == [False, alone]
    slices = [f"MIG-51500001-0000-4000-8000-00000000000{each}" for each in (0, 1)]
    divided = f"compute mode default, MIG slices: 4g.40gb {slices[0]}, 2g.20gb {slices[1]}"
    divided += ", GPM counters"
    assert seen_by(two_gpus, "_boards()[1]") == [True, divided]
    two_gpus.set(1, mig_profiles="")
    nothing = [False, "compute mode default, MIG slices: none, GPM counters not looked at"]
    assert seen_by(two_gpus, "_boards()[1]") == nothing
    two_gpus.fail(NOT_SUPPORTED, "gpm", device=0)
    assert str(seen_by(two_gpus, "_boards()[0]")[1]).endswith(f"no GPM counters: {NONE_HERE}")


def test_who_is_on_the_gpu(gpu: SimGpu) -> None:
    assert seen_by(gpu, "_gpu_use()") == [True, "no process uses it"]
    gpu.add(os.getpid(), kind="graphics", memory_mib=120)
    name, user = proc.name(os.getpid()), proc.user(os.getpid())
    who = f"process {os.getpid()} ({name}, user {user}) holds"
    # A desktop is no stranger.
    assert seen_by(gpu, "_gpu_use()") == [True, f"GPU 0: {who} 120 MiB"]
    gpu.add(os.getpid(), kind="compute", memory_mib=5400, sm_percent=0)
    ok, found = seen_by(gpu, "_gpu_use()")
    assert not ok
    assert str(found).startswith(f"GPU 0: {who} ")


def test_rapl(root: Path) -> None:
    pattern = f"{root}/sys/class/powercap/intel-rapl:*/energy_uj"
    check = doctor._rapl(root)
    assert (check.ok, check.found) == (False, f"no {pattern}")
    assert "chmod" not in check.lost
    folder = root / "sys/class/powercap"
    counters = [put(folder / f"intel-rapl:{name}/energy_uj", "1\n") for name in ("0", "0:0")]
    check = doctor._rapl(root)
    assert (check.ok, check.found) == (True, "readable: intel-rapl:0, intel-rapl:0:0")
    counters[1].chmod(0o000)
    with not_root():
        check = doctor._rapl(root)
    assert (check.ok, check.found) == (False, f"{counters[1]}: Permission denied")
    advice, command = check.lost.split("\n")
    assert "until the next reboot" in advice
    subprocess.run(command.removeprefix("sudo "), shell=True, check=True)
    with not_root():
        assert doctor._rapl(root).ok


def test_namespaces_says_what_a_run_would_have(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolation = namespace.probe()
    check = doctor._namespaces()
    assert check.ok == bool(isolation.command)
    assert check.found == f"{isolation.mode}: {isolation.reason}"
    monkeypatch.setenv("PATH", str(root))
    check = doctor._namespaces()
    assert not check.ok
    assert check.found.startswith("keepers only: not permitted: ")


def test_leftovers_of_an_owner_that_is_gone() -> None:
    owner = subprocess.Popen(["true"])
    owner.wait()
    mark = f"{realm()}/{owner.pid}/1/run/experiment"
    left = subprocess.Popen(["sleep", "600"], env=os.environ | {COOKIE: mark})
    try:
        check = doctor._leftovers()
    finally:
        left.kill()
        left.wait()
    assert not check.ok
    assert f"sleep ({left.pid})" in check.found
