"""A parallel experiment reduced to what a comparison needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from tandem.interference.compare.cells import Cell, board_of, cell_of
from tandem.interference.compare.parts import real, text, whole
from tandem.interference.compare.why import Why
from tandem.interference.energy import energy_of
from tandem.interference.usable import flags
from tandem.results.record import Record, foreground_window
from tandem.results.record_pair import Figure
from tandem.results.record_window import last_window

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Clocks:
    """What the boards did: the mean of their SM clock, and how long it was held down at most."""

    sm_mhz: float | None
    throttled_percent: float | None


@dataclass(frozen=True)
class Pair:
    """A parallel experiment with its figures.

    `given` and `drawn` are the foreground's values, without its seed and without those that differ
    from repeat to repeat of a configuration. `config` numbers the configurations of a run and
    `number` its loads, as the design does, else in the order of the run. Pairs with a baseline in
    common are not independent. `clocks` are those of the experiment and of its control. `entry` is
    where the settings have it. Copies of one experiment have the same `origin`. `energy` has the
    joules of the record's own windows, `why` what explains its slowdown; None: an earlier version.
    """

    run: str
    entry: str
    experiment_id: str
    twin: str | None
    cell: Cell
    hyperparameters: Values
    given: Values
    drawn: Values
    config: int | None
    number: int | None
    block: int | None
    baselines: frozenset[tuple[str, ...]]
    board: str
    epochs_done: int | None
    tandem: str
    origin: tuple[str, ...]
    invalidity: str | None
    clocks: tuple[Clocks, ...]
    figures: Mapping[str, Figure] = field(default_factory=dict)
    energy: Mapping[str, Figure] = field(default_factory=dict)
    why: Why | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.run, self.experiment_id

    @cached_property
    def values(self) -> str:
        """The given values as text."""
        return flags(self.given)

    @cached_property
    def configuration(self) -> tuple[str, str]:
        """What is the same foreground with the same values, in any run."""
        return self.cell.foreground, flags({**self.given, **self.drawn})


def pair_of(record: Record, run: str, machine: Values | None) -> Pair:
    """Return what a parallel record of a run says; `machine` is the file that it names.

    One of KeyError, IndexError, TypeError, AttributeError, ValueError: the record lacks something.
    """
    place: Values = cast(Values, record).get("place") or {}  # not before version 5
    mutated, values = record["mutated"], record["hyperparameters"]
    attempts, tandem = record["attempts"], record["environment"]["tandem_git"]
    invalid = record["invalid_reasons"]
    start = str(attempts[-1]["started"]) if attempts else ""
    for part in cast(Values, record["background"])["parts"]:
        real(part["intensity"])
    return Pair(
        run=run,
        entry=text(record["settings"]["path"]),
        experiment_id=text(record["experiment_id"]),
        twin=record["twin"],
        cell=cell_of(record, run, machine),
        hyperparameters=values,
        given={name: value for name, value in values.items() if name not in mutated},
        drawn={name: value for name, value in values.items() if name in mutated},
        config=whole(place.get("config")),
        number=whole(place.get("background_number")),
        block=whole(place.get("block")),
        baselines=baselines_of(record, run),
        board=board_of(record),
        epochs_done=whole(record["epochs_done"]),
        tandem=str(tandem["commit"]),
        origin=(
            *(record["environment"]["hostname"], record["experiment_id"]),
            *(str(record["timestamp"]), start),
        ),
        invalidity=None if record["valid"] else f"not valid: {invalid[0]}",
        clocks=(clocks_of(record),),
        energy=energy_of(record),
    )


def checked(figure: Figure) -> Figure:
    """Return a figure as it is; KeyError, TypeError or ValueError: it lacks a part."""
    real(figure["value"])
    real(figure.get("clock_uncertainty"))
    text(figure["label"])
    text(figure["reason"] or "")
    return figure


def baselines_of(record: Record, run: str) -> frozenset[tuple[str, ...]]:
    """Return what other pairs may have in common with a record: its control and other windows."""
    group = cast(Values, record).get("group", record["experiment_id"])  # of several tries
    baselines = {("group", run, group)}
    if record["twin"]:
        baselines.add(("twin", run, record["twin"]))
    if alone := last_window(record["windows"], "background"):
        baselines.add(("background", record["environment"]["hostname"], str(alone["started"])))
    return frozenset(baselines)


def clocks_of(record: Record) -> Clocks:
    window = foreground_window(record)
    gpus: list[Values] = [cast(Values, gpu) for gpu in window["gpus"]] if window else []
    speeds = [mhz for gpu in gpus if (mhz := real(gpu.get("sm_clock_avg_mhz"))) is not None]
    held = [float(share) for gpu in gpus for share in gpu.get("throttled_percent", {}).values()]
    return Clocks(sum(speeds) / len(speeds) if speeds else None, max(held, default=None))
