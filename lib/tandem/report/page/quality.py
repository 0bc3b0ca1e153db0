"""How good trainings were, against the joules or the time that they took."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from tandem.report.page.blocks import opened
from tandem.report.page.figure import Figure
from tandem.report.page.markup import Content, element
from tandem.report.page.trained import Trained
from tandem.report.plots.scatter import SHAPES, Point, scatter, shape_sign

MOST = 600  # points that are drawn, and that the data have
COSTS = {
    "gpu_j": "GPU energy, J",
    "cpu_j": "CPU and DRAM energy, J",
    "duration_s": "duration, s",
}
COLUMNS = ("experiment", "foreground", "values", "background", *COSTS)
BOTH = " Beside a background energy is that of both trainings and all else on the board or CPU."


def quality_figure(trained: Sequence[Trained], command: str) -> Figure | None:
    """Return every metric against what it cost; None: there is none with two points."""
    cost = next((name for name in COSTS if any(getattr(each, name) for each in trained)), None)
    metrics = list(dict.fromkeys(name for each in trained for name in each.metrics))
    if cost is None:
        return None
    drawings = {
        name: drawn
        for at, name in enumerate(metrics)
        if (drawn := drawing(trained, cost, name, f"point-{at}"))
    }
    if not drawings:
        return None
    (first, shown), *others = drawings.items()
    parts: list[Content] = [legend(trained), element("h4", first), shown]
    if others:
        more = [part for name, drawn in others for part in (element("h4", name), drawn)]
        names = ", ".join(name for name, _ in others)
        parts.append(opened(f"Against {COSTS[cost]}: {names}", *more))
    data = [
        (
            *(each.experiment, each.foreground, each.values, each.background),
            *(getattr(each, name) for name in COSTS),
            *(each.metrics.get(name) for name in metrics),
        )
        for each in trained[:: step_of(trained)]
    ]
    title = f"Quality against {'energy' if cost.endswith('_j') else 'duration'}"
    return Figure(
        "quality",
        title,
        element("div", *parts),
        sentences(trained, cost),
        (*COLUMNS, *metrics),
        data,
        command,
    )


def sentences(trained: Sequence[Trained], cost: str) -> list[str]:
    text = f"Each point is a valid experiment; what it cost lies across ({COSTS[cost]})."
    if cost != "duration_s":
        text += BOTH
    else:
        reasons = dict.fromkeys(filter(None, (each.energy_reason for each in trained)))
        text += f" Energy was not measured: {'; '.join(reasons) or 'no reason is known'}."
    found = [text]
    missing = sum(getattr(each, cost) is None for each in trained)
    if missing:
        found.append(f"{missing} of {len(trained)} have no value across and are not drawn.")
    if step_of(trained) > 1:
        found.append(
            f"One of {step_of(trained)} is drawn and in the data, in the order in which they ran;"
            f" the command below prints all {len(trained)}."
        )
    return found


def step_of(trained: Sequence[Trained]) -> int:
    return -(-len(trained) // MOST)


def foregrounds_of(trained: Sequence[Trained]) -> list[str]:
    return sorted({each.foreground for each in trained})


def drawing(trained: Sequence[Trained], cost: str, metric: str, key: str) -> Element | None:
    """Return the points of a metric; None: fewer than two experiments have it."""
    kinds = {name: at % len(SHAPES) for at, name in enumerate(foregrounds_of(trained))}
    points = [
        Point(x, y, kinds[each.foreground], bool(each.background))
        for each in trained[:: step_of(trained)]
        if (x := getattr(each, cost)) is not None and (y := each.metrics.get(metric)) is not None
    ]
    if len(points) < 2:
        return None
    return scatter(points, (COSTS[cost], metric), key)


def legend(trained: Sequence[Trained]) -> Element:
    """Say what shapes mean; with more foregrounds than shapes several have the same."""
    found = sorted({(each.foreground, bool(each.background)) for each in trained})
    kinds = {name: at for at, name in enumerate(foregrounds_of(trained))}
    items = [
        element(
            "li",
            shape_sign(kinds[name] % len(SHAPES), is_beside),
            f"{name} {'beside a background' if is_beside else 'alone'}",
        )
        for name, is_beside in found
    ]
    return element("ul", *items, class_="legend")
