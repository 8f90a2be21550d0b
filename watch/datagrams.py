"""Datagrams (UDP): few sockets for all looks; an answer is who asked's by the socket it came to and the address it came from."""

import secrets
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from watch.icmp import canonical

FIRST_SOCKETS = 16
"""A family. Ports are random; more are opened where one peer is asked more at once."""
MAX_BYTES = 65_535
PACKETS_A_TURN = 512
_IPV6_RECVERR = 25  # linux/in6.h
_IP_RECVERR = 11  # linux/in.h


class Way(NamedTuple):
    """Between a socket of ours and a peer's port: one look at a time."""

    descriptor: int
    address: str
    port: int


class Heard(NamedTuple):
    """``data``: the datagram, or why there will be none: the system's error for what was sent this way."""

    way: Way
    data: bytes | OSError


class Datagrams:
    """The sockets are opened when they are first needed, and stay."""

    def __init__(self) -> None:
        self._of_family: dict[socket.AddressFamily, list[socket.socket]] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._taken: set[Way] = set()

    def send(self, family: socket.AddressFamily, address: str, port: int, data: bytes) -> Way:
        """On a way that nobody else uses until it is given ``back``. Raises ``OSError`` where the system won't send it."""
        sock, way = self._free(family, canonical(family, address), port)
        _send(sock, address, port, data)
        self._taken.add(way)
        return way

    def again(self, way: Way, data: bytes) -> None:
        """The same way once more. Raises ``OSError`` as ``send`` does."""
        _send(self._sockets[way.descriptor], way.address, way.port, data)

    def back(self, way: Way) -> None:
        """What still comes this way is nobody's."""
        self._taken.discard(way)

    def has(self, descriptor: int) -> bool:
        return descriptor in self._sockets

    def receive(self, descriptor: int) -> list[Heard]:
        """What came to this socket, errors last."""
        sock = self._sockets[descriptor]
        found = []
        for _ in range(PACKETS_A_TURN):
            try:
                data, source = sock.recvfrom(MAX_BYTES)
            except BlockingIOError:
                break
            except OSError:  # the queue says of which
                continue
            found.append(Heard(Way(descriptor, source[0], source[1]), data))
        return found + _refused(sock)

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._of_family.clear()

    def _free(self, family: socket.AddressFamily, address: str, port: int) -> tuple[socket.socket, Way]:
        opened = self._of_family.setdefault(family, [])
        while len(opened) < FIRST_SOCKETS:
            self._open(family)
        first = secrets.randbelow(len(opened))
        for sock in opened[first:] + opened[:first]:
            way = Way(sock.fileno(), address, port)
            if way not in self._taken:
                return sock, way
        sock = self._open(family)
        return sock, Way(sock.fileno(), address, port)

    def _open(self, family: socket.AddressFamily) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._of_family[family].append(sock)
        self._sockets[sock.fileno()] = sock
        return sock


def _send(sock: socket.socket, address: str, port: int, data: bytes) -> None:
    try:
        sock.sendto(data, (address, port))
    except ConnectionRefusedError:  # of what was sent to somebody else before: the socket's queue has it too
        sock.sendto(data, (address, port))


def _refused(sock: socket.socket) -> list[Heard]:
    """Errors (a closed port, mostly) of what was sent, each with whom it was sent to: ``struct sock_extended_err``, ip(7)."""
    found = []
    with suppress(BlockingIOError):
        for _ in range(PACKETS_A_TURN):
            _, controls, _, to = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            for _, _, control in controls:
                number = struct.unpack_from("=I", control)[0]
                found.append(Heard(Way(sock.fileno(), to[0], to[1]), OSError(number, "datagram")))
    return found
