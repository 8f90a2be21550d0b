"""Hears SNMP traps and informs, and believes only those of a host: from one of its addresses, with its community or as its user.

Everything is bounded: how much is read in a turn, how many one sender is heard in a second, how long a datagram is, for how many
senders what was refused is counted apart. Nothing that comes in raises an exception.
"""

import errno
import logging
import os
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from domain.model import SnmpAccess
from domain.ports import Clock
from probes.snmp_trap import Trap
from probes.spec import SecretMissing, Secrets
from watch.ears import Pace, Refused, canonical, ear
from watch.snmp.access import community, user
from watch.snmp.trap_message import of_community, version_of
from watch.snmp.trap_user import Authority, Belief
from watch.snmp.v3 import VERSION

log = logging.getLogger(__name__)

MAX_BYTES = 8192
DATAGRAMS_A_TURN = 500
"""Where more comes, the system's queue fills, and the rest is lost: what a flood costs is bounded by how often there is a turn."""
A_SECOND = 20
"""Of one sender; a device has no more to say."""


class Speaker(NamedTuple):
    """A host that may send traps from an address."""

    host: str
    snmp: SnmpAccess


class Told(NamedTuple):
    """A host has said so. ``answer``, where an inform waits for it, is to be sent once what was said is kept."""

    host: str
    trap: Trap
    answer: Callable[[], None]


class Receiver:
    """``speakers`` by address (as ``canonical`` writes it) is set from outside. ``refused`` counts, by sender and why."""

    def __init__(self, clock: Clock, secrets: Secrets, authority: Authority) -> None:
        self._secrets = secrets
        self._belief = Belief(clock, authority)
        self._sockets: list[socket.socket] = []
        self._poll = select.poll()  # whose descriptors have no bound: looks under way have thousands
        self._pace = Pace(clock, A_SECOND)
        self.speakers: Mapping[str, Sequence[Speaker]] = {}
        self.refused = Refused()

    @property
    def port(self) -> int:
        """The one that is listened on."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def listens(self) -> bool:
        return bool(self._sockets)

    def open(self, addresses: Sequence[str], port: int) -> None:
        """Listen on all of these; on those of a family that this machine has not, nobody can be heard. Raises ``OSError``."""
        self.close()
        try:
            for address in addresses:
                if (sock := ear(address, port or (self.port if self._sockets else 0), socket.SOCK_DGRAM)) is not None:
                    self._sockets.append(sock)
                    self._poll.register(sock, select.POLLIN)
            if not self._sockets:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for sock in self._sockets:
            self._poll.unregister(sock)
            sock.close()
        self._sockets = []

    def turn(self, wait_s: float) -> list[Told]:
        """What is believed of what has come, waited for at most ``wait_s``."""
        ready = {descriptor for descriptor, _ in self._poll.poll(wait_s * 1000)}
        told = []
        for sock in [sock for sock in self._sockets if sock.fileno() in ready]:
            for _ in range(DATAGRAMS_A_TURN):
                try:
                    data, source = sock.recvfrom(MAX_BYTES + 1)
                except BlockingIOError:
                    break
                except OSError:  # of an answer that could not be delivered
                    continue
                found = self._take(sock, data, source)
                if found is not None:
                    told.append(found)
        return told

    def _take(self, sock: socket.socket, data: bytes, source: tuple[str, int]) -> Told | None:
        def reply(answer: bytes) -> None:
            with suppress(OSError):
                sock.sendto(answer, source)

        address = canonical(source[0])
        judged = self._judge(data, address, reply)
        if isinstance(judged, str):
            self.refused.add(address, judged)
            return None
        return judged

    def _judge(self, data: bytes, address: str, reply: Callable[[bytes], None]) -> Told | str | None:
        """Why it is refused, in words; ``None`` for what only asks who we are."""
        speakers = self.speakers.get(address)
        if not speakers:
            return "it is no address of a host with an snmp-trap check"
        if self._pace.exceeded(address):
            return f"it sends more than {A_SECOND} a second"
        if len(data) > MAX_BYTES:
            return f"larger than {MAX_BYTES} bytes"
        try:
            return (
                self._of_user(data, speakers, reply) if version_of(data) == VERSION else self._of_community(data, speakers, reply)
            )
        except SecretMissing as error:
            log.warning("a trap of %s can't be judged: %s", speakers[0].host, error)
            return "a secret of its host can't be read here: the watcher's log says which"

    def _of_community(self, data: bytes, speakers: Sequence[Speaker], reply: Callable[[bytes], None]) -> Told | str:
        heard = of_community(data)
        if heard is None:
            return "no SNMP trap"
        known = [one for one in speakers if one.snmp.community is not None]
        host = next((one.host for one in known if community(one.snmp, self._secrets) == heard.community), None)
        if host is None:
            return "another community than the host's"
        return Told(host, heard.said.trap, partial(reply, heard.answer()) if heard.said.answer else _nothing)

    def _of_user(self, data: bytes, speakers: Sequence[Speaker], reply: Callable[[bytes], None]) -> Told | str | None:
        users = {one.host: user(one.snmp.user, self._secrets) for one in speakers if one.snmp.user is not None}
        judged = self._belief.judge(data, users)
        if judged.report:
            reply(judged.report)
        if judged.said is None:
            return judged.refused or None
        return Told(judged.host, judged.said, partial(reply, judged.answer) if judged.answer else _nothing)


def _nothing() -> None:
    """Nobody waits for an answer to a trap."""
