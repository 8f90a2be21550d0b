"""ICMP echoes (RFC 792, RFC 4443): one socket a family for all pings, answers matched by a random token and their source."""

import secrets
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

TOKEN_BYTES = 16
HEADER_BYTES = 8
PACKETS_A_TURN = 512
_ICMP_FILTER, _ICMP6_FILTER, _SOL_RAW = 1, 1, 255  # linux/icmp.h, RFC 3542 3.2


class MayNotPing(Exception):  # noqa: N818 - it is the system's refusal
    """Neither a ping socket nor a raw one may be opened by this process."""


class Answer(NamedTuple):
    token: bytes
    source: str


class Echoes:
    """The sockets are opened when they are first needed, and stay."""

    def __init__(self) -> None:
        self._sockets: dict[int, tuple[socket.socket, bool]] = {}
        self._sequence = 0
        self._identifier = secrets.randbelow(65_536)

    def send(self, family: socket.AddressFamily, address: str, size: int) -> tuple[bytes, int]:
        """Send one echo of ``size`` bytes, header included; its token, and the descriptor where the answer will come.

        Raises ``OSError`` where the system won't send it, ``MayNotPing``.
        """
        opened = self._sockets.get(family)
        if opened is None:
            opened = self._sockets[family] = _open(family)
        self._sequence = (self._sequence + 1) % 65_536
        token = secrets.token_bytes(TOKEN_BYTES)
        kind = 8 if family == socket.AF_INET else 128
        payload = token.ljust(size - HEADER_BYTES, b"\0")
        head = struct.pack("!BBHHH", kind, 0, 0, self._identifier, self._sequence)
        checksum = _checksum(head + payload) if family == socket.AF_INET else 0  # ICMPv6: the kernel knows the addresses it covers
        opened[0].sendto(head[:2] + struct.pack("!H", checksum) + head[4:] + payload, (address, 0))
        return token, opened[0].fileno()

    def receive(self, descriptor: int) -> list[Answer]:
        """The answers that came to this descriptor."""
        sock, with_ip_header = next(opened for opened in self._sockets.values() if opened[0].fileno() == descriptor)
        found = []
        for _ in range(PACKETS_A_TURN):
            try:
                packet, source = sock.recvfrom(2048)
            except BlockingIOError:
                break
            except OSError:  # an ICMP error about some earlier echo, which will get its "no answer"
                continue
            icmp = packet[(packet[0] & 15) * 4 :] if with_ip_header and packet else packet
            if len(icmp) >= HEADER_BYTES + TOKEN_BYTES and icmp[0] in {0, 129}:
                found.append(Answer(icmp[HEADER_BYTES : HEADER_BYTES + TOKEN_BYTES], source[0]))
        return found

    def close(self) -> None:
        for sock, _ in self._sockets.values():
            sock.close()
        self._sockets.clear()


def _open(family: socket.AddressFamily) -> tuple[socket.socket, bool]:
    """A ping socket where the system grants one, else a raw one; and whether its packets come with their IP header."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    with suppress(PermissionError):
        return _ready(socket.socket(family, socket.SOCK_DGRAM, protocol)), False
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
    return _ready(sock), family == socket.AF_INET


def _ready(sock: socket.socket) -> socket.socket:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return sock


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    even = data if len(data) % 2 == 0 else data + b"\0"
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def canonical(family: socket.AddressFamily, address: str) -> str:
    """As the system writes the source of an answer."""
    return socket.inet_ntop(family, socket.inet_pton(family, address))
