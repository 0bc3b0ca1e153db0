"""Which boards Slurm gave a job: the numbers in CUDA_VISIBLE_DEVICES as UUIDs.

Where Slurm holds jobs to their devices (ConstrainDevices), its numbers count the job's boards, and
NVML shows no others; elsewhere they count all boards of the node. A UUID means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence

from tandem.base.errors import NotReadyError
from tandem.base.variables import VISIBLE
from tandem.nvml.binding import NO_PERMISSION, NvmlError, opened
from tandem.nvml.devices import Board, boards
from tandem.nvml.presence import has_gpu, words_of


def name_boards(environment: MutableMapping[str, str], say: Callable[[str], None]) -> None:
    """Put UUIDs in the place of numbers, so that all that follows means the same boards.

    NotReadyError: NVML shows other boards than the numbers can mean. Where NVML does not answer,
    nothing is changed.
    """
    given = environment.get(VISIBLE, "")
    if not any(word.isdecimal() for word in words_of(given)):
        return
    problems: list[NvmlError] = []
    try:
        with opened():
            have = boards(problems)
    except NvmlError as error:
        say(f'warning: which board {VISIBLE} "{given}" means is not known: {error}')
        return
    found = _meant(words_of(given), have, problems)
    environment[VISIBLE] = ",".join(uuid for board in found for uuid in _uuids(board))
    names = ", ".join(f"{board.name}, {board.uuid}" for board in found)
    say(f'{VISIBLE} "{given}" of this job is {names}')


def has_boards() -> bool:
    """Whether this machine has boards, as far as NVML answers."""
    try:
        with opened():
            return bool(boards())
    except NvmlError as error:
        return has_gpu(error)


def _meant(
    words: Sequence[str], have: Sequence[Board], problems: Sequence[NvmlError]
) -> list[Board]:
    """Return the boards that words mean, of those that NVML shows."""
    by_uuid = {board.uuid: board for board in have}
    of_job, of_node = dict(enumerate(have)), {board.index: board for board in have}
    is_held = any(problem.code == NO_PERMISSION for problem in problems)
    for numbered in (of_job, of_node) if is_held else (of_node,):
        known = {**by_uuid, **{str(number): board for number, board in numbered.items()}}
        if all(word in known for word in words):
            return [known[word] for word in words]
    is_whole = all(problem.code == NO_PERMISSION for problem in problems)
    if is_whole and len(words) == len(have) and all(map(str.isdecimal, words)):
        return list(have)  # NVML shows the job's boards, and the numbers are the node's
    there = ", ".join(f"{board.index} ({board.uuid})" for board in have) or "none"
    more = "".join(f"; {problem}" for problem in problems)
    raise NotReadyError(
        f'{VISIBLE} is "{",".join(words)}" in this job, and NVML shows other boards here:'
        f" {there}{more} (ask the administrator how this node's GPUs are set up)"
    )


def _uuids(board: Board) -> list[str]:
    """Return what CUDA takes for a board: in MIG mode its MIG devices."""
    return [device.uuid for device in board.devices] or [board.uuid]
