"""Where the joules went: cell by cell, no more divided than the figures of a comparison divide it.

The energy of a foreground window is that of both trainings. With controls the foreground's share
has two ends. Between them lies what sharing saved, which is either's, or what it cost beyond both
alone. So a bar has three parts: what is the foreground's at least, what lies between, and what is
the background's at least. Idle energy is part of it, in a bar of its own: it is nobody's share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.interference.compare.comparison import DIVIDED, HIGH, LOW
from tandem.report.compare.wording import BOARD_SHOWN, number, spread
from tandem.report.page.blocks import bullets
from tandem.report.page.compared import Compared
from tandem.report.page.effects import COLUMNS, data_of, names_of, why_not
from tandem.report.page.figure import Figure
from tandem.report.page.markup import Content, element
from tandem.report.page.singles import alone
from tandem.report.plots.stack import Bars, Part, Sign, stacked
from tandem.results.reading import ExperimentReading, RunReading

Facts = Mapping[str, Any]
Rows = Mapping[str, Facts]

TITLES = ("compared", "J", "estimates")
GPU_SIGNS = (
    Sign("foreground", "the foreground's at least (derived)"),
    Sign("either", "the foreground's or the background's: nobody can say which (derived)", True),
    Sign("excess", "excess: what sharing cost beyond both alone (derived)", True),
    Sign("background", "the background's at least (derived)"),
    Sign("both", "both together, not divided (measured)", True),
    Sign("idle", "idle boards in the same time, a part of the bar above (derived)"),
)
CPU_SIGNS = (
    Sign("both", "CPU packages, all that ran on the machine (measured)", True),
    Sign("dram", "DRAM (measured)"),
    Sign("idle", "the idle machine in the same time, a part of the bar above (derived)"),
)


class Joules:
    title = "Where the joules went"

    def __init__(self, compared: Compared) -> None:
        self.compared = compared

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        """All that this section needs is noted by Compared."""

    def contents(self) -> list[Content]:
        single = [each for each in self.compared.trained if not each.background]
        command = self.compared.command_of_table()
        found: list[Content] = []
        if self.compared.found["energy"]:
            found += [self.gpu().element(), self.cpu().element()]
        elif single:
            found.append(element("p", "There is no pair of which a comparison could say more."))
        found += alone(single, "gpu_j", "GPU energy of trainings alone, J", "alone-gpu", command)
        found += alone(
            single, "cpu_j", "CPU and DRAM energy of trainings alone, J", "alone-cpu", command
        )
        return found

    def gpu(self) -> Figure:
        sentences = [
            "Energy of all GPUs while the foreground ran beside the background, cell by cell. The"
            " whole bar is measured, and no sensor divides it. Where there are controls, the"
            " foreground's share has two ends: what the background alone would have used for its"
            " work leaves one, the foreground alone gives the other."
        ]
        return self.figure("gpu", "GPU", sentences, gpu_bars, GPU_SIGNS)

    def cpu(self) -> Figure:
        sentences = [
            "Energy of CPU packages and DRAM in the same time. It is that of the whole machine,"
            " and nothing divides it."
        ]
        return self.figure("cpu", "CPU and DRAM", sentences, cpu_bars, CPU_SIGNS)

    def figure(
        self, key: str, title: str, sentences: list[str], bars: Any, signs: Sequence[Sign]
    ) -> Figure:
        found = self.compared.found
        names, common = names_of(found["energy"])
        savings = [rows_by_board(group).get(None, {}) for group in found["groups"]]
        rows, data = list[Bars](), list[tuple[Facts, Facts]]()
        has_boards = len({row["board"] for group in found["energy"] for row in group["rows"]}) > 1
        for group, name, saving in zip(found["energy"], names, savings, strict=True):
            for board, of_board in boards_of(group, key).items():
                label = f"{name} ({(board or '')[:BOARD_SHOWN]})" if has_boards else name
                rows.append(bars(label, group, of_board, saving))
                data += [(group, row) for row in of_board.values()]
        if any(row.lanes for row in rows):
            sentences += [f"In all rows: {common}."] if common else []
            drawing = stacked(rows, TITLES, f"joules-{key}", signs)
        else:
            reasons = dict.fromkeys(text for row in rows for text in row.says)
            drawing = bullets(reasons)
        command = self.compared.command("--format", "json")
        key, title = f"joules-{key}", f"{title}: where the joules went"
        return Figure(key, title, drawing, sentences, COLUMNS, data_of(data), command)


def rows_by_board(group: Facts) -> dict[str | None, dict[str, Facts]]:
    """Return the rows of a group by board and figure."""
    found: dict[str | None, dict[str, Facts]] = {}
    for row in group["rows"]:
        found.setdefault(row["board"], {})[row["figure"]] = row
    return found


def boards_of(group: Facts, key: str) -> dict[str | None, dict[str, Facts]]:
    """Return the rows of GPU or CPU energy by board; one of nothing where there are none."""
    boards = rows_by_board(group) or {None: {}}
    names = ("gpu_", "foreground_") if key == "gpu" else ("cpu_", "package_")
    return {
        board: {name: row for name, row in rows.items() if name.startswith(names)}
        for board, rows in boards.items()
    }


def gpu_bars(label: str, group: Facts, rows: Rows, others: Rows) -> Bars:
    """Return a bar of all that was used, divided as far as the figures go, and idle energy."""
    whole = rows.get("gpu_joules")
    if whole is None or whole["estimate"] is None:
        return Bars(label, [], [f"no value: {why_not(group, 'gpu_joules')}"])
    says = joules("both", whole)
    low, high, divided = rows[LOW], rows[HIGH], rows[DIVIDED]
    parts = [Part("both", 0.0, whole["estimate"], True)]
    if low["estimate"] is None:
        says.append(f"not divided: {why_not(group, LOW)}")
    else:
        says.append(f"foreground {number(low['estimate'])} to {number(high['estimate'])} J")
        if divided["pairs"] < whole["pairs"]:
            of_these = f"of these, {number(divided['estimate'])} J"
            says.append(f"share known of {divided['pairs']} of {whole['pairs']} pairs; {of_these}")
        ends = divided["estimate"], low["estimate"], high["estimate"]
        if can_be_drawn(*ends):
            parts = shares(*ends, costs(others))
        else:
            says.append("not drawn as parts: the share reaches beyond what was measured")
    idle, words = idle_lane(group, rows, "gpu", whole["estimate"])
    return Bars(label, [parts, *idle], [*says, words])


def can_be_drawn(whole: float, low: float, high: float) -> bool:
    """Whether the foreground's share is a part of the whole."""
    return 0 <= low <= high <= whole


