"""The fault tests of the main job once more, with all trainings as clients of MPS."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest
from faults.test_killed import *  # noqa: F403
from faults.test_stopping import *  # noqa: F403
from mps.use import Mps
from simgpu import SimGpu
from support.stage import Stage, wait_for
from support.under_mps import folders, programs

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture
def stage(stage: Stage, gpu: SimGpu) -> Iterator[Stage]:
    """The stage of these tests under MPS; of MPS nothing is left at the end of any.

    A folder may be, where the driver was killed: the next start would remove it.
    """
    with Mps(gpu) as mps:
        stage.more_environment = mps.environment()
        stage.more_settings = {"sharing": "mps"}
        yield stage
        killed = [each for each in stage.started if each.poll() == -signal.SIGKILL]
        wait_for("MPS has ended", lambda: not programs())
        left = folders()
        for folder in left:
            shutil.rmtree(folder)
        assert not left or killed
