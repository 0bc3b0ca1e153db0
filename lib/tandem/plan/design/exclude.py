"""What a design leaves out of its product: the cells that an object of `exclude` matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tandem.config.entries import DesignEntry, ForegroundDesign
from tandem.config.jsonfile import is_annotation
from tandem.config.keys import visible_gpus
from tandem.config.options import CONDITIONS, as_settings
from tandem.config.problems import has_errors, join
from tandem.plan.context import Context, is_in_entry
from tandem.plan.design.levels import Cells, Level, Values

FOREGROUND, BACKGROUND, INTENSITY = "foreground", "background", "intensity"


def without_excluded(
    design: DesignEntry, cells: Sequence[Cells], hits: dict[str, bool]
) -> Iterator[Cells]:
    """The cells that no object of `exclude` matches."""
    patterns = {join(design.places["exclude"], at): it for at, it in enumerate(design.exclude)}
    hits.update((place, False) for place in patterns if place not in hits)
    for each in cells:
        written = _written(each.foreground.design, each.values)
        levels = []
        for level in each.levels:
            is_kept = True
            for place, pattern in patterns.items():
                if _is_excluded(pattern, level, each, written):
                    hits[place], is_kept = True, False
            levels += [level] if is_kept else []
        if levels:
            yield replace(each, levels=tuple(levels))


def _written(design: ForegroundDesign, values: Values) -> Mapping[str, Any]:
    """A cell's foreground as it could be written, what is drawn as it is in the file."""
    drawn = {
        name: {"draw": True}
        if it is None
        else {"range": [it.low, it.high], "distribution": it.distribution}
        for name, it in design.drawn.items()
    }
    own = {"repo": design.repo, "model": design.model, "gpus": design.gpus, "mps": design.mps}
    return {**own, "hyperparameters": {**drawn, **values}}


def refuse_idle_excludes(hits: Mapping[str, bool], context: Context) -> None:
    """An error for each object of `exclude` that has left out no cell of any entry."""
    is_whole = not has_errors(context.problems)
    for place, is_hit in hits.items():
        if not is_hit and (is_whole or is_in_entry(place)):
            message = "leaves out nothing: no cell of the design is so (correct it, or remove it)"
            context.fail(place, message)


def _is_excluded(
    pattern: Mapping[str, Any],
    level: Level,
    cells: Cells,
    foreground: Mapping[str, Any],
) -> bool:
    """Whether a cell is what an object of `exclude` leaves out: every key that it gives is equal.

    `foreground` is the cell's foreground as it could be written.
    """
    values = cells.values
    for key, wanted in pattern.items():
        if key == FOREGROUND:
            found: Sequence[Any] = [foreground]
        elif key == BACKGROUND:
            found = [_like(wanted, written) for written in level.written]
        elif key == INTENSITY:
            found = [level.intensity]
        elif key in CONDITIONS:
            found = [as_settings(cells.gpu_setup)[key]]
        else:
            found = [values[key]] if key in values else []
        if not any(_fits(wanted, each) for each in found) and not is_annotation(key):
            return False
    return True


def _like(wanted: Any, written: Any) -> Any:
    """A background as it is written, one in a list and one alone as the other is written."""
    if isinstance(wanted, Mapping) and isinstance(written, list) and len(written) == 1:
        return written[0]
    if isinstance(wanted, list) and isinstance(written, Mapping):
        return [written]
    return written


def _fits(wanted: Any, found: Any) -> bool:
    """Whether what is found is what is wanted, or one of the values that are listed.

    An object may have more keys than are wanted.
    """
    if isinstance(wanted, Mapping) and isinstance(wanted.get("values"), list) and len(wanted) == 1:
        return any(_fits(value, found) for value in wanted["values"])
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _fits_in(key, value, found[key]) if key in found else is_annotation(key)
            for key, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(wanted) == len(found)
            and all(map(_fits, wanted, found))
        )
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)


def _fits_in(key: str, wanted: Any, found: Any) -> bool:
    if key == "gpus":
        return visible_gpus(wanted) == visible_gpus(found)
    return _fits(wanted, found)
