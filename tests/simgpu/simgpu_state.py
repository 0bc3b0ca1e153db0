"""The state of the simulated GPU: one file that every process maps, and the truth about it.

The layout is that of model.h. Every load on a device has a slot; slots are never used twice, so the
past stays known, and no two start at once: their order is that of their starts. All times are
seconds on CLOCK_BOOTTIME. A live training holds a lock on its slot: the kernel drops it when the
process ends, however that comes, and tells every reader the holder's pid as the reader's own PID
namespace has it.

What is computed here (`power_w`, `truth_j`) shares no code and no method with model.h: it cuts time
into pieces without a jump in them and adds up their middles, model.h has closed formulas.
"""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import math
import mmap
import os
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

VERSION = 6
DEVICES, FAILURES, SLOTS, SERVERS = 4, 32, 1024, 256
STOPS = 128  # of a load are remembered
XIDS = 8  # of a device, the newest overwrite old ones
PACES = 64  # changes of a device's limits
# What GPM counts: percent of what there is, then MiB a second. In the order of nvml.c.
GPM = (
    *("sm_active", "sm_occupancy", "tensor", "dram", "fp64", "fp32", "fp16"),
    *("pcie_tx", "pcie_rx", "nvlink_rx", "nvlink_tx"),
)
KINDS = ("compute", "graphics", "hidden")  # hidden: a load that is in no list of processes
COMPUTE_MODES = ("default", "exclusive thread", "prohibited", "exclusive process")
SHAPES = LEVEL, SQUARE, RAMP = ("level", "square", "ramp")
PROCESSES = ("shown", "hidden", "without memory")  # how lists of processes look
# Starts and ends are noted this long before they come, so that no reader that meanwhile looks can
# have counted on anything else.
LEAD_S = 0.005

_FLOCK = "hhqqi4x"  # struct flock on 64-bit Linux


def gpm_array(values: Mapping[str, float]) -> ctypes.Array[ctypes.c_double]:
    """Return what GPM counts of a load, by the names in GPM; ValueError: there is no such name."""
    if unknown := values.keys() - set(GPM):
        raise ValueError(f"GPM counts no {', '.join(sorted(unknown))}")
    return (ctypes.c_double * len(GPM))(*(values.get(name, 0.0) for name in GPM))


