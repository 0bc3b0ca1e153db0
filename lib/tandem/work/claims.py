"""Claims: which worker is at work on which group. They only save work.

A claim is a file in the run's folder, made with O_EXCL. Its owner touches it again and again; one
that nobody has touched for long is taken over. Two owners of one group are harmless: a try stands
for an experiment only once (results/commit). Ages are told by the file server's clock alone.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread

from tandem.base.json_object import json_object
from tandem.processes.proc import has_ended, stat
from tandem.results.state import boot_id, this_process

CLAIMS = "claims"
HEARTBEAT_S = 15.0
EXPIRES_S = 120.0


@dataclass(frozen=True)
class Claims:
    """The claims of a run, for the worker of a name; stale when older than `expires_s`."""

    run: Path
    worker: str
    expires_s: float = EXPIRES_S

    @property
    def folder(self) -> Path:
        return self.run / CLAIMS

    def taken(self) -> set[str]:
        """Return the groups that other workers are at work on, as it seems."""
        self.folder.mkdir(exist_ok=True)
        names = [each.name for each in os.scandir(self.folder) if not each.name.startswith(".")]
        if not names:
            return set()
        now_s = self._server_s()
        return {name for name in names if not self._is_stale(self.folder / name, now_s)}

    def take(self, group: str) -> bool:
        """Claim a group; False: another worker was faster.

        A stale claim goes away first. OSError: the folder cannot be used.
        """
        file = self.folder / group
        if file.exists() and self._is_stale(file, self._server_s()):
            with suppress(FileNotFoundError):
                file.unlink()
        data = json.dumps({"worker": self.worker, **asdict(this_process())}).encode()
        try:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except FileExistsError:  # NFS may say so of what it has just made
            return self.is_ours(group)
        return True

    def is_ours(self, group: str) -> bool:
        claim = json_object(self.folder / group)
        return claim is not None and claim.get("worker") == self.worker

    def touch(self, group: str) -> None:
        """Say that this worker is still at work on a group, by the server's clock."""
        with suppress(OSError):
            os.utime(self.folder / group)

    def give_back(self, group: str) -> None:
        with suppress(OSError):
            if self.is_ours(group):
                (self.folder / group).unlink()

    def _server_s(self) -> float:
        """Return what time it is by the clock of whoever keeps the folder."""
        file = self.folder / f".clock.{self.worker}"
        file.touch()
        return file.stat().st_mtime

    def _is_stale(self, file: Path, now_s: float) -> bool:
        try:
            age_s = now_s - file.stat().st_mtime
        except OSError:
            return True
        return age_s > self.expires_s or is_gone(json_object(file))


def is_gone(claim: object) -> bool:
    """Whether the owner of a claim is known to be gone: a process of this host and boot."""
    if not isinstance(claim, dict):
        return False
    here = os.uname().nodename, boot_id(), os.readlink("/proc/self/ns/pid")
    if (claim.get("host"), claim.get("boot_id"), claim.get("pid_namespace")) != here:
        return False
    fields = stat(claim["pid"])
    return has_ended(fields) or fields[19] != str(claim["started_ticks"])


class Heartbeat:
    """Touches a claim again and again, while a group is at work, in a thread of its own.

    A shared file system that hangs must not hold up the training's own process.
    """

    def __init__(self, claims: Claims, group: str) -> None:
        self.claims, self.group, self.over = claims, group, Event()
        Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self.over.wait(HEARTBEAT_S):
            self.claims.touch(self.group)

    def end(self) -> None:
        self.over.set()
