"""Claims: which worker is at work on which group. They only save work.

A claim is a file in the run's folder with its owner in it. It is made whole and exclusively, and
its owner touches it again and again; one that nobody has touched for long is taken over. Two owners
of one group are harmless: a try stands for an experiment only once (results/shared/commit). Ages
are told by the file server's clock alone, and whose a claim is by what stands in it, whatever the
answer was to the call that made it: NFS may say "File exists" of what it has just made.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tandem.base.files import open_log, server_s, sweep, temporary_name
from tandem.results.owner import Owner, is_there, this_process
from tandem.results.shared.worker_name import parsed
from tandem.results.state import made

CLAIMS = "claims"
EXPIRES_S = 120.0
BEATS = 8  # heartbeats in the time in which a claim becomes stale
LATE_BEATS = 2  # a claim without a heartbeat for so many periods is late

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_GONE = (errno.ENOENT, errno.ESTALE)


@dataclass(frozen=True)
class Claim:
    """A claim as it stands; `worker` and `owner` are None where its file does not say.

    `identity` is of its file and of when that was touched last, `touched_s` the same moment.
    """

    worker: str | None
    owner: Owner | None
    identity: tuple[int, int]
    touched_s: float


@dataclass(frozen=True)
class Claims:
    """The claims of a run, for the worker of a name; stale when older than `expires_s`."""

    run: Path
    worker: str
    expires_s: float = EXPIRES_S

    @property
    def folder(self) -> Path:
        return self.run / CLAIMS

    @property
    def heartbeat_s(self) -> float:
        """How often an owner touches its claim."""
        return self.expires_s / BEATS

    def open(self) -> None:
        """Make the folder, and remove what killed workers left in it under temporary names."""
        with suppress(FileExistsError):
            self.folder.mkdir()
        sweep(str(self.folder))

    def others(self) -> dict[str, Claim]:
        """Return the claims of other workers that are not stale, by group; OSError: unknown.

        Where somebody has removed the folder there is none, and it is made again.
        """
        if not self.folder.exists():
            self.open()
        with os.scandir(self.folder) as entries:
            names = [each.name for each in entries if each.is_file() and each.name[0] != "."]
        found = {name: claim for name in names if (claim := self.look(name))}
        others = {name: each for name, each in found.items() if each.worker != self.worker}
        now_s = server_s(str(self.folder)) if others else 0.0
        return {name: each for name, each in others.items() if not self.is_stale(each, now_s)}

    def take(self, group: str) -> bool:
        """Claim a group; False: another worker has it. A stale claim goes away first.

        OSError: the folder cannot be used.
        """
        found = self.look(group)
        if found and found.worker != self.worker:
            if not self.is_stale(found, server_s(str(self.folder))):
                return False
            if not self.take_away(group, lambda claim: claim.identity == found.identity):
                return False  # it was touched, or taken over, just before
        self.put(group)
        return self.is_ours(group)

    def put(self, group: str) -> None:
        """Make a claim, unless there is one."""
        file, data = self.folder / group, {"worker": self.worker, **asdict(this_process())}
        written = temporary_name(str(self.folder / self.worker))
        try:
            Path(written).write_bytes(json.dumps(data).encode(errors="replace"))
            os.link(written, file)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with suppress(FileExistsError):
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
                os.rename(written, file)
        finally:
            with suppress(OSError):
                os.unlink(written)

    def look(self, group: str) -> Claim | None:
        """Return the claim of a group; None: there is none. OSError: it cannot be told."""
        return claim_in(self.folder / group)

    def is_ours(self, group: str) -> bool:
        claim = self.look(group)
        return claim is not None and claim.worker == self.worker

    def touch(self, group: str) -> bool:
        """Say, by the server's clock, that this worker is still at work; False: it has no claim."""
        if not self.is_ours(group):
            return False
        os.utime(self.folder / group)
        return True

    def give_back(self, group: str) -> None:
        """Have no claim of a group any more."""
        with suppress(OSError):
            if self.is_ours(group):
                self.take_away(group, lambda claim: claim.worker == self.worker)

    def take_away(self, group: str, is_it: Callable[[Claim], bool]) -> bool:
        """Remove a claim if, as it is taken away, it is the one that is meant; else put it back."""
        file, aside = self.folder / group, temporary_name(str(self.folder / f"aside-{self.worker}"))
        with suppress(FileNotFoundError):  # NFS may say so of what it has just renamed
            os.rename(file, aside)
        claim = claim_in(Path(aside))
        if claim is None:
            return True  # somebody else has taken it away
        is_right = is_it(claim)
        if not is_right:
            with suppress(OSError):  # a newer one stands there: two owners are harmless
                os.link(aside, file)
        with suppress(OSError):
            os.unlink(aside)
        return is_right

    def is_stale(self, claim: Claim, now_s: float) -> bool:
        """Whether nobody is at work on a group any more, as far as its claim tells."""
        is_old = now_s - claim.touched_s > self.expires_s
        is_gone = claim.owner is not None and is_there(claim.owner) is False
        return is_old or self.is_restarted(claim) or is_gone

    def is_restarted(self, claim: Claim) -> bool:
        """Whether this worker is of a later start of the same job and task."""
        theirs, ours = parsed(claim.worker or ""), parsed(self.worker)
        return theirs is not None and ours is not None and theirs.is_before(ours)

    def late_s(self, groups: Collection[str]) -> float | None:
        """Return in how many seconds the first late claim of some groups becomes stale.

        None: no claim of them is late.
        """
        others = {name: each for name, each in self.others().items() if name in groups}
        now_s = server_s(str(self.folder)) if others else 0.0
        ages_s = [now_s - each.touched_s for each in others.values()]
        late = [age_s for age_s in ages_s if age_s > LATE_BEATS * self.heartbeat_s]
        return max(0.0, self.expires_s - max(late)) if late else None


def claim_in(file: Path) -> Claim | None:
    """Return the claim that a file holds; None: it is gone. OSError: it cannot be read."""
    try:
        with open_log(file) as stream:  # opened before it is looked at: then NFS asks the server
            status, text = os.fstat(stream.fileno()), stream.read()
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    data = object_in(text)
    owner, worker = None, data.get("worker")
    with suppress(ValueError):
        owner = made(Owner, data)
    identity = status.st_ino, status.st_mtime_ns
    return Claim(worker if isinstance(worker, str) else None, owner, identity, status.st_mtime)


def object_in(text: bytes) -> dict[str, Any]:
    """Return the object of a claim; {}: there is none, as its owner died before it stood there."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


class Heartbeat:
    """Touches a claim again and again, while a group is at work, in a thread of its own.

    A shared file system that hangs must not hold up the training's own process. `is_lost`: the
    claim was taken over, as this process did nothing for long.
    """

    def __init__(self, claims: Claims, group: str) -> None:
        self.claims, self.group, self.over = claims, group, Event()
        self.is_lost = False
        Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self.over.wait(self.claims.heartbeat_s):
            with suppress(OSError):  # the folder may be there again at the next beat
                if not self.claims.touch(self.group):
                    self.is_lost = True
                    return

    def end(self) -> None:
        self.over.set()
