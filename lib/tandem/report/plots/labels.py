"""Labels beside each other: what all of them say is said once, above."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

COMMA = ","
# A number and its unit, and other words that say nothing alone, are one word.
_TOGETHER = re.compile(r"(?<=\d) (?=(?:W|MHz)\b)|(?<=\btime) (?=slicing\b)|(?<=\bmemory) (?=\d)")
_NO_BREAK = "\N{NO-BREAK SPACE}"


def shortened(labels: Sequence[str]) -> tuple[str, list[str]]:
    """Return what all labels have in common, word by word, and each label without that.

    A word that one label has twice and another once tells them apart, and so stays.
    A label that has nothing else keeps its first word, and then so do all.
    """
    labels = [_TOGETHER.sub(_NO_BREAK, label) for label in labels]
    words = [label.replace(", ", f" {COMMA} ").split(" ") for label in labels]
    if len(set(labels)) < 2:
        return "", list(labels)
    count = Counter(words[0])
    common = [word for word in count if all(each.count(word) == count[word] for each in words)]
    common = [word for word in common if word != COMMA]
    said = {tuple(word for word in each if word in common) for each in words}
    rest = [[word for word in each if word not in common] for each in words]
    if len(said) > 1 or len(set(map(tuple, rest))) < len(set(labels)):
        return "", list(labels)  # the same word says another thing elsewhere
    if any(not joined(each) for each in rest) and common:
        first = common.pop(0)
        rest = [[first, *each] for each in rest]
    return joined(common), [joined(each) for each in rest]


def joined(words: Sequence[str]) -> str:
    return " ".join(words).replace(" ,", ",").strip(", ")
