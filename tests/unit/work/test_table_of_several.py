"""summary.csv, which several workers write: who is last has all, also of who was faster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.books import FIRST, SOLO, Workers
from support.summary import rows_of
from tandem.results import table


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path / "run_1", blocks=1)
    yield made
    for folder in made.open:
        folder.close()


def test_what_ended_while_it_was_written_is_in_it(
    run: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = run.worker("a_1_r0"), run.worker("b_1_r0")
    run.end(slow, SOLO)
    real, calls = table.rewrite, list[str]()

    def rewrite(*words: Any) -> None:
        calls.append("written")
        if len(calls) == 1:  # the other one ends another experiment, and writes the table first
            run.end(fast, FIRST)
            fast.refresh()
            fast.write_table()
        real(*words)

    monkeypatch.setattr(table, "rewrite", rewrite)
    slow.write_table()
    assert [row["experiment_id"] for row in rows_of(run.path)] == [SOLO, FIRST]
    assert len(calls) == 3, "the slow one has written it twice, and then nothing was new"
