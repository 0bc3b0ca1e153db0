"""A table that fits a screen: long cells go on below, and a narrow screen gets a block a row."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from itertools import chain, zip_longest

from tandem.base.text import GAP, SCREEN_COLUMNS

NARROW, WIDE = 60, 160
_LEAST = 10  # characters that a column keeps

Line = tuple[str, str]  # a title, and what is to be said


def screen_columns() -> int:
    """Return how wide a text for people may be: the terminal's width within sensible bounds."""
    return max(20, min(WIDE, shutil.get_terminal_size((SCREEN_COLUMNS, 24)).columns))


def grid(
    titles: Sequence[str], sections: Sequence[tuple[str, Sequence[Sequence[str]]]], columns: int
) -> list[str]:
    """Return the titles, and each section's heading and rows, as lines of at most `columns`.

    A column without any cell is left out, but for the first one. All texts must be printable.
    """
    rows = [row for _, rows in sections for row in rows]
    used = [at for at in range(len(titles)) if at == 0 or any(row[at] for row in rows)]
    table = [[row[at] for at in used] for row in (titles, *rows)]
    blocks = iter(_blocks(table, columns) if columns < NARROW else _aligned(table, columns))
    lines = next(blocks)
    for heading, members in sections:
        lines += fold(heading, columns) if heading else []
        lines += [line for _ in members for line in next(blocks)]
    return lines


def labelled(lines: Sequence[Line], columns: int) -> list[str]:
    """Return titles with their texts beside them, on a narrow screen below them."""
    if columns < NARROW:
        pairs = ((title, fold(text, columns - 4)) for title, text in lines)
        return [
            line
            for title, texts in pairs
            for line in (*wrapped(f"  {title}", columns, "    "), *(f"    {t}" for t in texts))
        ]
    width = min(max(len(title) for title, _ in lines), columns * 2 // 5)
    blocks = []
    for title, text in lines:
        titles, texts = fold(title, width), fold(text, columns - width - 4)
        both = zip_longest(titles, texts, fillvalue="")
        blocks += [f"  {left:{width}}{GAP}{right}".rstrip() for left, right in both]
    return blocks


def wrapped(text: str, columns: int, indent: str = "  ") -> list[str]:
    """Return a text as lines of at most `columns` characters, all but the first indented."""
    return textwrap.wrap(text, columns, subsequent_indent=indent, break_on_hyphens=False)


def fold(text: str, columns: int) -> list[str]:
    """Return a text as lines; a word that is too long is broken behind a sign, if it has any."""
    is_long = any(len(word) > columns for word in text.split())
    return _Breaking(columns).wrap(text) if is_long else wrapped(text, columns, indent="")


class _Breaking(textwrap.TextWrapper):
    wordsep_re = re.compile(r"(\s+|(?<=[_/=.-])(?=\w))")


def _blocks(table: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
    """Return no line of titles, and for each row its cells below each other."""
    titles, *rows = table
    blocks: list[list[str]] = [[]]
    for row in rows:
        block = [f"  {line}" for line in wrapped(row[0], columns - 2)]
        for title, cell in zip(titles[1:], row[1:], strict=True):
            lines = wrapped(f"{title} {cell}", columns - 4) if cell else []
            block += [f"    {line}" for line in lines]
        blocks.append(block)
    return blocks


def _aligned(table: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
    """Return the lines of each row, all columns as wide as they are in all rows."""
    widest = _fitted([max(map(len, column)) for column in zip(*table, strict=True)], columns - 2)
    folded = [[fold(*cell) or [""] for cell in zip(row, widest, strict=True)] for row in table]
    widths = [max(map(len, chain(*column))) for column in zip(*folded, strict=True)]
    blocks = []
    for cells in folded:
        lines = zip_longest(*cells, fillvalue="")
        texts = (GAP.join(map(str.ljust, line, widths)).rstrip() for line in lines)
        blocks.append([f"  {text}".rstrip() for text in texts])
    return blocks


def _fitted(widths: list[int], columns: int) -> list[int]:
    """Return the widths, the widest ones made narrower until all fit, but none below the least."""
    widths = list(widths)
    while sum(widths) + len(GAP) * (len(widths) - 1) > columns and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths
