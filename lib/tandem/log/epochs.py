"""Epochs of a log: which ones it tells of, and how many there are to be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tandem.log.expressions import relaxed
from tandem.log.lines import Block
from tandem.log.metrics import MARGIN_CHARACTERS

MOST_SEEN = 1_000_000
"""So many epochs are told apart at most."""
_MOST_PHASES = 1_000
# A report of "epoch 2.99" may be the last of three: batches that fill no step are left out.
_NEARLY = 0.05

# Either a bar that counts epochs ("Epoch: 35%|###   | 7/20") or the number itself, which is not
# the percentage of a bar.
EPOCH = re.compile(
    r"(?<!\w)(?<!best )epoch(?:s?:?[ ]*\d+%\|[^|\r\n]*\|[ ]*|['\"]?[ \t:=#(\[]{0,8}['\"]?)"
    r"(\d{1,7}(?:\.\d+)?)(?!\d|[\d.]*%)(?:[ ]*(?:/|of)[ ]*(\d{1,7})(?!\d))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Epoch:
    """One epoch that a log tells of: `at` is where its line begins, `total` how many there are.

    `is_share`: its number has a point, and so says how many are done.
    """

    at: int
    number: float
    total: int | None
    is_share: bool


class EpochFinder:
    """Finds epochs by the registry's pattern, else by the built-in one."""

    def __init__(self, pattern: str | None) -> None:
        found = relaxed(pattern) if pattern else None
        self._pattern = found.strict if found else EPOCH
        self._is_built_in = found is None
        self._word = max(found.words, key=len, default="") if found else "epoch"

    def find(self, block: Block) -> Iterator[Epoch]:
        """Yield every epoch in a block that is another than the one before, and the last."""
        least = 0 if block.starts else MARGIN_CHARACTERS
        most = len(block.text) - (0 if block.ends else MARGIN_CHARACTERS)
        newest: tuple[int, str, tuple[float, int | None, bool]] | None = None
        for at, match in self._matches(block):
            if newest and match[0] == newest[1]:
                newest = at, *newest[1:]
            elif least <= at and at + len(match[0]) <= most and (epoch := self._epoch(match)):
                if newest:
                    yield Epoch(newest[0], *newest[2])
                newest = at, match[0], epoch
        if newest:
            begin = block.text.rfind("\n", 0, newest[0]) + 1
            yield Epoch(block.base + begin, *newest[2])

    def _matches(self, block: Block) -> Iterator[tuple[int, re.Match[str]]]:
        """Yield place and match of every epoch; the built-in pattern looks at no other line."""
        if not self._is_built_in:
            for begin, line in block.lines(self._word):
                for match in self._pattern.finditer(line):
                    yield begin + match.start(), match
            return
        at = 0
        while (at := block.low.find(self._word, at)) >= 0:
            if found := self._pattern.match(block.text, at):
                yield at, found
            at += len(self._word)

    def _epoch(self, match: re.Match[str]) -> tuple[float, int | None, bool] | None:
        text = match[1] if match.re.groups else match[0]
        number = _number(text)
        total = _number(match[2]) if match.re.groups > 1 else None
        is_bar = self._is_built_in and "|" in match[0]
        if number is None or (is_bar and number == 0):  # a bar counts those that are done
            return None
        return number, int(total) if total else None, "." in text


def _number(text: str | None) -> float | None:
    """Return a number that is not negative and of a sane size."""
    try:
        number = float((text or "").strip())
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


@dataclass
class Phase:
    """Epochs that follow each other; `total` is how many the log says there are."""

    first: float
    last: float
    total: int | None


