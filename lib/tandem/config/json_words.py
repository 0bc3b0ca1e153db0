"""What a person may have meant by that which is no token of JSON: words, comments, torn text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tandem.base.text import printable
from tandem.config.json_tokens import Token

_SHOWN = 30  # characters of a word in a message
_NAMES = {"true": "true", "false": "false", "null": "null", "none": "null"}
_NO_NUMBERS = ("nan", "inf", "infinity")
_QUOTES = "'`\u2018\u2019\u201c\u201d\u201e"
_OTHER_LANGUAGES = (
    ("YAML", re.compile(r"---(\s|$)|[\w.-]+:(\s|$)|- ")),
    ("Python", re.compile(r"(import|from|def|class)\s|\w+\s*=\s*\S|\"\"\"|'''")),
    ("XML or HTML", re.compile(r"<[\w!?]")),
)


@dataclass(frozen=True)
class Fault:
    """What is wrong, and at which character."""

    position: int
    message: str


def other_language(text: str) -> Fault | None:
    """Return that a text is of another language, if its first line that is no comment says so."""
    for match in re.finditer(r"^[ \t]*([^#%\s].*)$", text, re.MULTILINE):
        for language, pattern in _OTHER_LANGUAGES:
            if pattern.match(match[1]):
                return Fault(match.start(1), f"this looks like {language} (write a JSON object)")
        break
    return None


def fault_behind_text(token: Token) -> Fault | None:
    """Return what is wrong where something follows a text without any space."""
    if token.kind in ("mark", "comment", "end") or token.text[0] in "=;+":
        return None
    return Fault(
        token.start,
        "the text ends before this: a quotation mark is missing before it, or one is too many"
        r" (within text it is written \")",
    )


def fault_of(token: Token, text: str, should_stand: str) -> Fault:
    """Return what is wrong with a comment, a torn text or a word.

    `should_stand` is what stands in its place in JSON: "a key", "a comma or }"; "" for a value.
    """
    if token.kind == "comment":
        message = 'a comment: JSON has none (a key may hold one: "comment": "...")'
        return Fault(token.start, message)
    if token.kind == "cut":
        return _of_cut(token, text)
    return Fault(token.start, _of_word(token, text[token.end : token.end + 1], should_stand))


def _of_cut(token: Token, text: str) -> Fault:
    """Return what ends a text that no text may hold."""
    bad, after = (text[place : place + 1] for place in (token.end, token.end + 1))
    if bad in ("\n", "\r", ""):
        hint = r"a line break within text is written \n"
        message = f"the text that begins here has no quotation mark at its end ({hint})"
        return Fault(token.start, message)
    if bad == "\\" and after == "u":
        hint = r"a backslash itself is written \\"
        return Fault(token.end, rf"behind \u stand four hexadecimal digits ({hint})")
    if bad == "\\":
        return Fault(token.end, r"a backslash within text is written twice, \\")
    name = "a tab" if bad == "\t" else f"the control character U+{ord(bad):04X}"
    escaped = r"\t" if bad == "\t" else rf"\u{ord(bad):04x}"
    return Fault(token.end, f"{name} within text (write {escaped})")


def _of_word(token: Token, follows: str, should_stand: str) -> str:
    word, shown = token.text, cut(token.text)
    if word[0] in _QUOTES:
        return f'JSON has only double quotes, ", not {word[0]}'
    if not word[0].isprintable() or word[0].isspace():
        return f"an invisible character, U+{ord(word[0]):04X} (remove it)"
    if follows == '"':
        return f"a quotation mark is missing before {shown}, or one is too many"
    if should_stand == "a key":
        return f'a key stands in double quotes: "{shown}"'
    if should_stand:
        return f"{shown} stands where {should_stand} should"
    if word.lower() in _NAMES:
        return f"JSON writes {word} as {_NAMES[word.lower()]}"
    if word.lower().lstrip("+-") in _NO_NUMBERS:
        return f"JSON has no number {shown}"
    if word[0] in "0123456789+-.":
        return f"{shown} is no number as JSON writes them: 0.5, 12, 1e-5"
    return f"{shown} is no value (text stands in double quotes)"


def cut(word: str) -> str:
    """Return a word as a person can read it, shortened."""
    return printable(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}...")
