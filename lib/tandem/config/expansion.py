"""Texts of the registry that look as if a shell read them: the home folder, and what stays."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from tandem.base.text import quote
from tandem.config.problems import Flaw, join

_HOME = re.compile(r"(?:~|\$HOME|\$\{HOME\})(?=/|$)")
_SHELL = re.compile(r"\$[A-Za-z_]|\$\{[A-Z_]\w*\}|\$\(|`|(?:^|[=:,])~(?:/|$)|^~[a-z_][\w-]*(?:/|$)")
_VARIABLE = re.compile(r"~(?:/|$)|\$[A-Za-z_]|\$\{[A-Z_]\w*\}")
_OPERATOR = re.compile(r"\|\|?|&&?|;|\d*(?:>>?|<)\S*")
_QUOTED = re.compile(r"'[^']*'|\\.|\"(?:\\.|[^\"\\])*\"")
_PLAIN_TILDE = {ord("~"): 0xE07E}
_PLAIN = {code: 0xE000 + code for code in map(ord, "~$`|&;<>")}
_BACK = {private: code for code, private in _PLAIN.items()}


def expanded(word: str) -> str:
    """The word, its leading ~/, $HOME or ${HOME} replaced by the home folder."""
    found = _HOME.match(word)
    return os.path.expanduser("~") + word[found.end() :] if found else word


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text as a shell splits them, each expanded unless its beginning is quoted."""
    return tuple(expanded(word).translate(_BACK) for word in _marked_words(text))


def _marked_words(text: str) -> list[str]:
    """Return the words, with characters of private use for what quotes keep from a shell."""

    def marked(match: re.Match[str]) -> str:
        return match[0].translate(_PLAIN_TILDE if match[0].startswith('"') else _PLAIN)

    return shlex.split(_QUOTED.sub(marked, text))


def shell_doubt(word: str) -> str:
    """Why a word is not what its writer means, because no shell reads it, or ""."""
    found = _HOME.match(word)
    if not _SHELL.search(word[found.end() if found else 0 :]):
        return ""
    return f"{quote(word.translate(_BACK))} is passed as it stands: no shell expands it"


def value_doubt(value: object) -> str:
    """Why a value is not what its writer means, because values are passed as they stand, or ""."""
    if not isinstance(value, str) or not _VARIABLE.match(value):
        return ""
    return f"{quote(value)} is passed as it stands: no shell expands it (write what it stands for)"


def shell_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    """Words of an entry that a shell would have to expand, or that mean something to a shell."""
    for where, word in _words(place, raw):
        if doubt := shell_doubt(word):
            yield "warning", where, f"{doubt} (write what it stands for)"
    for where, word in _required_words(place, raw):
        if _OPERATOR.fullmatch(word):
            message = f"{quote(word)} is passed as it stands: no shell reads it (remove it)"
            yield "warning", where, message


def _words(place: str, raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _required_words(place, raw)
    for name, text in raw.get("env", {}).items():
        yield join(join(place, "env"), name), text
    for model, words in raw.get("model_args", {}).items():
        for index, word in enumerate(words):
            yield join(join(join(place, "model_args"), model), index), word
    command = raw.get("train_command", ())
    for index, word in enumerate(() if "-c" in command else command):  # a shell's own, or Python's
        yield join(join(place, "train_command"), index), word


def required_texts(place: str, raw: Mapping[str, Any]) -> dict[str, str]:
    """The texts of an entry's `required_args` by their places: a single one, or several by name."""
    where, given = join(place, "required_args"), raw.get("required_args", {})
    if isinstance(given, str):
        return {where: given}
    return {join(where, key): text for key, text in given.items()}


def _required_words(place: str, raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, text in required_texts(place, raw).items():
        try:
            yield from ((path, word) for word in _marked_words(text))
        except ValueError:
            return  # an error that is reported as such
