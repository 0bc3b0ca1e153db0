"""Head: the question, when, where, how long, how much energy, and whether all of it is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.base.text import counted
from tandem.report.compare.wording import number
from tandem.report.page.blocks import terms
from tandem.report.page.design import design_contents
from tandem.report.page.hardware import Hardware
from tandem.report.page.kinds_of_text import Kinds
from tandem.report.page.markup import Content, element
from tandem.report.page.run_times import RunTimes, duration, span_text, times_of
from tandem.report.page.runs import ReportedRun, Standings
from tandem.results.reading import ExperimentReading, RunReading, Standing
from tandem.results.totals import EnergyTotal

_MOST_REASONS = 8
_JOULES_PER_KWH = 3.6e6


@dataclass
class RunHead:
    """What the head says of one run."""

    run: ReportedRun
    standings: Standings
    reasons: dict[Standing, Kinds] = field(default_factory=dict)
    energy: EnergyTotal = field(default_factory=EnergyTotal)
    hardware: Hardware = field(default_factory=Hardware)

    def note(self, experiment: ExperimentReading) -> None:
        self.standings.note(experiment)
        if experiment.counts or experiment.record is None:
            kinds = self.reasons.setdefault(experiment.standing, Kinds())
            kinds.note(*map(self.run.without_path, experiment.why_not))
        if experiment.record:
            self.hardware.note(experiment.record)
            self.energy.note(experiment.record)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.run.settings or {}

    @property
    def name(self) -> str:
        return self.run.plan.name if self.run.plan else self.run.label

    # -- whether it is valid -----------------------------------------------------------

    def verdict(self, times: RunTimes) -> Content:
        """Return in a box how many experiments are valid, and why the others are not."""
        counts = self.standings.counts
        total, valid = sum(counts.values()), counts.get("valid", 0)
        is_all = valid == total > 0
        sign, kind = ("✓", "good") if is_all else ("✗", "bad")
        lines = [element("p", element("strong", f"{sign} {_how_many(valid, total)}"))]
        if times.end:
            lines.append(element("p", f"This run {times.end}."))
        if self.run.plan_problem:
            problem = self.run.without_path(self.run.plan_problem)
            text = f"What was planned is not known, so nothing can be missing here: {problem}."
            lines.append(element("p", text))
        listed = [_why(name, count, self.reasons) for name, count in counts.items()]
        if not is_all and total:
            lines.append(element("ul", *(line for line in listed if line is not None)))
        if aside := self.standings.set_aside:
            words = ", ".join(f"{count} {what}" for what, count in aside.items())
            lines.append(element("p", f"Not counted: {words}.", class_="note"))
        return element("div", *lines, class_=f"verdict {kind}")

    # -- facts -------------------------------------------------------------------------

    def facts(self, times: RunTimes) -> Content:
        """Return when, where, how long and how much energy, as a list of terms."""
        where = self.hardware.words() or [*times.hosts] or ["not known: there is no record"]
        return terms(
            {
                "When": self._when(times),
                "Where": where,
                "Energy": self._energy(),
                "Run": [self.run.label],
            }
        )

    def _when(self, times: RunTimes) -> list[str]:
        if not times.parts:
            return ["not known: there is no journal"]
        first, last = times.parts[0][0], times.parts[-1][1]
        took = "not known: the clock was set" if times.seconds is None else duration(times.seconds)
        parts = f" at work, in {len(times.parts)} parts" if len(times.parts) > 1 else ""
        return [f"{span_text(first, last)}, {took}{parts}", *_workers(times)]

    def _energy(self) -> list[str]:
        energy = self.energy
        if not energy.windows:
            return ["not measured: there is no window"]
        return [
            _energy_text("GPU", energy.gpu_j, energy.gpu_missing, energy.windows),
            _energy_text("CPU", energy.cpu_j, energy.cpu_missing, energy.windows),
        ]


class Head:
    title = "Head"

    def __init__(self, runs: Sequence[ReportedRun]) -> None:
        self.heads = {run.path: RunHead(run, Standings(run)) for run in runs}

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        self.heads[run.path].note(experiment)

    def contents(self) -> list[Content]:
        heads = [*self.heads.values()]
        if len(heads) == 1:
            return [element("h1", heads[0].name), *_of_run(heads[0], "h2")]
        names = list(dict.fromkeys(head.name for head in heads))
        found: list[Content] = [element("h1", f"{len(heads)} runs: {', '.join(names)}")]
        for head in heads:
            title = element("h2", ", ".join(dict.fromkeys((head.name, head.run.label))))
            found.append(element("section", title, *_of_run(head, "h3"), class_="run"))
        return found


def _of_run(head: RunHead, title: str) -> list[Content]:
    times = times_of(head.run.events)
    text = described(head.settings)
    found: list[Content] = [element("p", text, class_="lead")] if text else []
    found += [head.verdict(times), head.facts(times)]
    return found + (design_contents(head.run.plan, title) if head.run.plan else [])


def _workers(times: RunTimes) -> Iterator[str]:
    """Yield how many workers there were, and how long they took together."""
    if times.of_workers:
        who = counted(len(times.of_workers), "worker")
        hosts = f" on {counted(len(times.hosts), 'host')}" if times.hosts else ""
        took = times.worker_seconds
        together = "not known: a clock was set" if took is None else duration(took)
        yield f"{who}{hosts}; their times together: {together}"


def described(settings: Mapping[str, Any]) -> str:
    """Return what settings say that they are for; they may say it in several lines."""
    text = settings.get("description")
    lines = text if isinstance(text, list) else [text]
    return " ".join(line for line in lines if isinstance(line, str))


def _how_many(valid: int, total: int) -> str:
    if not total:
        return "There is no experiment here"
    if valid == total:
        return f"All {total} experiments are valid" if total > 1 else "The one experiment is valid"
    none = "None" if not valid else str(valid)
    return f"{none} of {counted(total, 'experiment')} {'is' if valid == 1 else 'are'} valid"


def _why(name: str, count: int, reasons: Mapping[Standing, Kinds]) -> Content | None:
    """Return how many have a standing, and why; a reason may be that of several."""
    if name == "valid":
        return None
    kinds = next((kinds.lines() for each, kinds in reasons.items() if each == name), [])
    made = element("li", f"{count} {name}")
    if kinds:
        shown = [_reason(text, many) for text, many in kinds[:_MOST_REASONS]]
        if more := len(kinds) - _MOST_REASONS:
            shown += [element("li", f"and {counted(more, 'other reason')}")] if more > 0 else []
        made.append(element("ul", *shown))
    return made


def _reason(text: str, count: int) -> Content:
    return element(
        "li", text, element("span", f" ({counted(count, 'experiment')})", class_="count")
    )


def _energy_text(what: str, joules: float, missing: Mapping[str, int], windows: int) -> str:
    """Return joules as kWh, and in how many windows they are not known, why."""
    unknown = sum(missing.values())
    why = "; ".join(missing)
    if unknown == windows:
        return f"{what}: not measured: {why}"
    text = f"{what}: {number(joules / _JOULES_PER_KWH)} kWh ({joules:,.0f} J)"
    text += f" in {counted(windows - unknown, 'window')}"
    return f"{text}; not measured in {unknown}: {why}" if unknown else text
