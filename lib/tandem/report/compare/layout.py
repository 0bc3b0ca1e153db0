"""Headings, texts and tables, laid out for a screen or as Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tandem.base.text import GAP, printable
from tandem.report.grid import grid, wrapped

_NARROWEST = 16  # columns that the last cell of a row gets at least
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&$])")


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Text:
    text: str
    is_apart: bool = False  # has an empty line before it


@dataclass(frozen=True)
class Table:
    """Rows of as many cells each; the first row has the titles of the columns."""

    rows: Sequence[Sequence[str]]


Block = Heading | Text | Table


def as_screen(blocks: Sequence[Block], columns: int) -> str:
    """Return the blocks as lines of at most so many columns, an empty one before what is apart."""
    lines = list[str]()
    for block in blocks:
        is_apart = isinstance(block, Heading) or (isinstance(block, Text) and block.is_apart)
        if is_apart and lines:
            lines.append("")
        if isinstance(block, Table):
            lines += table_lines(block.rows, columns)
        else:
            lines += wrapped(printable(block.text), columns)
    return "\n".join(lines)


def table_lines(rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Return rows whose columns line up; the last cell goes on below where it is too long."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)][:-1]
    before = sum(widths) + len(GAP) * len(widths)
    if before > columns:
        return grid(shown[0], [("", shown[1:])], columns)
    has_room = before <= columns - _NARROWEST
    indent = before if has_room else 2 * len(GAP)
    lines = []
    for *cells, last in shown:
        parts = textwrap.wrap(last, columns - indent, break_on_hyphens=False)
        first = parts.pop(0) if has_room and parts else ""
        lines.append(GAP.join([*map(str.ljust, cells, widths), first]).rstrip())
        lines += [" " * indent + part for part in parts]
    return lines


def as_markdown(blocks: Sequence[Block]) -> str:
    """Return the blocks as Markdown in which no cell or name has a meaning of its own."""
    return "\n\n".join(map(_markdown, blocks))


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"### {escaped(block.text)}"
    if isinstance(block, Text):
        return escaped(block.text)
    titles, *rows = block.rows
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(
        f"| {' | '.join(cell if cell == '---' else escaped(cell) for cell in line)} |"
        for line in lines
    )


def escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", printable(text))
