"""The examples on a machine that somebody else keeps busy: they count, and say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT

DEADLINE_S = 560.0  # a hang guard, not a figure
OTHERS = "others used "


@pytest.fixture
def two_loops() -> Iterator[None]:
    """Two processes of somebody else that never rest."""
    loops = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(2)]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("two_loops")
@pytest.mark.parametrize("name", ["single", "parallel"])
def test_an_example_beside_two_busy_loops_is_valid(tmp_path: Path, name: str) -> None:
    command = [sys.executable, ROOT / "driver.py", "run", ROOT / "examples" / f"{name}.json"]
    done = subprocess.run(
        [*map(str, command), "--results", str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.glob("run_*/*/experiment.json")]
    assert records
    for record in records:
        others = record["windows"][0]["machine"]["others_cpu_percent"]
        warned = [text for text in record["warnings"] if text.startswith(OTHERS)]
        assert record["valid"]
        assert others > 0.2 * 100 * min(2 / (os.cpu_count() or 1), 1)
        assert len(warned) == int(others > 10)
