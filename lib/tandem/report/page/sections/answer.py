"""Answer: what each comparison says, every pair as a dot."""

from __future__ import annotations

from tandem.interference.compare.rows import TESTED
from tandem.interference.figures import NAMES
from tandem.report.compare.text import LEGEND, NOTHING
from tandem.report.page.blocks import bullets, opened
from tandem.report.page.compared import Compared
from tandem.report.page.effects import forest_figure, heat_figure, names_of
from tandem.report.page.levels import (
    MOST_FACTORS,
    MOST_PAIRS,
    dose_figures,
    factors_of,
    level_figures,
)
from tandem.report.page.markup import Content, element
from tandem.report.page.quality import quality_figure
from tandem.report.page.singles import alone
from tandem.report.why import LEGEND as WHY_LEGEND
from tandem.report.why import short_why
from tandem.results.reading import ExperimentReading, RunReading

HEATED = ("slowdown", "energy_ratio")


class Answer:
    title = "Answer"

    def __init__(self, compared: Compared) -> None:
        self.compared = compared

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        self.compared.note(run, experiment)

    def contents(self) -> list[Content]:
        if not self.compared.found["groups"]:
            text = f"{NOTHING[0].upper()}{NOTHING[1:]}."
            return [element("p", text), *self.singles(), *self.quality(), *self.compared.left_out()]
        return [
            *self.effects(),
            *self.whys(),
            *self.maps(),
            *self.doses(),
            *self.quality(),
            *self.levels(),
            opened("The other figures", *self.others()),
            element("p", LEGEND, class_="note"),
            *self.compared.left_out(),
        ]

    def effects(self) -> list[Content]:
        groups, command = self.compared.found["groups"], self.compared.command()
        named = names_of(groups)
        return [
            forest_figure(groups, name, f"answer-{name}", command, named).element()
            for name in TESTED
        ]

    def whys(self) -> list[Content]:
        """Return what explains the slowdown of each group, where anything is known of it."""
        groups = self.compared.found["groups"]
        texts = []
        for name, group in zip(names_of(groups)[0], groups, strict=True):
            if why := short_why(group["explanation"]):
                texts.append(f"{name}: {why}" if len(groups) > 1 else why)
        if not texts:
            return []
        title = element("h3", "Where the slowdown comes from")
        return [title, bullets(texts), element("p", WHY_LEGEND, class_="note")]

    def others(self) -> list[Content]:
        groups, command = self.compared.found["groups"], self.compared.command()
        named = names_of(groups)
        return [
            forest_figure(groups, name, f"answer-{name}", command, named).element()
            for name in NAMES
            if name not in TESTED
        ]

    def maps(self) -> list[Content]:
        groups, command = self.compared.found["groups"], self.compared.command()
        maps = (heat_figure(groups, name, f"heat-{name}", command) for name in HEATED)
        return [each.element() for each in maps if each and len(groups) > 1]

    def doses(self) -> list[Content]:
        figures = dose_figures(self.compared.found["over_intensity"], self.compared.command())
        return [figure.element() for figure in figures]

    def quality(self) -> list[Content]:
        found = quality_figure(self.compared.trained, self.compared.command_of_table())
        return [found.element()] if found else []

    def levels(self) -> list[Content]:
        """Return the levels of each factor, to be opened; of too many pairs the command alone."""
        pairs, found = self.compared.reading.pairs, list[Content]()
        for at, factor in enumerate(factors_of(pairs)):
            command = self.compared.command("--by", factor)
            if at < MOST_FACTORS and len(pairs) <= MOST_PAIRS:
                figures = level_figures(self.compared.by(factor), command)
                contents = [figure.element() for figure in figures]
            else:
                contents = [element("p", "Not drawn here: ", element("code", command))]
            found.append(opened(f"The levels of {factor}", *contents))
        return found

    def singles(self) -> list[Content]:
        """Say what there is where nothing can be compared."""
        trained, command = self.compared.trained, self.compared.command_of_table()
        return alone(trained, "duration_s", "Durations, s", "durations", command)
