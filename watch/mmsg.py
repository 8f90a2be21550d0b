"""Many datagrams with one call of the system: sendmmsg(2) and recvmmsg(2), which Python's ``socket`` does not have.

Peers are addresses as the system writes them (``struct sockaddr``): what an answer came from is compared as it stands.
"""

import ctypes
import errno
import os
import socket
import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from mmap import mmap
from typing import NamedTuple

MANY = 128
"""Packets a call; of those that came, the rest stays with the system until the next."""
MAX_BYTES = 65_535
_NAME_BYTES = 28  # struct sockaddr_in6, the longer one


Packet = tuple[bytes, bytes]
"""Whom it is for or who it is from (``peer``), and its data."""


class Sent(NamedTuple):
    """Of the packets handed over: how many are dealt with (the system has no room for the others just now), and which of these, by
    their place, it would not send."""

    packets: int
    refused: list[tuple[int, OSError]]


class _Message(ctypes.Structure):
    """``struct msghdr``; its one piece is a ``struct iovec``, two words."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_bytes", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("message", _Message), ("bytes", ctypes.c_uint32))


_HEADER_BYTES = ctypes.sizeof(_Header)
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
_libc.recvmmsg.argtypes = [*_libc.sendmmsg.argtypes, ctypes.c_void_p]


class _Buffers:
    """Headers for ``MANY`` packets, each with one piece and one name."""

    def __init__(self) -> None:
        self.data = mmap(-1, MANY * MAX_BYTES)  # of which the system gives only what is written to
        self.names = mmap(-1, MANY * _NAME_BYTES)
        self.data_at, names_at = _address(self.data), _address(self.names)
        self.pieces = array("Q", (word for number in range(MANY) for word in (self.data_at + number * MAX_BYTES, MAX_BYTES)))
        pieces_at, self._names_at = self.pieces.buffer_info()[0], names_at
        self._headers = (_Header * MANY)()
        for number, header in enumerate(self._headers):
            header.message.pieces, header.message.piece_count = pieces_at + number * 16, 1
        self.at = ctypes.addressof(self._headers)
        self.name_bytes = 0
        self.view = memoryview(self.data)
        self.lengths = memoryview(self._headers).cast("B").cast("I")[_Header.bytes.offset // 4 :: _HEADER_BYTES // 4]

    def named(self, name_bytes: int) -> None:
        """Names of that length lie side by side."""
        if name_bytes != self.name_bytes:
            self.name_bytes = name_bytes
            for number, header in enumerate(self._headers):
                header.message.name, header.message.name_bytes = self._names_at + number * name_bytes, name_bytes


class Mail:
    """Sends and receives for any number of sockets, one at a time."""

    def __init__(self) -> None:
        self._out, self._in = _Buffers(), _Buffers()

    def send(self, descriptor: int, packets: Sequence[Packet]) -> Sent:
        """At most ``MANY``, all of one family."""
        out = self._out
        peers, contents = zip(*packets, strict=True)
        data, names = b"".join(contents), b"".join(peers)
        sizes = array("Q", map(len, contents))
        out.data[: len(data)] = data
        out.names[: len(names)] = names
        pieces = memoryview(out.pieces)[: 2 * len(packets)]
        pieces[::2] = array("Q", accumulate(sizes[:-1], initial=out.data_at))
        pieces[1::2] = sizes
        out.named(len(peers[0]))
        return _sent(descriptor, out.at, len(packets))

    def receive(self, descriptor: int, family: socket.AddressFamily) -> list[Packet]:
        """What is there, at most ``MANY``. Raises ``OSError`` where the system has an error to tell instead."""
        came = self._in
        came.named(NAME_BYTES[family])
        count: int = _libc.recvmmsg(descriptor, came.at, MANY, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number == errno.EAGAIN:
                return []
            raise OSError(number, "recvmmsg")
        size, data = came.name_bytes, came.view
        names = came.names[: count * size]
        return [
            (names[place * size : place * size + size], data[place * MAX_BYTES : place * MAX_BYTES + length].tobytes())
            for place, length in enumerate(came.lengths[:count])
        ]


def _sent(descriptor: int, headers_at: int, count: int) -> Sent:
    place, refused, again = 0, [], True
    while place < count:
        sent: int = _libc.sendmmsg(descriptor, headers_at + place * _HEADER_BYTES, count - place, socket.MSG_DONTWAIT)
        if sent > 0:
            place, again = place + sent, True
            continue
        number = ctypes.get_errno()
        if number == errno.EAGAIN:
            break
        if again:  # of what was sent to somebody else before, mostly (ip(7), IP_RECVERR): the socket's queue has that too
            again = False
            continue
        refused.append((place, OSError(number, os.strerror(number))))
        place, again = place + 1, True
    return Sent(place, refused)


NAME_BYTES = {socket.AF_INET: 16, socket.AF_INET6: 28}


@lru_cache(65_536)
def peer(family: socket.AddressFamily, address: str, port: int) -> bytes:
    """As the system writes an address of that family (ip(7), ipv6(7)). Raises ``OSError`` where it is none."""
    host = socket.inet_pton(family, address)
    if family == socket.AF_INET:
        return struct.pack("=H", family) + port.to_bytes(2, "big") + host + bytes(8)
    return struct.pack("=H", family) + port.to_bytes(2, "big") + bytes(4) + host + bytes(4)


def _address(buffer: mmap) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))
