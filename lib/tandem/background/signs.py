"""What the log of a running round shows of a training: an epoch, a metric."""

from __future__ import annotations

from pathlib import Path

from tandem.base.files import open_log
from tandem.log.lines import CHUNK_BYTES
from tandem.log.reader import LogReader
from tandem.log.rules import LogRules


class Signs:
    """Follows the log of the newest round as it grows."""

    def __init__(self, rules: LogRules) -> None:
        self._rules = rules
        self._follow(None)

    def _follow(self, log: Path | None) -> None:
        self._log, self._read_bytes, self._reader = log, 0, LogReader(self._rules)

    def of(self, log: Path) -> str | None:
        """Return "epoch" or "metric", whichever the log shows so far; None: neither.

        Of a log that grows fast it reads a piece at a time.
        """
        if log != self._log:
            self._follow(log)
        try:
            with open_log(log) as stream:
                stream.seek(self._read_bytes)
                data = stream.read(CHUNK_BYTES)
        except OSError:
            return None
        self._read_bytes += len(data)
        if data:
            self._reader.feed(data)
        said = self._reader.facts()
        if said.epochs.seen:
            return "epoch"
        return "metric" if said.shows_work else None
