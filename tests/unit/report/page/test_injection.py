"""Whatever text stands in a run's files, its report has the same elements: text stays text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from support.salted import salt, small_run
from tandem.report.page.page import page_of

PLAIN = "plain"
NASTY = [
    "</script><script>alert(1)</script>",
    "</style></title></textarea><img src=x onerror=alert(1)>",
    "\"'><svg/onload=alert(1)><p>",
    "<iframe/src=javascript:alert(1)></iframe><p/onclick=alert(1)>",
    "]]></svg><!-- --!> -->",
    "&lt;script&gt;&#60;b&#62;\0\x1b[31m",
    "\u202e\u2066 bidi \u2069\ud800\udcff\ufffe",
    "javascript:alert(1)",
    "{{7*7}} ${7*7} %s {0} \\u003cscript>",
]
# Words of which any text may be made that somebody would use to get out of where it stands.
pieces = some.sampled_from(["<", ">", "</", "'", '"', "&", "script", "=", "!--", "]]>", "\0", "\n"])
texts = some.text(max_size=30) | some.lists(pieces, max_size=12).map("".join)


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, *(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_comment(self, data: str) -> None:
        self.found.append(("!", data))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("bare"))


def elements_with(bare: Path, text: str) -> Elements:
    with TemporaryDirectory() as folder:
        run = Path(folder) / bare.name
        copytree(bare, run)
        salt(run, text)
        return Elements(page_of([run]))


@pytest.fixture(scope="module")
def usual(bare: Path) -> Elements:
    return elements_with(bare, PLAIN)


def check(read: Elements, usual: Elements, text: str) -> None:
    if text.split() == [text]:
        assert read.found == usual.found
    else:  # several words: some texts have a line more then, of what is the same in all
        assert set(read.found) <= set(usual.found)
    assert [link for link in read.links if not is_harmless(link)] == []


@pytest.mark.parametrize("text", ["".join(NASTY), "".join("".join(NASTY).split())])
def test_all_of_them_together_stay_text(bare: Path, usual: Elements, text: str) -> None:
    check(elements_with(bare, text), usual, text)


def nasty_examples(test: Callable[..., None]) -> Callable[..., None]:
    for text in NASTY:
        test = example(text=text)(test)
    return test


@pytest.mark.long
@nasty_examples
@given(text=texts)
@settings(max_examples=settings().max_examples // 4)
def test_no_text_becomes_markup(bare: Path, usual: Elements, text: str) -> None:
    check(elements_with(bare, text or "-"), usual, text)


def is_harmless(link: str) -> bool:
    """Whether a link leads to a place in the page, a file beside it, or to data in it."""
    return link.startswith(("#", "data:text/csv")) or not re.match(r"\s*[a-zA-Z][\w+.-]*:", link)
