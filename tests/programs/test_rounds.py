"""rounds.tsv, as the loop and the program that folds it leave it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tandem.background.folding import fold
from tandem.background.rounds import lines, read_rounds
from tandem.base.paths import BGRUN, ROOT

PROGRAM = [sys.executable, "-S", "-E", str(ROOT / "lib" / "fold_rounds.py")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Fifty rounds that ended well, one by one."""
    path = tmp_path / "rounds.tsv"
    path.write_text(
        "".join(
            f"start\t{n}\t{2 * n}.000\nend\t{n}\t{2 * n + 1}.000\t0\tended\n" for n in range(1, 51)
        )
    )
    return path


@pytest.mark.parametrize("last", ["end\t2\t8.000\t0\tended\n", "end\t2\t8"])
def test_a_loop_that_is_started_again_goes_on(tmp_path: Path, last: str) -> None:
    """Also after a power cut, which tears the last line: nothing before it is lost."""
    logs = tmp_path / "logs"
    logs.mkdir()
    before = "start\t1\t5.000\nend\t1\t6.000\t0\tended\nstart\t2\t7.000\n"
    (logs / "rounds.tsv").write_text(before + last)
    # The training tells the parent of its keeper, which is the loop, to stop.
    training = 'read -r _ _ _ loop _ </proc/$PPID/stat; kill -TERM "$loop"; sleep 1000'
    command = [str(BGRUN), "--logs", str(logs), "--no-namespace", "--", "bash", "-c", training]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.returncode == 143, done.stderr
    assert list(logs.glob("run_[23].log"))
    found = read_rounds(logs / "rounds.tsv")
    assert found[0].completed == 1
    assert found[-1].stopped == 1


def test_the_program_folds_a_file(file: Path) -> None:
    history = read_rounds(file)
    assert len(history) == 50
    done = subprocess.run([*PROGRAM, file, "5"], check=False, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert file.read_text() == "".join(map(lines, fold(history, 5)))
    assert file.read_text().count("folded\t") == 3
    assert [path.name for path in file.parent.iterdir()] == ["rounds.tsv"]


def test_the_program_on_a_full_disk(file: Path) -> None:
    before = file.read_text()
    full = ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", *PROGRAM, str(file), "5"]
    done = subprocess.run(full, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == ["rounds.tsv"]
    assert "Traceback" not in done.stderr
