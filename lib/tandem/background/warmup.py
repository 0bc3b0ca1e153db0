"""When a background is ready: alive for the warm-up, and seen to work; when it has failed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from tandem.background.loop import Loop
from tandem.base.clock import boottime_s
from tandem.base.files import last_lines, open_log
from tandem.processes.proc import children, cpu_s, descendants, stat
from tandem.processes.watch import Watch

NOT_STARTED_CODES = (126, 127)  # what a shell, and the keeper, say of a command that cannot run
WORK_CPU_S = 0.05
LAST_LINES = 10
LONGER, LONGER_S = 1.25, 0.5  # what lives so much longer than any crash did is not the next one
# As CUDA, PyTorch, TensorFlow, JAX and PaddlePaddle say it.
_MESSAGES = re.compile(
    rb"^(?!.*warning).*(out of memory|resource_?exhausted|cuda_error_out_of_memory"
    rb"|cudaErrorMemoryAllocation)",
    re.IGNORECASE | re.MULTILINE,
)
_TAIL_BYTES = 256 * 1024  # behind the message there may be a long traceback


class BackgroundNotReady(Exception):
    """The background never became ready; the message says why, `lines` are its log's last."""

    def __init__(self, reason: str, lines: list[str]) -> None:
        super().__init__(reason)
        self.lines = lines


class BackgroundFailed(Exception):
    """The background only fails beside the foreground; `lines` are its log's last."""

    def __init__(self, loop: Loop, failures: int) -> None:
        super().__init__(f"{loop.name} failed: its last {failures} rounds failed quickly")
        self.lines = last_words_of(loop)


class MemoryFull(BackgroundNotReady):
    """The GPU's memory is too small for this size, and the foreground beside it."""


