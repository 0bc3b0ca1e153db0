"""`tandem record` of a run that workers drain: one of them that runs nothing, and reads all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tandem.base.sudo import give_to_caller
from tandem.experiment.verify import refuse_old
from tandem.plan.file import read_plan_file
from tandem.results.shared.worker_folder import WorkerFolder
from tandem.run.again import text_of_records
from tandem.run.pairs import tell_again
from tandem.work.claims import Claims
from tandem.work.together import put_together
from tandem.work.worker import own_folder, remove_unused


def record_together(run: Path, say: Callable[[str], None]) -> None:
    """Make what is missing of a run's records, interference and table from its files.

    What others are at work on is left alone. LockedError: `tandem run` works there. UsageError: it
    is no run, or too old. OSError: its disk is bad.
    """
    refuse_old(run)
    with ExitStack() as stack:
        own = own_folder(run)
        stack.callback(remove_unused, own)
        folder = WorkerFolder(run, own, read_plan_file(run), say)
        stack.callback(folder.close)
        claims = Claims(run, own.name)
        claims.open()
        put_together(folder, claims.others())
        tell_again(folder)
        folder.rebuild_table()
        say(text_of_records(folder))
    give_to_caller(run)
