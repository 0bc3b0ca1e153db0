"""Random faults that befall a fleet of workers, one after the other, and what must stay as it was.

kill        a worker alone, as the kernel does when memory is short
kill tree   a worker and all below it, as when a job is ended without grace
stop        a worker is stopped until its claim is stale, and goes on then beside its successor
read-only   the shared folder cannot be written for 10 s (where root may mount)
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tandem.processes.proc import descendants
from tandem.processes.tree import send
from tandem.work.claims import CLAIMS

from support.fleet import EXPIRES_S, Fleet

READ_ONLY_S = 10.0
PAUSES_S = 0.2, 1.2
Undo = Callable[[], bool]  # whether a fault is over; it ends it when that is due


@dataclass
class Storm:
    """So many faults of each kind in an order by chance; `finished` is what must never change."""

    fleet: Fleet
    random: Random
    kinds: list[str]
    done: Counter[str] = field(default_factory=Counter)
    going: list[Undo] = field(default_factory=list)
    finished: dict[str, tuple[str, str]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)

    @property
    def ways(self) -> dict[str, Callable[[], Undo | None]]:
        """How each kind is done; None: there is nobody for it now."""
        return {
            "kill": self.kill,
            "kill tree": self.kill_tree,
            "stop": self.stop,
            "read-only": self.make_read_only,
        }

    def rage(self, deadline_s: float) -> None:
        """Let workers work, one fault following the other, until all groups have ended."""
        self.random.shuffle(self.kinds)
        end_s, due_s = time.monotonic() + deadline_s, 0.0
        while self.going or not self.fleet.is_whole():
            assert time.monotonic() < end_s, f"not within {deadline_s:g} s\n{self.fleet.said()}"
            self.fleet.tend()
            self.going = [is_over for is_over in self.going if not is_over()]
            if self.kinds and time.monotonic() > due_s and self.strike(self.kinds[-1]):
                self.done[self.kinds.pop()] += 1
                due_s = time.monotonic() + self.random.uniform(*PAUSES_S)
            time.sleep(0.05)
        self.fleet.wait_for_end()
        self.note_finished()

    def strike(self, kind: str) -> bool:
        self.note_finished()
        undo = self.ways[kind]()
        if undo:
            self.going.append(undo)
        return undo is not None

    def note_finished(self) -> None:
        """Keep what has ended; AssertionError: something that had ended has changed."""
        for name, target in self.fleet.ended().items():
            digest = hashlib.sha256((self.fleet.run / name / "experiment.json").read_bytes())
            now = target, digest.hexdigest()
            assert self.finished.setdefault(name, now) == now, f"{name} has changed"
        missing = self.finished.keys() - self.fleet.ended().keys()
        assert not missing, f"these had ended: {missing}"

    def end_all(self) -> None:
        """Take back what goes on, whatever has failed."""
        for pid in self.stopped:
            send(pid, signal.SIGCONT)
        for mount in reversed(mounts_below(self.fleet.stage.folder)):
            subprocess.run(["umount", "--lazy", mount], check=False)

    # -- kinds ---------------------------------------------------------------------------

    def someone(self, of: Container[int] | None = None) -> int | None:
        """Return a worker by chance, of these."""
        pids = [pid for pid in self.fleet.workers() if of is None or pid in of]
        return self.random.choice(pids) if pids else None

    def kill(self) -> Undo | None:
        if pid := self.someone():
            send(pid, signal.SIGKILL)
        return over if pid else None

    def kill_tree(self) -> Undo | None:
        if pid := self.someone():
            for each in [pid, *descendants(pid)]:
                send(each, signal.SIGKILL)
        return over if pid else None

    def stop(self) -> Undo | None:
        """Stop a worker that is at work; its successor begins before or after it goes on."""
        holders = self.fleet.holders()
        pid = self.someone(holders)
        if not pid:
            return None
        claim = self.fleet.run / CLAIMS / holders[pid]
        later_s = self.random.uniform(0.0, 2 * EXPIRES_S)
        send(pid, signal.SIGSTOP)
        self.stopped.add(pid)
        from_s = time.monotonic()

        def is_over() -> bool:
            is_old = time.monotonic() > from_s + EXPIRES_S + later_s
            if not is_old and claim.exists():
                return False
            send(pid, signal.SIGCONT)
            self.stopped.remove(pid)
            return True

        return is_over

    def make_read_only(self) -> Undo | None:
        """Put a view of the shared folder in its place that cannot be written.

        What is open for writing stays so: the kernel makes no disk read-only that is in use.
        """
        shared = str(self.fleet.shared)
        if shared in mounts_below(self.fleet.stage.folder):
            return None
        view = tempfile.mkdtemp(dir=self.fleet.stage.folder)
        mount("--bind", shared, view)
        mount("-o", "remount,ro,bind", view)
        mount("--bind", view, shared)
        end_s = time.monotonic() + READ_ONLY_S

        def is_over() -> bool:
            if time.monotonic() < end_s:
                return False
            for place in (shared, view):
                subprocess.run(["umount", "--lazy", place], check=True)
            return True

        return is_over


def over() -> bool:
    return True


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def may_mount(folder: Path) -> bool:
    """Whether this user may mount one folder over another."""
    try:
        mount("--bind", str(folder), str(folder))
    except (OSError, subprocess.CalledProcessError):
        return False
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    return True


def mounts_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1] for line in lines]
    return [place for place in places if place.startswith(f"{folder}{os.sep}")]
