"""What a person did where a text is not JSON: the first fault, in words, and where it stands.

Where several mistakes would look the same, the words name what is missing or too much, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from tandem.base.text import printable
from tandem.config.json_tokens import Token, tokens_in
from tandem.config.json_words import Fault, cut, fault_behind_text, fault_of, other_language

_CLOSER = {"{": "}", "[": "]"}
_OPENER = {"}": "{", "]": "["}
_VALUES = ("text", "number", "name")


class _FoundError(Exception):
    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(position, message)


@dataclass
class _Open:
    """A bracket that is open, with the newest key in it and the token that its value began with."""

    token: Token
    key: Token | None = None
    value: Token | None = None


@dataclass
class _Reader:
    """Goes through a text, token by token; `wanted` is what may come now."""

    text: str
    open: list[_Open] = field(default_factory=list)
    wanted: str = "value"
    last: Token | None = None
    first: Token | None = None
    suspect: tuple[Token, Token] | None = None  # a bracket that another indentation closed

    def read(self) -> None:
        """Raise _FoundError at the first fault."""
        for token in tokens_in(self.text):
            self.first = self.first or token
            self.refuse_what_is_no_token(token)
            getattr(self, f"want_{self.wanted}")(token)
            self.last = token

    # -- what may come -----------------------------------------------------------------

    def want_value(self, token: Token) -> None:
        last = self.last.text if self.last else ""
        if token.text == "]" and last == "[":
            self.close(token)
        elif token.kind in _VALUES or token.text in _CLOSER:
            self.take_value(token)
        elif last == ":" and self.last:
            key = self.open[-1].key
            fail(self.last.start, f"a value is missing behind {_shown(key)}")
        else:
            self.refuse_in_place_of("a value", token)

    def want_key(self, token: Token) -> None:
        if token.kind == "text":
            self.open[-1].key, self.open[-1].value = token, None
            self.wanted = "colon"
        elif token.text == "}" and self.last and self.last.text == "{":
            self.close(token)
        elif token.text in _CLOSER:
            self.refuse_bracket_for_key(token)
        elif token.kind in _VALUES:
            fail(token.start, f'a key stands in double quotes: "{printable(token.text)}"')
        else:
            self.refuse_in_place_of("a key", token)

    def want_colon(self, token: Token) -> None:
        assert self.last
        if token.text == ":":
            self.wanted = "value"
        elif token.text in (",", "}", "]"):
            self.refuse_key_alone(token)
        elif token.kind == "end":
            self.refuse_end()
        else:
            fail(self.last.end, f"a colon is missing behind {_shown(self.last)}")

    def want_more(self, token: Token) -> None:
        assert self.last
        if not self.open:
            self.refuse_second(token)
        elif token.text == ",":
            self.wanted = "key" if self.open[-1].token.text == "{" else "value"
        elif token.text in _OPENER:
            self.close(token)
        elif token.kind == "end":
            self.refuse_end()
        elif token.text == ":":
            self.refuse_colon(token)
        else:
            fail(self.last.end, "a comma is missing here")

    def take_value(self, token: Token) -> None:
        if self.open:
            self.open[-1].value = token
        if token.text in _CLOSER:
            self.open.append(_Open(token))
            self.wanted = "key" if token.text == "{" else "value"
        else:
            self.wanted = "more"

    def close(self, token: Token) -> None:
        opened = self.open[-1].token
        if token.text != _CLOSER[opened.text]:
            self.refuse_closer(token)
        self.note_indentation(opened, token)
        self.open.pop()
        self.wanted = "more"

    def note_indentation(self, opened: Token, closed: Token) -> None:
        """Remember the first pair of which only the bracket around it has the same indentation."""
        begin = self.text.rfind("\n", 0, closed.start) + 1
        if self.suspect or self.text[begin : closed.start].strip():
            return
        indentation = self.indentation(closed)
        outer = [each.token for each in self.open[:-1]]
        is_of_outer = any(self.indentation(each) == indentation for each in outer)
        if is_of_outer and self.indentation(opened) != indentation:
            self.suspect = opened, closed

    # -- what may not ------------------------------------------------------------------

    def refuse_what_is_no_token(self, token: Token) -> None:
        last, fault = self.last, None
        if last is None and token.kind not in ("mark", *_VALUES):
            fault = other_language(self.text)
        if not fault and last and last.kind == "text" and token.start == last.end:
            fault = fault_behind_text(token)
        if not fault and token.kind in ("comment", "cut", "other"):
            fault = fault_of(token, self.text, self.should_stand())
        if fault:
            raise _FoundError(fault.position, fault.message)

    def should_stand(self) -> str:
        """Return what should stand here, in words; "" for a value."""
        if self.wanted == "more":
            closer = f" or {_CLOSER[self.open[-1].token.text]}" if self.open else ""
            return f"a comma{closer}" if closer else "nothing"
        return {"key": "a key", "colon": "a colon"}.get(self.wanted, "")

    def refuse_in_place_of(self, what: str, token: Token) -> NoReturn:
        """Refuse a mark, or the end, where a value or a key should stand."""
        last = self.last
        if token.kind == "end":
            self.refuse_end()
        if token.text in _OPENER:
            if not self.open or self.open[-1].token.text != _OPENER[token.text]:
                self.refuse_closer(token)
            fail(last.start if last else 0, f"a comma before {token.text} (remove it)")
        if token.text == "," and last and last.text == ",":
            fail(token.start, "two commas, and nothing between them")
        fail(token.start, f"{what} is missing before this {_mark(token)}")

    def refuse_bracket_for_key(self, token: Token) -> NoReturn:
        """Refuse { or [ where a key should stand."""
        here, last = self.open[-1], self.last
        missing = "a key is missing"
        is_in_list = len(self.open) > 1 and self.open[-2].token.text == "["
        if here.key and is_in_list:
            missing += f", or }} (the {{ of line {self.line(here.token)} is open)"
        if here.key:
            missing += f", or [ behind {_shown(here.key)} in line {self.line(here.key)}"
        start = last.start if last and last.text == "," else token.start
        fail(start, f"{missing}: here stands {token.text}")

    def refuse_key_alone(self, token: Token) -> NoReturn:
        """Refuse text that neither a colon nor a value follows in an object."""
        assert self.last
        keys = self.open[-1]
        also = f" (a list begins with [; the {{ of line {self.line(keys.token)} is open)"
        fail(self.last.end, f"a colon and a value are missing behind {_shown(self.last)}{also}")

    def refuse_colon(self, token: Token) -> NoReturn:
        assert self.last
        here = self.open[-1]
        if here.token.text == "[":
            what = f"] is missing before this, or {{: the [ of line {self.line(here.token)} is open"
            fail(self.last.start, what)
        assert here.key
        fail(here.key.end, f"behind {_shown(here.key)} {{ is missing, or a value and a comma")

    def refuse_second(self, token: Token) -> None:
        assert self.first and self.last
        if token.kind == "end":
            return
        if token.text in _OPENER:
            fail(token.start, f"{token.text} is too many: all that was open is closed before it")
        if token.text == ":" and self.last is self.first:
            fail(self.first.start, "{ is missing before this")
        if token.text in (",", ":"):
            begun = f"what begins in line {self.line(self.first)}"
            fail(token.start, f"a {_mark(token)} behind the end of {begun}")
        fail(
            token.start, "a second value begins here (a file has one; several stand in [..., ...])"
        )

    def refuse_closer(self, token: Token) -> NoReturn:
        """Refuse } or ] where the other, or none, is open."""
        if not self.open:
            fail(token.start, f"{token.text} closes nothing")
        self.refuse_by_indentation()
        here = self.open[-1]
        opened, key = here.token, here.key if here.value and here.value.text == "{" else None
        is_of_key = key and token.text == "]" and self.indentation(key) == self.indentation(token)
        where = (
            f"behind {_shown(key)} in line {self.line(key)}" if key and is_of_key else "further up"
        )
        fail(
            token.start,
            f"this {token.text} meets the {opened.text} of line {self.line(opened)}, which is open:"
            f" {_CLOSER[opened.text]} is missing before it, or {_OPENER[token.text]} {where}",
        )

    def refuse_end(self) -> NoReturn:
        self.refuse_by_indentation()
        opened = self.open[-1].token
        others = [f"the {each.token.text} of line {self.line(each.token)}" for each in self.open]
        also = f" (nor is {', '.join(others[:-1][-3:])})" if len(others) > 1 else ""
        fail(opened.start, f"the {opened.text} that begins here is not closed{also}")

    def refuse_by_indentation(self) -> None:
        if self.suspect:
            opened, closed = self.suspect
            what = f"by its indentation, the {closed.text} of line {self.line(closed)} is another's"
            fail(opened.start, f"the {opened.text} that begins here is not closed: {what}")

    # -- where things stand --------------------------------------------------------------

    def line(self, token: Token) -> int:
        return 1 + self.text.count("\n", 0, token.start)

    def indentation(self, token: Token) -> str:
        line = self.text[self.text.rfind("\n", 0, token.start) + 1 :]
        return line[: len(line) - len(line.lstrip(" \t"))]


def fault_in(text: str) -> Fault | None:
    """Return the first fault of a text; None: it is JSON, as far as this can tell."""
    try:
        _Reader(text).read()
    except _FoundError as found:
        return found.fault
    return None


def fail(position: int, message: str) -> NoReturn:
    raise _FoundError(position, message)


def _shown(token: Token | None) -> str:
    """Return a text token as it stands in the file, shortened."""
    if token is None:
        return "this"
    return f'"{cut(token.text[1:-1])}"'


def _mark(token: Token) -> str:
    return {",": "comma", ":": "colon"}.get(token.text, token.text)