def says_memory_is_full(log: Path) -> bool:
    """Whether the end of a log has one of the usual messages."""
    try:
        with open_log(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return bool(_MESSAGES.search(file.read()))
    except OSError:
        return False


def wait_ready(loop: Loop, watch: Watch, tick: Callable[[], None]) -> None:
    """Return when the loop has been alive for the warm-up and has shown what it is to show.

    That is an epoch, a metric or a completed round; where none comes in time, or the registry has
    no patterns by which it could, it is work of any kind. BackgroundNotReady: it ends, cannot start
    its training, or shows no work in time.
    """
    assert loop.script is not None
    waited_s = loop.experiment.limits.warmup_s + loop.experiment.limits.ready_timeout_s
    give_up_s = time.monotonic() + waited_s

    def after_tick(condition: Callable[[], object]) -> Callable[[], bool]:
        def is_true() -> bool:
            tick()
            return bool(condition()) or flaw_of(loop) is not None

        return is_true

    watch.wait([loop.script], give_up_s, after_tick(loop.rounds), period_s=0.02)
    loop.loop_pid = next(iter(children(loop.script.pid)), 0)
    check_startable(loop)
    now_s = boottime_s()
    alive_s = now_s - loop.rounds()[0].start_s if loop.rounds() else 0.0
    warm_s = time.monotonic() + loop.experiment.limits.warmup_s - alive_s
    watch.wait([loop.script], warm_s, after_tick(lambda: False), period_s=0.25)
    check_startable(loop)
    if loop.can_show_training():
        watch.wait([loop.script], give_up_s, after_tick(lambda: is_seen(loop)), period_s=0.1)
    watch.wait([loop.script], give_up_s, after_tick(lambda: shows_work(loop)), period_s=0.1)
    if loop.is_choosing():
        watch.wait([loop.script], give_up_s, after_tick(lambda: has_used_gpu(loop)), period_s=0.1)
    check_startable(loop)
    if loop.is_choosing() and not has_used_gpu(loop):
        raise not_ready(loop, f"no use of the GPU in {waited_s:g} s: whether it fits is unknown")
    if not shows_work(loop):
        raise not_ready(loop, f"{what_is_missing(loop)} in {waited_s:g} s")
    loop.ready_by = sign_of(loop) or "work"


def is_seen(loop: Loop) -> bool:
    """Whether it has shown that it trains, in a round that is none of those that fail."""
    return sign_of(loop) is not None and shows_work(loop)


def sign_of(loop: Loop) -> str | None:
    """Return what shows that it trains: "round", "epoch" or "metric"; None: nothing yet."""
    rounds = loop.rounds()
    if any(stretch.completed and not stretch.unjudged for stretch in rounds):
        return "round"
    if not rounds or rounds[-1].end_s is not None:
        return None
    return loop.signs.of(loop.folder / f"run_{rounds[-1].first}.log")


def check_startable(loop: Loop) -> None:
    """Raise what is wrong with the loop, if anything is."""
    if (flaw := flaw_of(loop)) is not None:
        raise flaw


def flaw_of(loop: Loop) -> BackgroundNotReady | None:
    """Return why it will not be a load: it has ended, rests, or no round can run.

    MemoryFull: a size is still to be found, and this one does not fit.
    """
    if (full := full_round(loop)) is not None:
        lines = last_lines(loop.folder / f"run_{full}.log", LAST_LINES)
        return MemoryFull(f"out of memory in round {full}", lines)
    rounds = loop.rounds()
    ended = [stretch for stretch in rounds if stretch.end_s is not None]
    if ended and all(stretch.exit_code in NOT_STARTED_CODES for stretch in ended):
        return not_ready(loop, f"its training cannot be run (exit code {ended[-1].exit_code})")
    if not loop.running():
        return not_ready(loop, "the loop ended")
    return not_ready(loop, "all its rounds (max_rounds) are over") if loop.rests() else None


def full_round(loop: Loop) -> int | None:
    """Return a round that failed because the memory is full; None also where none may."""
    failed = [each.last for each in loop.rounds() if each.failed] if loop.is_choosing() else []
    logs = ((number, loop.folder / f"run_{number}.log") for number in failed)
    return next((number for number, log in logs if says_memory_is_full(log)), None)


def has_used_gpu(loop: Loop) -> bool:
    """Whether a round succeeded, or the GPU was used, if that can be seen at all.

    Before that, nobody can say that what a training needs fits into the memory.
    """
    succeeded = any(stretch.completed or stretch.hollow for stretch in loop.rounds())
    return succeeded or not loop.memory.is_reported or bool(loop.memory.sm_max_percent)


def shows_work(loop: Loop) -> bool:
    """Whether a round of this start succeeded, or what runs writes or uses CPU time.

    After failed rounds it must have lived longer than they did, or it may be the next of them.
    One that holds GPU memory must be seen to use the GPU, one that is to be dosed must be.
    """
    rounds = loop.rounds()
    if loop.memory.idles() or (loop.dosing and not loop.dosing.has_begun()):
        return False
    if any(stretch.completed or stretch.hollow for stretch in rounds):
        return True
    if not rounds or rounds[-1].end_s is not None:
        return False
    failed_s = [stretch.running_s for stretch in rounds if stretch.failed]
    lived_s = boottime_s() - rounds[-1].start_s
    if failed_s and lived_s < LONGER * max(failed_s) + LONGER_S:
        return False
    log = loop.folder / f"run_{rounds[-1].first}.log"
    if log.exists() and log.stat().st_size > 0:
        return True
    return sum(map(cpu_s, training_processes(loop))) >= WORK_CPU_S


def what_is_missing(loop: Loop) -> str:
    """Say why it does not show work."""
    failed = sum(stretch.failed for stretch in loop.rounds())
    if loop.dosing and not loop.dosing.has_begun():
        return ": ".join(filter(None, ["its dose did not begin", loop.dosing.problem]))
    if loop.memory.idles():
        return "no use of the GPU"
    return f"no round succeeded, {failed} failed," if failed else "no output and no CPU time"


def training_processes(loop: Loop) -> list[int]:
    """Return who is below a round's keeper: whoever left the sessions of loop and keeper."""
    assert loop.script is not None
    everyone = [(pid, stat(pid)) for pid in descendants(loop.script.pid)]
    own_sessions = {str(loop.script.pid), *(str(pid) for pid, _ in everyone[:1])}
    return [pid for pid, fields in everyone if fields and fields[3] not in own_sessions]


def not_ready(loop: Loop, reason: str) -> BackgroundNotReady:
    return BackgroundNotReady(f"{loop.name} not ready: {reason}", last_words_of(loop))


def last_words_of(loop: Loop) -> list[str]:
    """Return the last lines of the newest failed round's log, and of the loop's own."""
    rounds = loop.rounds()
    newest = [each for each in rounds if each.failed][-1:] or rounds[-1:]
    logs = [loop.folder / f"run_{each.last}.log" for each in newest]
    logs.append(loop.folder / "bgrun.log")
    return [line for log in logs for line in last_lines(log, LAST_LINES)][:LAST_LINES]
