"""One mistake in a file that an operator wrote, and the words that mistakes are told with."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_SHOWN_CHARS = 60
_LISTED = 12
_USER_PART = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """``line`` counts from 1; 0 when it concerns the file or folder as a whole. ``path`` is dotted, as in ``steps[2].timeout_s``.
    ``wrong`` says what is wrong and what was got, ``right`` what would be right; ``code`` names the kind of mistake."""

    file: str
    line: int
    path: str
    wrong: str
    right: str
    code: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path + ': ' if self.path else ''}{self.wrong}, {self.right}"


def shown(value: object) -> str:
    """A value as a message may quote it: one line, escaped, cut to 60 characters, without the user part of a URL."""
    text = _USER_PART.sub("//…@", str(value))
    cut = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut).replace('"', '\\"') + '"'


def meant(word: str, known: Collection[str]) -> str:
    """ "did you mean …?", empty where no known word is like it."""
    close = get_close_matches(word.lower(), known, n=1)
    return f"did you mean {shown(close[0])}?" if close else ""


def hint(word: str, known: Collection[str]) -> str:
    """What to write instead of an unknown word: "did you mean …?", else what there is to choose from."""
    if found := meant(word, known):
        return found
    if not known:
        return "there is none"
    return f"would be right: one of {listed(known)}" if len(known) > 1 else f"there is only {listed(known)}"


def listed(words: Iterable[str]) -> str:
    """At most twelve words to choose from."""
    known = sorted(words)
    more = len(known) - _LISTED
    return ", ".join(known[:_LISTED]) + (f" (and {more} more)" if more > 0 else "")
