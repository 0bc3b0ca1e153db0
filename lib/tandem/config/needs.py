"""What the registry says that a repository's trainings need: files, and modules of their Python."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tandem.base.paths import ROOT
from tandem.base.text import quote, quote_path
from tandem.config.executable import interpreter_of
from tandem.config.expansion import expanded
from tandem.config.program import is_python, own_words

PROBE = ROOT / "lib" / "module_probe.py"
_PROBE_TIMEOUT_S = 60.0


def missing_files(folder: Path, needed: Mapping[str, str]) -> list[str]:
    """Sentences on the files and folders, relative to the repository's, that are not there.

    Each of `needed` has how to get it, or "".
    """
    missing = [name for name in needed if not os.path.exists(folder / expanded(name))]
    return [
        f"needs {_listed(names)}, which {_are(names)} not in {quote_path(folder)}"
        f" ({hint or 'put it there, or fix the registry'})"
        for hint, names in _by_hint(missing, needed).items()
    ]


def python_of(
    folder: Path, command: Sequence[str], environment: Mapping[str, str]
) -> tuple[str | None, bool]:
    """The Python that a training runs in, None where none is found, and whether that is certain.

    It is certain where the command, or the first line of its script, is one.
    """
    program, path = own_words(command)[0], environment.get("PATH")
    interpreter = program if is_python(program) else interpreter_of(folder / program, path)
    if interpreter and is_python(interpreter):
        return str(folder / interpreter), True
    found = shutil.which("python3", path=path) or shutil.which("python", path=path)
    return found, False


def missing_modules(
    folder: Path, python: str, environment: Mapping[str, str], needed: Mapping[str, str]
) -> list[str]:
    """Sentences on the modules that a Python lacks, without importing any.

    Each of `needed` has how to get it, or "". A Python that does not answer is one sentence.
    """
    try:
        done = subprocess.run(
            [python, "-B", str(PROBE), str(folder), *needed],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        last = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
        return [
            f"its Python {quote(python, 500)} does not say which modules it has: {''.join(last)}"
        ]
    missing = [name for name in done.stdout.splitlines() if name in needed]
    return [
        f"its Python {quote(python, 500)} has no module {_listed(names)}"
        f" ({hint or f'{python} -m pip install ' + ' '.join(names)})"
        for hint, names in _by_hint(missing, needed).items()
    ]


def _by_hint(missing: Iterable[str], needed: Mapping[str, str]) -> dict[str, list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in missing:
        groups[needed[name]].append(name)
    return groups


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
