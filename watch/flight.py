"""One look under way: a conversation, and the wire it speaks over."""

import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from domain.observation import Observation, unknown
from probes.conversation import Conversation, Step
from probes.spec import Ask, Connect, Dialogue, Echo, Hear, Now, PeerCertificate, SecretMissing, Send, StartTls
from watch import trouble
from watch.datagrams import Way
from watch.wire import Wire

log = logging.getLogger(__name__)

_PACKETS = (Echo, Ask, Hear)

PIECES_A_TURN = 16
"""So that one endless peer can't keep the loop from the others."""


class Tower(Protocol):
    """What a flight wants of the driver."""

    def attend(self, flight: "Flight", descriptor: int, events: int) -> None: ...

    def ignore(self, descriptor: int) -> None: ...

    def now_s(self) -> float: ...


class Flight:
    """Moved on by the driver whenever its wire is ready; ``observation`` is set when it has ended.

    ``start`` makes its dialogue, and is called again when the look must begin anew.
    """

    observation: Observation | None = None
    started_s = 0.0
    events = 0
    """What the driver attends to, of its wire."""
    packet: Echo | Ask | Hear | None = None
    """Set while the look waits for a packet, which is the driver's business: once it was ``sent``, the ``token`` of an ICMP echo
    and the ``source`` its answer has to come from, or the ``way`` of a datagram."""
    sent = False
    token: bytes | None = None
    source = b""
    way: Way | None = None
    _wire: Wire | None = None
    _conversation: Conversation
    _step: Step

    def __init__(
        self, start: Callable[[], Dialogue], timeout_s: float, landed: Callable[[Observation], None], tower: Tower
    ) -> None:
        self._start, self.timeout_s, self.landed, self._tower = start, timeout_s, landed, tower

    def begin(self, now_s: float) -> None:
        """Begin, or begin anew whatever was under way."""
        self._hang_up()
        self.packet = None
        self.started_s = now_s
        self._guarded(self._open)

    def echoed(self) -> None:
        """The ICMP echo it waits for was answered."""
        self.answered(b"")

    def answered(self, data: bytes | OSError) -> None:
        """A datagram that it waits for came, or the system says that none will."""
        self.packet = None
        if isinstance(data, OSError):
            self.end(trouble.of_socket(data))
            return
        self._guarded(self._go_on_with, data)

    def ready(self) -> None:
        """The wire can be written to, or read from, or has failed."""
        wire = self._wire
        if wire is not None:
            self._guarded(self._go_on, wire)

    def end(self, seen: Observation) -> None:
        """Over, whatever was under way."""
        self.observation = seen
        self.packet = None
        self._hang_up()

    def too_late(self) -> None:
        self.end(self._conversation.too_late(self.timeout_s))

    def _guarded(self, go: Callable[..., None], *given: object) -> None:
        try:
            go(*given)
        except ssl.SSLError as error:  # before OSError, of which it is one
            self.end(trouble.of_tls(error))
        except OSError as error:
            self.end(trouble.of_socket(error))
        except SecretMissing as error:
            self.end(unknown(str(error)))
        except Exception as error:  # one probe's mistake must not blind the watcher for all others
            log.exception("a probe's own mistake, while it wished for %r", self._conversation.wish)
            self.end(unknown(f"the probe failed with {type(error).__name__}; the watcher's log says where"))

    def _open(self) -> None:
        self._conversation = Conversation(self._start())
        self._take(self._conversation.begin())

    def _go_on_with(self, answer: bytes) -> None:
        self._take(self._conversation.answered(answer))

    def _take(self, step: Step | None) -> None:
        """Do what the conversation asks until it has to wait."""
        while step is not None:
            self._step = step
            if isinstance(step, Observation):
                self.end(step)
                return
            if isinstance(step, _PACKETS):
                self._hang_up()
                self.packet, self.sent = step, False
                return
            if isinstance(step, Now):
                step = self._conversation.answered(b"%.3f" % self._tower.now_s())
            else:
                step = self._connect(step) if isinstance(step, Connect) else self._over_wire(step)
        wire = self._wire
        if wire is not None and self.events != wire.events:
            self._tower.attend(self, wire.descriptor, wire.events)
            self.events = wire.events

    def _connect(self, wish: Connect) -> Step | None:
        self._hang_up()
        family = family_of(wish.address)
        if family is None:
            return unknown(f"{wish.address!r} is not an IP address")
        self._wire = Wire(family, wish.address, wish.port)
        return None

    def _over_wire(self, step: Step) -> Step | None:
        """The step after this one, where nothing has to be waited for."""
        wire = self._wire
        if wire is None:
            raise TypeError(f"{type(step).__name__} before Connect")
        if isinstance(step, StartTls):
            wire.secure(step.tls)
            return self._conversation.done() if wire.shake() else None
        if isinstance(step, Send):
            return self._conversation.done() if wire.send(step.data) else None
        if isinstance(step, PeerCertificate):
            return self._conversation.answered(wire.certificate())
        piece = wire.left()
        return None if piece is None else self._heard(piece)

    def _go_on(self, wire: Wire) -> None:
        step = self._step
        if not wire.established:
            if wire.establish():
                tls = step.tls if isinstance(step, Connect) else None
                if tls is not None:
                    wire.secure(tls)
                self._take(self._conversation.done() if wire.shake() else None)
        elif not wire.send(b""):
            return  # something is still to be sent; we are called again when the system takes more
        elif isinstance(step, Send):
            self._take(self._conversation.done())
        elif isinstance(step, Connect | StartTls):
            self._take(self._conversation.done() if wire.fetch() and wire.shake() else None)
        else:
            self._listen(wire)

    def _listen(self, wire: Wire) -> None:
        for _ in range(PIECES_A_TURN):
            piece = wire.receive()
            self._take(None if piece is None else self._heard(piece))
            if self._wire is not wire or isinstance(self._step, Send | StartTls) or not piece:
                return

    def _heard(self, piece: bytes) -> Step:
        return self._conversation.fed(piece) if piece else self._conversation.ended()

    def _hang_up(self) -> None:
        wire = self._wire
        if wire is not None:
            if self.events:
                self._tower.ignore(wire.descriptor)
            wire.close()
            self._wire, self.events = None, 0


def family_of(address: str) -> socket.AddressFamily | None:
    """By its form; ``None`` where it is no address. Nothing is resolved here: a resolver may take seconds, and this is the loop."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return family
    return None
