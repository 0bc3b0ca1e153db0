"""What the adapters share: a folder for one training alone, and its programs run in it.

The repositories in repos/ are used exactly as their authors left them, and nothing is written into
them: what a training saves goes into the folder of its own that it runs in, which is removed when
it ends. So a foreground and a background of one repository never meet, no repository looks changed,
and a loop leaves no heap of saved models.

Standard library only: an adapter runs in the Python of the training that it starts.
"""

from __future__ import annotations

import importlib.machinery
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

CANNOT_RUN = 127  # what a shell says of a command that is not there: trying again is no use
STOP_PATIENCE_S = 5.0
SEEDED = Path(__file__).with_name("seeded.py")


def refuse(reason: str) -> NoReturn:
    """End because the training cannot be run, which one sentence explains."""
    print(f"{Path(sys.argv[0]).stem}: error: {reason}", file=sys.stderr)
    sys.exit(CANNOT_RUN)


def need_folders(data: Path, names: Sequence[str]) -> None:
    """Refuse to run without the data: a training that is measured must not fetch any."""
    for name in names:
        if not (data / name).is_dir():
            refuse(f'there is no "{data / name}" (docs/repositories.md: how to get the data)')


def need_files(folder: Path, names: Sequence[str], least_bytes: int) -> None:
    """Refuse to run with files that are missing or cut off: they would be fetched again."""
    for name in names:
        file = folder / name
        if not file.is_file() or file.stat().st_size < least_bytes:
            refuse(f'"{file}" is missing or not whole (docs/repositories.md: how to get the data)')


def need_module(name: str, repository: Path) -> None:
    """Refuse to run in a Python that lacks a module."""
    if importlib.machinery.PathFinder.find_spec(name, [str(repository), *sys.path]) is None:
        refuse(f"{sys.executable} has no module {name} (docs/repositories.md: choosing the Python)")


@contextmanager
def workplace(*, keep: bool) -> Iterator[Path]:
    """Yield an empty folder for one training, removed at the end unless it is to be kept.

    It lies in the folder of the training's log, where Tandem says which that is; one that a killed
    training left there is cleared away first.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    out = os.environ.get("TANDEM_OUT") or tempfile.mkdtemp(prefix="tandem-")
    folder = Path(out) / "saved"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder if "TANDEM_OUT" in os.environ else out, ignore_errors=True)


def run(
    folder: Path, repository: Path, script: str, arguments: Sequence[str], seed: int | None = None
) -> None:
    """Run one program of a repository in a folder to its end; end as it does if it fails."""
    command = [*python(seed), str(repository / script), *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment(folder))
    try:
        status = process.wait()
    finally:
        if process.poll() is None:
            stop(process)
    if status:
        sys.exit(status if status > 0 else 128 - status)


def python(seed: int | None = None) -> list[str]:
    """The first words of whatever runs a program: by way of seeded.py where that has work."""
    if seed is None and "TANDEM_GPU_MEMORY_FRACTION" not in os.environ:
        return [sys.executable]
    return [sys.executable, str(SEEDED), "-" if seed is None else str(seed)]


def environment(folder: Path) -> dict[str, str]:
    """The environment of its programs: `python` is this Python, and no repository gets caches.

    A file that is started with it gets the limit of the GPU's memory, too.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "python"
    program.write_text(
        f'#!/bin/sh\ncase ${{1-}} in *.py) exec {shlex.join(python())} "$@" ;; esac\n'
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    program.chmod(0o755)
    path = f"{programs}:{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that somebody waits for no longer."""
    process.terminate()
    try:
        process.wait(STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
