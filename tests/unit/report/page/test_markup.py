"""Text in a page stays text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as some
from tandem.report.page.markup import element, html_of, visible


class Reader(HTMLParser):
    """Notes the tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str | None] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(some.text(), some.text())
def test_whatever_a_text_holds_it_is_text(content: str, value: str) -> None:
    read = Reader(html_of(element("p", content, element("b", content), content, title=value)))
    assert read.tags == ["p", "b"]
    assert read.text == visible(content) * 3
    assert read.values == [visible(value)]


def test_attributes_are_written_as_html_has_them() -> None:
    made = element("svg", class_="plot", aria_label="x", width=12.504, height=None)
    assert html_of(made) == '<svg class="plot" aria-label="x" width="12.5"></svg>'


def test_control_characters_do_not_stay_and_wide_spaces_do() -> None:
    assert visible("a\x00\x1b[1m\ud800") == "a\ufffd\ufffd[1m\ufffd"
    assert visible("95\xa0%\u3000\n\t") == "95\xa0%\u3000\n\t"
