"""Texts that differ by their figures alone, put together: one line a kind, with its count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Figures that may be put together: shares, times, amounts. Ids, epochs and GPUs tell kinds apart.
_FIGURE = re.compile(
    r"(?<![\w.-])(-?\d+(?:\.\d+)?)(?= ?(?:%|s|J|W|MiB|MHz|°C|rounds?|times?)(?!\w))"
)
_PROCESS = re.compile(r"(?<=\S )\d+(?=$|[,;:)]| and | \()")  # of a text that names processes


@dataclass
class Kind:
    """One kind of text: `figures` are the least and the most that stood at each place."""

    count: int
    figures: list[tuple[str, str]]


@dataclass
class Kinds:
    """Texts by kind. `note` together what one record says: it counts once for each kind."""

    found: dict[str, Kind] = field(default_factory=dict)

    def note(self, *texts: str) -> None:
        for template in dict.fromkeys(map(self._note, texts)):
            self.found[template].count += 1

    def _note(self, text: str) -> str:
        """Take the figures of a text, and return its kind."""
        if "process" in text:
            text = _PROCESS.sub("…", text)
        figures = _FIGURE.findall(text)
        template = _FIGURE.sub("\0", text)
        kind = self.found.get(template)
        if kind is None:
            self.found[template] = Kind(0, [(figure, figure) for figure in figures])
            return template
        for place, figure in enumerate(figures):
            low, high = kind.figures[place]
            kind.figures[place] = min(low, figure, key=float), max(high, figure, key=float)
        return template

    def lines(self) -> list[tuple[str, int]]:
        """Return each kind as a text with its count, the most frequent first."""
        lines = [(_text(each, kind), kind.count) for each, kind in self.found.items()]
        return sorted(lines, key=lambda line: (-line[1], line[0]))


def _text(template: str, kind: Kind) -> str:
    spans = iter(kind.figures)
    return re.sub("\0", lambda _: _span(*next(spans)), template)


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
