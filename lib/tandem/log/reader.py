"""What a training's log says: metrics, epochs, device, failures, read once from begin to end.

`read_log` is for a log that is whole; LogReader takes a log as it grows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tandem.base.files import open_log
from tandem.base.text import printable
from tandem.log.epochs import NO_EPOCHS, EpochFacts, EpochFinder, Epochs
from tandem.log.failures import SHOWN_CHARACTERS, Failure, Failures
from tandem.log.lines import CHUNK_BYTES, Block, Lines
from tandem.log.metrics import Metric
from tandem.log.rules import LogRules

_DEVICE = re.compile(r"^[ \t]*device:[ \t]*(\S.{0,199})", re.IGNORECASE)


@dataclass(frozen=True)
class LogFacts:
    """What a log says.

    `metrics` are by name; `reasons` say why a metric is None. `device` is what the last line
    `Device: ...` says. `failure` is the newest failure with no metric and no epoch behind it.
    `last_line` is the last line that is not empty. `problem` says why the log could not be read to
    its end; then nothing else is known.
    """

    metrics: Mapping[str, float | None]
    reasons: Mapping[str, str]
    epochs: EpochFacts = NO_EPOCHS
    device: str | None = None
    failure: Failure | None = None
    last_line: str | None = None
    problem: str | None = None

    @property
    def shows_work(self) -> bool:
        """Whether the log has an epoch or a metric."""
        return bool(self.epochs.seen) or any(each is not None for each in self.metrics.values())


class LogReader:
    """Takes the bytes of a log in pieces; memory does not grow with it."""

    def __init__(self, rules: LogRules) -> None:
        self._lines = Lines()
        self._metrics = {
            name: Metric(pattern, rules.decimal_comma) for name, pattern in rules.patterns.items()
        }
        self._epochs = Epochs(EpochFinder(rules.epoch_pattern))
        self._failures = Failures(rules.failure_patterns)
        self._device: str | None = None
        self._last_line: str | None = None

    def feed(self, data: bytes) -> None:
        """Read the next piece; the last line waits for its end."""
        for block in self._lines.feed(data):
            self._look(block)

    def end(self) -> LogFacts:
        """Read the last line, if it has no end, and return what the log says."""
        for block in self._lines.end():
            self._look(block)
        return self.facts()

    def facts(self) -> LogFacts:
        """Return what the lines say that were read so far."""
        reasons = {name: each.reason for name, each in self._metrics.items() if each.reason}
        return LogFacts(
            metrics={name: each.value for name, each in self._metrics.items()},
            reasons=reasons,
            epochs=self._epochs.facts(),
            device=self._device,
            failure=self._failure(),
            last_line=self._last_line,
        )

    def _look(self, block: Block) -> None:
        rest = self._failures.look(block)
        for metric in self._metrics.values():
            metric.look(rest)
        self._epochs.look(rest)
        if block.starts:
            self._look_for_device(rest)
        if text := block.text.rstrip():
            last = text[text.rfind("\n") + 1 :].strip()
            self._last_line = printable(last[-SHOWN_CHARACTERS:])

    def _look_for_device(self, block: Block) -> None:
        if last := block.last_line("device:", _DEVICE.match):
            found = _DEVICE.match(last[1])
            self._device = found[1].strip() if found else None

    def _failure(self) -> Failure | None:
        newest = self._failures.newest
        last = max((self._epochs.at, *(each.at for each in self._metrics.values())))
        return newest if newest and newest.at >= last else None


def read_log(path: str | os.PathLike[str], rules: LogRules) -> LogFacts:
    """Return what a log says; where it is missing or cannot be read, that in `problem`."""
    reader = LogReader(rules)
    try:
        with open_log(path) as stream:
            while data := stream.read(CHUNK_BYTES):
                reader.feed(data)
    except OSError as error:
        return unread(rules, f"the log cannot be read: {error.strerror or error}")
    return reader.end()


def unread(rules: LogRules, problem: str) -> LogFacts:
    """Return what is known of a log that nobody can read: nothing."""
    names = rules.patterns
    return LogFacts(dict.fromkeys(names), dict.fromkeys(names, problem), problem=problem)
