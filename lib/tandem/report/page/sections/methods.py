"""Methods: a paragraph ready for a paper, and the commands that recompute everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.base.text import counted
from tandem.interference.statistics.counting import MOST_PAIRS
from tandem.plan.model import Plan
from tandem.report.check.order import order_text
from tandem.report.page.blocks import of_run, opened
from tandem.report.page.command_of_run import command_of
from tandem.report.page.design import as_planned
from tandem.report.page.kinds_of_text import Kinds
from tandem.report.page.markup import Content, element
from tandem.report.page.paper_facts import (
    PaperFacts,
    board_words,
    files_of_machines,
    hosts_words,
    machines_of,
    python_words,
)
from tandem.report.page.runs import ENDED, ReportedRun, Standings
from tandem.report.shell import shell_line
from tandem.results.reading import ExperimentReading, RunReading

STATISTICS = (
    "A pair is a foreground beside a background and the same foreground alone. Where pairs have"
    " several configurations, a configuration counts once, with the median of its repeats."
    " Estimates are pseudomedians of Hodges and Lehmann, of ratios on their logarithms; intervals"
    " are the closed ones of the exact signed-rank statistic at 95 %, given from six units on; of"
    f" more than {MOST_PAIRS} it is taken for normal. An"
    " effect is called one if its interval leaves out no effect; p-values are adjusted by Holm's"
    " method for all verdicts of one comparison."
)
_MOST_REASONS = 6
_MADE = "This made the run, typed in the folder above it, with the files as it keeps them:"
_NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass
class RunMethods:
    """What a paper says of one run."""

    run: ReportedRun
    standings: Standings
    facts: PaperFacts = field(default_factory=PaperFacts)
    reasons: Kinds = field(default_factory=Kinds)
    pairs: int = 0

    def note(self, experiment: ExperimentReading) -> None:
        self.standings.note(experiment)
        record = experiment.record
        if record is None or not experiment.counts or experiment.standing not in ENDED:
            return
        self.facts.note(record)
        self.pairs += bool(record["valid"] and record["background"] and record["twin"])
        self.reasons.note(*record["invalid_reasons"])

    def paragraphs(self) -> list[Content]:
        """Return what a paper would say, each paragraph under a word of its own."""
        plan = self.run.plan
        said = {
            "Machine": self._machine(),
            "Design": [*self._trainings(), *(_order(plan) if plan else ())],
            "Exclusions": self._exclusions(),
            "Energy": self._energy(),
            "Statistics": [*([STATISTICS] if self.pairs else []), *self._uncertainties()],
        }
        return [
            element("p", element("strong", f"{word}. "), _together(sentences), class_="paragraph")
            for word, sentences in ((word, [*texts]) for word, texts in said.items())
            if sentences
        ]

    def _machine(self) -> Iterator[str]:
        facts, hardware = self.facts, self.facts.hardware
        who = f"{' and '.join(facts.tandem)}{hardware.by_workers()}"
        where = hosts_words(hardware.hosts.values())
        yield f"experiments were run by {who}{':' if hardware.workers else ' on'} {where}."
        machines = machines_of(self.run, hardware)
        files_of = files_of_machines(machines)
        newest = [machines[files[-1]] for files in files_of.values()]
        boards = list(board_words(newest, hardware.boards))
        yield f"GPU: {', '.join(boards)}." if boards else "No GPU was measured."
        if facts.setups:
            yield f"Sharing of the GPU, power limit and clocks: {'; '.join(facts.setups)}."
        for files in files_of.values():
            if len(files) > 1:
                yield f"The machine changed during the run: {', '.join(files)} describe it."
        if facts.governors:
            yield f"The CPUs' governor was {' or '.join(facts.governors)}."
        yield from dict.fromkeys(text for each in machines.values() for text in _pythons(each))

    def _trainings(self) -> Iterator[str]:
        facts = self.facts
        yield f"Measured in the foreground: {'; '.join(facts.foregrounds)}."
        if facts.devices:
            yield f"By their logs the foregrounds used: {'; '.join(facts.devices)}."
        if facts.backgrounds:
            yield (
                f"Looping in the background: {'; '.join(facts.backgrounds)}, each round in a"
                f" process tree of its own ({' or '.join(facts.isolation)}), begun before the"
                " foreground and ended with it."
            )

    def _exclusions(self) -> Iterator[str]:
        counts = self.standings.counts
        if self.facts.coverage:
            alone = f" {self._alone()}," if self.facts.hardware.boards else ""
            yield (
                "An experiment is valid if its foreground did all its work and exited with 0, a"
                f" background ran for at least {' or '.join(self.facts.coverage)} of that time,"
                f"{alone} and nothing was left running."
            )
        words = ", ".join(f"{count} {name}" for name, count in counts.items() if name != "valid")
        total, valid = sum(counts.values()), counts.get("valid", 0)
        out = f"; left out: {words}" if words else ""
        yield f"Of {counted(total, 'experiment')} n = {valid} are valid{out}."
        if lines := self.reasons.lines():
            found = [f"{text} ({count})" for text, count in lines[:_MOST_REASONS]]
            more = len(lines) - _MOST_REASONS
            found += [counted(more, "other reason")] if more > 0 else []
            yield f"Reasons: {'; '.join(found)}."
        if aside := self.standings.set_aside:
            listed = ", ".join(f"{count} {kind}" for kind, count in aside.items())
            yield f"Run besides, and in no comparison: {listed}."

    def _alone(self) -> str:
        """Return what a valid experiment permits to others, by the limits of all of them."""
        most = [*filter(any, self.facts.strangers)]
        if not most:
            return "no other process used the GPU"
        limits = " or ".join(f"{percent:g} % and {mib:g} MiB" for percent, mib in most)
        return f"no other process used more than {limits} of the GPU"

    def _energy(self) -> Iterator[str]:
        energy, methods = self.facts.energy, self.facts.gpu_methods
        known = {how: count for how, count in methods.items() if how}
        names = {
            "counter": "the board's own energy counter (NVML)",
            "trapezoid": "the trapezoid over the board's power (NVML)",
        }
        if known:
            listed = " and ".join(
                f"{names.get(how, how)} in {counted(count, 'window')}"
                for how, count in known.items()
            )
            yield f"The energy of GPUs, of whole boards, is the difference of {listed}."
        if energy.gpu_missing:
            where = _where(energy.gpu_missing, energy.windows)
            yield f"The energy of GPUs was not measured{where}."
        if sum(energy.cpu_missing.values()) < energy.windows:
            yield "The energy of CPUs and DRAM was read from RAPL."
        if energy.cpu_missing:
            where = _where(energy.cpu_missing, energy.windows)
            yield f"The energy of CPUs was not measured{where}."

    def _uncertainties(self) -> Iterator[str]:
        if self.facts.gains and self.pairs:
            yield (
                "Uncertainties: joules have that of their window's edges, and that of the board's"
                f" gain ({' or '.join(self.facts.gains)}), which is the same in all windows"
                " and cancels in ratios on one board; how runs differ is in the intervals."
            )
        elif self.pairs:
            yield (
                "Uncertainties: times are differences of one monotonic clock; how runs differ is in"
                " the intervals."
            )

    def packages(self) -> list[Content]:
        """Return all packages of all Pythons, each Python a list that opens."""
        listed: dict[tuple[str, str], None] = {}  # those that are alike on several hosts once
        for machine in machines_of(self.run, self.facts.hardware).values():
            for python in machine.get("pythons") or []:
                if packages := python.get("packages"):
                    title = f"Packages of {', '.join(python['repositories'])} ({len(packages)})"
                    text = ", ".join(f"{name} {packages[name]}" for name in sorted(packages))
                    listed[title, text] = None
        found = [opened(title, element("p", text)) for title, text in listed]
        for made in found:
            made.set("class", "packages")
        return [*found]

    def contents(self) -> list[Content]:
        found: list[Content] = []
        if self.facts.hardware.hosts:
            found += self.paragraphs()
        else:
            found.append(
                element("p", "Nothing has been measured yet, so there is nothing to tell.")
            )
        found += self.packages()
        if self.run.plan:
            found.append(element("p", _MADE))
            found.append(_commands([command_of(self.run.plan, self.run.label)]))
        return found


class Methods:
    title = "Methods"

    def __init__(self, runs: Sequence[ReportedRun]) -> None:
        self.of = {run.path: RunMethods(run, Standings(run)) for run in runs}

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        self.of[run.path].note(experiment)

    def contents(self) -> list[Content]:
        found: list[Content] = []
        for each in self.of.values():
            inner = each.contents()
            if len(self.of) > 1:
                inner = [of_run(each.run.label, inner)]
            found += inner
        labels = [each.run.label for each in self.of.values()]
        text = "These check and make every figure again from the files, on any machine:"
        return [*found, element("p", text), _commands(_again(labels))]


def _together(sentences: Sequence[str]) -> str:
    text = " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)
    return text.replace(" %", f"{_NO_BREAK}%")


def _again(labels: Sequence[str]) -> list[Sequence[str]]:
    """Return the commands that recompute figures: checks, records, comparison, this page."""
    records = [["tandem", "record", label, "--to", f"{label}_again"] for label in labels]
    return [
        ["tandem", "verify", *labels],
        *records,
        ["tandem", "compare", *labels],
        ["tandem", "report", *labels],
    ]


def _commands(commands: Sequence[Sequence[str]]) -> Content:
    return element("pre", element("code", "\n".join(map(shell_line, commands))), tabindex="0")


def _order(plan: Plan) -> Iterator[str]:
    planned = as_planned(plan)
    yield f"Order: {order_text(planned)}; drawn values come from seed {plan.seed}."
    controls = {each.controls for each in planned.experiments}
    idle_s = {each.idle_s for each in controls if each.idle_s}
    alone_s = {each.background_s for each in controls if each.background_s}
    parts = [f"the idle machine for {_seconds(idle_s)} before and after"] if idle_s else []
    parts += [f"the background alone for {_seconds(alone_s)}"] if alone_s else []
    if parts:
        yield f"Measured besides: {'; '.join(parts)}."


def _seconds(values: set[float]) -> str:
    return " or ".join(f"{value:g} s" for value in sorted(values))


def _pythons(machine: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{text}." for text in python_words(machine))


def _where(missing: Mapping[str, int], windows: int) -> str:
    """Return in how many windows something is missing, and why."""
    count, why = sum(missing.values()), "; ".join(missing)
    return f" ({why})" if count == windows else f" in {counted(count, 'window')} ({why})"
