"""Trust: what speaks for and against these figures."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from tandem.base.moments import moment_of
from tandem.base.text import counted, some_of
from tandem.report.page.blocks import of_run, scrolling, terms
from tandem.report.page.board_names import Board, BoardNames
from tandem.report.page.boards import PairsOnBoards
from tandem.report.page.figure import Figure
from tandem.report.page.kinds_of_text import Kinds
from tandem.report.page.least_and_most import LeastAndMost
from tandem.report.page.machine_checks import MachineChecks
from tandem.report.page.markup import Content, element
from tandem.report.page.run_times import times_of
from tandem.report.page.runs import ENDED, ReportedRun, Standings
from tandem.report.plots.drift import IdleWindow, drift_plot, legend
from tandem.report.shell import shell_line
from tandem.results.journal import REPLACED
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record import Record
from tandem.results.shared.workers import WORKERS

_MOST_WARNINGS, _MOST_NAMED, _MOST_MARKS, _MOST_BOARDS = 20, 5, 1000, 8
_IDLE = ("experiment", "began", "board", "power_avg_watts")

Idle = tuple[str, datetime, Board, float]


@dataclass
class RunTrust:
    """What one run has for and against it."""

    run: ReportedRun
    number: int
    standings: Standings
    valid: MachineChecks = field(default_factory=MachineChecks)
    not_valid: MachineChecks = field(default_factory=MachineChecks)
    warnings: Kinds = field(default_factory=Kinds)
    of_settings: Kinds = field(default_factory=Kinds)
    idle: list[Idle] = field(default_factory=list)
    boards: BoardNames = field(default_factory=BoardNames)
    pairs: PairsOnBoards = field(default_factory=PairsOnBoards)
    drift: LeastAndMost = field(default_factory=LeastAndMost)
    retried: list[str] = field(default_factory=list)

    def note(self, experiment: ExperimentReading) -> None:
        self.standings.note(experiment)
        record = experiment.record
        if record is None or not experiment.counts or experiment.standing not in ENDED:
            return
        (self.valid if record["valid"] else self.not_valid).note(record)
        self.pairs.note(record)
        self.warnings.note(*record["warnings"])
        self.of_settings.note(*record["settings"]["warnings"])
        if record["retries"]:
            self.retried.append(experiment.id)
        self._note_idle(record, experiment)

    def _note_idle(self, record: Record, experiment: ExperimentReading) -> None:
        windows = [window for window in record["windows"] if window["name"] == "idle"]
        for window in windows:
            began = moment_of(window["started"])
            for gpu in window["gpus"]:
                power_w = gpu["power_avg_watts"]
                if began and power_w is not None:
                    board = self.boards.note(record["environment"]["hostname"], gpu)
                    self.idle.append((experiment.id, began, board, power_w))
        if windows and record["background"] and (found := experiment.interference):
            drift_w, why = found["idle_drift_watts"], found["idle_drift_reason"]
            self.drift.note(drift_w, experiment.id, why)

    # -- as contents -------------------------------------------------------------------

    def contents(self) -> list[Content]:
        checks, kind = self.valid, "valid"
        if not checks.records:
            checks, kind = self.not_valid, "not valid"
        size = counted(checks.records, "experiment")
        found: list[Content] = [element("h3", f"What was seen in {size} ({kind})")]
        lines = dict(checks.lines())
        if texts := [*self.pairs.texts()]:
            lines["Pairs on one board"] = texts
        found.append(terms(lines, "facts wide"))
        if not checks.records:
            found = [element("p", "No experiment that counts has a record.")]
        if self.idle:
            found.append(self._idle_figure())
        return [*found, *self._left_out(), *self._warnings()]

    def _idle_figure(self) -> Content:
        times = times_of(self.run.events)
        first = min(began for _, began, _, _ in self.idle)
        begin = min(first, times.parts[0][0]) if times.parts else first
        names = self.boards.names()
        drawn, together = thinned(self.idle, _MOST_MARKS)
        windows = [
            IdleWindow((began - begin).total_seconds() / 3600, names[board], power_w, name)
            for name, began, board, power_w in drawn
        ]
        boards = list(dict.fromkeys(board for _, _, board, _ in self.idle))
        sentences = [f"{names[board]}: {self._idle_text({board})}." for board in boards]
        sentences += [
            f"{text}." for text in filter(None, [legend([names[board] for board in boards])])
        ]
        if len(boards) > _MOST_BOARDS:
            sentences = [f"{len(boards)} boards: {self._idle_text({*boards})}."]
        if self.drift.count:
            text = "The idle windows of a pair span"
            sentences.append(f"{text} {self.drift.text('W')}.")
        if together > 1:
            what = f"Of each {together} windows the least and the greatest power are drawn"
            sentences.append(f"{what}, and in the data; the command prints all.")
        return Figure(
            f"idle-drift-{self.number}",
            "Idle drift over the run",
            drift_plot(windows),
            sentences,
            _IDLE,
            [(name, began.isoformat(), names[board], w) for name, began, board, w in drawn],
            shell_line(["tandem", "table", self.run.label, "--kind", "windows"]),
        ).element()

    def _idle_text(self, boards: Set[Board]) -> str:
        span = LeastAndMost()
        for name, _, own, power_w in self.idle:
            if own in boards:
                span.note(power_w, name)
        return f"{span.text('W')} in {counted(span.count, 'idle window')}"

    def _left_out(self) -> list[Content]:
        """Return what was run again or left out, and what is missing, with names."""
        again = self.standings.names_set_aside
        rows = {
            "Not valid, in no comparison": self.standings.names("not valid"),
            "Of groups that ran again": again["of a group that ran again"],
            "Warm-ups, thrown away": again["warm-up"],
            "Cut off": self.standings.names("cut off") + self._set_aside(has_stood=False),
            "Damaged": self.standings.names("damaged"),
            "Damaged, and run again": self._set_aside(has_stood=True),
            "Run twice; another worker's counts": self._lost(),
            "Missing": self.standings.names("missing"),
            "Foreground tried again within": self.retried,
        }
        texts = {
            title: [f"{len(names)}: {some_of(names, _MOST_NAMED)}"]
            for title, names in rows.items()
            if names
        }
        title = element("h3", "What was run again or left out")
        known = "Nothing: every experiment of the plan ran once, and counts."
        nothing = element("p", known if self.run.plan else "Nothing that the files tell of.")
        return [title, terms(texts, "facts wide") if texts else nothing]

    def _set_aside(self, *, has_stood: bool) -> list[str]:
        """Return the tries that were set aside, by their folders: cut off, or damaged later."""
        events = (each for each in self.run.events if each["event"] == "set_aside")
        found = (each for each in events if (REPLACED in each) is has_stood)
        return [str(each.get("folder") or each.get("experiment")) for each in found]

    def _lost(self) -> list[str]:
        """Return the tries that ended when that of another worker stood already."""
        events = (each for each in self.run.events if each["event"] == "lost")
        return [f"{WORKERS}/{each.get('worker')}/{each.get('experiment')}" for each in events]

    def _warnings(self) -> list[Content]:
        found: list[Content] = [element("h3", "Warnings")]
        found += _listing("What may have disturbed", self.warnings)
        found += _listing("Of the settings", self.of_settings)
        return found if len(found) > 1 else [*found, element("p", "None.")]


class Trust:
    title = "Trust"

    def __init__(self, runs: Sequence[ReportedRun]) -> None:
        self.of = {
            run.path: RunTrust(run, number, Standings(run)) for number, run in enumerate(runs, 1)
        }

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        self.of[run.path].note(experiment)

    def contents(self) -> list[Content]:
        if len(self.of) == 1:
            return next(iter(self.of.values())).contents()
        return [of_run(each.run.label, each.contents()) for each in self.of.values()]


def thinned(windows: Sequence[Idle], most: int) -> tuple[Sequence[Idle], int]:
    """Return about so many windows at most, and of how many that follow each other two stand.

    These are the one with the least and that with the greatest power, so that no spike is lost.
    """
    if len(windows) <= most:
        return windows, 1
    together = -(-2 * len(windows) // most)
    kept: list[Idle] = []
    for board in dict.fromkeys(window[2] for window in windows):
        own = sorted((each for each in windows if each[2] == board), key=lambda each: each[1])
        for at in range(0, len(own), together):
            part = own[at : at + together]
            both = min(part, key=lambda each: each[3]), max(part, key=lambda each: each[3])
            kept += dict.fromkeys(sorted(both, key=lambda each: each[1]))
    return kept, together


def _listing(title: str, kinds: Kinds) -> list[Content]:
    """Return kinds of warnings as a table with how often each stands in a record."""
    lines = kinds.lines()
    if not lines:
        return []
    rows = [
        element("tr", element("td", str(count), class_="number"), element("td", text))
        for text, count in lines[:_MOST_WARNINGS]
    ]
    head = (element("th", "records", scope="col"), element("th", title, scope="col"))
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows))
    more = len(lines) - _MOST_WARNINGS
    note = [element("p", f"And {more} other kinds.", class_="note")] if more > 0 else []
    return [scrolling(table, title), *note]
