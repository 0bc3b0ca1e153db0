"""The fault tests of the main job once more, with all trainings as clients of MPS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults.test_killed import *  # noqa: F403
from faults.test_stopping import *  # noqa: F403
from mps.use import Mps
from simgpu import SimGpu
from support.stage import Stage
from support.under_mps import folders, programs

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture
def stage(stage: Stage, gpu: SimGpu) -> Iterator[Stage]:
    """The stage of these tests under MPS; nothing of MPS may be left at the end of any."""
    with Mps(gpu) as mps:
        stage.more_environment = mps.environment()
        stage.more_settings = {"sharing": "mps"}
        yield stage
        was_killed = any(process.returncode == -9 for process in stage.started)
        assert programs() == {} or was_killed
        assert folders() == [] or was_killed
