"""What the ways of a file server do to the books of a run: faults, and two workers that meet them.

    library(folder)              compiles nfs.c, and returns what is to be preloaded
    rules()                      a file of faults for it: one for each case, in a folder of its name
    nfs.py FOLDER first          in each case a worker ends two experiments, and meets the fault
    nfs.py FOLDER second         the next one, which meets none, ends the rest; prints what stands

The first worker tries again as one does whose disk is bad. If it cannot go on it is gone.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

# What fails, in the path of the case with this name. A record is written under a temporary one.
FAULTS = {
    f"{call}-{word.strip('./_')}-{when}-{error}": (call, when, getattr(errno, error), word)
    for call, word, errors in [
        ("symlink", "_solo", ("EEXIST", "ESTALE", "EIO")),
        ("readlink", "_solo", ("ESTALE", "EIO")),
        ("open", ".experiment.json", ("EEXIST", "ESTALE", "EIO")),
        ("rename", "experiment.json", ("ENOENT", "ESTALE", "EIO")),
        ("fsync", ".experiment.json", ("EIO", "ENOSPC")),
        ("fsync", "journal.jsonl", ("EIO",)),
        ("read", "experiment.json", ("ESTALE", "EIO")),
    ]
    for error in errors
    for when in ("before", "after")
    if (call, error, when) not in {("symlink", "EEXIST", "before"), ("rename", "ENOENT", "before")}
}
CASES = [f"{name}-{often}" for name in FAULTS for often in ("once", "always")]


TRIES = 5


def rules() -> str:
    lines = []
    for case in CASES:
        call, when, error, name = FAULTS[case.rpartition("-")[0]]
        count = 1 if case.endswith("once") else 10_000
        lines.append(f"{call} {when} {error} 1 {count} /{folder_of(case)}/ {name}\n")
    return "".join(lines)


def folder_of(case: str) -> str:
    return f"case_{CASES.index(case)}"  # a case's name has that of its fault


def library(folder: Path) -> Path:
    target = folder / "nfs.so"
    flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["cc", *flags, "-o", target, HERE / "nfs.c", "-ldl"], check=True)
    return target


def first(folder: Path) -> list[str]:
    """Have a worker end the first two experiments; return those that stand in its own view."""
    from tandem.run.pairs import finish
    from tandem.run.sweep import NOT_OURS

    from support.books import FIRST, SOLO, Workers

    run, ended = Workers(folder / "run", blocks=1), list[str]()
    with suppress(OSError):
        worker = run.worker("a_1_r0")
        for name in (SOLO, FIRST):
            run.begin(worker, name)
            for number in range(TRIES):
                try:
                    finish(worker, run.record(name, worker.worker), 1.0)
                    break
                except OSError as error:
                    if number == TRIES - 1 or isinstance(error, NOT_OURS):
                        raise
            if name in worker.rows:
                ended.append(name)
    return ended


def second(folder: Path) -> dict[str, Any]:
    """Have another end what is missing; return what stands, of whom, and what the table says."""
    from tandem.results.record_file import NAME, read_record
    from tandem.results.shared.workers import journal_of
    from tandem.work.together import adopt, put_together

    from support.books import GROUP, Workers
    from support.summary import rows_of

    run = Workers(folder / "run", blocks=1)
    worker = run.worker("b_1_r0")
    adopt(worker, GROUP)
    missing = [each.id for each in worker.missing()]
    run.end(worker, *missing)
    put_together(worker, set())
    records = {name: read_record(run.path / name)["worker"] for name in run.standing()}
    rows = {row["experiment_id"]: row["slowdown"] for row in rows_of(run.path)}
    tries = {name: len(list(run.path.glob(f"workers/*/{name}/{NAME}"))) for name in GROUP}
    lost = journal_of(run.path).count(b'"lost"')
    return {"missing": missing, "records": records, "rows": rows, "tries": tries, "lost": lost}


def main() -> None:
    sys.path[:0] = [str(HERE.parents[1] / "lib"), str(HERE.parent)]
    folder, what = Path(sys.argv[1]), sys.argv[2]
    told = {"first": first, "second": second}[what]
    print(json.dumps({case: told(folder / folder_of(case)) for case in CASES}))


if __name__ == "__main__":
    main()
