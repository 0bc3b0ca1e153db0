"""HTML and SVG as elements, never put together from text: so text can never become markup."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category
from xml.etree.ElementTree import Element, tostring

Content = Element | str


def element(tag: str, *contents: Content, **attributes: str | float | None) -> Element:
    """Return an element; an attribute that is None is left out.

    `class_` is written class; other underlines become hyphens. Floats are written with at most two
    decimals, which is a hundredth of a pixel.
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
            made.set(name.rstrip("_").replace("_", "-"), visible(str(text)))
    append(made, *contents)
    return made


def append(parent: Element, *contents: Content) -> None:
    """Put more behind what an element holds."""
    for content in contents:
        if isinstance(content, Element):
            parent.append(content)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + visible(content)
        else:
            parent.text = (parent.text or "") + visible(content)


def deeper(contents: Iterable[Content]) -> list[Content]:
    """Return contents with their titles one level down, to stand below one more title."""
    found = list(contents)
    for content in found:
        if isinstance(content, Element):
            for title in content.iter("h3"):
                title.tag = "h4"
    return found


def visible(text: str) -> str:
    """Return a text without what no HTML file may hold: control characters, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(char if _is_visible(char) else "\ufffd" for char in text)


def _is_visible(char: str) -> bool:
    """Whether a character shows, or is a space of any width (Python calls only one printable)."""
    return char.isprintable() or char in "\n\t" or category(char) == "Zs"


def html_of(made: Element) -> str:
    return tostring(made, encoding="unicode", method="html")
