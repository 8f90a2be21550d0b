"""Targets that are asked by datagram: a DNS server with one A record, and an SNMP agent with ten counters that count."""

import resource
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from bench.tiny import apart
from watch.mmsg import Mail

NAME, RECORD = "www.example.com", "192.0.2.7"
COMMUNITY = "public"
COUNTERS = [(1, 3, 6, 1, 2, 1, 2, 2, 1, column, row) for row in range(1, 6) for column in (10, 16)]
"""ifInOctets and ifOutOctets of five interfaces."""
STEP = 1_000_000
"""The counters begin at this, twice this …, and count to less than the next."""

Answer = Callable[[bytes], bytes]


@contextmanager
def dns(addresses: list[str]) -> Iterator[int]:
    """Its port, on all these addresses."""
    with _answering(addresses, lambda: _record) as port:
        yield port


@contextmanager
def agent(addresses: list[str]) -> Iterator[int]:
    with _answering(addresses, _Counting) as port:
        yield port


@contextmanager
def _answering(addresses: list[str], answer: Callable[[], Answer]) -> Iterator[int]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for address in addresses:
            sockets.append(stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sockets[-1].bind((address, sockets[0].getsockname()[1] if len(sockets) > 1 else 0))
        stack.enter_context(apart(lambda: _serve(sockets, answer())))
        yield sockets[0].getsockname()[1]


def _serve(sockets: list[socket.socket], answer: Answer) -> None:
    poll, mail = select.epoll(), Mail()
    for one in sockets:
        poll.register(one, select.EPOLLIN)
    while True:
        for descriptor, _ in poll.poll():
            asked = mail.receive(descriptor, socket.AF_INET)
            if asked:
                mail.send(descriptor, [(peer, answer(data)) for peer, data in asked])


def _record(question: bytes) -> bytes:
    """RFC 1035 4.1: that A record, whatever the name."""
    end = question.index(b"\0", 12) + 5
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04" + socket.inet_aton(RECORD)
    return question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:end] + record


class _Counting:
    """RFC 3416: the response to a GET of what it knows, whatever way the asker writes it. Other values with each answer."""

    def __init__(self) -> None:
        self._values = {_ber(6, _oid(oid)): place * STEP for place, oid in enumerate(COUNTERS, 1)}
        self._turns = count()
        self._made: dict[tuple[bytes, int], bytes] = {}

    def __call__(self, asked: bytes) -> bytes:
        at, _ = _contents(asked, 0)
        version, at = _element(asked, at)
        community, at = _element(asked, at)
        at, _ = _contents(asked, at)
        number, at = _element(asked, at)
        key = (asked[at:], next(self._turns) % 64)
        binds = self._made.get(key)
        if binds is None:
            binds = self._made[key] = self._binds(*key)
        return _ber(0x30, version + community + _ber(0xA2, number + b"\2\1\0\2\1\0" + binds))

    def _binds(self, rest: bytes, turn: int) -> bytes:
        at, end = _contents(rest, 6)  # after error-status and error-index, three bytes each
        found = b""
        while at < end:
            at, _ = _contents(rest, at)
            name, at = _element(rest, at)
            _, at = _element(rest, at)
            found += _ber(0x30, name + _ber(0x41, (self._values[name] + turn * 1000).to_bytes(4, "big")))
        return _ber(0x30, found)


def _contents(data: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the element at this place begin and end."""
    size, at = data[at + 1], at + 2
    if size > 127:
        at, size = at + size - 128, int.from_bytes(data[at : at + size - 128], "big")
    return at, at + size


def _element(data: bytes, at: int) -> tuple[bytes, int]:
    """The whole element, and where the next one begins."""
    _, end = _contents(data, at)
    return data[at:end], end


def _ber(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x82, *size.to_bytes(2, "big")])) + contents


def _oid(oid: tuple[int, ...]) -> bytes:
    """Of numbers below 128."""
    return bytes([oid[0] * 40 + oid[1], *oid[2:]])
