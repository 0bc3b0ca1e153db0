"""The table of all experiments: a line of words kept of each, and rows that cost few bytes.

What is the same in all rows stands once above the table, and so do the names of empty columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element

from tandem.base.text import counted
from tandem.report.compare.wording import number
from tandem.report.details import words
from tandem.report.details.files import files_of
from tandem.report.page.blocks import scrolling
from tandem.report.page.markup import Content, element
from tandem.report.page.runs import ReportedRun
from tandem.results.reading import ExperimentReading

FEW = 2000  # up to so many rows have links to log and energy too, and their reasons whole
_REASON_CHARACTERS = 100
_MANY, _ROWS_A_BODY = 600, 200  # of more rows than these the page lays out only what is seen
_ORDER = (
    *("Run", "Standing", "Foreground", "Values", "Background", "Duration, s", "Metric"),
    *("GPU, J", "Coverage, %", "Slowdown", "Host", "Board", "Why not valid"),
)
_ONLY_IF_SEVERAL = ("Host", "Board")
_NUMERIC = frozenset({"Duration, s", "GPU, J", "Coverage, %", "Slowdown"})
_UNKNOWN = "\u2013"


@dataclass(frozen=True)
class Line:
    """What is kept of an experiment; `place` is its folder in that of the run.

    `cells` are by title; `badness` is less for a worse one.
    """

    id: str
    place: str
    run: ReportedRun
    values: words.Values
    metric: tuple[str, float] | None
    cells: Mapping[str, str]
    has_record: bool
    has_begun: bool
    badness: tuple[bool, float, int]
    began: str


def line_of(run: ReportedRun, reading: ExperimentReading, *, has_run: bool) -> Line:
    duration_s, joules, slowdown = (
        figure(reading) for figure in (words.duration_s, words.gpu_j, words.slowdown)
    )
    coverage = words.coverage(reading)
    warnings = words.record_of(reading).get("warnings")
    has_record = reading.standing != "missing"
    cells = {
        "Run": run.label if has_run else "",
        "Standing": f"{words.MARKS[reading.standing]} {words.standing(reading)}",
        "Foreground": words.foreground(reading) or "",
        "Background": words.background(reading) or "",
        "Duration, s": _text(duration_s, 1),
        "GPU, J": _text(joules, 0),
        "Coverage, %": words.percent_text(coverage) or "",
        "Slowdown": _text(slowdown, 3),
        "Host": words.host(reading) or "",
        "Board": words.board(reading) or "",
        "Why not valid": "; ".join(words.reasons(reading, run.path)),
    }
    return Line(
        id=reading.id,
        place=str(reading.folder)[len(str(run.path)) + 1 :],
        run=run,
        values=words.values(reading),
        metric=words.main_metric(reading),
        cells=cells,
        has_record=has_record,
        has_begun=has_record or reading.folder.is_dir(),
        badness=(
            reading.standing == "valid",
            1.0 if coverage is None else coverage,
            -len(warnings) if isinstance(warnings, list) else 0,
        ),
        began=str(words.record_of(reading).get("timestamp") or ""),
    )


def _text(value: float | None, digits: int) -> str:
    """Return a number with so many digits behind the point, but never 0 for what is not zero."""
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return number(value) if value and not float(text) else text


def table_of(lines: Sequence[Line], details: Mapping[int, str]) -> list[Content]:
    """Return the table with what stands above it; `details` are the anchors, by id() of a line."""
    columns = {title: [line.cells[title] for line in lines] for title in lines[0].cells}
    for title in _ONLY_IF_SEVERAL:
        if len({*columns[title]} - {""}) < 2:
            del columns[title]
    columns["Values"] = _values(lines)
    metric, columns["Metric"] = _metrics(lines)
    shared = _shared(columns) if len(lines) > 1 else {}
    empty = [name for name, them in columns.items() if not any(them)]
    titles = [name for name in _ORDER if name in columns.keys() - shared.keys() - {*empty}]
    headers = ["Experiment", *(metric if name == "Metric" else name for name in titles)]
    numeric = {*_NUMERIC, metric} if metric != "Metric" else _NUMERIC
    places = " ".join(f"n{at}" for at, name in enumerate(headers, start=1) if name in numeric)
    table = element("table", _head(headers), class_=f"experiments {places}".strip())
    if len(lines) > _MANY:
        table.set("class", f"{table.get('class')} many")
        table.set("style", f"--columns: {_widths(['Experiment', *titles])}")
    cells = list(zip(*(columns[name] for name in titles), strict=True))
    for begin in range(0, len(lines), _ROWS_A_BODY):
        body = element("tbody")
        for line, row in zip(
            lines[begin : begin + _ROWS_A_BODY], cells[begin : begin + _ROWS_A_BODY], strict=True
        ):
            body.append(_row(line, row, details.get(id(line)), is_few=len(lines) <= FEW))
        table.append(body)
    above: list[Content] = [element("p", text) for text in _above(shared, empty, len(lines))]
    size = counted(len(lines), "experiment")
    status = element("p", size, class_="shown", role="status")
    return [*above, status, scrolling(table, "All experiments")]


def _shared(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what is the same in all rows, but for the standing, and for what nobody has."""
    same = {name: them[0] for name, them in columns.items() if len({*them}) == 1}
    return {name: text for name, text in same.items() if text and name != "Standing"}


