"""The report of one and the same run, made by different processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support import ROOT
from support.big_run import write_big_run


def test_the_same_files_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    run = write_big_run(tmp_path / "a", configs=2, repeats=2, doses=(0.5, 1.0), has_ended=False)
    copy = tmp_path / "b" / run.name
    shutil.copytree(run, copy)
    pages = []
    for seed, folder in (("0", run), ("1", copy)):
        command = [sys.executable, str(ROOT / "driver.py"), "report", "-o", "-", str(folder)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"Etc/GMT-{seed}"}
        pages.append(subprocess.run(command, env=environment, capture_output=True, check=True))
    assert pages[0].stdout == pages[1].stdout
    assert len(pages[0].stdout) > 10_000 and not pages[0].stderr
