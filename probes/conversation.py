"""Runs a dialogue against bytes, without sockets: what the driver and the tests share."""

from domain.observation import Observation, down
from probes.spec import Ask, Connect, Dialogue, Echo, Exactly, Given, Hear, Line, Read, Rest, Send, StartTls, Wish

Step = Wish | Observation
"""What is to be done next; a reading wish means "feed me", an ``Observation`` is the end."""

_READS = (Line, Exactly, Rest)


class Conversation:
    """One look's dialogue and the bytes it has not read yet.

    Holds at most what one wish may need plus one piece of input. Call ``begin`` once, then ``done``, ``fed`` or ``ended`` as
    the last step asked, until an ``Observation`` comes back.
    """

    __slots__ = ("_at", "_buffer", "_dialogue", "wish")

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._buffer = bytearray()
        self._at = 0
        """Where the unread bytes begin: cutting them off line by line would make many short lines quadratic."""
        self.wish: Wish | None = None

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._buffer)

    def begin(self) -> Step:
        return self._on(None)

    def done(self) -> Step:
        """The last wish (``Connect``, ``StartTls``, ``Send``, ``Echo``) was carried out."""
        return self._on(b"")

    def fed(self, data: bytes) -> Step:
        """Bytes came while a reading was wished for."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data
        wish = self._reading()
        taken = self._take(wish)
        if taken is None:
            return wish
        return self._on(taken) if isinstance(taken, bytes) else taken

    def answered(self, data: bytes) -> Step:
        """A datagram came while one was waited for (``Ask``, ``Hear``), or this is what the driver has (``Given``)."""
        return self._on(data)

    def ended(self) -> Step:
        """The peer closed while a reading was wished for."""
        wish = self._reading()
        if isinstance(wish, Rest):
            rest = bytes(self._buffer[self._at :])
            self._buffer.clear()
            self._at = 0
            return self._on(rest)
        return down(f"closed the connection before its {wish.awaited}")

    def too_late(self, timeout_s: float) -> Observation:
        """The look's time is over."""
        wish = self.wish
        if isinstance(wish, _READS):
            return down(f"no complete {wish.awaited} within {timeout_s:g} s")
        if isinstance(wish, Ask | Hear):
            silence = f" ({wish.silence})" if isinstance(wish, Ask) and wish.silence else ""
            return down(f"no {wish.awaited} within {timeout_s:g} s{silence}")
        if isinstance(wish, Connect) and wish.tls is not None:
            return down(f"no connection with TLS within {timeout_s:g} s")
        return down(f"{_LATE[type(wish)]} within {timeout_s:g} s")

    def _on(self, answer: bytes | None) -> Step:
        """Answer the dialogue until it wishes something that is not in the buffer yet."""
        while True:
            try:
                wish = self._dialogue.send(answer)  # type: ignore[arg-type]  # None begins a generator
            except StopIteration as end:
                seen: Observation = end.value
                return seen
            self.wish = wish
            if not isinstance(wish, _READS):
                return self._before(wish)
            taken = self._take(wish)
            if taken is None:
                return wish
            if not isinstance(taken, bytes):
                return taken
            answer = taken

    def _before(self, wish: Connect | StartTls | Send | Echo | Ask | Hear | Given) -> Step:
        if isinstance(wish, Connect):
            self._buffer.clear()
            self._at = 0
        elif isinstance(wish, StartTls) and self._at < len(self._buffer):
            # Kept, they would later pass for protected ones (the STARTTLS injection of CVE-2011-0411)
            return down("sent unprotected bytes ahead of the TLS handshake")
        return wish

    def _reading(self) -> Read:
        if isinstance(self.wish, _READS):
            return self.wish
        raise TypeError(f"bytes while the dialogue wished for {self.wish!r}")

    def _take(self, wish: Read) -> bytes | Observation | None:
        """What the buffer holds for this wish; ``None`` when more is needed."""
        buffer, at = self._buffer, self._at
        if isinstance(wish, Line):
            end = buffer.find(b"\n", at, at + wish.max_bytes + 2)
            if end >= 0:
                self._at = end + 1
                line = bytes(buffer[at:end])
                return line[:-1] if line.endswith(b"\r") else line
            too_long = len(buffer) - at >= wish.max_bytes + 2
            return down(f"its {wish.awaited} is longer than {wish.max_bytes} bytes") if too_long else None
        count = wish.size if isinstance(wish, Exactly) else wish.max_bytes
        if len(buffer) - at < count:
            return None
        self._at = at + count
        return bytes(buffer[at : self._at])


_LATE = {
    Connect: "no connection",
    StartTls: "no TLS handshake",
    Send: "the peer did not take the request",
    Echo: "no answer",
    type(None): "not looked at",
}
