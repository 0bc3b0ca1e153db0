"""A run that another machine works on, where the shared folder has no lock that says so."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import plans
from support.states import state
from tandem.base.errors import LockedError
from tandem.plan.file import write_plan
from tandem.results.folder import RunFolder
from tandem.results.owner import Owner, this_process
from tandem.results.shared.other_machine import at_work_elsewhere
from tandem.results.state import StateFile

FAR = replace(this_process(), host="lab7", boot_id="another", pid=4711)


def a_run(folder: Path, owner: Owner, age_s: float = 3.0, **facts: Any) -> Path:
    file = StateFile(folder)
    file.write(state(owner=owner, **facts))
    when_s = time.time() - age_s
    os.utime(file.file, (when_s, when_s))
    return folder


def test_another_machine_is_named(tmp_path: Path) -> None:
    who = at_work_elsewhere(a_run(tmp_path, FAR))
    assert who == "process 4711 on lab7, whose state.json is 3 s old"


@pytest.mark.parametrize(
    ("owner", "age_s", "status"),
    [
        (FAR, 61.0, "running"),  # it has died
        (FAR, 3.0, "ended"),
        (FAR, 3.0, "stopped"),
        (replace(this_process(), pid=4194305), 3.0, "running"),  # its lock would tell
        (replace(FAR, host=os.uname().nodename), 1e9, "running"),  # before this machine started
    ],
)
def test_nobody(tmp_path: Path, owner: Owner, age_s: float, status: str) -> None:
    assert at_work_elsewhere(a_run(tmp_path, owner, age_s, status=status)) is None
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_run_without_a_state(tmp_path: Path) -> None:
    assert at_work_elsewhere(tmp_path) is None


def test_its_folder_is_refused_until_that_has_ended(tmp_path: Path) -> None:
    plan = plans.design()
    write_plan(plan, tmp_path)
    with pytest.raises(LockedError, match=r"4711 on lab7.*--wait-lock") as caught:
        RunFolder(a_run(tmp_path, FAR), plan, print)
    assert caught.value.exit_code == 75
    assert not (tmp_path / "summary.csv").exists()
    RunFolder(a_run(tmp_path, FAR, 61.0), plan, print).close()
