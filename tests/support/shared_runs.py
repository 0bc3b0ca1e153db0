"""Workers of a run that several drain, as their files show them: for tests of whoever looks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tandem.results.owner import this_process
from tandem.results.state import OwnBoard, State, StateFile

from support.states import CURRENT, OWNER, state

HERE = os.uname().nodename


def worker_state(host: str = "n1", *, age_s: float = 0.0, board: int = 0, **facts: Any) -> State:
    """Return the state of a worker: on this host it is this process, elsewhere anybody."""
    own = this_process() if host == HERE else replace(OWNER, host=host, boot_id=f"boot of {host}")
    written = (datetime.now(timezone.utc) - timedelta(seconds=age_s)).isoformat()
    boards = (OwnBoard(board, f"GPU-{host}-{board}", "NVIDIA A100"),)
    return state(**{"owner": own, "written": written, "boards": boards, **facts})


def write_worker(
    run: Path, name: str, *events: Mapping[str, Any], has_state: bool = True, **facts: Any
) -> Path:
    """Write the folder of a worker, HOST_ID_rN, with what its journal says; return it."""
    folder = run / "workers" / name
    folder.mkdir(parents=True)
    host = name.rsplit("_", 2)[0]
    first = {"event": "run_started", "utc": "2026-01-31T11:00:00.000+00:00", "host": host}
    lines = [{**event, "worker": name} for event in (first, *events)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "journal.jsonl").write_text(text, encoding="utf-8")
    if has_state:
        StateFile(folder).write(worker_state(host, **facts))
    return folder


def commit_try(worker: Path, name: str, record: str = "{}") -> None:
    """Have a try of a worker stand for an experiment of its run."""
    (worker / name).mkdir()
    (worker / name / "experiment.json").write_text(record, encoding="utf-8")
    (worker.parent.parent / name).symlink_to(f"workers/{worker.name}/{name}")


def at(name: str, **facts: Any) -> dict[str, Any]:
    """Return what a state says of a worker that trains an experiment."""
    return {"experiment": replace(CURRENT, id=name), "epoch": 3, "epochs": 45, **facts}
