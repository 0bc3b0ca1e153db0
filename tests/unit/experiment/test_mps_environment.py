"""Under MPS a bare context is no client: not of another user's daemon either."""

from __future__ import annotations

from pathlib import Path

from tandem.experiment.mps import Mps
from tandem.machine.mps.folder import MpsFolder


def test_a_bare_context_meets_nobodys_daemon_and_sees_the_daemons_gpus(tmp_path: Path) -> None:
    theirs = {"CUDA_MPS_PIPE_DIRECTORY": "/theirs", "CUDA_VISIBLE_DEVICES": "0,1", "HOME": "/h"}
    mps = Mps(MpsFolder(tmp_path), tmp_path / "results", "GPU-2", theirs)
    found = mps.context_environment
    assert Path(found["CUDA_MPS_PIPE_DIRECTORY"]).parent == tmp_path
    assert (found["CUDA_VISIBLE_DEVICES"], found["HOME"]) == ("GPU-2", "/h")
