"""A training's log while it grows: which epoch it is in, and when each was first seen."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tandem.base.clock import boottime_s
from tandem.base.files import open_log
from tandem.log.epochs import EpochFinder, Epochs
from tandem.log.lines import CHUNK_BYTES, Lines

EPOCHS = "epochs.tsv"
"""Beside a log: a line for each epoch, with the moment at which it was first seen in the log."""
LOOK_S = 0.25
"""So often a log that is measured is looked at, and so late an epoch in it may be seen."""
MAX_READ_BYTES = 1024 * 1024
_MOST_TIMES = 10_000


class EpochReader:
    """Follows a training's log and tells which epoch it is in.

    `pattern` is the registry's, None for the built-in one; `expected` is the number of epochs where
    the log itself does not say it. In the file `times` it keeps when each epoch was first seen.
    """

    def __init__(
        self,
        log: Path,
        expected: int | None,
        pattern: str | None = None,
        times: Path | None = None,
    ) -> None:
        self._log = log
        self._expected = expected
        self._finder = EpochFinder(pattern)
        self._times = times
        self._timed: set[int] = set()
        self._forget()

    def _forget(self) -> None:
        self._file: tuple[int, int] | None = None
        self._size_bytes = 0
        self._lines, self._epochs = Lines(), Epochs(self._finder)

    def poll(self) -> tuple[int | None, int | None]:
        """Return the newest epoch in the log, and how many there are; None where not known.

        Reads at most the last MiB of what is new, in whole lines; without news it costs one stat. A
        log that is gone, shorter or another file (a retry) starts anew.
        """
        try:
            status = self._log.stat()
            file = (status.st_dev, status.st_ino)
            if file != self._file or status.st_size < self._size_bytes:
                self._forget()
                self._file = file
            if status.st_size > self._size_bytes:
                self._read(status.st_size)
        except OSError:
            self._forget()
        newest = self._epochs.newest
        if newest is None:
            return None, self._expected
        return int(newest.number), newest.total or self._expected

    def look(self) -> bool:
        """Note the epochs that are new; False, for whoever waits: an epoch ends no waiting."""
        self.poll()
        return False

    def finish(self) -> None:
        """Read what is left of a log that has ended."""
        self.poll()
        for block in self._lines.end():
            self._epochs.look(block)
        self._note()

    def _read(self, size_bytes: int) -> None:
        start = self._size_bytes
        if size_bytes - start > MAX_READ_BYTES:
            start = size_bytes - MAX_READ_BYTES
            self._lines = Lines()
        with open_log(self._log) as stream:
            stream.seek(start)
            while start < size_bytes and (
                data := stream.read(min(CHUNK_BYTES, size_bytes - start))
            ):
                start += len(data)
                for block in self._lines.feed(data):
                    self._epochs.look(block)
        self._size_bytes = start
        self._note()

    def _note(self) -> None:
        """Append the epochs that are new; a disk that is full does not end the experiment."""
        new = sorted({int(number) for number in self._epochs.take_new()} - self._timed)
        new = new[: max(0, _MOST_TIMES - len(self._timed))]
        self._timed.update(new)
        if new and self._times:
            now_s = boottime_s()
            with contextlib.suppress(OSError), open(self._times, "a", encoding="ascii") as file:
                file.write("".join(f"{now_s:.6f}\t{number}\n" for number in new))


def read_times(folder: Path) -> list[tuple[float, int]]:
    """Return moments on CLOCK_BOOTTIME and epochs, in the order seen; [] if nobody followed."""
    found = []
    with contextlib.suppress(OSError), open_log(folder / EPOCHS) as file:
        for line in file.read().decode("ascii", "replace").splitlines():
            fields = line.split("\t")
            with contextlib.suppress(ValueError):
                if len(fields) == 2:
                    found.append((float(fields[0]), int(fields[1])))
    return found