def _widths(titles: Sequence[str]) -> str:
    """Return how wide each column is where not all rows are looked at to find it."""
    widest = {"Experiment": 18, "Why not valid": 18, "Values": 14, "Background": 14}
    return " ".join(f"{widest.get(title, 7)}rem" for title in titles)


def _above(shared: Mapping[str, str], empty: Sequence[str], count: int) -> Iterator[str]:
    if shared:
        same = "; ".join(f"{name} {text}" for name, text in shared.items())
        yield f"The same in all rows: {same}."
    without = [name for name in empty if name not in ("Run", "Why not valid")]
    if without:
        yield f"Columns without any value are left out: {'; '.join(without)}."
    if count > FEW:
        yield (
            "An experiment's name leads to its folder, with the record, the training.log and the"
            " samples in energy/."
        )


def _values(lines: Sequence[Line]) -> list[str]:
    """Return of each experiment the values in which experiments differ."""
    if len(lines) == 1:
        return [words.shown_values(lines[0].values)]
    every: dict[str, set[str]] = {}
    for line in lines:
        for name, value in line.values.items():
            every.setdefault(name, set()).add(str(value))
    counts = {name: sum(name in line.values for line in lines) for name in every}
    varied = {name for name, them in every.items() if len(them) > 1 or counts[name] < len(lines)}
    return [
        words.shown_values({name: value for name, value in line.values.items() if name in varied})
        for line in lines
    ]


def _metrics(lines: Sequence[Line]) -> tuple[str, list[str]]:
    """Return the column's title and cells: the title is the metric where all have the same."""
    names = {line.metric[0] for line in lines if line.metric}
    if len(names) == 1:
        return names.pop(), [f"{line.metric[1]:g}" if line.metric else "" for line in lines]
    both = (line.metric and f"{line.metric[0]} {line.metric[1]:g}" for line in lines)
    return "Metric", [text or "" for text in both]


def _head(titles: Sequence[str]) -> Element:
    return element("thead", element("tr", *(element("th", each, scope="col") for each in titles)))


def _row(line: Line, cells: Sequence[str], details: str | None, *, is_few: bool) -> Element:
    folder = f"{line.run.link}{quote(line.place)}/"
    place = line.run.path / line.place
    links = dict(files_of(place, "record", "log", "energy")) if is_few else {}
    where = folder + links.pop("record", "")
    name = element("a", line.id, href=where) if line.has_record else line.id
    first = element("th", name)
    more: list[Content] = [element("a", "details", href=f"#{details}")] if details else []
    more += [element("a", kind, href=folder + path) for kind, path in links.items()]
    if more:
        first.append(element("small", *(part for link in more for part in (link, " "))))
    row = element("tr", first)
    for cell in cells:
        long = len(cell) > _REASON_CHARACTERS and not is_few
        row.append(element("td", f"{cell[:_REASON_CHARACTERS]}…" if long else cell or _UNKNOWN))
    return row
