"""The tokens of a JSON text, as strictly as JSON has them; what is none is one of kind "other"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TEXT = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*'
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    rf'|(?P<text>{_TEXT}")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.+-]))"
    r"|(?P<name>(?:true|false|null|NaN|-?Infinity)(?![\w.+-]))"
    r"|(?P<mark>[{}\[\]:,])"
    r"|(?P<comment>//|/\*|\#)"
    rf"|(?P<cut>{_TEXT})"  # a text up to what it must not hold
    r"""|(?P<other>[^\s{}\[\]:,"']+|.)""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A piece of a text: `kind` is text, number, name, mark, comment, cut, other, or end."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The place behind its last character."""
        return self.start + len(self.text)


def tokens_in(text: str) -> Iterator[Token]:
    """Yield all tokens but spaces, in their order, and one of kind "end" behind the last."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup and match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], match.start())
    yield Token("end", "", len(text.rstrip()))
