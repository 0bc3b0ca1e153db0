"""A real Slurm of two nodes, started once for all tests of one process; idle for each of them.

`slurm` holds its jobs in cgroups where it can, `slurm_of_parents` finds their processes by parents.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from simgpu import SimGpu
from support.slurm import NODES, Slurm, slurm_started

HERE = Path(__file__).parent
KILL_WAIT = "KillWait=12"  # s; Slurm's own are 30, for which no test need wait


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all of this folder out of `make test`."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("soak") is None:
            item.add_marker("long")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    with slurm_started(KILL_WAIT) as started:
        yield started


@pytest.fixture(scope="session")
def cluster_of_parents() -> Iterator[Slurm]:
    with slurm_started(KILL_WAIT, "ProctrackType=proctrack/linuxproc") as started:
        yield started


@pytest.fixture
def slurm(cluster: Slurm, boards: dict[str, SimGpu]) -> Iterator[Slurm]:
    yield from idle_for_a_test(cluster, boards)


@pytest.fixture
def slurm_of_parents(cluster_of_parents: Slurm, boards: dict[str, SimGpu]) -> Iterator[Slurm]:
    yield from idle_for_a_test(cluster_of_parents, boards)


def idle_for_a_test(cluster: Slurm, boards: dict[str, SimGpu]) -> Iterator[Slurm]:
    """Give a test the cluster with an environment and boards of this test; leave no job of it."""
    fresh = Slurm(cluster.folder)
    fresh.put_boards(boards)
    yield fresh
    fresh.clear()


@pytest.fixture
def boards(tmp_path: Path, simgpu_library: Path) -> dict[str, SimGpu]:
    """Two simulated machines with a GPU each, by the names of the nodes; they never cool down."""
    made = {node: SimGpu(tmp_path / f"{node}.state", simgpu_library) for node in NODES}
    for number, gpu in enumerate(made.values(), start=1):
        gpu.set(uuid=f"GPU-5150000{number}-0000-4000-8000-000000000000", c_per_w=0.0)
    return made
