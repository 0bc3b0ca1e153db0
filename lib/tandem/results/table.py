"""summary.csv: one row an experiment, the old columns first.

A column that nothing fills is not in it (results/columns has those that always are). A row that
fills one more has the table written anew, whole, which happens a few times in a run.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from tandem.base.errors import NotReadyError
from tandem.base.files import write_whole
from tandem.results.columns import Row, cells_of, is_earlier_header, is_header, value_of


class _TornError(OSError):
    """A table has no whole header."""


def read(path: Path, columns: Sequence[str], *, or_earlier: bool = False) -> list[Row] | None:
    """Return the values of read_cells(); hyperparameters stay text, as they were written."""
    found = read_cells(path, columns, or_earlier=or_earlier)
    if found is None:
        return None
    try:
        return [{name: value_of(name, row[name]) for name in columns} for row in found]
    except ValueError:
        return None


def read_cells(
    path: Path, columns: Sequence[str], *, or_earlier: bool = False
) -> list[dict[str, str]] | None:
    """Return the whole rows of a table; None: it is no table with these columns, or not there.

    The cells of columns that it lacks are empty. `or_earlier`: it may be of the last version. What
    a killed run left torn at its end is not a row. OSError: it cannot be read.
    """
    lines = _lines(path)
    header, rows = lines[0] if lines else [], lines[1:]
    is_ours = is_header(header, columns) or (or_earlier and is_earlier_header(header, columns))
    if not header or not is_ours or any(len(row) != len(header) for row in rows):
        return None
    empty = dict.fromkeys(columns, "")
    return [{**empty, **dict(zip(header, row, strict=True))} for row in rows]


def header_of(path: Path) -> list[str]:
    """Return the columns that a table has; [] where there is none. OSError: it cannot be read."""
    return next(iter(_lines(path)), [])


def _lines(path: Path) -> list[list[str]]:
    try:
        with open(path, "rb") as stream:
            size_bytes = _whole_rows_bytes(stream.fileno())
            stream.seek(0)
            text = stream.read(size_bytes).decode()
        return list(csv.reader(io.StringIO(text, newline="")))
    except (FileNotFoundError, _TornError, ValueError, csv.Error):
        return []


def rewrite(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write the table anew, whole."""
    lines = [_line(columns), *(_line(cells_of(row, columns)) for row in rows)]
    try:
        write_whole(str(path), b"".join(lines))
    except OSError as error:
        raise _not_added(path, error) from error


def append_row(path: Path, columns: Sequence[str], values: Row) -> None:
    """Add one row, and have it on the disk on return.

    A row that a killed run left torn at the end is cut off first. If this row cannot be written
    whole, the table is cut back to what it was, so that earlier rows stay whole.

    Raises NotReadyError when the row could not be added, ValueError for a value without a column.
    """
    if stray := without_column(values, columns):
        raise ValueError(f"values without a column: {', '.join(sorted(stray))}")
    line = _line(cells_of(values, columns))
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError as error:
        raise _not_added(path, error) from error
    try:
        _append_whole(descriptor, line)
    except OSError as error:
        raise _not_added(path, error) from error
    finally:
        os.close(descriptor)


def without_column(values: Row, columns: Sequence[str]) -> set[str]:
    """Return the columns that a row would fill and that are not among these."""
    return {name for name, value in values.items() if value is not None}.difference(columns)


def _append_whole(descriptor: int, line: bytes) -> None:
    whole_bytes = _whole_rows_bytes(descriptor)
    if whole_bytes != os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, whole_bytes)
    try:
        written_bytes = os.write(descriptor, line)
        if written_bytes != len(line):
            raise OSError(None, f"only {written_bytes} of {len(line)} bytes fitted on the disk")
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, whole_bytes)
        raise


def _whole_rows_bytes(descriptor: int) -> int:
    """Where the last whole row ends: a newline inside quotes does not end one."""
    with open(descriptor, "rb", closefd=False) as stream:
        stream.seek(0)
        position = end = quotes = 0
        for line in stream:
            position += len(line)
            quotes += line.count(b'"')
            if line.endswith(b"\n") and quotes % 2 == 0:
                end = position
    if end == 0:
        raise _TornError(None, "its header is missing or torn")
    return end


def _not_added(path: Path, error: OSError) -> NotReadyError:
    return NotReadyError(
        f"{path}: the row could not be added: {error.strerror} "
        "(see to the disk; earlier rows are whole, and experiment.json has what this row says)"
    )


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    # With this terminator the writer quotes a lone \r too, which a reader would take for an end.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return (text.getvalue().removesuffix("\r\n") + "\n").encode("utf-8", "backslashreplace")
