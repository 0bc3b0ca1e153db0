"""Who uses a GPU: how much of it is the foreground's, the background's and strangers', by name."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tandem.measure.rows import number
from tandem.measure.sampling.files import Csv
from tandem.measure.sampling.roles import EVERYBODY, Trees
from tandem.nvml.devices import Process
from tandem.nvml.sensors import REMEMBERED_S, ProcessSample, share_lived, uses
from tandem.processes.proc import TICKS_A_SECOND, alive, name, stat, user

COLUMNS = (
    "boottime_s",
    "gpu",
    "event",
    "pid",
    "kind",
    "user",
    "name",
    "memory_mib",
    "sm_percent",
)

UNCLEAR, UNREAD = "unclear", "unread"  # whose it is, and who is there at all

MOST_UNSEEN = 100  # so many of them are named by their ids

STRANGERS = "strangers"
_UNSEEN = "unseen"  # it had ended before it was looked at: one of ours, perhaps
MPS_SERVER = "nvidia-cuda-mps"  # as /proc cuts its name; it works for its clients alone
_SETTLE_S = 0.5  # a process may use a GPU before the monitor knows whose it is
_SAMPLE_S = 1.0  # a sample is of up to so long before it
_GROWN = 1.1  # after so much more, a stranger is written again

Usage = dict[str, float | None]


@dataclass
class Stranger:
    """A process on the GPU that is not known to be ours; memory and use are the most so far."""

    process: Process
    owner: str
    start_ticks: list[str]
    user: str
    name: str
    seen_s: float
    noticed_s: float
    memory_mib: float | None = None
    sm_percent: float | None = None
    written: tuple[float, float] | None = None

    @property
    def most(self) -> tuple[float, float]:
        return self.memory_mib or 0.0, self.sm_percent or 0.0

    @property
    def has_grown(self) -> bool:
        pairs = zip(self.most, self.written or (0.0, 0.0), strict=True)
        return any(value > written * _GROWN + 1 for value, written in pairs)


@dataclass(frozen=True)
class Left:
    """Whose a process was that has left the GPU, and when it was seen to have left."""

    owner: str
    at_s: float


class Occupants:
    """The processes on one GPU, row by row.

    `mapped` is true once a process of ours was seen: before that, an empty list may as well mean
    that NVML hides who is there, and what a role uses is not known. `mps` is true once a client or
    a server of MPS was seen. `seen` is who was there at the last look: roles, strangers, "unclear",
    "unread". `unseen` counts the processes that had ended before they were looked
    at, while there were trees of ours to which they may have belonged.
    """

    def __init__(self, gpu: str, trees: Trees, file: Csv, since_s: float) -> None:
        """Take the name of the GPU in the strangers' file, and when watching it begins."""
        self.gpu = gpu
        self.trees = trees
        self.file = file
        self.looked_s = since_s
        self.mapped = False
        self.mps = False
        self.unseen = 0
        self.seen: set[str] = set()
        self.present: dict[int, Stranger] = {}
        # For some time after they left, as NVML reports their use for a while:
        self.left: dict[int, Left] = {}
        self.listed_s: dict[int, float] = {}  # whose memory was seen, and when

    def look(
        self,
        now_s: float,
        listed: Sequence[Process] | None,
        samples: Sequence[ProcessSample] | None,
        sm_percent: float | None,
        is_last: bool,
    ) -> Usage:
        """Return the columns of the row, and write which strangers came or went.

        `listed` is who is on the GPU, `samples` what was used since the last look, None where that
        is not reported; `sm_percent` is the use of the whole GPU.
        """
        memory = None if listed is None else {each.pid: each.memory_mib for each in listed}
        used = uses(samples or [])
        sm = {
            pid: mean * self.share_lived(pid, last_s, now_s, listed)
            for pid, (mean, last_s) in used.items()
        }
        processes = {pid: Process(pid, "compute", None) for pid in sm}
        processes |= {each.pid: each for each in listed or []}
        hosts = self.trees.active_since(self.looked_s - _SAMPLE_S)
        owners = {
            pid: self.owner_of(each, now_s, bool(hosts) and pid not in (memory or ()))
            for pid, each in processes.items()
        }
        self.mapped = self.mapped or not set(EVERYBODY).isdisjoint(owners.values())
        self.remember(memory or (), now_s)
        for pid, process in processes.items():
            if self.is_news(pid, owners[pid]):
                percent = used[pid][0] if pid in used else None
                self.meet(process, owners[pid], now_s, samples or [], percent)
        for pid in list(self.present):
            on_it = pid in (memory or ()) or ((pid in sm or memory is None) and alive(pid))
            is_stranger = owners.get(pid, STRANGERS) in (STRANGERS, _UNSEEN)
            self.write_changes(pid, now_s, is_stranger, on_it, is_last)
        self.looked_s = now_s
        self.seen = {self.kind_of(pid, owner) for pid, owner in owners.items()}
        self.seen |= {UNREAD} if listed is None else set()
        # Without samples of any process the driver has none yet, or no process did anything. Under
        # MPS all use is its server's.
        is_known = samples is not None and (bool(sm) or sm_percent == 0.0) and not self.mps
        unlisted = {owners[pid] for pid in sm if sm[pid] and pid not in self.listed_s}
        unseen = {owners[pid] for pid in sm if sm[pid]} & {_UNSEEN}
        doubts = self.doubts(unlisted, hosts), self.doubts(unseen, hosts)
        return {
            **self.sums("memory_mib", owners, memory, doubts[0]),
            **self.sums("sm_percent", owners, sm if is_known else None, doubts[1]),
        }

    def remember(self, listed: Iterable[int], now_s: float) -> None:
        """Note who is on the GPU, and forget those who left it long ago."""
        since_s = now_s - REMEMBERED_S
        self.left = {pid: left for pid, left in self.left.items() if left.at_s > since_s}
        self.listed_s = {pid: at_s for pid, at_s in self.listed_s.items() if at_s > since_s}
        self.listed_s |= dict.fromkeys(listed, now_s)

    def doubts(self, owners: set[str], hosts: set[str]) -> set[str]:
        """Return the owners of whose use a part is not known; the unseen may be any host's."""
        return {*self.trees.lost, *owners} | ({STRANGERS, *hosts} if _UNSEEN in owners else set())

    def share_lived(
        self, pid: int, last_s: float, to_s: float, listed: Sequence[Process] | None
    ) -> float:
        """Return in which share of the time since the last look a process was there, 0 to 1."""
        ticks, member = stat(pid)[19:20], self.trees.members.get(pid)
        start_ticks = ticks[0] if ticks else member.start_ticks if member else "0"
        is_there = ticks and (listed is None or any(each.pid == pid for each in listed))
        begin_s, end_s = int(start_ticks) / TICKS_A_SECOND, to_s if is_there else last_s
        return share_lived(begin_s, end_s, self.looked_s, to_s)

    def owner_of(self, process: Process, now_s: float, may_be_unseen: bool) -> str:
        pid = process.pid
        self.mps = self.mps or process.mps
        role = self.trees.role_of(pid, now_s)
        if role is None and name(pid).startswith(MPS_SERVER):
            self.mps = True
            return MPS_SERVER
        if role is None and not stat(pid):
            if pid in self.left:
                return self.left[pid].owner
            if may_be_unseen and pid not in self.present:
                return _UNSEEN
        return role or STRANGERS

    def kind_of(self, pid: int, owner: str) -> str:
        """Return an owner as it is; UNCLEAR of one whose process nobody here can look at."""
        stranger = self.present.get(pid)
        is_known = bool(stat(pid) or (stranger and stranger.start_ticks))
        return owner if owner in EVERYBODY or (owner == STRANGERS and is_known) else UNCLEAR

    def is_news(self, pid: int, owner: str) -> bool:
        """Whether a process is to be written: not ours, and not known to be gone."""
        if owner not in (STRANGERS, _UNSEEN) or (pid in self.left and not alive(pid)):
            return False
        self.unseen += owner == _UNSEEN
        return owner == STRANGERS or self.unseen <= MOST_UNSEEN

    def sums(
        self,
        what: str,
        owners: Mapping[int, str],
        values: Mapping[int, float | None] | None,
        doubts: Container[str],
    ) -> Usage:
        """Return what each owner uses; None where that is not known."""
        usage: Usage = {}
        for owner in (*EVERYBODY, STRANGERS):
            used = [value for pid, value in (values or {}).items() if owners[pid] == owner]
            is_known = values is not None and (self.mapped or bool(used)) and owner not in doubts
            usage[f"{owner}_{what}"] = total(used) if is_known else None
        return usage

    def meet(
        self,
        process: Process,
        owner: str,
        now_s: float,
        samples: Iterable[ProcessSample],
        sm_percent: float | None,
    ) -> None:
        """Note what is known of a stranger that is on the GPU."""
        pid, ticks = process.pid, stat(process.pid)[19:20]
        stranger = self.present.get(pid)
        if stranger and ticks and ticks != stranger.start_ticks:
            self.write_changes(pid, now_s, True, False, False)  # its id is another's now
            stranger = None
        if stranger is None:
            used_s = [each.at_s for each in samples if each.pid == pid]
            since_s = self.looked_s
            if ticks:
                since_s = max(since_s, int(ticks[0]) / TICKS_A_SECOND)
            elif used_s:
                since_s = max(since_s, min(used_s) - _SAMPLE_S)
            seen_s = min(since_s, now_s)
            stranger = Stranger(process, owner, ticks, user(pid), name(pid), seen_s, now_s)
            self.present[pid] = stranger
        if ticks or now_s > stranger.noticed_s:  # else it ended just now: ours, perhaps
            stranger.memory_mib = most(stranger.memory_mib, process.memory_mib)
        stranger.sm_percent = most(stranger.sm_percent, sm_percent)

    def write_changes(
        self, pid: int, now_s: float, is_stranger: bool, on_it: bool, is_last: bool
    ) -> None:
        """Write that a stranger is there, has grown, or is gone; forget it when it is gone."""
        stranger = self.present[pid]
        leaves = not (on_it and is_stranger)
        if leaves:
            del self.present[pid]
        if stranger.written is None:
            is_settled = leaves or is_last or now_s >= stranger.noticed_s + _SETTLE_S
            if not (is_stranger and is_settled):
                return
            self.write("seen", stranger, stranger.seen_s)
        elif not leaves and (stranger.has_grown or (is_last and stranger.written != stranger.most)):
            self.write("seen", stranger, now_s)
        if leaves:
            self.left[pid] = Left(stranger.owner, now_s)
            self.write("gone", stranger, now_s)

    def write(self, event: str, stranger: Stranger, when_s: float) -> None:
        stranger.written = stranger.most
        process = stranger.process
        self.file.put_text(
            {
                "boottime_s": f"{when_s:.4f}",
                "gpu": self.gpu,
                "event": event,
                "pid": str(process.pid),
                "kind": process.kind,
                "user": stranger.user,
                "name": stranger.name,
                "memory_mib": number(stranger.memory_mib, 1),
                "sm_percent": number(stranger.sm_percent, 1),
            }
        )


def most(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)


def total(values: Iterable[float | None]) -> float | None:
    """Return a sum; None if a part of it is not known."""
    parts = list(values)
    known = [value for value in parts if value is not None]
    return sum(known) if len(known) == len(parts) else None
