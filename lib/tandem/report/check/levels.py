"""Which levels of a design's factors can be compared, and with how many units."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from tandem.base.text import counted_span
from tandem.config.options import CONDITIONS, as_settings
from tandem.interference.compare.units import CONFIGURATION, PAIR
from tandem.report.check.cells import Cell, training_name, value_text
from tandem.report.check.conditions import condition_text
from tandem.report.check.verdicts import answer
from tandem.report.grid import Line

_MOST_NAMED = 8

Levels = Mapping[str, Sequence[Cell]]


def level_lines(cells: Iterable[Cell]) -> list[Line]:
    """Return for each factor of each entry of a design its levels, and the units of a level."""
    parallel = [cell for cell in cells if cell.first.backgrounds and cell.first.place]
    entries = [list(of) for _, of in groupby(parallel, lambda cell: cell.first.source_path)]
    return [
        (f"by {factor}", f"{_text(factor, levels)}{f', in {path}' if len(entries) > 1 else ''}")
        for members in entries
        for path in [members[0].first.source_path]
        for factor, levels in factors_of(members).items()
    ]


def factors_of(cells: Iterable[Cell]) -> dict[str, Levels]:
    """Return the cells of each level of each factor that has several levels."""
    found: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        for factor, level in _levels(cell).items():
            found.setdefault(factor, {}).setdefault(level, []).append(cell)
    return {factor: levels for factor, levels in found.items() if len(levels) > 1}


def _levels(cell: Cell) -> dict[str, str]:
    """Return what a cell is a level of, for all that may be a factor."""
    first, foreground = cell.first, cell.first.foreground
    levels = {"foreground": training_name(foreground)}
    if first.place:
        levels["background"] = f"b{first.place.background_number}"
    intensities = {background.dose.intensity for background in first.backgrounds}
    if len(intensities) == 1 and (intensity := intensities.pop()) is not None:
        levels["intensity"] = f"{intensity:g}"
    setup = as_settings(first.gpu_setup)
    levels |= {key: condition_text(key, setup[key]) for key in CONDITIONS}
    given = foreground.hyperparameters.items()
    return levels | {n: value_text(v) for n, v in given if n not in foreground.mutated}


def _stratum(factor: str, cell: Cell) -> str:
    """Return what else compare keeps apart where it compares the levels of a factor."""
    setup = as_settings(cell.first.gpu_setup)
    others = ", ".join(str(setup[key]) for key in CONDITIONS if key != factor)
    return f"{others}: {_load_stratum(factor, cell)}"


def _load_stratum(factor: str, cell: Cell) -> str:
    first = cell.first
    if factor == "background":
        return ""
    if factor == "intensity":
        loads = (
            replace(each, dose=replace(each.dose, intensity=None)) for each in first.backgrounds
        )
        return str([*loads])
    number = f"b{first.place.background_number}" if first.place else ""
    is_beside_all = factor == "foreground" or factor in CONDITIONS
    return number if is_beside_all else f"{training_name(first.foreground)} {number}"


def _text(factor: str, levels: Levels) -> str:
    """Return the levels and their units: pairs, where no level has several configurations."""
    strata: dict[str, dict[str, list[Cell]]] = {}
    for level, cells in levels.items():
        for cell in cells:
            stratum = strata.setdefault(_stratum(factor, cell), {})
            stratum.setdefault(level, []).append(cell)
    counts: dict[str, list[int]] = {CONFIGURATION: [], PAIR: []}
    for stratum in strata.values():
        configurations = [len(_configurations(each)) for each in stratum.values()]
        if max(configurations) == 1:
            counts[PAIR] += [len(each[0].experiments) for each in stratum.values()]
        else:
            counts[CONFIGURATION] += configurations
    names = list(levels) if len(levels) <= _MOST_NAMED else [f"{len(levels)} levels"]
    units = [
        f"{counted_span(each, unit)} a level: {answer(each)}"
        for unit, each in counts.items()
        if each
    ]
    return f"{', '.join(names)}: {'; '.join(units)}"


def _configurations(cells: Iterable[Cell]) -> set[Hashable]:
    return {configuration for cell in cells for configuration in cell.repeats}