class Failure(ctypes.Structure):
    """A result that an NVML function, or a field by the name "field 186", gives instead."""

    result: int  # 0: the entry means nothing
    device: int  # -1: every device
    name: bytes
    _fields_ = (
        ("result", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("name", ctypes.c_char * 56),
    )


class Device(ctypes.Structure):
    """A board. What each option means is told at SimGpu.set."""

    name: bytes
    uuid: bytes
    idle_w: float
    power_limit_w: float
    counter_from_s: float
    counter_base_mj: int
    power_period_s: float
    counter_period_s: float
    average_s: float
    usage_average_s: float
    sample_buffer_s: float
    idle_c: float
    c_per_w: float
    event_reasons: int
    sm_clock_mhz: int
    memory_clock_mhz: int
    memory_total_mib: int
    memory_reserved_mib: int
    mig: int
    mps_pid: int
    pid_offset: int
    processes: int
    calls: int
    calls_left: int
    ecc_corrected: int
    ecc_uncorrected: int
    xid_count: int
    xids: ctypes.Array[ctypes.c_uint64]
    held_by_power: float
    held_by_heat: float
    mig_profiles: bytes
    compute_mode: int
    power_default_w: float
    power_least_w: float
    sm_locked_mhz: int
    memory_locked_mhz: int
    sm_application_mhz: int
    memory_application_mhz: int
    persistence: int
    ignores_settings: int
    pace_count: int
    paces: ctypes.Array[ctypes.Array[ctypes.c_double]]
    gpm_missing: int
    gpm_disturbed: int
    gpm_wraps_at: float
    _fields_ = (
        ("name", ctypes.c_char * 96),
        ("uuid", ctypes.c_char * 96),
        *((name, ctypes.c_double) for name in ("idle_w", "power_limit_w", "counter_from_s")),
        ("counter_base_mj", ctypes.c_uint64),
        *((name, ctypes.c_double) for name in ("power_period_s", "counter_period_s")),
        *((name, ctypes.c_double) for name in ("average_s", "usage_average_s")),
        *((name, ctypes.c_double) for name in ("sample_buffer_s", "idle_c", "c_per_w")),
        ("event_reasons", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("sm_clock_mhz", "memory_clock_mhz")),
        *((name, ctypes.c_uint32) for name in ("memory_total_mib", "memory_reserved_mib")),
        *((name, ctypes.c_int32) for name in ("mig", "mps_pid", "pid_offset", "processes")),
        ("calls", ctypes.c_int64),
        ("calls_left", ctypes.c_int64),
        *((name, ctypes.c_uint64) for name in ("ecc_corrected", "ecc_uncorrected", "xid_count")),
        ("xids", ctypes.c_uint64 * XIDS),
        *((name, ctypes.c_double) for name in ("held_by_power", "held_by_heat")),
        ("mig_profiles", ctypes.c_char * 128),
        *((name, ctypes.c_int32) for name in ("compute_mode", "unused")),
        *((name, ctypes.c_double) for name in ("power_default_w", "power_least_w")),
        *((name, ctypes.c_uint32) for name in ("sm_locked_mhz", "memory_locked_mhz")),
        *((name, ctypes.c_uint32) for name in ("sm_application_mhz", "memory_application_mhz")),
        *((name, ctypes.c_int32) for name in ("persistence", "ignores_settings")),
        ("pace_count", ctypes.c_int64),
        ("paces", ctypes.c_double * 2 * PACES),
        *((name, ctypes.c_int32) for name in ("gpm_missing", "gpm_disturbed")),
        ("gpm_wraps_at", ctypes.c_double),
    )

    def sm_mhz(self) -> float:
        """Return the SM clock under all limits."""
        limits = [mhz for mhz in (self.sm_locked_mhz, self.sm_application_mhz) if mhz]
        by_power_mhz = self.sm_clock_mhz * self.power_limit_w / self.power_default_w
        return float(min([self.sm_clock_mhz, math.floor(by_power_mhz), *limits]))

    def note_pace(self, at_s: float) -> None:
        """Remember from when on the limits lower the power of loads, and by what factor."""
        pace = self.sm_mhz() / self.sm_clock_mhz if self.sm_clock_mhz else 1.0
        if pace == (self.paces[self.pace_count - 1][1] if self.pace_count else 1.0):
            return
        place = self.paces[self.pace_count]
        place[0], place[1] = at_s, pace
        self.pace_count += 1

    def pace(self, at_s: float) -> float:
        noted = [pace for from_s, pace in self.paces[: self.pace_count] if from_s <= at_s]
        return noted[-1] if noted else 1.0

    def profiles(self) -> list[str]:
        """Return the profiles of its MIG instances; none where it is not in MIG mode."""
        return self.mig_profiles.decode().split() if self.mig else []


class Slot(ctypes.Structure):
    """A load on a device from `start_s` to `end_s`, which is 0 while it lives.

    Its power is `watts` (level); `watts` for `duty` of every `period_s` and `low_watts` for the
    rest (square); from `low_watts` up to `watts` in the first `period_s` and then `watts` (ramp);
    and `shared_watts`, unless negative, while another load lives on the same device.

    While its process is stopped (SIGSTOP) it uses no SM; its power stays what it is.
    """

    used: int
    held: int  # 1: lives as long as its process holds the lock; 0: until somebody ends it
    pid: int  # as seen by whoever looked last: outside a PID namespace the outer one
    device: int
    mig: int  # the MIG instance, -1 for the whole device
    kind: int
    shape: int
    sm_percent: int
    mps_server: int  # pid of the MPS server whose client it is; 0: of none
    thread_percent: float  # what MPS gives it at most, and the limit of its memory; 0: not asked
    pinned_mib: float
    memory_mib: float
    start_s: float
    end_s: float
    watts: float
    low_watts: float
    period_s: float
    duty: float
    shared_watts: float
    seen_s: float  # when its process last told that it runs; 0: it never does
    stop_count: int
    stops: ctypes.Array[ctypes.Array[ctypes.c_double]]  # from and to, the newest overwrite old ones
    gpm: ctypes.Array[ctypes.c_double]  # in the order of GPM, while it runs
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("used", "held", "pid", "device")),
        *((name, ctypes.c_int32) for name in ("mig", "kind", "shape", "sm_percent")),
        *((name, ctypes.c_int32) for name in ("mps_server", "unused")),
        *((name, ctypes.c_double) for name in ("thread_percent", "pinned_mib")),
        *((name, ctypes.c_double) for name in ("memory_mib", "start_s", "end_s", "watts")),
        *((name, ctypes.c_double) for name in ("low_watts", "period_s", "duty", "shared_watts")),
        ("seen_s", ctypes.c_double),
        ("stop_count", ctypes.c_int64),
        ("stops", ctypes.c_double * 2 * STOPS),
        ("gpm", ctypes.c_double * len(GPM)),
    )

    def ended_by_s(self) -> float:
        """Return when it ends, infinity while that is not known."""
        return self.end_s or math.inf

    def lives(self, at_s: float) -> bool:
        return self.start_s <= at_s < self.ended_by_s()

    def note_stop(self, from_s: float, to_s: float) -> None:
        """Remember that its process was stopped between two moments."""
        place = self.stops[self.stop_count % STOPS]
        place[0], place[1] = from_s, to_s
        self.stop_count += 1

    def power_w(self, at_s: float, alone: bool) -> float:
        """Return what it draws at a moment of its life."""
        age_s = at_s - self.start_s
        if not alone and self.shared_watts >= 0:
            return self.shared_watts
        if self.shape == SHAPES.index(RAMP) and age_s < self.period_s:
            return self.low_watts + (self.watts - self.low_watts) * age_s / self.period_s
        is_square = self.shape == SHAPES.index(SQUARE)
        if is_square and math.fmod(age_s, self.period_s) >= self.duty * self.period_s:
            return self.low_watts
        return self.watts

    def jumps(self, from_s: float, to_s: float) -> Iterator[float]:
        """Yield the moments at which its power, or the slope of it, may change."""
        yield self.start_s
        yield self.ended_by_s()
        if self.shape == SHAPES.index(RAMP):
            yield self.start_s + self.period_s
        if self.shape == SHAPES.index(SQUARE):
            first = max(math.floor((from_s - self.start_s) / self.period_s), 0)
            last = math.ceil((min(to_s, self.ended_by_s()) - self.start_s) / self.period_s)
            for period in range(first, last + 1):
                yield self.start_s + period * self.period_s
                yield self.start_s + (period + self.duty) * self.period_s


