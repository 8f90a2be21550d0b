"""One message of syslog as it comes (RFC 5424, RFC 3164, or neither), and how a stream is cut into messages (RFC 6587)."""

import re
from typing import NamedTuple

from domain.wording import plain, shortened

MAX_BYTES = 8192
"""Of one message; what is longer is cut (RFC 5424 6.1 allows that)."""
MAX_CHARS = 1000
_PRIORITY = re.compile(rb"<(\d{1,3})>")
_5424 = re.compile(r"1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ")
_3164 = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (\S{1,255}) ")
_DATA = re.compile(r'(?:-|(?:\[[^\]\\"]{1,64}(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\.)*")*\])+) ?')
_TAG = re.compile(r"([A-Za-z0-9_./@-]{1,64})(?:\[\d{1,10}\])?: ?")
_COUNT = re.compile(rb"([1-9]\d{0,5}) ")
_COUNTED = frozenset(b"123456789")


class Line(NamedTuple):
    """``app`` is who wrote it (``kernel``, ``systemd``, ``sshd`` …), ``text`` what; both harmless, one line, bounded."""

    app: str
    text: str

    @property
    def whole(self) -> str:
        return f"{self.app}: {self.text}" if self.app else self.text


def line(data: bytes) -> Line:
    """Any bytes are a line: what no standard describes is text of nobody."""
    found = _PRIORITY.match(data)
    said = data[found.end() if found is not None and int(found[1]) < 192 else 0 : MAX_BYTES].decode("utf-8", "replace")
    if (head := _5424.match(said)) is not None:
        rest = said[head.end() :]
        given = _DATA.match(rest)
        text = rest[given.end() if given is not None else 0 :].removeprefix("\ufeff")
        return _bounded("" if head[3] == "-" else head[3], text)
    if (old := _3164.match(said)) is not None:
        said = said[old.end() :]
    tag = _TAG.match(said)
    return _bounded(tag[1], said[tag.end() :]) if tag is not None else _bounded("", said)


def _bounded(app: str, text: str) -> Line:
    return Line(shortened(plain(app), 64), shortened(plain(text), MAX_CHARS))


class Framer:
    """Of one connection: octets counted, or lines that end with LF; each message may come either way (RFC 6587 3.4). Keeps one
    message at most; of a longer one the rest is dropped."""

    __slots__ = ("_at", "_buffer", "_skip", "_to_line_end")

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0
        self._skip = 0
        """Bytes that are still to come of a message that was too long."""
        self._to_line_end = False
        """The same, where nobody said how many."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole by now."""
        self._buffer, self._at = self._buffer + data, 0
        found = []
        while (message := self._next()) is not None:
            if message:
                found.append(message)
        self._buffer = self._buffer[self._at :]
        return found

    def _next(self) -> bytes | None:
        """``b""``: nothing to keep; ``None``: more must come first."""
        left = len(self._buffer) - self._at
        if not left:
            return None
        if self._skip:
            passed = min(self._skip, left)
            self._at, self._skip = self._at + passed, self._skip - passed
            return b""
        if not self._to_line_end and self._buffer[self._at] in _COUNTED:
            counted = _COUNT.match(self._buffer, self._at)
            if counted is not None:
                return self._counted(counted.end(), int(counted[1]))
            if left < 7 and self._buffer[self._at :].isdigit():
                return None
        return self._of_line(left)

    def _counted(self, begins: int, size: int) -> bytes | None:
        kept = min(size, MAX_BYTES)
        if len(self._buffer) < begins + kept:
            return None
        self._at, self._skip = begins + kept, size - kept
        return self._buffer[begins : self._at]

    def _of_line(self, left: int) -> bytes | None:
        begins, end = self._at, self._buffer.find(b"\n", self._at)
        if end < 0 and left <= MAX_BYTES and not self._to_line_end:
            return None
        dropped, self._to_line_end = self._to_line_end, end < 0
        self._at = end + 1 if end >= 0 else len(self._buffer)
        return b"" if dropped else self._buffer[begins : min(self._at, begins + MAX_BYTES)]
