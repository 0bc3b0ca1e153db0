"""The report at the end of a run: made if it can be, and whatever goes wrong costs nothing else."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from tandem.base.output import complain, say
from tandem.base.sudo import give_to_caller
from tandem.base.text import printable
from tandem.processes.control import STOP_SIGNALS
from tandem.report.shell import shell_line


class _Stopped(BaseException):
    """A signal came while the report was made."""


def make_report(run: Path, shown: Path) -> None:
    """Make the report of a run into its folder, and say where it is; `shown` is what to call that.

    Why there is none is one line on stderr. A signal stops it; all of the run has been written.
    """
    handlers = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS}
    try:
        for signum in (each for each in handlers if handlers[each] != signal.SIG_IGN):
            signal.signal(signum, _stop)
        from tandem.report.page.page import write_page

        file = write_page([run])
        give_to_caller(file)
        say(f"report: {shown / file.name}")
    except (Exception, _Stopped) as error:  # a fault of the report is none of the run
        what = f"{type(error).__name__} {error}".strip()
        why = "it was stopped" if isinstance(error, _Stopped) else what
        command = shell_line(["tandem", "report", str(shown)])
        with suppress(OSError):
            complain(f"no report: {printable(why)} (nothing else is lost; again: {command})")
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)


def _stop(_signum: int, _frame: Any) -> None:
    raise _Stopped
