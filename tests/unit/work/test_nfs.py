"""The commit on a file server whose answers are lost or wrong: one try stands, and none is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import nfs
from support.books import FIRST, GROUP, SECOND, SOLO


@pytest.fixture(scope="module")
def came_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what came of all cases: what each worker says, and which faults there were."""
    if shutil.which("cc") is None:
        pytest.skip("the faults of a file server need a C compiler (cc)")
    folder = tmp_path_factory.mktemp("nfs")
    (folder / "rules").write_text(nfs.rules(), encoding="utf-8")
    faults = {"LD_PRELOAD": str(nfs.library(folder)), "NFS_LOG": str(folder / "log")}
    faults["NFS_RULES"] = str(folder / "rules")
    first = said(folder, "first", faults)
    second = said(folder, "second", {})
    log = (folder / "log").read_text()
    return {
        case: {
            "first": first[case],
            **second[case],
            "faults": log.count(f"/{nfs.folder_of(case)}/"),
        }
        for case in nfs.CASES
    }


def said(folder: Path, what: str, environment: dict[str, str]) -> Any:
    words = [sys.executable, nfs.__file__, str(folder), what]
    done = subprocess.run(
        words, check=False, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", nfs.CASES)
def test_each_experiment_is_recorded_once(came_of: Any, case: str) -> None:
    found = came_of[case]
    assert found["faults"] >= 1
    by_whom = {name: "b_1_r0" if name in found["missing"] else "a_1_r0" for name in GROUP}
    assert found["records"] == by_whom
    assert found["lost"] == 0, "nobody took its own try for another's"
    assert list(found["rows"]) == list(GROUP)
    assert all(found["rows"][name] for name in GROUP[1:])
    assert not set(found["first"]) & set(found["missing"]), "what had ended is not run again"
    if case.endswith("once") and "journal" not in case:
        assert found["first"] == [SOLO, FIRST]
        assert found["missing"] == [SECOND]
        assert found["tries"] == dict.fromkeys(GROUP, 1)