class Server(ctypes.Structure):
    """An MPS server: it holds a context on each of its boards until its process ends."""

    used: int
    ended: int
    pid: int
    boards: int  # a bit for each
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("used", "ended", "pid")),
        ("boards", ctypes.c_uint32),
    )


class Layout(ctypes.Structure):
    """The whole file."""

    version: int
    size: int
    device_count: int
    driver: bytes
    nvml_version: bytes
    failures: ctypes.Array[Failure]
    devices: ctypes.Array[Device]
    slots: ctypes.Array[Slot]
    servers: ctypes.Array[Server]
    _fields_ = (
        ("version", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("device_count", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
        ("driver", ctypes.c_char * 80),
        ("nvml_version", ctypes.c_char * 80),
        ("failures", Failure * FAILURES),
        ("devices", Device * DEVICES),
        ("slots", Slot * SLOTS),
        ("servers", Server * SERVERS),
    )


def now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class State:
    """The state in a file; created, all zero, where there is none."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Never closed: closing any descriptor of the file would drop this process's locks on it.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        if os.fstat(self._file).st_size == 0:
            os.ftruncate(self._file, ctypes.sizeof(Layout))
            os.fchmod(self._file, 0o666)  # whatever the umask: another user's NVML is this one too
        self.layout = Layout.from_buffer(mmap.mmap(self._file, ctypes.sizeof(Layout)))
        self._own: set[int] = set()  # where the slots of this process lie in the file

    def slots(self, device: int | None = None) -> list[Slot]:
        """Return the slots used so far by start; those whose process has gone end now."""
        found = list(itertools.takewhile(lambda slot: slot.used, self.layout.slots))
        for slot in found:
            if slot.held and not slot.end_s and not self._is_held(slot):
                slot.end_s = slot.end_s or now_s()  # it may have noted its end just before
        return [slot for slot in found if device in (None, slot.device)]

    def claim(self, **values: Any) -> Slot:
        """Take the next slot, for this process if `held`, and wait until its start has come."""
        with self._mutex():
            index = sum(slot.used for slot in self.layout.slots)
            self.layout.slots[index] = Slot(**values)
            slot: Slot = self.layout.slots[index]
            if slot.held:
                self._hold(slot)
            while not slot.used:
                slot.start_s = now_s() + LEAD_S
                slot.used = 1
                if now_s() >= slot.start_s:  # too slow: somebody may have looked meanwhile
                    slot.used = 0
        time.sleep(max(slot.start_s - now_s(), 0))
        return slot

    def end(self, slot: Slot) -> None:
        """Note that a load ends, and wait until its end has come."""
        if slot.end_s:
            return
        while slot.end_s <= now_s():
            slot.end_s = now_s() + LEAD_S
        time.sleep(max(slot.end_s - now_s(), 0))

    def free_mib(self, device: int, mig: int = -1) -> float:
        """Return how much memory a board, or an instance of it, has left now; changes nothing."""
        board = self.layout.devices[device]
        left_mib = float(board.memory_total_mib - board.memory_reserved_mib)
        if mig >= 0:
            gigabytes = float(board.profiles()[mig].rpartition(".")[2].partition("gb")[0])
            left_mib *= gigabytes / round(board.memory_total_mib / 1024)
        return left_mib - sum(it.memory_mib for it in self._living(device) if mig in (-1, it.mig))

    def takes(self, device: int, server: int = 0) -> bool:
        """Whether the compute mode of a board lets one more process in now; changes nothing.

        `server` is the MPS server whose client the process is, or which it is itself.
        """
        board = self.layout.devices[device]
        mode = COMPUTE_MODES[board.compute_mode]
        if mode == "default" or (mode == "exclusive process" and board.mps_pid):
            return True
        there = {slot.mps_server for slot in self._living(device)}
        there |= {other.pid for other in self.servers(device)}
        return mode != "prohibited" and there <= {server} - {0}

    def servers(self, device: int) -> list[Server]:
        """Return the MPS servers that live and have a context on a board; changes nothing."""
        used = itertools.takewhile(lambda server: server.used, self.layout.servers)
        ours = [server for server in used if server.boards & 1 << device and not server.ended]
        return [server for server in ours if self._is_held(server)]

    def claim_server(self, devices: Iterable[int]) -> Server:
        """Make this process an MPS server with a context on boards."""
        with self._mutex():
            server: Server = next(each for each in self.layout.servers if not each.used)
            server.pid, server.boards = os.getpid(), sum({1 << device for device in devices})
            self._hold(server)
            server.used = 1
        return server

    def report_xid(self, code: int, device: int) -> None:
        """Let the driver report an Xid to whoever has registered for it."""
        board = self.layout.devices[device]
        board.xids[board.xid_count % XIDS] = code
        board.xid_count += 1

    def _living(self, device: int) -> Iterator[Slot]:
        """Yield the loads on a board that live now; unlike `slots` it changes nothing."""
        for slot in itertools.takewhile(lambda it: it.used, self.layout.slots):
            if slot.device == device and slot.lives(now_s()):
                kind = struct.unpack(_FLOCK, self._lock(fcntl.F_GETLK, slot))[0]
                if kind != fcntl.F_UNLCK or not slot.held:
                    yield slot

    def power_w(self, device: int, at_s: float) -> float:
        """Return the power of a board at a moment, in watts."""
        return self._power_w(self.slots(device), device, at_s)

    def truth_j(self, device: int, from_s: float, to_s: float) -> float:
        """Return the energy of a board between two moments, in joules; exact, see above."""
        slots = self.slots(device)
        board = self.layout.devices[device]
        cuts = {from_s, to_s, *(since_s for since_s, _ in board.paces[: board.pace_count])}
        for slot in slots:
            cuts.update(slot.jumps(from_s, to_s))
        edges = sorted(cut for cut in cuts if from_s <= cut <= to_s)
        return math.fsum(
            self._power_w(slots, device, (begin_s + end_s) / 2) * (end_s - begin_s)
            for begin_s, end_s in itertools.pairwise(edges)
        )

    def shared_s(self, slot: Slot, to_s: float) -> float:
        """Return how long, until a moment, another load lived on the device beside this one."""
        others = [other for other in self.slots(slot.device) if other.start_s != slot.start_s]
        return _covered_s(others, slot.start_s, min(to_s, slot.ended_by_s()))

    def _power_w(self, slots: list[Slot], device: int, at_s: float) -> float:
        live = [slot for slot in slots if slot.lives(at_s)]
        board = self.layout.devices[device]
        idle_w: float = board.idle_w
        loads_w = sum(slot.power_w(at_s, alone=len(live) == 1) for slot in live)
        return idle_w + board.pace(at_s) * loads_w

    def _is_held(self, part: Slot | Server) -> bool:
        """Tell whether a process lives that holds the lock on a part; learn its pid."""
        if self._place(part) in self._own:  # one's own lock does not show
            return True
        kind, _, _, _, pid = struct.unpack(_FLOCK, self._lock(fcntl.F_GETLK, part))
        if kind != fcntl.F_UNLCK and pid > 0 and not self._own:  # a training may be in a namespace
            part.pid = pid
        return bool(kind != fcntl.F_UNLCK)

    def _hold(self, part: Slot | Server) -> None:
        self._lock(fcntl.F_SETLK, part)
        self._own.add(self._place(part))

    def _place(self, part: Slot | Server) -> int:
        return ctypes.addressof(part) - ctypes.addressof(self.layout)

    def _lock(self, command: int, part: Slot | Server) -> bytes:
        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, self._place(part), 1, 0)
        return fcntl.fcntl(self._file, command, lock)

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        """Let one process at a time take a slot: a lock on the first byte of the file."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1)


def _covered_s(slots: list[Slot], from_s: float, to_s: float) -> float:
    """Return for how long in a window at least one of the loads lived."""
    covered_s, seen_s = 0.0, from_s
    for slot in sorted(slots, key=lambda slot: slot.start_s):
        begin_s, end_s = max(slot.start_s, seen_s), min(slot.ended_by_s(), to_s)
        if end_s > begin_s:
            covered_s += end_s - begin_s
            seen_s = end_s
    return covered_s
