"""What a foreground's log puts into its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.experiment.attempt import Tried, attempt_folder
from tandem.log.follow import read_times
from tandem.log.reader import LogFacts, read_log, unread
from tandem.plan.model import Training
from tandem.results.record import Epochs, EpochTime, LogSays, Record


@dataclass(frozen=True)
class LogPart:
    """The parts of a record that come from the last attempt's log."""

    metrics: dict[str, float | None]
    reasons: dict[str, str]
    epochs_done: int | None
    epochs: Epochs
    log: LogSays
    device: str | None


def part_of_log(log: Path | None, training: Training) -> LogPart:
    """Return what a log says; None: there was no attempt."""
    if log is None:
        return part_of(unread(training.log, "there was no attempt"), training)
    return part_of(read_log(log, training.log), training)


def part_of(facts: LogFacts, training: Training) -> LogPart:
    """Return the parts of a record that these facts make."""
    epochs, rules = facts.epochs, training.log
    expected = epochs.expected(epochs_asked(training))
    return LogPart(
        metrics=dict(facts.metrics),
        reasons=dict(facts.reasons),
        epochs_done=epochs.done(expected),
        epochs={
            "expected": expected,
            "count": epochs.seen,
            "first": epochs.first,
            "last": epochs.last,
            "at_most_done": epochs.at_most_done(),
            "begins_late": epochs.begins_late,
            "own_pattern": rules.epoch_pattern is not None,
            "early_stopping": rules.early_stopping,
        },
        log={
            "patterns": dict(rules.patterns),
            "failure": facts.failure.line if facts.failure else None,
            "last_line": facts.last_line,
            "problem": facts.problem,
        },
        device=facts.device,
    )


def kept_part(kept: Record) -> LogPart:
    """Return what a record says of a log that is no longer there."""
    return LogPart(
        metrics=kept["performance_metrics"],
        reasons=kept["metric_reasons"],
        epochs_done=kept["epochs_done"],
        epochs=kept["epochs"],
        log=kept["log"],
        device=kept["environment"]["device"],
    )


def epochs_asked(training: Training) -> int | None:
    """Return the number of epochs that was passed to a training, None if there was none."""
    epochs = training.hyperparameters.get("epochs")
    return epochs if isinstance(epochs, int) and epochs > 0 else None


def epoch_times(folder: Path, tries: Sequence[Tried]) -> list[EpochTime]:
    """Return when each epoch of the last attempt was first seen in its log."""
    window_s = tries[-1].window_s if tries else None
    if window_s is None:
        return []
    times = read_times(folder / attempt_folder(len(tries)))
    return [{"epoch": epoch, "seconds": round(at_s - window_s[0], 6)} for at_s, epoch in times]
