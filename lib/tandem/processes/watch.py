"""Waiting for scripts, the clock and signals, without using the processor."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Sequence

from tandem.processes.control import NO_SUSPENSION, catch_stop_signals
from tandem.processes.scripts import HURRY, Script

SAME_REQUEST_S = 1.0  # some send TERM twice at once: to a process, and to its group
SETTLE_S = 1.0  # who signals all of a job at once has signalled this process too by then
_TO_KILL_S, _LEAST_GRACE_S = 10.0, 1.0  # what is kept of a scheduler's time for killing, recording


class Interrupted(BaseException):
    """A signal asked this process to stop. Not an Exception: nobody may swallow it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Watch:
    """Waits for scripts, the clock and the signals that ask this process to stop.

    In the job of a scheduler, `kill_wait_s` is how long after a TERM it kills everything.
    """

    def __init__(
        self,
        say: Callable[[str], None] = lambda _text: None,
        kill_wait_s: float | None = None,
    ) -> None:
        """Take over TERM, INT, HUP, QUIT and USR1 from now on (HUP not under nohup).

        Ctrl-Z is refused, which `say` says: the trainings would go on, and nobody attend to them.
        """
        self.signum = 0
        self.came_s = 0.0
        HURRY.end()
        self.say = say
        self.kill_wait_s = kill_wait_s
        self.is_to_suspend = False
        self.wakeup = catch_stop_signals(self.note)
        signal.signal(signal.SIGUSR1, self.note)  # a scheduler's: the time is nearly up
        signal.signal(signal.SIGTSTP, self.note_suspension)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # a shell may have taken the terminal back

    def note(self, signum: int, _frame: object) -> None:
        """Note the first signal; a second one, which a person has sent, ends all at once.

        Where all will be killed some time after a TERM, the grace ends before that.
        """
        now_s = time.monotonic()
        if not self.signum:
            self.signum, self.came_s = signum, now_s
            if signum == signal.SIGTERM and self.kill_wait_s is not None:
                HURRY.begin(now_s + max(_LEAST_GRACE_S, self.kill_wait_s - _TO_KILL_S))
        elif signum == signal.SIGINT or now_s - self.came_s >= SAME_REQUEST_S:
            HURRY.begin(now_s)

    def note_suspension(self, _signum: int, _frame: object) -> None:
        self.is_to_suspend = True

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self.is_to_suspend:
            self.is_to_suspend = False
            self.say(f"warning: {NO_SUSPENSION}")
        if self.signum:
            raise Interrupted(self.signum)

    def settle(self, *, is_sudden: bool = False) -> None:
        """Wait a moment for a signal to this process, where something of ours has ended badly.

        Who ends a job signals all of its processes, one after the other: a training may be dead
        before this process knows. Outside a job that can be only where the end was sudden.
        """
        if is_sudden or self.kill_wait_s is not None:
            self.wait([], time.monotonic() + SETTLE_S)

    def wait(
        self,
        scripts: Sequence[Script],
        until_s: float | None = None,
        done: Callable[[], bool] = lambda: False,
        period_s: float = 1.0,
    ) -> None:
        """Return when a script ends, `done()` is true or the monotonic clock reaches `until_s`.

        `done` is asked once a period. Interrupted is raised when a signal comes.
        """
        while True:
            self.check()
            left_s = float("inf") if until_s is None else until_s - time.monotonic()
            if done() or left_s <= 0:
                return
            fds = [self.wakeup, *(script.pidfd for script in scripts)]
            ready = select.select(fds, [], [], min(period_s, left_s))[0]
            if self.wakeup in ready:
                os.read(self.wakeup, 4096)
                continue
            if ready:
                return
