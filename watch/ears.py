"""What a watcher's ears share: where they listen, how much one sender may say, and how what is refused is counted."""

import socket
from collections import Counter
from ipaddress import IPv6Address

from domain.ports import Clock

MAX_REFUSED = 64
_QUEUE_BYTES = 1 << 21
_OTHERS = ("other senders", "several reasons")


def ear(address: str, port: int, kind: socket.SocketKind) -> socket.socket | None:
    """A socket that hears there; ``None`` where this machine has no such family. Raises ``OSError``."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    except OSError:
        return None
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE_BYTES)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(64)
    except OSError:
        sock.close()
        raise
    return sock


class Refused(Counter[tuple[str, str]]):
    """By sender and why; so many apart, the others together."""

    def add(self, sender: str, why: str) -> None:
        self[(sender, why) if (sender, why) in self or len(self) < MAX_REFUSED else _OTHERS] += 1

    def take(self) -> str:
        """All since the last call, in words, the most frequent first; empty for nothing."""
        most = self.most_common(3)
        said = [f"{count} from {sender}: {why}" for (sender, why), count in most]
        more = self.total() - sum(count for _, count in most)
        self.clear()
        return "; ".join(said) + (f"; and {more} more" if more else "")


class Pace:
    """How often each sender was heard within this second. Only to be asked of senders that are known: it keeps each of them."""

    def __init__(self, clock: Clock, a_second: int) -> None:
        self._clock, self._a_second = clock, a_second
        self._heard: Counter[str] = Counter()
        self._second = 0

    def exceeded(self, sender: str) -> bool:
        """It was heard once more: is that too much?"""
        second = int(self._clock.boottime_s())
        if second != self._second:
            self._second = second
            self._heard.clear()
        self._heard[sender] += 1
        return self._heard[sender] > self._a_second


def canonical(address: str) -> str:
    """As it is compared: an IPv4 address is one, in whatever form it comes."""
    if ":" not in address:
        return address
    read = IPv6Address(address.partition("%")[0])
    return str(read.ipv4_mapped or read)
