"""Hears syslog by UDP (RFC 5426) and TCP (RFC 6587), from known addresses only.

Everything is bounded: what is read in a turn, how many lines of one sender are taken in a second, how long one is, how many
connections there are and how many of one sender, for how many senders what was refused is counted apart.
"""

import errno
import os
import select
import socket
from collections.abc import Sequence, Set
from contextlib import suppress
from typing import NamedTuple

from domain.ports import Clock
from probes.syslog_message import MAX_BYTES, Framer
from watch.ears import Pace, Refused, canonical, ear

DATAGRAMS_A_TURN = 200
PIECE_BYTES = 65_536
A_SECOND = 50
"""Lines of one sender: more than any healthy machine has to say for long. The others are dropped, and counted."""
MAX_CONNECTIONS = 500
OF_ONE = 4
"""Of a sender that opens more the oldest is closed: it may well be one of before its restart."""
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
        self._poll = select.poll()
        self._ears: dict[int, socket.socket] = {}
        """UDP sockets, and TCP ones that listen."""
        self._callers: dict[int, _Caller] = {}
        """Oldest first."""
        self._pace = Pace(clock, A_SECOND)
        self.known: Set[str] = frozenset()
        self.refused = Refused()

    @property
    def listens(self) -> bool:
        return bool(self._ears)

    @property
    def port(self) -> int:
        """The one that is listened on."""
        return int(next(iter(self._ears.values())).getsockname()[1])

    def open(self, addresses: Sequence[str], port: int) -> None:
        """Listen on all of these, by UDP and TCP; a family that this machine has not is left out, unless it is all there is.
        Raises ``OSError``."""
        self.close()
        try:
            for address in addresses:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    self._listen(address, port, kind)
            if not self._ears:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for caller in list(self._callers.values()):
            self._hang_up(caller)
        for sock in self._ears.values():
            self._poll.unregister(sock)
            sock.close()
        self._ears = {}

    def turn(self, wait_s: float) -> list[Said]:
        """What has come, waited for at most ``wait_s``."""
        found: list[Said] = []
        for descriptor, _ in self._poll.poll(wait_s * 1000):
            if (caller := self._callers.get(descriptor)) is not None:
                self._read(caller, found)
            elif (sock := self._ears.get(descriptor)) is None:
                continue  # hung up in this turn
            elif sock.type == socket.SOCK_STREAM:
                self._accept(sock)
            else:
                self._receive(sock, found)
        return found

    def _listen(self, address: str, port: int, kind: socket.SocketKind) -> None:
        if (sock := ear(address, port, kind)) is not None:
            self._ears[sock.fileno()] = sock
            self._poll.register(sock, select.POLLIN)

    def _receive(self, hears: socket.socket, found: list[Said]) -> None:
        for _ in range(DATAGRAMS_A_TURN):
            try:
                data, source = hears.recvfrom(MAX_BYTES)
            except OSError:  # nothing more for now
                return
            self._take(canonical(source[0]), data, found)

    def _accept(self, hears: socket.socket) -> None:
        for _ in range(OF_ONE):
            try:
                sock, source = hears.accept()
            except OSError:  # nobody more, or gone again
                return
            address = canonical(source[0])
            if address not in self.known or len(self._callers) >= MAX_CONNECTIONS:
                self.refused.add(address, STRANGER if address not in self.known else "too many connections in all")
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
            self.refused.add(address, STRANGER)
        elif self._pace.exceeded(address):
            self.refused.add(address, FLOOD)
        else:
            found.append(Said(address, data))

    def _hang_up(self, caller: _Caller) -> None:
        del self._callers[caller.sock.fileno()]
        with suppress(KeyError):
            self._poll.unregister(caller.sock)
        caller.sock.close()