@dataclass(frozen=True)
class EpochFacts:
    """Which epochs a log tells of, by the training's own numbers.

    `seen` is how many different ones, `first` the lowest, `last` the highest, None if there is
    none; `step` how far they usually lie apart, None of less than two. `total` is how many there
    are to be, as the log says. `is_fractional`: parts of epochs are told, so that a number says how
    many are done.
    """

    seen: int = 0
    first: float | None = None
    last: float | None = None
    step: float | None = None
    total: int | None = None
    is_fractional: bool = False
    phases: tuple[Phase, ...] = ()

    @property
    def is_zero_based(self) -> bool:
        """Whether the numbers are 0 to N-1."""
        return self.first == 0 and not self.is_fractional

    def expected(self, asked: int | None) -> int | None:
        """Return how many epochs there are to be: as many as were asked for, else as the log says.

        Some programs that count from 0 print the last number for the total: "Epoch 0/9".
        """
        if asked is not None or self.total is None:
            return asked
        return self.total + 1 if self.is_zero_based and self.last == self.total else self.total

    def done(self, expected: int | None) -> int | None:
        """Return the number of the last epoch, counted from 1; None: the log tells of none.

        An epoch 0 before as many as are expected is a look at the network before its training. Of a
        log that tells of more than that nobody knows what it counts: None, too.
        """
        if self.last is None:
            return None
        if self.is_fractional:
            done = int(self.last + _NEARLY)
        else:
            done = int(self.last) + self.is_zero_based
        if expected is None or done <= expected:
            return done
        return expected if self.is_zero_based and done == expected + 1 else None

    @property
    def begins_late(self) -> bool:
        """Whether the first epoch in the log is not the first of the training.

        A log that tells of every tenth epoch begins with the tenth.
        """
        if self.first is None or self.first <= 1:
            return False
        return not self.is_fractional if self.step is None else self.first > self.step

    def at_most_done(self) -> int:
        """Return how many different epochs may have run, as far as the log tells of each.

        Of a log that tells of every tenth one, those up to the next that would be told of. One that
        tells of the tenth alone may be such a log.
        """
        if self.last is None:
            return 0
        if self.is_fractional:
            return round(self.last)
        step = self.last if self.step is None else self.step
        if step <= 1:
            return max(self.seen, self._in_phases())
        return max(int(self.last + step) - (not self.is_zero_based), self._in_phases())

    def _in_phases(self) -> int:
        """Return the epochs of all phases together, if each has come to the end that it tells."""
        from_0 = int(self.is_zero_based)
        if any(not each.total or each.last + from_0 < each.total for each in self.phases):
            return 0
        return sum(int(each.last) + from_0 for each in self.phases)


NO_EPOCHS = EpochFacts()


@dataclass
class Epochs:
    """Collects epochs, in the order written."""

    finder: EpochFinder
    at: int = -1  # where the newest stands
    newest: Epoch | None = None
    _seen: set[float] = field(default_factory=set)
    _phases: list[Phase] = field(default_factory=list)
    _has_shares: bool = False
    _new: list[float] = field(default_factory=list)

    def look(self, block: Block) -> None:
        """Look at the next block of a log."""
        for epoch in self.finder.find(block):
            self.newest, self.at = epoch, epoch.at
            if epoch.number not in self._seen and len(self._seen) < MOST_SEEN:
                self._seen.add(epoch.number)
                self._new.append(epoch.number)
            self._has_shares |= epoch.is_share
            self._follow(epoch)

    def _follow(self, epoch: Epoch) -> None:
        newest = self._phases[-1] if self._phases else None
        if newest is None or (epoch.number < newest.last and epoch.number <= newest.first):
            if len(self._phases) < _MOST_PHASES:
                self._phases.append(Phase(epoch.number, epoch.number, epoch.total))
            return
        newest.last = max(newest.last, epoch.number)
        newest.total = epoch.total or newest.total

    def take_new(self) -> list[float]:
        """Return the numbers that are new since the last call."""
        new, self._new = self._new, []
        return new

    def facts(self) -> EpochFacts:
        """Return what was found so far."""
        numbers = sorted(self._seen - self._of_another_training())
        if not numbers:
            return NO_EPOCHS
        gaps = Counter(round(second - first, 6) for first, second in pairwise(numbers))
        return EpochFacts(
            seen=len(numbers),
            first=numbers[0],
            last=numbers[-1],
            step=min(gaps, key=lambda gap: (-gaps[gap], gap)) if gaps else None,
            total=self._phases[-1].total,
            is_fractional=any(number != int(number) for number in numbers)
            or (self._has_shares and numbers[0] > 0),
            phases=tuple(self._phases),
        )

    def _of_another_training(self) -> set[float]:
        """Return the number of a network that was loaded ("epoch 90"), before one that is new."""
        loaded, *others = self._phases or (None,)
        if not loaded or not others or loaded.first != loaded.last or others[0].first > 1:
            return set()
        return {loaded.last} if loaded.last > max(each.last for each in others) else set()
