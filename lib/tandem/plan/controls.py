"""The solo control of a parallel experiment: the same foreground without its background."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tandem.plan.model import Experiment, Training

_LONGEST_ID = 120


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


def experiment_id(number: int, foreground: Training, kind: str = "") -> str:
    """A folder name: safe characters, no leading dash or dot, at most 120 long.

    It ends in the number and the kind, if any: `_007_parallel`.
    """
    ending = f"_{number:03d}" + (f"_{kind}" if kind else "")
    start = re.sub(r"[^A-Za-z0-9._-]", "_", f"{foreground.repo}_{foreground.model}")
    return (start.lstrip("-.") or "training")[: _LONGEST_ID - len(ending)] + ending
