"""Shared by all Python tests: the project's library on the path, the keeper, the stage, the GPU."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests"), str(ROOT / "tests" / "simgpu")]

from hypothesis import HealthCheck, settings  # noqa: E402
from simgpu import SimGpu, build  # noqa: E402
from support.gitbox import plain_git  # noqa: E402, F401
from support.kept import pytest_cmdline_main  # noqa: E402, F401
from support.stage import Stage  # noqa: E402

# How long an example takes is no matter: the machine may be busy. A test that wants fewer examples
# than others takes a part of the profile's, so that make soak has more of these too.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", patient, max_examples=100)
settings.register_profile("soak", patient, max_examples=2000)
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def own_realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test meet the locks or the processes of anybody else's run, nor a job of Slurm."""
    monkeypatch.setenv("TANDEM_LOCKS", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage for rude trainings, cleared afterwards whatever happened."""
    made = Stage(tmp_path)
    yield made
    made.clean_up()


@pytest.fixture(scope="session")
def simgpu_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the simulated NVML, compiled once."""
    if shutil.which("cc") is None:
        pytest.skip("the simulated GPU needs a C compiler (cc)")
    return build(tmp_path_factory.getbasetemp())


@pytest.fixture
def gpu(tmp_path: Path, simgpu_library: Path) -> Iterator[SimGpu]:
    """A simulated GPU; what a test starts on it is ended with the test."""
    with SimGpu(tmp_path / "gpu.state", simgpu_library) as made:
        yield made


@pytest.fixture
def two_gpus(tmp_path: Path, simgpu_library: Path) -> Iterator[SimGpu]:
    """A machine with two GPUs."""
    with SimGpu(tmp_path / "two.state", simgpu_library, devices=2) as made:
        yield made


@pytest.fixture
def on_gpu(stage: Stage, gpu: SimGpu) -> None:
    """Make the simulated GPU that of the stage."""
    stage.more_environment = gpu.environment({})
