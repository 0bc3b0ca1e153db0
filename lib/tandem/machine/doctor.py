"""What this machine has, and what is lost without the rest. Only looks, changes nothing."""

from __future__ import annotations

import errno
import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.base.text import SCREEN_COLUMNS
from tandem.machine import gpus as busy
from tandem.machine.board_setup import compute_mode_of
from tandem.machine.clocks.rights import advice, who_may
from tandem.machine.clocks.state import left_states
from tandem.machine.host import gpu_driver
from tandem.machine.mps.control import PROGRAM
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.boards import DEFAULT
from tandem.nvml.gpm import why_none
from tandem.processes import census, namespace

ENOUGH_DISK_BYTES = 1024**3

_TOOLS = ("unshare", "flock", "setpriv")
_LOST_TO_STRANGERS = "strangers on a GPU change the time and energy that are measured"
_TIMEOUT_S = 10
_SHOWN_PROCESSES = 8


@dataclass(frozen=True)
class Check:
    """One thing that a machine can have: what was found, and what is lost without it."""

    name: str
    ok: bool
    found: str
    lost: str


def examine(results: Path = Path("results")) -> list[Check]:
    """Return all checks, in the order in which they are shown.

    `results` is where results will go; it need not exist yet.
    """
    return [
        _bash(),
        _util_linux(),
        _find(),
        _git(),
        _python(),
        _numpy(),
        _gpu_driver(),
        _nvml(),
        _clocks(),
        *_boards(),
        _mps(),
        _rapl(),
        _namespaces(),
        _disk(results),
        _leftovers(),
        _gpu_use(),
    ]


def text(checks: Sequence[Check]) -> str:
    """Return the checks as aligned plain text; below each that is not ok, what is lost.

    No line is longer than `SCREEN_COLUMNS`, except where a single word or a command is.
    """
    indent = " " * (len("ok   ") + max(len(check.name) for check in checks) + 2)
    lines = []
    for check in checks:
        head = f"{'ok' if check.ok else 'no':5}{check.name}".ljust(len(indent))
        lines += _wrapped(head, indent, check.found)
        if not check.ok:
            lines += _wrapped(indent + "lost: ", indent + "  ", check.lost)
    return "\n".join(lines)


def _wrapped(head: str, indent: str, paragraphs: str) -> list[str]:
    """Return lines. Only the first paragraph is wrapped: the others are commands to be copied."""
    first, *commands = paragraphs.split("\n")
    lines = textwrap.wrap(
        head + first,
        SCREEN_COLUMNS,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines + [indent + command for command in commands]


def _bash() -> Check:
    answer = _answer("bash", "--version")
    number = re.search(r"version ((\d+)\.(\d+)[.\d]*)", answer or "")
    ok = number is not None and (int(number[2]), int(number[3])) >= (4, 4)
    found = f"{number[1]}{'' if ok else ', 4.4 or newer is needed'}" if number else "not found"
    return Check("bash", ok, found, "nothing runs: the background loop is a bash script")


def _util_linux() -> Check:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(_TOOLS)
    lost = "no PID namespace without unshare, no bin/nightly without flock and setpriv"
    return Check("util-linux", not missing, found, lost)


def _find() -> Check:
    number = re.search(r"GNU findutils\) (\S+)", _answer("find", "--version") or "")
    found = f"GNU find {number[1]}" if number else "no GNU find"
    return Check(
        "find", number is not None, found, "old logs and samples cannot be removed (prune)"
    )


def _git() -> Check:
    answer = _answer("git", "--version")
    found = answer.strip().removeprefix("git version ") if answer else "not found"
    lost = "the record cannot say which commit was run, or whether files were changed"
    return Check("git", answer is not None, found, lost)


def _answer(*command: str) -> str | None:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=True,
            env=os.environ | {"LC_ALL": "C"},
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError):
        return None


def _python() -> Check:
    ok = sys.version_info >= (3, 10)
    found = f"{platform.python_version()} ({sys.executable})"
    return Check("Python", ok, found, "nothing runs: Python 3.10 or newer is needed")


def _numpy() -> Check:
    lost = "the trainings in examples/ do not run; your own do"
    try:
        return Check("NumPy", True, str(importlib.import_module("numpy").__version__), lost)
    except ImportError as error:
        return Check("NumPy", False, str(error).split("\n", 1)[0], lost)


def _gpu_driver(sys_root: Path = Path("/")) -> Check:
    lost = "trainings run on the CPU only"
    try:
        version = gpu_driver(sys_root)
    except OSError as error:
        return Check("GPU driver", False, f"{error.filename}: {error.strerror}", lost)
    return Check("GPU driver", True, f"NVIDIA {version or 'of unknown version'}", lost)


def _nvml() -> Check:
    lost = "GPU energy, power, memory and utilisation are not measured: null, never 0"
    try:
        with opened():
            names = [board.name for board in nvml.boards()]
    except NvmlError as error:
        return Check("NVML", False, error.with_hint(), lost)
    return Check("NVML", bool(names), ", ".join(names) or "no device", lost)


def _boards() -> list[Check]:
    """Return how each board may be shared: who may use it, and its MIG slices."""
    try:
        with opened():
            return [_board(board) for board in nvml.boards()]
    except NvmlError:
        return []


