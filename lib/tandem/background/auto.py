"""A size that is to be found: the largest of a background's sizes that fits into the GPU's memory.

Each is started as the loop will run it. One whose round fails because the memory is full, or that
leaves too little for the foreground, is stopped, put aside and followed by the next smaller one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.base.logs import open_log

if TYPE_CHECKING:
    from tandem.background.loop import Load
    from tandem.processes.scripts import Watch

# As CUDA, PyTorch, TensorFlow, JAX and PaddlePaddle say it.
_MESSAGES = re.compile(
    rb"^(?!.*warning).*(out of memory|resource_?exhausted|cuda_error_out_of_memory"
    rb"|cudaErrorMemoryAllocation)",
    re.IGNORECASE | re.MULTILINE,
)
_TAIL_BYTES = 256 * 1024  # behind the message there may be a long traceback


class LoadNotReady(Exception):
    """The background never became ready; the message says why, `lines` are its log's last."""

    def __init__(self, reason: str, lines: list[str]) -> None:
        super().__init__(reason)
        self.lines = lines


class MemoryFull(LoadNotReady):
    """The GPU's memory is too small for this size, and the foreground beside it."""


def says_memory_is_full(log: Path) -> bool:
    """Tell whether the end of a log has one of the usual messages."""
    try:
        with open_log(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return bool(_MESSAGES.search(file.read()))
    except OSError:
        return False


def choose(
    load: Load,
    watch: Watch,
    tick: Callable[[], None],
    say: Callable[[str], None],
    crowding: Callable[[], str],
) -> None:
    """Have the largest size running and ready; LoadNotReady: none fits, or one fails otherwise.

    `crowding` says why the foreground will not fit beside what is held now, "" if it will. The
    smallest size is taken all the same, as one that is not to be found would be.
    """
    sizes, lines = load.background.auto, list[str]()
    for size in sizes:
        load.use(size)
        load.start()
        try:
            load.wait_ready(watch, tick)
            if size is not sizes[-1] and (reason := crowding()):
                raise MemoryFull(reason, [])
        except MemoryFull as problem:
            load.stop()
            load.put_aside(size, str(problem))
            lines = problem.lines
            say(f"{load.name}: {size.name} {size.value} does not fit: {problem}")
            continue
        load.chosen = size
        say(f"{load.name}: {size.name} {size.value} fits")
        return
    tried = ", ".join(str(size.value) for size in sizes)
    reason = f"{load.name} not ready: none of {sizes[0].name} {tried} fits into the GPU's memory"
    raise LoadNotReady(reason, lines)
