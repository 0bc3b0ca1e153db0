"""The disk that a run's folder is on. One that several machines share may be full or gone a while.

A worker waits for such a disk, as long as it may. Nothing is measured meanwhile.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tandem.base.errors import NotReadyError
from tandem.base.files import temporary_name
from tandem.base.paths import as_seen_from_here, how_to_type
from tandem.base.text import duration_text
from tandem.processes.watch import Watch

T = TypeVar("T")

WAIT_S = 600.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_OF_A_DISK = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
# What a disk answers that is there again a moment later
_PASSING = frozenset(
    {errno.EIO, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN}
)
_PROBE_BYTES = 1 << 20  # so much a record, a table or a report may take
_TRIES = 5  # where the disk seems to be well
_PERIOD_S = 1.0


class Disk:
    """A disk that nobody waits for: what fails there fails at once."""

    def patient(self, action: Callable[[], T]) -> T:
        """Return what an action on the disk returns; it may be done again."""
        return action()

    def why_bad(self, error: OSError | None = None) -> str | None:
        """Return what is wrong with the disk, where `error` may come of that; None: nothing."""
        return None

    def check(self) -> None:
        """Raise OSError where something is wrong with it now."""
        if why := self.why_bad():
            raise OSError(errno.EIO, why)

    def heed(self, sign: OSError | None) -> None:
        """Raise OSError where a file that could not be written is a sign of a bad disk."""


class SharedDisk(Disk):
    """The disk of a `run` that several workers drain; `own` is the folder of this one.

    It is waited for at most `wait_s`, which `say` is told of.
    """

    def __init__(
        self,
        run: Path,
        own: Path,
        watch: Watch,
        say: Callable[[str], None],
        wait_s: float = WAIT_S,
    ) -> None:
        self.run, self.own, self.watch, self.say, self.wait_s = run, own, watch, say, wait_s
        self.shown, self.has_said = as_seen_from_here(run), False
        self.again = how_to_type("work", str(self.shown))

    def patient(self, action: Callable[[], T]) -> T:
        """Return what an action on the disk returns, which is done again while the disk is bad.

        NotReadyError: it was bad for too long. Interrupted: a signal came. OSError: the action
        fails, and the disk is well.
        """
        begin_s, tries = time.monotonic(), 0
        while True:
            try:
                result = action()
                break
            except (OSError, NotReadyError) as failed:
                error = failed if isinstance(failed, OSError) else failed.__cause__
                problem, passing = self.probe(), self.passing(error)
                tries = 0 if problem or _is_full(error) else tries + 1
                why = problem or passing
                if why is None or tries > _TRIES:
                    raise
            self.wait_a_little(begin_s, why)
        if self.has_said:
            waited = duration_text(time.monotonic() - begin_s)
            self.say(f"{self.shown} can be written again after {waited}; going on")
            self.has_said = False
        return result

    def wait_a_little(self, begin_s: float, why: str) -> None:
        """Wait until an action is worth another try; NotReadyError: that was long enough."""
        left_s = begin_s + self.wait_s - time.monotonic()
        limit = f"{duration_text(self.wait_s)} (--wait-disk)"
        if left_s <= 0:
            raise NotReadyError(
                f"{self.shown}: {why}, for {limit}; nothing is left running, and what has ended is"
                f" safe (mend that disk, then go on with: {self.again})"
            )
        if not self.has_said:
            self.say(f"waiting up to {limit} for {self.shown}: {why}; nothing is measured")
            self.has_said = True
        self.watch.wait([], time.monotonic() + min(_PERIOD_S, left_s))

    def why_bad(self, error: OSError | None = None) -> str | None:
        return self.probe() or self.passing(error)

    def heed(self, sign: OSError | None) -> None:
        """Raise OSError also where the disk is well again, and had been silent for long."""
        if sign and sign.errno == errno.ETIMEDOUT:
            raise sign
        if sign:
            self.check()

    def passing(self, error: BaseException | None) -> str | None:
        """Return in words an error that a shared disk gives, and may not give a moment later."""
        if not isinstance(error, OSError):
            return None
        is_here = all(name.startswith(str(self.run)) for name in _names(error))
        is_passing = error.errno in _PASSING or _is_full(error)
        return _words(error) if is_here and is_passing else None

    def probe(self) -> str | None:
        """Return why no file can be written in the folder now; None: one can."""
        file = temporary_name(str(self.own / "probe"))
        try:
            with open(file, "wb") as stream:
                stream.write(bytes(_PROBE_BYTES))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            return None if error.errno in _NOT_OF_A_DISK else _words(error)
        finally:
            with suppress(OSError):
                os.unlink(file)
        return None


def _names(error: OSError) -> list[str]:
    """Return the files that an error tells of."""
    names = (error.filename, error.filename2)
    return [os.fsdecode(name) for name in names if isinstance(name, (str, bytes, os.PathLike))]


def _is_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def _words(error: OSError) -> str:
    return error.strerror or str(error)
