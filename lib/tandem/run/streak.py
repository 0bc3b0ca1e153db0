"""Experiments in a row that are not valid for the same reason: what nobody should run all night."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tandem.experiment.validity.advice import advice
from tandem.experiment.validity.reason import Kind, Reason
from tandem.experiment.validity.verdict import reasons_of
from tandem.results.record import Record, is_warm_up

ALARM = 3  # in a row, at which the run says so

_OF_BACKGROUNDS: frozenset[Kind] = frozenset(
    ("not ready", "background failed", "loop", "coverage", "idle", "rounds", "weak", "dose")
)


@dataclass
class Streak:
    """How many experiments in a row were not valid, by the kind of reason, since the run went on.

    With `most` the run is to end when there are so many.
    """

    most: int | None = None
    counts: Counter[Kind] = field(default_factory=Counter)
    why: str = ""  # the run is to end, if it is

    def note(self, record: Record) -> list[str]:
        """Take an experiment that has ended, and return what is to be said of those in a row.

        A foreground alone says nothing of backgrounds: it ends no row that is about them.
        """
        if is_warm_up(record):
            return []
        reasons: dict[Kind, Reason] = {}
        for reason in reasons_of(record):
            reasons.setdefault(reason.kind, reason)
        for kind in list(self.counts):
            if kind not in reasons and (record["background"] or kind not in _OF_BACKGROUNDS):
                del self.counts[kind]
        self.counts.update(reasons.keys())
        texts = {kind: self._text(reason, record) for kind, reason in reasons.items()}
        enough = (texts[kind] for kind in reasons if self.most and self.counts[kind] >= self.most)
        self.why = self.why or next(enough, "")
        return [texts[kind] for kind in reasons if self.counts[kind] in (ALARM, self.most)]

    def _text(self, reason: Reason, record: Record) -> str:
        count = self.counts[reason.kind]
        row = f"{count} experiments in a row are" if count > 1 else "this experiment is"
        return f"{row} not valid: {reason.text} ({advice(reason.kind, record)})"
