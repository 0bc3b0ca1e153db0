"""Whether the foreground's work was whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tandem.experiment.validity.reason import Kind, Reason, lasting, passing
from tandem.log.metrics import NOT_FOUND
from tandem.results.record import NOT_RECORDED, Attempt, Epochs, Record

_UNFINISHED: Mapping[str, Kind] = {
    "background failed": "background failed",
    "MPS failed": "mps",
    NOT_RECORDED: "not recorded",
}


def reasons(record: Record) -> Iterator[Reason]:
    """What a training does, it does again."""
    status = record["status"]
    if status != "finished":
        why = record["error_message"] or status
        yield from lasting(_UNFINISHED.get(status, "not ready"), [why])
    elif not record["training_success"]:
        why = f"foreground failed: {record['attempts'][-1]['error_message']}"
        yield from lasting("failed", [why])
    else:
        yield from lasting("metric", _metric_reasons(record))
        if failure := record["log"]["failure"]:
            ends = f"exit code 0, but the foreground's log ends with a failure: {failure}"
            yield from lasting("log", [ends])
        yield from lasting("epochs", _epoch_reasons(record))
    yield from passing("attempts", _attempt_reasons(record["attempts"]))


def warnings(record: Record) -> Iterator[str]:
    if not record["training_success"]:
        return
    if any(value is not None for value in record["performance_metrics"].values()):
        for name, why in record["metric_reasons"].items():
            if why != NOT_FOUND and name not in record["required_metrics"]:
                yield f"{name}: {why}"
    yield from _epoch_warnings(record)


def _attempt_reasons(attempts: Sequence[Attempt]) -> Iterator[str]:
    """Why the last attempt was not alone."""
    if not attempts or (start_s := attempts[-1]["start_boottime_s"]) is None:
        return
    for earlier in attempts[:-1]:
        if (earlier["end_boottime_s"] or 0.0) > start_s:
            last = attempts[-1]["number"]
            yield f"attempt {earlier['number']} was still running when attempt {last} began"


def _metric_reasons(record: Record) -> Iterator[str]:
    metrics, log = record["performance_metrics"], record["log"]
    missing = [name for name in record["required_metrics"] if metrics[name] is None]
    if missing:
        names = ", ".join(_with_reason(name, record["metric_reasons"][name]) for name in missing)
        yield f"required metrics not found in the foreground's log: {names}"
    elif any(value is not None for value in metrics.values()):
        return
    elif log["problem"]:
        yield f"no metric found: {log['problem']}"
    else:
        looked_for = ", ".join(
            _with_reason(f"{name} ({log['patterns'][name]})", why)
            for name, why in record["metric_reasons"].items()
        )
        last = f"its last line: {log['last_line']}" if log["last_line"] else "the log is empty"
        tried = f"; looked for {looked_for}" if looked_for else "; the registry has no pattern"
        yield f"no metric found in the foreground's log{tried}; {last}"


def _with_reason(name: str, why: str) -> str:
    return name if why == NOT_FOUND else f"{name}: {why}"


def _epoch_reasons(record: Record) -> Iterator[str]:
    """Why not all epochs ran in the attempt that counts."""
    epochs = record["epochs"]
    if _went_on(record):
        yield f"{_begins(epochs)}: this attempt went on where an earlier one had stopped"
    elif epochs["own_pattern"] and (few := _too_few(epochs)):
        yield few


def _epoch_warnings(record: Record) -> Iterator[str]:
    epochs = record["epochs"]
    if _went_on(record):
        return
    if epochs["begins_late"]:
        yield f"{_begins(epochs)}: perhaps it went on from a checkpoint"
    elif not epochs["own_pattern"] and epochs["count"] and (few := _too_few(epochs)):
        yield few
    if epochs["own_pattern"] and not epochs["count"] and epochs["expected"] is None:
        yield "the registry's epoch_pattern finds no epoch in the foreground's log"
    if epochs["count"] and record["epochs_done"] is None:
        more = f"has epoch {epochs['last']:g}, and there are {epochs['expected']} to be"
        yield f"the foreground's log {more}: how many are done is not known"


def _went_on(record: Record) -> bool:
    """Whether a retry began with a later epoch than a training that is new.

    If the log of the first attempt begins with the same epoch, this training always begins so. If
    that has none, a log with one epoch alone may be of a training that shows its last.
    """
    epochs, attempts = record["epochs"], record["attempts"]
    if epochs["first"] is None or len(attempts) < 2:
        return False
    if (at_first := attempts[0]["epoch_first"]) is None:
        return epochs["begins_late"] and epochs["count"] > 1
    return int(epochs["first"]) > at_first


def _begins(epochs: Epochs) -> str:
    first, last = epochs["first"], epochs["last"]
    numbers = f"epoch {last:g}" if first == last else f"epochs {first:g} to {last:g}"
    of = f" of {epochs['expected']}" if epochs["expected"] else ""
    return f"the foreground's log has only {numbers}{of}"


def _too_few(epochs: Epochs) -> str | None:
    expected, done = epochs["expected"], epochs["at_most_done"]
    if expected is None or done >= expected or epochs["early_stopping"]:
        return None
    if done > epochs["count"]:  # not each is told of
        return f"the foreground's log tells of no epoch behind {epochs['last']:g} of {expected}"
    return f"the foreground's log has {done} of {expected} epochs"
