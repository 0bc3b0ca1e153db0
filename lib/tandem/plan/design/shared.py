"""Cells of a design whose trainings share a GPU: which cannot, and whether MPS is used at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tandem.base.text import quote
from tandem.config.entries import DesignEntry
from tandem.config.options import MPS
from tandem.config.problems import has_errors, is_within, join
from tandem.plan.context import Context, is_in_entry
from tandem.plan.design.levels import Cells
from tandem.plan.sharing import Flaw, member_of, sharing_flaws, threshold_flaws


def flaws_of_cells(design: DesignEntry, cells: Sequence[Cells]) -> Iterator[Flaw]:
    """Yield, each once, why trainings of the cells cannot share a GPU as they are to."""
    for way in dict.fromkeys(each.gpu_setup.sharing for each in cells):
        yield from threshold_flaws(way, design.validity, design.path, design.source)
    told: set[Flaw] = set()
    seen = set()
    for each in cells:
        sharing, member = each.gpu_setup.sharing, None
        for level in each.levels:
            key = sharing, each.foreground.number, level.place
            if sharing is None or key in seen:
                continue
            seen.add(key)
            member = member or member_of(each.foreground.design, each.foreground.resolved)
            for place, message in sharing_flaws(sharing, member, level.members):
                how = _hint(sharing, place, design, level.intensity)
                if (flaw := (place, message + how)) not in told:
                    told.add(flaw)
                    yield flaw


def _hint(sharing: str, place: str, design: DesignEntry, intensity: float | None) -> str:
    """How to leave out a dose of the factor under one of several ways of sharing."""
    ways = {setup.sharing for setup in design.gpu_setups}
    if len(ways) == 1 or intensity is None or not is_within(place, design.places["intensity"]):
        return ""
    cell = f'{{"sharing": {quote(sharing)}, "intensity": {intensity:g}}}'
    return f' (or leave it out there: "exclude": [{cell}])'


def note_mps(design: DesignEntry, cells: Sequence[Cells], used: dict[str, bool]) -> None:
    """Note of what trainings may use under MPS, by its place, whether a cell runs it there."""
    loads = (each.training for level in design.backgrounds for each in level.backgrounds)
    given = {
        **{each.path: each.mps for each in design.foregrounds},
        **{each.path: each.mps for each in loads},
    }
    for path, mps in given.items():
        if mps:
            used.setdefault(join(path, "mps"), False)
    for each in cells:
        if used and each.gpu_setup.sharing == MPS:
            members = (member for level in each.levels for member in level.members)
            for path in {each.foreground.design.path, *(member.path for member in members)}:
                if (place := join(path, "mps")) in used:
                    used[place] = True


def refuse_idle_mps(used: Mapping[str, bool], context: Context) -> None:
    """An error for each "mps" of a training that no cell of any entry runs under MPS."""
    is_whole = not has_errors(context.problems)
    for place, is_used in used.items():
        if not is_used and (is_whole or is_in_entry(place)):
            message = 'no effect: no experiment of it runs under MPS (add "sharing": "mps"'
            context.fail(place, f"{message}, or remove this)")
