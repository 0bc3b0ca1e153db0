"""Whether the trainings ran on the boards that were measured."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.results.record import Record


def reasons(record: Record) -> Iterator[str]:
    yield from ()


def warnings(record: Record) -> Iterator[str]:
    yield from ()
