"""Hears syslog by UDP (RFC 5426) and TCP (RFC 6587), from known addresses only.

Everything is bounded: what is read in a turn, how many lines of one sender are taken in a second, how long one is, how many
connections there are and how many of one sender, for how many senders what was refused is counted apart.
"""

import select
import socket
from collections import Counter
from collections.abc import Set
from contextlib import suppress
from ipaddress import IPv6Address
from typing import NamedTuple

from domain.ports import Clock
from probes.syslog_message import MAX_BYTES, Framer

DATAGRAMS_A_TURN = 200
PIECE_BYTES = 65_536
A_SECOND = 50
"""Lines of one sender: more than any healthy machine has to say for long. The others are dropped, and counted."""
MAX_CONNECTIONS = 500
OF_ONE = 4
"""Of a sender that opens more the oldest is closed: it may well be one of before its restart."""
MAX_REFUSED = 64
_QUEUE_BYTES = 1 << 21
_OTHERS = ("other senders", "several reasons")
STRANGER = "it is no address of a host with a syslog check"
FLOOD = f"more than {A_SECOND} lines a second"


class Said(NamedTuple):
    """One message; ``data`` is not read yet."""

    address: str
    data: bytes


class _Caller(NamedTuple):
    sock: socket.socket
    address: str
    framer: Framer


class Receiver:
    """``known``: the addresses that are heard, as ``canonical`` writes them; set from outside. ``refused`` counts, by sender and
    why."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._poll = select.poll()
        self._ears: dict[int, socket.socket] = {}
        """UDP sockets, and TCP ones that listen."""
        self._callers: dict[int, _Caller] = {}
        """Oldest first."""
        self._heard: Counter[str] = Counter()
        """Of each sender within this second."""
        self._second = 0
        self.known: Set[str] = frozenset()
        self.refused: Counter[tuple[str, str]] = Counter()

    @property
    def listens(self) -> bool:
        return bool(self._ears)

    @property
    def port(self) -> int:
        """The one that is listened on."""
        return int(next(iter(self._ears.values())).getsockname()[1])

    def open(self, addresses: tuple[str, ...], port: int) -> None:
        """Listen on all of these, by UDP and TCP; a family that this machine has not is left out, unless it is all there is.
        Raises ``OSError``."""
        self.close()
        try:
            for address in addresses:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    self._listen(address, port, kind)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for caller in list(self._callers.values()):
            self._hang_up(caller)
        for ear in self._ears.values():
            self._poll.unregister(ear)
            ear.close()
        self._ears = {}

    def turn(self, wait_s: float) -> list[Said]:
        """What has come, waited for at most ``wait_s``."""
        found: list[Said] = []
        for descriptor, _ in self._poll.poll(wait_s * 1000):
            if (caller := self._callers.get(descriptor)) is not None:
                self._read(caller, found)
            elif (ear := self._ears.get(descriptor)) is None:
                continue  # hung up in this turn
            elif ear.type == socket.SOCK_STREAM:
                self._accept(ear)
            else:
                self._receive(ear, found)
        return found

    def take_refused(self) -> str:
        """What was refused since the last call, in words, the most frequent first; empty for nothing."""
        counted, self.refused = self.refused, Counter()
        most = counted.most_common(3)
        said = [f"{count} from {sender}: {why}" for (sender, why), count in most]
        more = counted.total() - sum(count for _, count in most)
        return "; ".join(said) + (f"; and {more} more" if more else "")

    def _listen(self, address: str, port: int, kind: socket.SocketKind) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            ear = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        except OSError:
            if not self._ears:
                raise
            return
        self._ears[ear.fileno()] = ear
        self._poll.register(ear, select.POLLIN)
        if family == socket.AF_INET6:
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE_BYTES)
        if kind == socket.SOCK_STREAM:
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind((address, port))
        if kind == socket.SOCK_STREAM:
            ear.listen(64)

    def _receive(self, ear: socket.socket, found: list[Said]) -> None:
        for _ in range(DATAGRAMS_A_TURN):
            try:
                data, source = ear.recvfrom(MAX_BYTES)
            except OSError:  # nothing more for now
                return
            self._take(canonical(source[0]), data, found)

    def _accept(self, ear: socket.socket) -> None:
        for _ in range(OF_ONE):
            try:
                sock, source = ear.accept()
            except OSError:  # nobody more, or gone again
                return
            address = canonical(source[0])
            if address not in self.known or len(self._callers) >= MAX_CONNECTIONS:
                self._refuse(address, STRANGER if address not in self.known else "too many connections in all")
                sock.close()
                continue
            same = [caller for caller in self._callers.values() if caller.address == address]
            if len(same) >= OF_ONE:
                self._hang_up(same[0])
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._callers[sock.fileno()] = _Caller(sock, address, Framer())
            self._poll.register(sock, select.POLLIN)

    def _read(self, caller: _Caller, found: list[Said]) -> None:
        try:
            data = caller.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or caller.address not in self.known:
            self._hang_up(caller)
            return
        for message in caller.framer.feed(data):
            self._take(caller.address, message, found)

    def _take(self, address: str, data: bytes, found: list[Said]) -> None:
        if address not in self.known:
            self._refuse(address, STRANGER)
        elif self._floods(address):
            self._refuse(address, FLOOD)
        else:
            found.append(Said(address, data))

    def _refuse(self, address: str, why: str) -> None:
        key = (address, why)
        self.refused[key if key in self.refused or len(self.refused) < MAX_REFUSED else _OTHERS] += 1

    def _floods(self, address: str) -> bool:
        second = int(self._clock.boottime_s())
        if second != self._second:
            self._second = second
            self._heard.clear()
        self._heard[address] += 1
        return self._heard[address] > A_SECOND

    def _hang_up(self, caller: _Caller) -> None:
        del self._callers[caller.sock.fileno()]
        with suppress(KeyError):
            self._poll.unregister(caller.sock)
        caller.sock.close()


def canonical(address: str) -> str:
    """As it is compared: an IPv4 address is one, in whatever form it comes."""
    if ":" not in address:
        return address
    read = IPv6Address(address.partition("%")[0])
    return str(read.ipv4_mapped or read)
