"""A table as lines of CSV or JSON, row by row; files of both."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from tandem.base.cells import cell
from tandem.base.errors import NotReadyError, UsageError
from tandem.base.files import whole_file, write_whole
from tandem.results.tables.table import Column, Row, Value

CSV, JSON = "csv", "json"
_LINES_AT_ONCE = 500


def blocks(form: str, columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """Yield the text of a table: some lines at once, without the newline of the last."""
    lines = as_csv(columns, rows) if form == CSV else as_json(rows)
    while some := list(islice(lines, _LINES_AT_ONCE)):
        yield "\n".join(some)


def as_csv(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """Yield the header and each row; None is an empty cell."""
    names = [column.name for column in columns]
    yield _line(names)
    for row in rows:
        yield _line([row[name] for name in names])


def _line(values: Iterable[Value]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(map(cell, values))
    return text.getvalue()


def as_json(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a list of objects, each on a line; None is null."""
    yield "["
    before = None
    for row in rows:
        if before is not None:
            yield f"{before},"
        before = json.dumps(row, ensure_ascii=False, allow_nan=False)
    if before is not None:
        yield before
    yield "]"


def schema_file(file: Path) -> Path:
    """Return where the schema of a table in a file stands."""
    return file.with_suffix(".schema.json")


def write(file: Path, text: Iterable[str], schema: str) -> None:
    """Write a table, whole or not at all, and its schema beside it.

    UsageError: that is no place for a file. NotReadyError: the disk is full, or the like.
    """
    if file.exists() and not file.is_file():
        raise UsageError(f"{file}: no regular file (leave out -o, and redirect the output)")
    try:
        with whole_file(str(file)) as stream:
            for block in text:
                stream.write(f"{block}\n".encode(errors="backslashreplace"))
        write_whole(str(schema_file(file)), f"{schema}\n".encode(errors="backslashreplace"))
    except OSError as error:
        raise NotReadyError(f"{file}: cannot be written: {error.strerror}") from None
