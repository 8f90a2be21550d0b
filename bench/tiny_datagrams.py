"""Targets that are asked by datagram: a DNS server with one A record, and SNMP agents with values that change."""

import multiprocessing
import resource
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from multiprocessing.synchronize import Event

from bench.tiny import apart
from watch.mmsg import Mail

NAME, RECORD = "www.example.com", "192.0.2.7"
COMMUNITY = "public"
COUNTERS = [(1, 3, 6, 1, 2, 1, 2, 2, 1, column, row) for row in range(1, 6) for column in (10, 16)]
"""ifInOctets and ifOutOctets of five interfaces."""
STEP = 1_000_000
"""The counters begin at this, twice this …, and count to less than the next."""

SOCKETS = 10_000
READY_S = 20.0
TURNS = 64
"""An agent's values come again after so many answers."""

Oid = tuple[int, ...]
Said = Callable[[int], bytes]
"""A value as BER, of the answer of that turn."""


def _counter(first: int) -> Said:
    return lambda turn: _ber(0x41, (first + turn * 1000).to_bytes(4, "big"))


def _number(first: int, step: int = 0) -> Said:
    return lambda turn: _ber(2, (first + turn * step).to_bytes(4, "big"))


COUNTING: Mapping[Oid, Said] = {oid: _counter(place * STEP) for place, oid in enumerate(COUNTERS, 1)}
_UCD, _EXTENDED = (1, 3, 6, 1, 4, 1, 2021), (1, 3, 6, 1, 4, 1, 8072, 1, 3, 2, 3, 1)
_MAILQUEUE = (len(b"mailqueue"), *b"mailqueue")
HEALTHY: Mapping[Oid, Said] = {
    (*_UCD, 10, 1, 5, 1): _number(20),
    (*_UCD, 4, 5, 0): _number(16_000_000),
    (*_UCD, 4, 6, 0): _number(9_000_000, 1000),
    (*_UCD, 4, 14, 0): _number(200_000),
    (*_UCD, 4, 15, 0): _number(3_000_000),
    (*_UCD, 4, 3, 0): _number(4_000_000),
    (*_UCD, 4, 4, 0): _number(3_900_000, 1000),
    (1, 3, 6, 1, 2, 1, 25, 1, 5, 0): lambda _: _ber(0x42, b"\1"),
    (*_EXTENDED, 1, *_MAILQUEUE): lambda turn: _ber(4, b"%d" % turn),
    (*_EXTENDED, 4, *_MAILQUEUE): _number(0),
}
"""What load, memory, swap, logins and mailqueue ask a host: ten values, all good."""

Answer = Callable[[bytes], bytes]


@contextmanager
def dns(addresses: list[str]) -> Iterator[int]:
    """Its port, on all these addresses."""
    with _answering(addresses, lambda: _record) as port:
        yield port


@contextmanager
def agent(addresses: list[str], values: Mapping[Oid, Said] = COUNTING) -> Iterator[int]:
    with _answering(addresses, lambda: _Agent(values)) as port:
        yield port


@contextmanager
def _answering(addresses: list[str], answer: Callable[[], Answer]) -> Iterator[int]:
    """A socket for each address, as an answer comes from where was asked; as many processes as their descriptors take."""
    with ExitStack() as stack:
        reserved = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        for at in range(0, len(addresses), SOCKETS):
            ready = multiprocessing.get_context("fork").Event()
            serve = partial(_serve, addresses[at : at + SOCKETS], port, answer, ready)
            stack.enter_context(apart(serve))
            if not ready.wait(READY_S):
                raise RuntimeError(f"no answers from port {port}: are descriptors for {SOCKETS} sockets there?")
        yield port


def _serve(addresses: list[str], port: int, answer: Callable[[], Answer], ready: Event) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    poll, mail, say, sockets = select.epoll(), Mail(), answer(), []
    for address in addresses:
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sockets[-1].bind((address, port))
        poll.register(sockets[-1], select.EPOLLIN)
    ready.set()
    while True:
        for descriptor, _ in poll.poll():
            asked = mail.receive(descriptor, socket.AF_INET)
            if asked:
                mail.send(descriptor, [(peer, say(data)) for peer, data in asked])


def _record(question: bytes) -> bytes:
    """RFC 1035 4.1: that A record, whatever the name."""
    end = question.index(b"\0", 12) + 5
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04" + socket.inet_aton(RECORD)
    return question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:end] + record


class _Agent:
    """RFC 3416: the response to a GET of what it knows, whatever way the asker writes it. Other values with each answer."""

    def __init__(self, values: Mapping[Oid, Said]) -> None:
        self._values = {_ber(6, _oid(oid)): said for oid, said in values.items()}
        self._turns = count()
        self._made: dict[tuple[bytes, int], bytes] = {}

    def __call__(self, asked: bytes) -> bytes:
        at, _ = _contents(asked, 0)
        version, at = _element(asked, at)
        community, at = _element(asked, at)
        at, _ = _contents(asked, at)
        number, at = _element(asked, at)
        key = (asked[at:], next(self._turns) % TURNS)
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
            found += _ber(0x30, name + self._values[name](turn))
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


def _oid(oid: Oid) -> bytes:
    """Of numbers below 16,384."""
    septets = [bytes([0x80 | number >> 7, number & 0x7F]) if number > 127 else bytes([number]) for number in oid[2:]]
    return bytes([oid[0] * 40 + oid[1]]) + b"".join(septets)
