"""The table of rounds: a row for each round of a background, or several that were folded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.tables.table import KEYS, WORTH, Column, Facts, Table

_SAME = "The same on CLOCK_BOOTTIME."


def rows(
    run: RunReading, experiment: ExperimentReading, note: Callable[[str], None]
) -> Iterator[Facts]:
    record = experiment.record
    background = record["background"] if record else None
    for part_number, part in enumerate(background["parts"] if background else (), 1):
        for each in part["rounds"]:
            number, facts = {"part_number": part_number}, {"part": part, "round": each}
            yield {"record": record, **number, **facts}


ROUNDS = Table(
    name="rounds",
    description="One row for each round of a background. Old rounds of a long experiment are"
    " folded: such a row is about all from `round_first` to `round_last`.",
    key=("run", "experiment", "part_number", "round_first"),
    columns=(
        *KEYS,
        Column("part_number", "integer", "Which of the experiment's backgrounds it is of, from 1."),
        Column("round_first", "integer", "Number of the first round in the row.", "round.first"),
        Column("round_last", "integer", "Number of the last round in the row.", "round.last"),
        *WORTH,
        Column("background", "string", "Name of the background.", "part.name"),
        Column("repository", "string", "Repository of the background.", "part.repository"),
        Column("model", "string", "Model of the background.", "part.model"),
        Column("start_utc", "datetime", "Start of its training.", "round.started"),
        Column("start_boottime_s", "number", _SAME, "round.start_boottime_s"),
        Column("end_utc", "datetime", "End of its training; empty: not noted.", "round.ended"),
        Column("end_boottime_s", "number", _SAME, "round.end_boottime_s"),
        Column(
            "training_seconds", "number", "How long a training ran in it.", "round.training_seconds"
        ),
        Column("completed", "integer", "Rounds that were completed.", "round.completed"),
        Column("failed", "integer", "Rounds that ended otherwise by themselves.", "round.failed"),
        Column("hollow", "integer", "Rounds that were hollow.", "round.hollow"),
        Column(
            "exit_code",
            "integer",
            "Exit code, 128+N for signal N; empty for several rounds, or an unknown end.",
            "round.exit_code",
        ),
        Column(
            "reason",
            "string",
            "How it ended: ended (by itself), or what stopped it; empty for several rounds.",
            "round.reason",
        ),
        Column(
            "why",
            "string",
            "Why a round with exit code 0 is hollow, or printed no metric.",
            "round.why",
        ),
    ),
    rows=rows,
)
