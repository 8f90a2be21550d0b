"""The timeline as Markdown: what people and probed hosts said is shown as text, whatever it holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from domain.reasons import Code
from engine.history import Line, table

SAID = [
    "a | b || c \\| d",
    "`rm -rf` and ``two``",
    "two\nlines\r\n| a row | of its own |\n# and a heading",
    "<img src=x onerror=alert(1)> &lt;b&gt;",
    "[click](https://evil.example) ![picture](https://evil.example/x.png)",
    "<https://evil.example> https://evil.example HTTP://evil.example www.evil.example WWW.evil.example a@evil.example",
    "**bold** _italic_ ~~struck~~ \\* \\",
    "ends in a backslash\\",
]
BARE_LINK = re.compile(r"\w://|www\.|\w@\w", re.IGNORECASE)
"""What GitHub's Markdown, which the Prefect UI reads, makes a link of without any bracket."""


def cells(said: str) -> list[tuple[str, set[str]]]:
    """The cells of the table's one row, each as what is read in it and the kinds of what it is made of."""
    written = table("INC-000001", [Line(0.0, Code.NOTED, said, "P41", "NoteAdded", {}, 1)], "UTC")
    assert not BARE_LINK.search(written)
    assert len(written.splitlines()) == 5
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(written)
    body = tokens[next(number for number, token in enumerate(tokens) if token.type == "tbody_open") :]
    inlines = [token.children or [] for token in body if token.type == "inline"]
    return [("".join(child.content for child in children), {child.type for child in children}) for children in inlines]


def shown_as_it_is(said: str) -> None:
    _, (read, kinds), source = cells(said)
    assert read == " ".join(said.split())
    assert kinds <= {"text"}
    assert source == ("P41", {"text"})


@pytest.mark.parametrize("said", SAID)
def test_markup_in_what_was_said_is_text(said: str) -> None:
    shown_as_it_is(said)


@given(st.text(alphabet="\\\\`*_[]()<>&|~@#!:/.-+w1a \n\t;\"'$=^"))
def test_whatever_was_said(said: str) -> None:
    shown_as_it_is(said)
