"""What the trainings' own Pythons are, and what is installed in them: each asked once a run.

A Python is asked before anything is measured, in its training's environment and folder. It is
asked again only where it, or a folder in which it looks for packages, has changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.base.text import printable
from tandem.base.variables import COOKIE, VISIBLE
from tandem.processes.cookie import cookie
from tandem.processes.watch import Watch

LIMIT_S = 10.0
_PERIOD_S = 0.005
_MARK = "tandem: "
_MOST_BYTES = 1 << 22
_QUESTION = Path(__file__).with_name("python_question.py")
_VALUES = ("executable", "version", "prefix", "packages", "torch_version", "torch_cuda_version")

Variables = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Place:
    """Where a training's Python is asked: its folder, and variables of its own.

    `python` is None where the training's `program` is neither one nor a script of one.
    """

    program: str
    python: str | None
    folder: Path
    variables: Variables

    @classmethod
    def of(
        cls, program: str, python: str | None, folder: Path, variables: Mapping[str, str]
    ) -> Place:
        """Return the place of a training; which GPUs it sees says nothing of its Python."""
        own = sorted(item for item in variables.items() if item[0] != VISIBLE)
        return cls(program, python, folder, tuple(own))


class Question:
    """A Python that is being asked; `reason` says why it cannot be, if so."""

    def __init__(self, place: Place) -> None:
        self.reason: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._until_s = time.monotonic() + LIMIT_S
        if place.python is None:
            self.reason = f"{place.program} is neither a Python nor a script of one"
            return
        question = _QUESTION.read_text(encoding="utf-8")
        try:
            self._answer = os.memfd_create("answer")
            self._process = subprocess.Popen(
                [*_ends_with_us(), place.python, "-c", question],
                cwd=place.folder,
                env={**os.environ, **dict(place.variables), COOKIE: cookie(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self.reason = f"cannot be started: {error}"

    def has_ended(self) -> bool:
        """Whether it has answered, or has had its time."""
        if self._process is None or self._process.poll() is not None:
            return True
        if time.monotonic() < self._until_s:
            return False
        self.end()
        self.reason = f"no answer within {LIMIT_S:g} s"
        return True

    def end(self) -> None:
        """End it with all that it has started."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def answer(self) -> dict[str, Any]:
        """Return what it has said, {} where `reason` says why it said nothing."""
        if self._process is None or self.reason:
            return {}
        said = os.pread(self._answer, _MOST_BYTES, 0)
        os.close(self._answer)
        for line in reversed(said.decode(errors="replace").splitlines()):
            with contextlib.suppress(ValueError):
                if line.startswith(_MARK):
                    found = json.loads(line.removeprefix(_MARK))
                    return found if isinstance(found, dict) else {}
        self.reason = f"it ended with status {self._process.returncode} and no answer"
        return {}


def _ends_with_us() -> list[str]:
    """Return what stands before a command that the kernel is to kill when this process dies."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


@dataclass(frozen=True)
class Answer:
    """What is known of a place: facts for machine.json, and what it was when it said so."""

    facts: Mapping[str, Any]
    path: tuple[str, ...]
    state: tuple[float | None, ...]


class Pythons:
    """The Pythons of a run's trainings, and what they have answered so far."""

    def __init__(self) -> None:
        self._asked: dict[Place, Question] = {}
        self._known: dict[Place, Answer] = {}

    def ask(self, places: Iterable[Place]) -> None:
        """Start to ask those that are not known, or not as they were; all at the same time."""
        for place in dict.fromkeys(places):
            known = self._known.get(place)
            if place not in self._asked and (known is None or known.state != state_of(known.path)):
                self._asked[place] = Question(place)

    def facts(self, places: Iterable[Place], watch: Watch) -> list[Mapping[str, Any]]:
        """Return the facts of each place, in this order, once all have answered.

        Interrupted: a signal came.
        """
        wanted = list(places)
        self.ask(wanted)
        watch.wait([], None, self._have_ended, _PERIOD_S)
        for place, question in self._asked.items():
            self._known[place] = answer_of(question)
        self._asked.clear()
        return [self._known[place].facts for place in wanted]

    def _have_ended(self) -> bool:
        return all(question.has_ended() for question in self._asked.values())

    def close(self) -> None:
        """End whoever is still being asked; it can be asked again."""
        for question in self._asked.values():
            question.end()
        self._asked.clear()


def answer_of(question: Question) -> Answer:
    said = question.answer()
    path = tuple(map(str, [said.get("executable"), *said.get("path", ())])) if said else ()
    return Answer(facts_of(said, question.reason), path, state_of(path))


def facts_of(said: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    """Return an answer as it stands in machine.json; None, with reasons, for what is not known."""
    facts: dict[str, Any] = dict.fromkeys(_VALUES)
    reasons: dict[str, str] = {}
    if not said:
        return facts | {"reasons": dict.fromkeys(_VALUES, printable(reason or "no answer"))}
    facts |= {name: said[name] for name in ("executable", "version", "prefix")}
    facts["packages"], why_no_packages = said["packages"]
    torch, why_no_torch = said["torch"]
    if why_no_packages:
        reasons["packages"] = why_no_packages
    missing = why_no_torch or "PyTorch is not installed"
    for name, key in (("torch_version", "__version__"), ("torch_cuda_version", "cuda")):
        facts[name] = (torch or {}).get(key)
        if facts[name] is None:
            reasons[name] = missing if torch is None else "this PyTorch has none"
    return facts | {"reasons": reasons}


def state_of(path: Iterable[str]) -> tuple[float | None, ...]:
    """Return when a Python and the folders of its packages were last changed; None: not there."""
    return tuple(map(_changed_s, path))


def _changed_s(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None
