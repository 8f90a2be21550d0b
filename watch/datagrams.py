"""Datagrams (UDP): few sockets for all looks; an answer is who asked's by the socket it came to and the address it came from."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

from probes import chance
from watch.mmsg import MANY, Mail, Packet, peer

FIRST_SOCKETS = 16
"""A family. Ports are random; more are opened where one peer is asked more at once."""
BATCHES_A_TURN = 4
_REFUSED_A_TURN = 512
_IPV6_RECVERR = 25  # linux/in6.h
_IP_RECVERR = 11  # linux/in.h
_LOCAL, _OFFENDER = 1, 16  # linux/errqueue.h: SO_EE_ORIGIN_LOCAL, and where its address begins
_HOST = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}
"""Of a ``struct sockaddr``: without its port."""

Who = TypeVar("Who")


class _Opened(Generic[Who]):
    def __init__(self, family: socket.AddressFamily) -> None:
        self.family = family
        self.socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.descriptor = self.socket.fileno()
        self.taken: dict[bytes, Who] = {}
        """By the peer: one look at a time."""
        self.out: list[Packet] = []


class Way(NamedTuple):
    """Between a socket of ours and a peer's port."""

    opened: "_Opened[object]"
    peer: bytes


class Datagrams(Generic[Who]):
    """The sockets are opened when they are first needed, and stay. What is sent goes out with the next ``flush``."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._of_family: dict[int, list[_Opened[Who]]] = {}
        self._in_turn: dict[int, _Opened[Who]] = {}
        """Through which of a family goes what is sent until the next flush: by chance."""
        self._opened: dict[int, _Opened[Who]] = {}
        self._out: set[_Opened[Who]] = set()

    def send(self, family: socket.AddressFamily, address: str, port: int, data: bytes, who: Who) -> Way:
        """On a way that nobody else uses until it is given ``back``. Raises ``OSError``."""
        to = peer(family, address, port)
        opened = self._in_turn.get(family)
        if opened is None or to in opened.taken:
            opened = self._free(family, to)
        opened.taken[to] = who
        opened.out.append((to, data))
        self._out.add(opened)
        return Way(opened, to)  # type: ignore[arg-type]  # whose it is, is nothing to whoever holds it

    def again(self, way: Way, data: bytes) -> None:
        """The same way once more."""
        opened = self._opened[way.opened.descriptor]
        opened.out.append((way.peer, data))
        self._out.add(opened)

    def back(self, way: Way) -> None:
        """What still comes this way is nobody's."""
        way.opened.taken.pop(way.peer, None)

    def flush(self) -> list[tuple[Who, OSError]]:
        """Who asked what the system would not send."""
        refused: list[tuple[Who, OSError]] = []
        for opened in list(self._out):
            refused += self._sent(opened)
            if not opened.out:
                self._out.remove(opened)
        self._in_turn.clear()
        return refused

    @property
    def unsent(self) -> bool:
        return bool(self._out)

    def has(self, descriptor: int) -> bool:
        return descriptor in self._opened

    def receive(self, descriptor: int, failed: bool) -> Iterator[tuple[Who, bytes | OSError]]:
        """What came to this socket, and for whom; where something ``failed``, also why there will be nothing: the system's error
        for what was sent."""
        opened = self._opened[descriptor]
        for _ in range(BATCHES_A_TURN):
            try:
                packets = self._mail.receive(descriptor, opened.family)
            except OSError:  # the queue says of which
                continue
            for source, data in packets:
                who = opened.taken.get(source)
                if who is not None:
                    yield who, data
            if len(packets) < MANY:
                break
        for source, error in _refused(opened) if failed else ():
            who = opened.taken.get(source)
            if who is not None:
                yield who, error

    def close(self) -> None:
        for opened in self._opened.values():
            opened.socket.close()
        self._opened.clear()
        self._of_family.clear()
        self._in_turn.clear()
        self._out.clear()

    def _free(self, family: socket.AddressFamily, to: bytes) -> _Opened[Who]:
        of_family = self._of_family.setdefault(family, [])
        while len(of_family) < FIRST_SOCKETS:
            self._open(family)
        first = int.from_bytes(chance.token()[:4], "big") % len(of_family)
        self._in_turn.setdefault(family, of_family[first])
        for opened in of_family[first:] + of_family[:first]:
            if to not in opened.taken:
                return opened
        return self._open(family)

    def _open(self, family: socket.AddressFamily) -> _Opened[Who]:
        opened: _Opened[Who] = _Opened(family)
        self._of_family[family].append(opened)
        self._opened[opened.descriptor] = opened
        return opened

    def _sent(self, opened: _Opened[Who]) -> Iterator[tuple[Who, OSError]]:
        while opened.out:
            batch = opened.out[:MANY]
            sent = self._mail.send(opened.descriptor, batch)
            del opened.out[: sent.packets]
            for place, error in sent.refused:
                who = opened.taken.get(batch[place][0])
                if who is not None:
                    yield who, error
            if sent.packets < len(batch):
                return


def _refused(opened: _Opened[Who]) -> list[tuple[bytes, OSError]]:
    """Errors (a closed port, mostly) of what was sent, each with whom it was sent to: ``struct sock_extended_err``, ip(7).

    Only this system's own and the peer's: anybody who was asked once knows a port of ours, and can say of anyone by ICMP that it
    can't be reached. Who is not reached does not answer.
    """
    found = []
    with suppress(BlockingIOError):
        for _ in range(_REFUSED_A_TURN):
            _, controls, _, to = opened.socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            asked = peer(opened.family, to[0], to[1])
            for _, _, control in controls:
                number, origin = struct.unpack_from("=IB", control)
                if origin == _LOCAL or control[_OFFENDER:][_HOST[opened.family]] == asked[_HOST[opened.family]]:
                    found.append((asked, OSError(number, "datagram")))
    return found
