"""In which order a plan runs, as it can be seen in the plan itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tandem.base.text import counted, counted_span
from tandem.plan.model import Experiment, Plan

Group = Sequence[Experiment]


def order_text(plan: Plan) -> str:
    """Return how blocks and groups follow each other, and how often what stands where."""
    groups = list(plan.groups.values())
    places = _places_text([group for group in groups if len(group) > 1])
    return "; ".join(filter(None, [_blocks_text(groups), places, _beside_text(plan.experiments)]))


def _blocks_text(groups: Sequence[Group]) -> str:
    blocks: dict[int, list[int]] = {}
    for group in groups:
        if place := group[0].place:
            blocks.setdefault(place.block, []).append(place.config)
    if not blocks:
        return "as the settings have it"
    sizes = [len(configs) for configs in blocks.values()]
    text = f"{counted(len(blocks), 'block')} of {counted_span(sizes, 'group')}"
    text += f" of {counted_span([len(group) for group in groups], 'experiment')}"
    if len(blocks) == 1 or max(sizes) == 1:
        return text
    is_same = len(set(map(tuple, blocks.values()))) == 1
    return f"{text}, {'always in the same order' if is_same else 'each block in its own order'}"


def _places_text(groups: Sequence[Group]) -> str:
    """Return how evenly what is compared stands at each place of its group."""
    if not groups:
        return ""
    counts: Counter[tuple[str, int]] = Counter()
    cells: set[tuple[str, int]] = set()
    for group in groups:
        loads = list(map(_load, group))
        counts.update(zip(loads, range(len(loads)), strict=True))
        cells.update((load, place) for load in loads for place in range(len(loads)))
    if len(counts) == len({load for load, _ in counts}):
        loads = [load for load, _ in sorted(counts, key=lambda at: at[1])]
        return f"in each group {', '.join(loads)}"
    times = counted_span([counts[cell] for cell in cells], "time")
    return f"in their groups the solo and each background stand {times} at each place"


def _beside_text(experiments: Iterable[Experiment]) -> str:
    """Return what runs beside the planned experiments."""
    courses = {experiment.course for experiment in experiments}
    warmups = max((course.warmup_runs for course in courses), default=0)
    again = max((course.rerun_invalid for course in courses), default=0)
    first = "first run of each foreground is"
    if warmups > 1:
        first = f"first {warmups} runs of each foreground are"
    times = "once" if again == 1 else f"{again} times"
    texts = {
        f"the {first} thrown away": warmups,
        f"a group that is not valid runs again, at most {times}": again,
    }
    return "; ".join(text for text, number in texts.items() if number)


def _load(experiment: Experiment) -> str:
    if not experiment.backgrounds:
        return "solo"
    number = experiment.place and experiment.place.background_number
    return f"b{number}" if number else "parallel"
