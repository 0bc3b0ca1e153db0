"""Whether the process that works in a folder is still there: by pid here, by age elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tandem.results import owner as module
from tandem.results.owner import Owner, is_there, liveness, this_process

OTHER_BOOT = replace(this_process(), boot_id="another")
OTHER_NAMESPACE = replace(this_process(), pid_namespace="pid:[1]")


def test_this_process_is_there_and_its_predecessor_is_not() -> None:
    mine = this_process()
    assert is_there(mine)
    assert liveness(mine, age_s=1e9) == "running"
    earlier = replace(mine, started_ticks=mine.started_ticks - 1)
    assert is_there(earlier) is False
    assert liveness(earlier, age_s=0) == "not running"


@pytest.mark.parametrize("owner", [OTHER_BOOT, OTHER_NAMESPACE])
def test_elsewhere_the_age_of_the_state_decides(owner: Owner) -> None:
    assert is_there(owner) is None
    assert liveness(owner, age_s=59) == "running"
    assert liveness(owner, age_s=61) == "unknown"


def test_a_run_from_before_the_machine_started_again_is_not_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "boottime_s", lambda: 20.0)
    assert liveness(OTHER_BOOT, age_s=30) == "not running"
    assert liveness(OTHER_BOOT, age_s=10) == "running"  # then it is another machine of that name
    there = replace(OTHER_BOOT, host="far")
    assert liveness(there, age_s=30) == "running"
    assert liveness(there, age_s=90) == "unknown"


def test_whose_processes_cannot_be_seen_is_judged_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = this_process()
    monkeypatch.setattr(module, "stat", lambda _pid: [])
    assert liveness(mine, age_s=1) == "running"
    assert liveness(mine, age_s=61) == "unknown"
