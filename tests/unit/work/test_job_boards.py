"""Which boards the numbers mean that Slurm puts into CUDA_VISIBLE_DEVICES."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import pytest
from tandem.base.errors import LockedError, NotReadyError
from tandem.machine.gpu_locks import gpu_locks
from tandem.nvml.binding import GPU_IS_LOST, LIBRARY_NOT_FOUND, NO_PERMISSION, NvmlError
from tandem.nvml.devices import Board, Device
from tandem.work.slurm import boards as module
from tandem.work.slurm import inside
from tandem.work.slurm.boards import name_boards
from tandem.work.slurm.questions import Answers

HELD = [NvmlError("GPU 0: Insufficient Permissions", code=NO_PERMISSION)]
LOST = [NvmlError("GPU 0: GPU is lost", code=GPU_IS_LOST)]


def board(index: int, migs: int = 0) -> Board:
    """Return the board of this place in NVML's list; its UUID is GPU-a for 0, GPU-b for 1 ..."""
    uuid = f"GPU-{'abcdefgh'[index]}"
    devices = [Device(index, f"MIG-{uuid}/{mig}", "", mig, None, None) for mig in range(migs)]
    whole = (Device(index, uuid, "", None, None, None),)
    return Board(index, uuid, "A100", tuple(devices) or whole, None)


def named(
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    have: Sequence[Board],
    problems: Sequence[NvmlError] = (),
) -> str:
    """Return what becomes of CUDA_VISIBLE_DEVICES where NVML shows these boards."""

    def boards(found: list[NvmlError]) -> list[Board]:
        found += problems
        return list(have)

    monkeypatch.setattr(module, "opened", nullcontext)
    monkeypatch.setattr(module, "boards", boards)
    environment = {"CUDA_VISIBLE_DEVICES": given}
    name_boards(environment, lambda _text: None)
    return environment["CUDA_VISIBLE_DEVICES"]


ALL = [board(0), board(1), board(2), board(3)]


@pytest.mark.parametrize(
    ("given", "have", "problems", "uuids"),
    [
        pytest.param("2", ALL, [], "GPU-c", id="absolute: NVML shows the whole node"),
        pytest.param("3,1", ALL, [], "GPU-d,GPU-b", id="in the order that was given"),
        pytest.param("0", [board(0)], [], "GPU-a", id="relative: NVML shows the job's alone"),
        pytest.param("0", [board(2)], HELD, "GPU-c", id="relative, and others are forbidden"),
        pytest.param("1", [board(1), board(3)], HELD, "GPU-d", id="the second of the job's"),
        pytest.param("3", [board(2), board(3)], HELD, "GPU-d", id="absolute, others forbidden"),
        pytest.param("2", [board(0)], [], "GPU-a", id="absolute, NVML shows the job's alone"),
        pytest.param("2,3", [board(0), board(1)], [], "GPU-a,GPU-b", id="the same of two"),
        pytest.param("1", [board(1), board(2)], LOST, "GPU-b", id="another board is lost"),
        pytest.param("0", [board(0, migs=2)], [], "MIG-GPU-a/0,MIG-GPU-a/1", id="MIG"),
        pytest.param("GPU-b", ALL, [], "GPU-b", id="a UUID stays"),
        pytest.param("MIG-x", ALL, [], "MIG-x", id="a MIG device stays"),
        pytest.param("", ALL, [], "", id="none stays none"),
        pytest.param("NoDevFiles", ALL, [], "NoDevFiles", id="so does Slurm's word for it"),
        pytest.param("1,-1,0", ALL, [], "GPU-b", id="what CUDA hides stays hidden"),
    ],
)
def test_numbers_become_uuids(
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    have: list[Board],
    problems: list[NvmlError],
    uuids: str,
) -> None:
    assert named(monkeypatch, given, have, problems) == uuids


@pytest.mark.parametrize(
    ("given", "have", "problems"),
    [
        ("0,1", [board(0)], []),  # two were given, one is there
        ("5", [board(0), board(1)], []),  # which of the two?
        ("0", [], []),
        ("0", [board(1)], LOST),  # another board than the one that Slurm gave
    ],
)
def test_a_number_that_can_mean_no_board_ends_it(
    monkeypatch: pytest.MonkeyPatch, given: str, have: list[Board], problems: list[NvmlError]
) -> None:
    with pytest.raises(NotReadyError, match=f'CUDA_VISIBLE_DEVICES is "{given}" in this job') as no:
        named(monkeypatch, given, have, problems)
    assert "\n" not in str(no.value)


def test_without_nvml_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise NvmlError("NVML: NVML Shared Library Not Found", code=LIBRARY_NOT_FOUND)

    monkeypatch.setattr(module, "opened", no_driver)
    environment, said = {"CUDA_VISIBLE_DEVICES": "0"}, list[str]()
    name_boards(environment, said.append)
    assert environment == {"CUDA_VISIBLE_DEVICES": "0"}
    assert said == [
        'warning: which board CUDA_VISIBLE_DEVICES "0" means is not known:'
        " NVML: NVML Shared Library Not Found"
    ]


@pytest.mark.parametrize(
    ("gres", "has_boards", "visible", "words"),
    [
        ("gpu:4", True, "", ["this job has no GPU: its trainings see none"]),
        ("(null)", False, "", []),  # a node without any
        ("(null)", True, None, []),  # boards that Slurm knows nothing of
    ],
)
def test_a_job_without_a_gpu_uses_none_of_those_that_slurm_gives(
    monkeypatch: pytest.MonkeyPatch,
    gres: str,
    has_boards: bool,
    visible: str | None,
    words: list[str],
) -> None:
    monkeypatch.setattr(inside, "has_boards", lambda: has_boards)
    environment, said = dict[str, str](), list[str]()
    inside.hide_boards(environment, Answers(node={"Gres": gres}), said.append)
    assert environment.get("CUDA_VISIBLE_DEVICES") == visible
    assert [text[: len(word)] for text, word in zip(said, words, strict=True)] == words


def test_two_jobs_without_a_gpu_share_no_cpu_and_so_no_lock() -> None:
    with gpu_locks(set(), "cpus-12"):
        with gpu_locks(set(), "cpus-13") as locks:
            assert locks.removed() == []
        with pytest.raises(LockedError), gpu_locks(set(), "cpus-12"):
            pass
