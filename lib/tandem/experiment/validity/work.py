"""Whether the foreground's work was whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tandem.results.record import Attempt, Record


def reasons(record: Record) -> Iterator[str]:
    if record["status"] != "finished":
        yield record["error_message"] or record["status"]
    elif not record["training_success"]:
        yield f"foreground failed: {record['attempts'][-1]['error_message']}"
    else:
        yield from _metric_reasons(record["performance_metrics"], record["required_metrics"])
    yield from _attempt_reasons(record["attempts"])


def warnings(record: Record) -> Iterator[str]:
    yield from ()


def _attempt_reasons(attempts: Sequence[Attempt]) -> Iterator[str]:
    """Why the last attempt was not alone."""
    if not attempts or (start_s := attempts[-1]["start_boottime_s"]) is None:
        return
    for earlier in attempts[:-1]:
        if (earlier["end_boottime_s"] or 0.0) > start_s:
            last = attempts[-1]["number"]
            yield f"attempt {earlier['number']} was still running when attempt {last} began"


def _metric_reasons(metrics: Mapping[str, float | None], required: Sequence[str]) -> Iterator[str]:
    missing = [name for name in required if metrics[name] is None]
    if missing:
        yield f"required metrics not found in the foreground's log: {', '.join(missing)}"
    elif all(value is None for value in metrics.values()):
        yield "no metric found in the foreground's log"
