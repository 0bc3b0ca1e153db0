"""Values of a design that would have no effect: each is an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tandem.base.text import quote, suggestion
from tandem.config.dialect import Level
from tandem.config.entries import BackgroundLevel, DesignEntry
from tandem.config.jsonfile import is_annotation
from tandem.config.keys import KEYS
from tandem.config.options import CONDITIONS, as_settings
from tandem.config.problems import Faults, join

HOLDERS = ("controls", "validity", "factors")
CELL = ("foreground", "background", "intensity")
_FOR_BACKGROUNDS = {
    "warmup_seconds",
    "ready_timeout_seconds",
    "max_failed_rounds",
    "restart_delay_seconds",
    "controls.background_seconds",
    "controls.solo",
    "validity.min_coverage",
    "validity.min_background_sm_percent",
    "factors.intensity",
    "sharing",
    "factors.sharing",
}
_NO_BACKGROUND = "no effect: there is no background (remove it, or add one)"
_NOT_DRAWN = 'no effect: no hyperparameter is drawn (remove it, or write {"draw": true} for one)'
_OWN = "no effect: every entry has its own (remove it)"
_DELAY = "restart_delay_seconds"
# Where something of these is wrong, much else only seems to be.
_OF_EVERY_ENTRY = (*HOLDERS, "draws", "vary", "exclude")
# What an entry says in one key, where the top level says it in another.
_ALSO = {
    "factors.foreground": ("foreground", "repo", "model"),
    "factors.background": ("background",),
    **{f"factors.{key}": (key,) for key in CONDITIONS},
}


def check_entry(design: DesignEntry, entry: Level, faults: Faults) -> None:
    """Say what an entry asks for in vain, if nothing else is wrong with it."""
    if any(map(faults.are_within, (entry.path, *_OF_EVERY_ENTRY))):
        return
    for path, message in (
        *_idle(entry, [design]),
        *_doses(design),
        *_varied(design),
        *_excluded(entry, [design]),
    ):
        faults.add(path, message)


def check_file(
    top: Level, entries: Sequence[Level], designs: Sequence[DesignEntry], faults: Faults
) -> None:
    """Say what the top level asks for in vain, if nothing else is wrong with the file."""
    for key in ("use_deduplication", "historical_csvs", "governor"):
        given = top.values.get(key), top.values
        if key in top.values and (wrong := KEYS[key].lost(*given) or KEYS[key].odd(*given)):
            faults.add(key, wrong)
    if faults.problems or not designs:
        return
    for path, message in (*_idle(top, designs), *_excluded(top, designs)):
        faults.add(path, message)
    for key in dict(_members(top)):
        if all(_says(entry, key) for entry in entries):
            faults.add(key, _OWN)


def _members(level: Level) -> Iterator[tuple[str, object]]:
    """Yield every option of the level with its value; one in a holder by "controls.solo"."""
    for key, value in level.values.items():
        prefix, members = (f"{key}.", value) if key in HOLDERS else ("", {key: value})
        for name, it in members.items():
            if not is_annotation(name):
                yield prefix + name, it


def _says(entry: Level, key: str) -> bool:
    """Whether the entry itself says what the key of the top level says."""
    holder, _, name = key.rpartition(".")
    values = entry.below(holder).values if holder else entry.values
    is_factor = key in CONDITIONS and key in entry.below("factors").values
    also = any(other in entry.values for other in _ALSO.get(key, ()))
    return name in values or is_factor or also


def _idle(level: Level, designs: Sequence[DesignEntry]) -> Iterator[tuple[str, str]]:
    """Yield what a level asks for in vain; 0, false and a draw of one ask for nothing.

    `designs` are those for which the level counts.
    """
    levels = [each for design in designs for each in design.backgrounds if each.backgrounds]
    draws = any(each.drawn for design in designs for each in design.foregrounds)
    for key, value in _members(level):
        path = f"{level.path}.{key}" if level.path else key
        if key == _DELAY and levels and all(map(_has_own_delay, levels)):
            yield path, "no effect: every background has its own (remove it)"
        if key in _FOR_BACKGROUNDS and value and not levels:
            yield path, _NO_BACKGROUND
        if key == "draws" and value != 1 and not draws:
            yield path, _NOT_DRAWN


def _has_own_delay(level: BackgroundLevel) -> bool:
    """Whether every background of the level itself says how long it pauses between rounds."""
    written = level.source if isinstance(level.source, list) else [level.source]
    return all(_DELAY in background for background in written)


def _doses(design: DesignEntry) -> Iterator[tuple[str, str]]:
    """Yield each dose of a background's own that stands beside the factor."""
    if not design.intensities:
        return
    place = design.places["intensity"]
    for level in design.backgrounds:
        for background in level.backgrounds:
            dose, path = background.dose, background.training.path
            own = {
                "intensity": dose.intensity,
                "target_gpu_utilization": dose.target_sm_percent,
            }
            for key, value in own.items():
                if value is not None:
                    message = f"this and {place} both give its dose (remove one)"
                    yield join(path, key), message


def _varied(design: DesignEntry) -> Iterator[tuple[str, str]]:
    """Yield each hyperparameter that is to differ from repeat to repeat and has a value."""
    for index, name in enumerate(design.vary):
        for foreground in design.foregrounds:
            if any(name in it for it in (foreground.given, foreground.factors, foreground.drawn)):
                at = foreground.places[f"hyperparameters.{name}"]
                place = join(design.places["vary"], index)
                how = 'leave one of them out; "vary": [] in an entry varies nothing'
                yield place, f"{quote(name)} has its values already at {at} ({how})"


def _excluded(level: Level, designs: Sequence[DesignEntry]) -> Iterator[tuple[str, str]]:
    """Yield each key of an exclusion in the level that names no factor of any of the designs."""
    factors = {name for design in designs for each in design.foregrounds for name in each.factors}
    conditions = [key for key in CONDITIONS if any(_has_levels(it, key) for it in designs)]
    for index, cells in enumerate(level.values.get("exclude", [])):
        place = join(level.place("exclude"), index)
        names = [name for name in cells if name in factors or not is_annotation(name)]
        if not names:
            yield place, f"leaves nothing out (name {_listed(conditions, factors)})"
        for name in names:
            if name not in factors and name not in (*CELL, *CONDITIONS):
                message = f"{quote(name)} is no factor here"
                known = [*CELL, *conditions, *sorted(factors)]
                yield join(place, name), message + suggestion(name, known)


def _has_levels(design: DesignEntry, key: str) -> bool:
    return len({as_settings(setup)[key] for setup in design.gpu_setups}) > 1


def _listed(conditions: Iterable[str], factors: Iterable[str]) -> str:
    return ", ".join(map(quote, [*CELL, *conditions, *sorted(factors)]))
