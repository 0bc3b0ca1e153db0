"""What `status` and `watch` print of the jobs that were submitted for a run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tandem.base.text import duration_text, printable, some_of
from tandem.report.live.columns import wrap
from tandem.results.shared.jobs import Queue

_MOST_NAMED = 8
# Why a job waits until somebody does something, in squeue's words.
_FOR_EVER = re.compile(
    "Partition(Time|Node)Limit|BadConstraints|Invalid|NotAllowed|NeverSatisfied|held",
    re.IGNORECASE,
)


def jobs_lines(jobs: Queue | None, columns: int) -> list[str]:
    """Return lines: `jobs: 2 pending (Resources), 2 running (n1, n2), as squeue said 20 s ago`."""
    if jobs is None:
        return []
    stuck = [each for each in jobs.pending if _FOR_EVER.search(each.reason)]
    texts = [f"jobs: {_text(jobs)}"]
    if stuck:
        texts.append(
            f"  {len(stuck)} of them will not start{_named(each.reason for each in stuck)}:"
            f" `scontrol show job {stuck[0].worker}` says more; to try other options, cancel the"
            " job (scancel) and submit again"
        )
    return [line for text in texts for line in wrap(printable(text), columns)]


def _text(jobs: Queue) -> str:
    if jobs.age_s is None:
        return f"not known: {jobs.reason}"
    said = ", ".join(_parts(jobs)) or "none is pending or running"
    text = f"{said}, as squeue said {duration_text(jobs.age_s)} ago"
    return f"{text}; no newer answer: {jobs.reason}" if jobs.reason else text


def _parts(jobs: Queue) -> Iterator[str]:
    """Yield how many are pending and why, and how many run and where."""
    if jobs.pending:
        yield f"{len(jobs.pending)} pending{_named(each.reason for each in jobs.pending)}"
    if jobs.running:
        yield f"{len(jobs.running)} running{_named(each.node for each in jobs.running)}"


def _named(texts: Iterator[str]) -> str:
    names = list(dict.fromkeys(filter(None, texts)))
    return f" ({some_of(names, _MOST_NAMED)})" if names else ""