def shares(whole: float, low: float, high: float, is_excess: bool) -> list[Part]:
    between = Part("excess" if is_excess else "either", low, high, True)
    return [Part("foreground", 0.0, low), between, Part("background", high, whole)]


def costs(others: Rows) -> bool:
    """Whether sharing cost energy in every pair: then nobody's share holds what lies between."""
    row = others.get("saving_of_sharing", {})
    return all(value < 0 for value in row.get("values") or [0.0])


def cpu_bars(label: str, group: Facts, rows: Rows, others: Rows) -> Bars:
    """Return a bar of packages and DRAM, not divided any further, and idle energy."""
    package, whole = rows.get("package_joules"), rows.get("cpu_joules")
    if package is None or whole is None or package["estimate"] is None:
        return Bars(label, [], [f"no value: {why_not(group, 'package_joules')}"])
    parts = [Part("both", 0.0, package["estimate"], True)]
    says = joules("packages", package)
    if whole["estimate"] is None:
        says.append(f"with DRAM no value: {why_not(group, 'cpu_joules')}")
    else:
        says += joules("with DRAM", whole)
        if whole["pairs"] == package["pairs"] and whole["estimate"] > package["estimate"]:
            parts.append(Part("dram", package["estimate"], whole["estimate"]))
    idle, words = idle_lane(group, rows, "cpu", parts[-1].end)
    return Bars(label, [parts, *idle], [*says, words])


def idle_lane(group: Facts, rows: Rows, kind: str, whole: float) -> tuple[list[list[Part]], str]:
    """Return the lane of idle energy, up to the lowest idle window and hatched to the highest."""
    name = f"{kind}_idle_low_joules"
    low, high = rows[name]["estimate"], rows[f"{kind}_idle_high_joules"]["estimate"]
    if low is None or high is None:
        return [], f"idle energy not known: {why_not(group, name)}"
    words = f"idle {' to '.join(dict.fromkeys((number(low), number(high))))} J"
    if high > whole:
        return [], f"{words}: more than was measured, so no part of it"
    return [[Part("idle", 0.0, low), Part("idle", low, high, True)]], words


def joules(what: str, row: Facts) -> list[str]:
    """Return an estimate, and its interval or its values."""
    shown = spread(row)
    before = "95 %: " if row["low"] is not None else ""
    lines = [f"{what} {number(row['estimate'])} J"]
    return [*lines, f"{before}{shown}"] if shown else lines
