"""Regular expressions of other people: relaxed to what stands where a number should, and sped up.

A small scanner knows just enough of the syntax: escapes, classes, kinds of groups, comments.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tandem.log.lines import lower

VOID_WORDS = r"(?<![\w.])[-+]?(?:nan|inf(?:inity)?|none|null|n/?a)(?!\w)"
DASH = r"(?<![-\w.])[-\u2013\u2014]{1,3}(?![-\w.>])(?!\s*[-+]?[\d.])"
_VOID = f"{VOID_WORDS}|{DASH}"
# What a group that is to find a number matches at least one of.
_NUMBERS = ("5", "0.5", "12.34", "-0.5", "1e-05", "97.5%", "0,91")
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\(\?P<\w+>|\(\?P=\w+\)|\(\?#[^)]*\)|\(\?<?[=!]|\(\?\(\w+\)|\(\?>|\(\?[a-zA-Z-]*[:)]|\("
    r"|[*+?]\+?|\{\d*,?\d*\}\+?|.",
    re.DOTALL,
)
_LOOK_AROUND = ("(?=", "(?!", "(?<")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d*,?\d*\})\+?")


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern as the registry means it; re.error as for re.compile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the registry's reader has told them
        return re.compile(_with_plain_minus(pattern), re.IGNORECASE)


def _with_plain_minus(pattern: str) -> str:
    """Return it for texts in which U+2212 is a hyphen-minus."""
    return re.sub(r"(\\[^\u2212])|\\?\u2212", lambda found: found[1] or r"\-", pattern)


@dataclass(frozen=True)
class Relaxed:
    """A pattern and its relations, None where the relaxed one cannot be had.

    `either` also finds `nan` and the like in place of any number, `voids` only these, each in place
    of another group.
    """

    strict: re.Pattern[str]
    either: re.Pattern[str] | None
    voids: tuple[re.Pattern[str], ...]
    words: tuple[str, ...]
    is_simple: bool

    def matches(self, line: str) -> bool:
        """Whether the pattern or the relaxed one matches anywhere in a line.

        Where more alternatives can only mean more matches, the relaxed one finds all.
        """
        if self.either is None:
            return bool(self.strict.search(line))
        return bool(self.either.search(line) or (not self.is_simple and self.strict.search(line)))


def relaxed(pattern: str) -> Relaxed:
    """Return a pattern with what goes with it; re.error as for re.compile."""
    strict = compiled(pattern)
    text = _with_plain_minus(pattern)
    is_verbose = bool(strict.flags & re.VERBOSE)
    tokens = list(_tokens(text, is_verbose))
    groups = [span for span in _number_groups(text, tokens) if _finds_numbers(text[slice(*span)])]
    runs = [run for run in _number_runs(tokens) if not any(a <= run[0] < b for a, b in groups)]
    spans = groups + runs
    relaxation = dict.fromkeys(spans, "{}|" + _VOID)
    either = _compiled_or_none(_replaced(text, relaxation))
    voids = [
        _compiled_or_none(_replaced(text, relaxation | {span: "(?!){}|" + VOID_WORDS}))
        for span in (groups if strict.groups else runs)
    ]
    fixed = ["" if any(a <= at < b for a, b in spans) else text for at, _, text in tokens]
    words = () if is_verbose else tuple(_words(fixed))
    either = either if spans else None
    is_simple = not any(map(_NOT_SIMPLE.fullmatch, (token for _, _, token in tokens)))
    return Relaxed(strict, either, tuple(filter(None, voids)), words, is_simple)


def _compiled_or_none(pattern: str) -> re.Pattern[str] | None:
    try:
        return compiled(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


# Back references, conditions, and what gives nothing back (`(?>`, `*+`).
_NOT_SIMPLE = re.compile(r"\\[1-9]|\(\?P=\w+\)|\(\?\(\w+\)|\(\?>|(?:[*+?]|\{\d*,?\d*\})\+")
Token = tuple[int, int, str]  # begin, end, text


def _tokens(pattern: str, is_verbose: bool) -> Iterator[Token]:
    at = 0
    while at < len(pattern):
        if is_verbose and pattern[at] == "#":
            end = pattern.find("\n", at) + 1 or len(pattern)
        else:
            found = _TOKEN.match(pattern, at)
            assert found
            end = found.end()
            yield at, end, found[0]
        at = end


def _number_groups(pattern: str, tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """Yield the inside of each capturing group that is in no other and in no look-around."""
    opened: list[tuple[str, int]] = []
    for _, end, text in tokens:
        if (text.startswith("(") and not text.endswith(")")) or text.startswith("(?("):
            opened.append((text, end))
        elif text == ")" and opened:
            kind, begin = opened.pop()
            if _captures(kind) and not any(
                _captures(outer) or outer.startswith(_LOOK_AROUND) for outer, _ in opened
            ):
                yield begin, end - 1


def _captures(opening: str) -> bool:
    return opening == "(" or opening.startswith("(?P<")


def _finds_numbers(content: str) -> bool:
    inside = _compiled_or_none(content)
    return inside is not None and any(map(inside.fullmatch, _NUMBERS))


def _number_runs(tokens: list[Token]) -> Iterator[tuple[int, int]]:
    """Yield each run of classes of digits, with points between, in no look-around."""
    run: list[Token] = []
    inside: list[bool] = []  # of each group that is open: is it in a look-around?
    for token in [*tokens, (0, 0, "")]:
        if _depth_of(token[2]) > 0:
            inside.append(any(inside[-1:]) or token[2].startswith(_LOOK_AROUND))
        elif token[2] == ")":
            inside.pop()
        if any(inside[-1:]):
            continue
        if _is_of_number(token[2]) or (run and _QUANTIFIER.fullmatch(token[2])):
            run.append(token)
            continue
        if any(_is_digits(text) for _, _, text in run):
            yield run[0][0], run[-1][1]
        run = []


def _is_of_number(token: str) -> bool:
    return token == r"\." or _is_digits(token)


def _is_digits(token: str) -> bool:
    if token == r"\d":
        return True
    inside = _compiled_or_none(token) if token.startswith("[") and len(token) > 1 else None
    return bool(inside and inside.fullmatch("5"))


def _replaced(pattern: str, spans: dict[tuple[int, int], str]) -> str:
    """Return a pattern in which stretches stand in a form, `{}` for each in a group of its own."""
    for begin, end in sorted(spans, reverse=True):
        content = spans[begin, end].replace("{}", f"(?:{pattern[begin:end]})")
        pattern = f"{pattern[:begin]}(?:{content}){pattern[end:]}"
    return pattern


def _words(texts: list[str]) -> Iterator[str]:
    """Yield texts in lower case of which each must be in every line that matches."""
    depth, run = 0, ""
    if any(text == "|" for text in _outermost(texts)):
        return
    for text, follows in pairwise([*texts, ""]):
        plain = _plain(text) if depth == 0 else ""
        if plain and not re.fullmatch(r"[*?]\+?|\{.*\}\+?", follows):
            run += plain
            continue
        depth += _depth_of(text)
        if run:
            yield lower(run)
        run = ""
    if run:
        yield lower(run)


def _plain(token: str) -> str:
    """Return the character that a token stands for, "" if it is more than that."""
    if re.fullmatch(r"\\[^\w\s]", token):
        return token[1]
    return token if len(token) == 1 and token not in ".^$()[]\\*+?{}|" else ""


def _outermost(texts: list[str]) -> Iterator[str]:
    depth = 0
    for text in texts:
        depth += _depth_of(text)
        if depth == 0:
            yield text


def _depth_of(token: str) -> int:
    if token.startswith("(?("):
        return 1
    return (token.startswith("(") and not token.endswith(")")) - (token == ")")
