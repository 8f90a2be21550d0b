"""ICMP echoes (RFC 792, RFC 4443): one socket a family for all pings, answers matched by a random token and their source."""

import secrets
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from probes import chance
from watch.mmsg import MANY, Mail, Packet, peer

TOKEN_BYTES = chance.BYTES
HEADER_BYTES = 8
BATCHES_A_TURN = 4
_ICMP_FILTER, _ICMP6_FILTER, _SOL_RAW = 1, 1, 255  # linux/icmp.h, RFC 3542 3.2
_TOKEN = slice(HEADER_BYTES, HEADER_BYTES + TOKEN_BYTES)
_HEAD = struct.Struct("!BBHHH")


class MayNotPing(Exception):  # noqa: N818 - it is the system's refusal
    """Neither a ping socket nor a raw one may be opened by this process."""


Answer = tuple[bytes, bytes]
"""Its token, and its source."""

Sending = tuple[bytes, bytes, int]
"""Its token; the source that its answer has to come from; the descriptor where it will."""


class _Opened(NamedTuple):
    socket: socket.socket
    descriptor: int
    with_ip_header: bool
    out: list[Packet]


class Echoes:
    """The sockets are opened when they are first needed, and stay. What is sent goes out with the next ``flush``."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._sockets: dict[int, _Opened] = {}
        self._sequence = 0
        self._identifier = secrets.randbelow(65_536)

    def send(self, family: socket.AddressFamily, address: str, size: int) -> Sending:
        """One echo of ``size`` bytes, header included. Raises ``OSError``, ``MayNotPing``."""
        opened = self._sockets.get(family)
        if opened is None:
            opened = self._sockets[family] = _open(family)
        self._sequence = (self._sequence + 1) % 65_536
        token, source = chance.token(), peer(family, address, 0)
        payload = token.ljust(size - HEADER_BYTES, b"\0")
        if family == socket.AF_INET:
            checksum = _checksum(0x0800 + self._identifier + self._sequence, payload)
            head = _HEAD.pack(8, 0, checksum, self._identifier, self._sequence)
        else:  # the kernel knows the addresses that the checksum covers
            head = _HEAD.pack(128, 0, 0, self._identifier, self._sequence)
        opened.out.append((source, head + payload))
        return token, source, opened.descriptor

    def flush(self) -> list[tuple[bytes, OSError]]:
        """Tokens of what the system would not send."""
        refused = []
        for opened in self._sockets.values():
            while opened.out:
                batch = opened.out[:MANY]
                sent = self._mail.send(opened.descriptor, batch)
                refused += [(batch[place][1][_TOKEN], error) for place, error in sent.refused]
                del opened.out[: sent.packets]
                if sent.packets < len(batch):
                    break
        return refused

    @property
    def unsent(self) -> bool:
        return any(opened.out for opened in self._sockets.values())

    def receive(self, descriptor: int) -> list[Answer]:
        """The answers that came to this descriptor."""
        family, opened = next((family, one) for family, one in self._sockets.items() if one.descriptor == descriptor)
        found: list[Answer] = []
        for _ in range(BATCHES_A_TURN):
            try:
                packets = self._mail.receive(descriptor, socket.AddressFamily(family))
            except OSError:  # an ICMP error about some earlier echo, which will get its "no answer"
                continue
            for source, packet in packets:
                icmp = packet[(packet[0] & 15) * 4 :] if opened.with_ip_header and packet else packet
                if len(icmp) >= _TOKEN.stop and icmp[0] in {0, 129}:
                    found.append((icmp[_TOKEN], source))
            if len(packets) < MANY:
                break
        return found

    def close(self) -> None:
        for opened in self._sockets.values():
            opened.socket.close()
        self._sockets.clear()


def _open(family: socket.AddressFamily) -> _Opened:
    """A ping socket where the system grants one, else a raw one; and whether its packets come with their IP header."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    with suppress(PermissionError):
        return _ready(socket.socket(family, socket.SOCK_DGRAM, protocol), with_ip_header=False)
    try:
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
    except PermissionError as error:
        raise MayNotPing from error
    if family == socket.AF_INET:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("@I", 0xFFFF_FFFF & ~1))  # all but echo replies (0) stay outside
    else:
        blocked = [0xFFFF_FFFF] * 8
        blocked[129 >> 5] &= ~(1 << (129 & 31))
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("@8I", *blocked))
    return _ready(sock, with_ip_header=family == socket.AF_INET)


def _ready(sock: socket.socket, *, with_ip_header: bool) -> _Opened:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return _Opened(sock, sock.fileno(), with_ip_header, [])


def _checksum(head: int, payload: bytes) -> int:
    """RFC 1071 over the head, its words added up, and the payload: a sum of words is what is left of the number that they make,
    divided by 65,535."""
    even = payload if len(payload) % 2 == 0 else payload + b"\0"
    return 0xFFFF - (head + int.from_bytes(even, "big")) % 0xFFFF
