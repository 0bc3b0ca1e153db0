"""What makes the foreground's joules less sure: gaps, what is not seen, sensors that disagree."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.experiment.validity.reason import Reason
from tandem.measure.windows.aliasing import SEES_PART, SEES_SELDOM
from tandem.measure.windows.gaps import WORDS
from tandem.measure.windows.gpu import DISAGREES
from tandem.measure.windows.slices import BESIDE
from tandem.results.record import Record, foreground_window

_WARNED = (SEES_PART, SEES_SELDOM, DISAGREES, BESIDE, *WORDS.values())


def reasons(record: Record) -> Iterator[Reason]:
    """Joules that may be wrong are null, or say how unsure they are: the record counts."""
    yield from ()


def warnings(record: Record) -> Iterator[str]:
    window = foreground_window(record)
    for gpu in window["gpus"] if window else []:
        for warning in gpu["warnings"]:
            if warning.startswith(_WARNED):
                yield f"GPU {gpu['index']}: {warning}"
