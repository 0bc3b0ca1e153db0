"""The solo control of a parallel experiment: the same foreground without its background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tandem.plan.model import Experiment
from tandem.plan.names import experiment_id


def with_control(parallel: Experiment, turns: Iterator[bool]) -> list[Experiment]:
    """The experiment and its control in the order they run, numbered on from its number.

    Both have the same foreground object, so the same values and command; each names the other.
    Where they alternate, the next of `turns` says whether the control comes first.
    """
    order = parallel.controls.order
    solo_first = next(turns) if order == "alternate" else order == "solo_first"
    first, second = parallel.number, parallel.number + 1
    number, solo_number = (second, first) if solo_first else (first, second)
    own_id = experiment_id(number, parallel.foreground, "parallel")
    solo_id = experiment_id(solo_number, parallel.foreground, "solo")
    pair = [
        replace(parallel, number=number, id=own_id, twin=solo_id),
        replace(
            parallel,
            number=solo_number,
            id=solo_id,
            backgrounds=(),
            control="solo",
            twin=own_id,
        ),
    ]
    return sorted(pair, key=lambda experiment: experiment.number)
