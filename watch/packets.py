"""The driver's looks that wait for a packet: ICMP echoes and datagrams, sent and received many at a time."""

import select
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from socket import AddressFamily

from domain.observation import unknown
from probes.spec import Ask, Echo, Hear
from watch import icmp, trouble
from watch.datagrams import Datagrams, Way
from watch.flight import Flight, family_of
from watch.mmsg import Mail

AGAIN_S = 3.0
"""A datagram that was lost on the way is no outage; three questions fit into the 10 s of most looks."""

_family_of = lru_cache(65_536)(family_of)


class Packets:
    """``send`` for a flight that wishes a packet. Something has happened to the flights that ``flush``, ``came`` and ``ask_again``
    tell of; whoever calls these follows them."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        mail = Mail()
        self._echoes = icmp.Echoes(mail)
        self._datagrams: Datagrams[Flight] = Datagrams(mail)
        self._of_token: dict[bytes, Flight] = {}
        self._again: deque[tuple[Flight, Way, bytes, float]] = deque()
        """When a question that nothing has answered yet is asked once more, the first first. Those that were are taken out when
        they have come to the front."""
        self._descriptors: set[int] = set()

    def has(self, descriptor: int) -> bool:
        return descriptor in self._descriptors

    def next_s(self) -> float | None:
        return self._again[0][-1] if self._again else None

    @property
    def unsent(self) -> bool:
        return self._datagrams.unsent or self._echoes.unsent

    def send(self, flight: Flight, now_s: float) -> None:
        """What it wishes, with the next ``flush``. The flight ends where that can't be."""
        packet = flight.packet
        if packet is None or isinstance(packet, Hear):
            return
        family = _family_of(packet.address)
        if family is None:
            flight.end(unknown(f"{packet.address!r} is not an IP address"))
            return
        try:
            descriptor = (
                self._echo(flight, family, packet) if isinstance(packet, Echo) else self._ask(flight, family, packet, now_s)
            )
        except icmp.MayNotPing:
            flight.end(unknown("the watcher may not ping: it needs CAP_NET_RAW, or its group in net.ipv4.ping_group_range"))
            return
        except OSError as error:
            flight.end(trouble.of_socket(error))
            return
        flight.sent = True
        if descriptor not in self._descriptors:
            self._descriptors.add(descriptor)
            self._epoll.register(descriptor, select.EPOLLIN)

    def flush(self) -> Iterator[Flight]:
        """Flights that have ended, as the system would not send what they wished."""
        for token, error in self._echoes.flush() if self._echoes.unsent else ():
            flight = self._of_token.get(token)
            if flight is not None:
                flight.end(trouble.of_socket(error))
                yield flight
        for flight, error in self._datagrams.flush() if self._datagrams.unsent else ():
            if flight.observation is None:
                flight.end(trouble.of_socket(error))
                yield flight

    def came(self, descriptor: int, events: int) -> Iterator[Flight]:
        if self._datagrams.has(descriptor):
            for flight, heard in self._datagrams.receive(descriptor, failed=bool(events & select.EPOLLERR)):
                flight.answered(heard)
                yield flight
            return
        for token, source in self._echoes.receive(descriptor):
            asked = self._of_token.get(token)
            if asked is not None and source == asked.source:
                del self._of_token[token]
                asked.token = None
                asked.echoed()
                yield asked

    def ask_again(self, now_s: float) -> None:
        while self._again:
            flight, way, asked, at_s = self._again[0]
            if flight.way is way and at_s > now_s:
                break
            self._again.popleft()
            if flight.way is way:  # else it has gone on to something else
                self._datagrams.again(way, asked)
                self._again.append((flight, way, asked, now_s + AGAIN_S))

    def forget(self, flight: Flight) -> None:
        """What still comes for it is nobody's."""
        if flight.way is not None:
            self._datagrams.back(flight.way)
            flight.way = None
        if flight.token is not None:
            self._of_token.pop(flight.token, None)
            flight.token = None

    def close(self) -> None:
        self._echoes.close()
        self._datagrams.close()

    def _echo(self, flight: Flight, family: AddressFamily, echo: Echo) -> int:
        flight.token, flight.source, descriptor = self._echoes.send(family, echo.address, echo.size)
        self._of_token[flight.token] = flight
        return descriptor

    def _ask(self, flight: Flight, family: AddressFamily, ask: Ask, now_s: float) -> int:
        if flight.way is not None:
            self._datagrams.back(flight.way)
        flight.way = self._datagrams.send(family, ask.address, ask.port, ask.data, flight)
        self._again.append((flight, flight.way, ask.data, now_s + AGAIN_S))
        return flight.way.opened.descriptor