def _board(board: nvml.Board) -> Check:
    mode = compute_mode_of(board)
    slices = [each for each in board.devices if each.mig is not None]
    layout = ", ".join(f"{each.profile or 'a slice'} {each.uuid}" for each in slices)
    is_divided = slices or not board.devices
    divided = f"MIG slices: {layout or 'none'}" if is_divided else "not divided (MIG is off)"
    lost = "sharing it is refused: time slicing wants compute mode default, MIG wants slices"
    ok = mode in (None, DEFAULT) and bool(board.devices)
    found = f"compute mode {mode or 'not reported'}, {divided}, {_counters(board)}"
    return Check(f"GPU {board.index}", ok, found, lost)


def _counters(board: nvml.Board) -> str:
    """Return whether `"counters": "gpm"` works; it is seldom asked for, so no lack."""
    if not board.devices:
        return "GPM counters not looked at"
    why = why_none(board.devices[0])
    return f"no GPM counters: {why}" if why else "GPM counters"


def _mps() -> Check:
    program = shutil.which(PROGRAM)
    found = f"{program} (Tandem starts a daemon of its own)" if program else f"no {PROGRAM} on PATH"
    return Check("MPS", program is not None, found, '"sharing": "mps" is refused')


def _clocks() -> Check:
    lost = "power_limit_watts, sm_clock_mhz and memory_clock_mhz are refused"
    left = [path.stem.removeprefix("tandem-clocks-") for path in left_states()]
    try:
        with opened():
            uuids = [board.uuid for board in nvml.boards()]
    except NvmlError as error:
        return Check("clocks", False, f"no board can be set: {error}", lost)
    who = who_may(uuids) if uuids else None
    found = f"can be set by {who}" if who else "this user may not set them"
    if left:
        found += (
            f"; set now, or left so by a killed run: {', '.join(left)} (the next run sees to it)"
        )
    advised = f"{lost}; {advice(uuids)}" if uuids and not who else lost
    return Check("clocks", who is not None, found, advised)


def _rapl(sys_root: Path = Path("/")) -> Check:
    pattern = "sys/class/powercap/intel-rapl:*/energy_uj"
    lost = "CPU and DRAM energy are not measured: null; CPU seconds are recorded all the same"
    counters = sorted(sys_root.glob(pattern))
    if not counters:
        return Check("RAPL", False, f"no {sys_root / pattern}", lost)
    for counter in counters:
        try:
            counter.read_text()
        except OSError as error:
            if error.errno == errno.EACCES and os.geteuid() != 0:
                lost += "; this opens it to all users until the next reboot:"
                lost += f"\nsudo chmod a+r {sys_root / pattern}"
            return Check("RAPL", False, f"{counter}: {error.strerror}", lost)
    names = ", ".join(counter.parent.name for counter in counters)
    return Check("RAPL", True, f"readable: {names}", lost)


def _namespaces() -> Check:
    isolation = namespace.probe()
    lost = (
        "when the driver and all keepers are killed in the same instant, a background can outlive "
        "them until the next run finds it"
    )
    ok = isolation.mode == "pid namespace"
    return Check("namespaces", ok, f"{isolation.mode}: {isolation.reason}", lost)


def _disk(results: Path) -> Check:
    folder = results.absolute()
    while not folder.is_dir():
        folder = folder.parent
    status = os.statvfs(folder)
    free_bytes = status.f_bavail * status.f_frsize
    is_writable = os.access(folder, os.W_OK | os.X_OK)
    found = f"{free_bytes / 1024**3:.1f} GiB free in {folder}"
    if not is_writable:
        found += ", but this user may not write there"
    lost = "logs and records do not fit: a run ends where the disk is full"
    return Check("disk", is_writable and free_bytes >= ENOUGH_DISK_BYTES, found, lost)


def _leftovers() -> Check:
    found = census.leftovers()
    lost = "leftovers slow down what is measured; the next run ends them first"
    return Check("leftovers", not found, _processes(found) or "none of earlier runs", lost)


def _gpu_use() -> Check:
    gpus = busy.gpus_now()
    if gpus is None:
        return _gpu_holders()
    reasons = [reason for gpu in gpus for reason in gpu.busy_reasons()]
    found = "; ".join(reasons or busy.process_lines(gpus)) or "no process uses it"
    return Check("GPU in use", not reasons, found, _LOST_TO_STRANGERS)


def _gpu_holders() -> Check:
    holders = census.device_holders()
    # The persistence daemon keeps the files open for ever and does no work.
    strangers = [process for process in holders if not process.name.startswith("nvidia-persist")]
    found = _processes(holders) or "no process has /dev/nvidia* open"
    if os.geteuid() != 0:
        found += " (as far as this user may see)"
    return Check("GPU in use", not strangers, found, _LOST_TO_STRANGERS)


def _processes(found: Sequence[census.Found]) -> str:
    shown = [f"{process.name} ({process.pid})" for process in found[:_SHOWN_PROCESSES]]
    if len(found) > _SHOWN_PROCESSES:
        shown.append(f"and {len(found) - _SHOWN_PROCESSES} more")
    return ", ".join(shown)
