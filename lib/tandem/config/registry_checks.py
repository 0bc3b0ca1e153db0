"""What a registry may say wrongly of a repository that knows nothing of Tandem."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tandem.base.text import quote, suggestion
from tandem.base.variables import COOKIE, LIFELINE, MONITOR, OUT, OWNER
from tandem.config.problems import Flaw, join
from tandem.config.program import TANDEM, of_tandem

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODULE = re.compile(r"\w+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ENVIRONMENTS = ("venv", "conda")
_OWN = (COOKIE, LIFELINE, MONITOR, OUT, OWNER)


def foreign_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    """What is wrong with an entry's program, arguments, environments, metrics and commit."""
    yield from _program_flaws(place, raw)
    yield from _model_args_flaws(place, raw)
    yield from _environment_flaws(join(place, "env"), raw.get("env", {}))
    yield from _metrics_flaws(join(place, "required_metrics"), raw)
    yield from _python_flaws(join(place, "python"), raw.get("python"))
    yield from _module_flaws(join(place, "needs_modules"), raw.get("needs_modules", ()))
    commit = raw.get("commit", "0" * 40)
    if not _COMMIT.fullmatch(commit):
        message = f"{quote(commit)} is not a whole commit (write all 40 of its digits)"
        yield "error", join(place, "commit"), message


def _program_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    where = join(place, "train_command")
    if "train_script" in raw and "train_command" in raw:
        yield "error", where, 'stands beside "train_script" (remove one of the two)'
    for index, word in enumerate(raw.get("train_command", ())):
        if word == "" and index == 0:
            yield "error", join(where, 0), "must not be empty"
        if word.startswith(TANDEM) and not os.path.isfile(of_tandem(word)):
            message = f"{quote(of_tandem(word), 500)} does not exist (fix the path)"
            yield "error", join(where, index), message


def _model_args_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    where, models, given = join(place, "model_args"), raw.get("models", ()), raw.get("model_args")
    for name in given or ():
        if name not in models:
            message = f"{quote(name)} is none of the models{suggestion(name, models)}"
            yield "error", join(where, name), message
    if raw.get("model_flag") is not None or not given:
        return  # the names tell them apart, or the reader's own warning does
    counts = Counter(tuple(given.get(model, ())) for model in models)
    alike = [model for model in models if counts[tuple(given.get(model, ()))] > 1]
    if alike:
        names = ", ".join(map(quote, alike))
        yield "warning", where, f"the same for {names}: they run the same command (change them)"


def _environment_flaws(where: str, given: Mapping[str, str]) -> Iterator[Flaw]:
    for name in given:
        if not _NAME.fullmatch(name):
            message = "no name of a variable (letters, digits and _, and no digit first)"
            yield "error", join(where, name), message
        elif name in _OWN:
            yield "error", join(where, name), "belongs to Tandem (remove it)"


def _metrics_flaws(where: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    patterns = raw.get("performance_metrics", {}).get("log_patterns", {})
    for index, name in enumerate(raw.get("required_metrics", ())):
        if name not in patterns:
            message = f"no pattern is named {quote(name)}{suggestion(name, patterns)}"
            yield "error", join(where, index), message


def _python_flaws(where: str, given: Mapping[str, str] | None) -> Iterator[Flaw]:
    if given is None:
        return
    for kind in given:
        if kind not in _ENVIRONMENTS:
            yield "error", join(where, kind), f"unknown key{suggestion(kind, _ENVIRONMENTS)}"
    if not given or len(given) > 1:
        message = 'must have one key, "venv" or "conda", and what that is (write one)'
        yield "error", where, message


def _module_flaws(where: str, given: Iterable[str]) -> Iterator[Flaw]:
    for index, name in enumerate(given):
        if not _MODULE.fullmatch(name):
            message = f"{quote(name)} is no name of a module (write what is imported, without dots)"
            yield "error", join(where, index if isinstance(given, list) else name), message
