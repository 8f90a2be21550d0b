"""Carries dialogues out: one epoll loop, non-blocking sockets, one deadline for each whole look."""

import logging
import resource
import select
from collections import deque
from collections.abc import Callable
from socket import AddressFamily

from domain.observation import Observation, unknown
from domain.ports import Clock
from probes.spec import Ask, Dialogue, Echo, Hear
from watch import icmp, trouble
from watch.calls import Called, Calls, Start
from watch.datagrams import Datagrams, Way
from watch.flight import Flight, family_of
from watch.wheel import Wheel

log = logging.getLogger(__name__)

STALL_S = 2.0
"""Well below every timeout, well above what a busy machine takes for a turn."""

AGAIN_S = 3.0
"""A datagram that was lost on the way is no outage; three questions fit into the 10 s of most looks."""


class Driver:
    """Looks are begun by ``look`` and moved on by ``turn``, which calls ``landed`` with each one's observation and its latency.

    At most ``at_once`` are under way (by default half of the descriptors the process may have); the others wait, and their time
    runs from when they really begin.
    """

    def __init__(self, clock: Clock, at_once: int | None = None) -> None:
        self._clock = clock
        self._at_once = at_once or min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2, 4096)
        self._epoll = select.epoll()
        self._waiting: deque[Flight] = deque()
        self._under_way: set[Flight] = set()
        self._deadlines: Wheel[Flight] = Wheel()
        self._of_descriptor: dict[int, Flight] = {}
        self._of_token: dict[bytes, tuple[Flight, str]] = {}
        self._of_way: dict[Way, Flight] = {}
        self._again: Wheel[Flight] = Wheel()
        """When a question that nothing has answered yet is asked once more."""
        self._echoes = icmp.Echoes()
        self._datagrams = Datagrams()
        self._calls: Calls | None = None
        self._packet_descriptors: set[int] = set()
        self._turned_s = clock.boottime_s()

    def look(self, start: Callable[[], Dialogue], timeout_s: float, landed: Callable[[Observation], None]) -> Flight:
        """Begins with the next turn. ``start`` makes the dialogue, a second time if the look has to begin anew. What comes back is
        only good for ``give_up``."""
        flight = Flight(start, timeout_s, landed, clock=self._clock, attend=self._attend, ignore=self._ignore)
        self._waiting.append(flight)
        return flight

    def call(self, start: Start, timeout_s: float, landed: Callable[[Observation], None]) -> Called:
        """As ``look``, for a library that awaits."""
        if self._calls is None:
            self._calls = Calls(self._clock)
            self._epoll.register(self._calls.descriptor, select.EPOLLIN)
        return self._calls.look(start, timeout_s, landed)

    def give_up(self, flight: Flight | Called) -> None:
        """It will not land."""
        if isinstance(flight, Called):
            if self._calls is not None:
                self._calls.give_up(flight)
        elif flight in self._under_way:
            self._forget(flight)
            flight.end(unknown("given up"))
        else:
            self._waiting.remove(flight)

    def next_s(self) -> float | None:
        """When it wants its next turn even if nothing comes (boottime); ``None``: never."""
        if self._waiting and len(self._under_way) < self._at_once:
            return 0.0
        return min((at_s for at_s in (self._deadlines.next_s(), self._again.next_s()) if at_s is not None), default=None)

    def turn(self, wait_s: float) -> None:
        """Wait for something to come, at most ``wait_s``, and carry on all it concerns.

        Deadlines come last, so that what has arrived counts however late this process got around to it. Where the process itself
        stood still (stopped, suspended, starved), neither silence nor a broken connection says anything about the peer: all looks
        under way begin anew.
        """
        self._begin_anew_after(self._turned_s)
        while self._waiting and len(self._under_way) < self._at_once:
            self._begin(self._waiting.popleft())
        woken_by_s = self._clock.boottime_s() + wait_s
        ready = self._epoll.poll(wait_s, self._at_once + 2)
        if not self._begin_anew_after(woken_by_s):
            self._carry_on([descriptor for descriptor, _ in ready])
        self._turned_s = self._clock.boottime_s()

    def close(self) -> None:
        for flight in [*self._under_way, *self._waiting]:
            self.give_up(flight)
        self._echoes.close()
        self._datagrams.close()
        if self._calls is not None:
            self._calls.close()
        self._epoll.close()

    def _carry_on(self, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            if self._calls is not None and descriptor == self._calls.descriptor:
                self._calls.came()
            elif descriptor in self._packet_descriptors:
                self._packets_came(descriptor)
            elif (flight := self._of_descriptor.get(descriptor)) is not None:
                flight.ready()
                self._follow(flight)
        now_s = self._clock.boottime_s()
        for flight, _ in self._deadlines.due(now_s):
            if flight in self._under_way:  # the end of one may have given up another
                flight.too_late()
                self._follow(flight)
        for flight, _ in self._again.due(now_s):
            self._ask_again(flight)

    def _begin_anew_after(self, alive_s: float) -> bool:
        stood_s = self._clock.boottime_s() - alive_s
        if stood_s <= STALL_S:
            return False
        if self._under_way:
            log.warning("the watcher stood still for %.1f s; %d looks begin anew", stood_s, len(self._under_way))
        for flight in list(self._under_way):
            self._forget(flight)
            self._begin(flight)
        if self._calls is not None:
            self._calls.begin_anew()
        return True

    def _begin(self, flight: Flight) -> None:
        now_s = self._clock.boottime_s()
        self._under_way.add(flight)
        self._deadlines.put(flight, now_s + flight.timeout_s)
        flight.begin(now_s)
        self._follow(flight)

    def _follow(self, flight: Flight) -> None:
        """See where a flight has got to."""
        self._send_packet(flight, flight.packet)
        seen = flight.observation
        if seen is not None:
            latency_ms = (self._clock.boottime_s() - flight.started_s) * 1000
            self._forget(flight)
            flight.landed(seen._replace(latency_ms=latency_ms))

    def _send_packet(self, flight: Flight, packet: Echo | Ask | Hear | None) -> None:
        """What was not sent yet."""
        if packet is None or isinstance(packet, Hear) or (isinstance(packet, Echo) and flight.token is not None):
            return
        family = family_of(packet.address)
        if family is None:
            flight.end(unknown(f"{packet.address!r} is not an IP address"))
            return
        try:
            descriptor = self._echo(flight, family, packet) if isinstance(packet, Echo) else self._ask(flight, family, packet)
        except icmp.MayNotPing:
            flight.end(unknown("the watcher may not ping: it needs CAP_NET_RAW, or its group in net.ipv4.ping_group_range"))
            return
        except OSError as error:
            flight.end(trouble.of_socket(error))
            return
        if descriptor not in self._packet_descriptors:
            self._packet_descriptors.add(descriptor)
            self._epoll.register(descriptor, select.EPOLLIN)

    def _echo(self, flight: Flight, family: AddressFamily, echo: Echo) -> int:
        flight.token, descriptor = self._echoes.send(family, echo.address, echo.size)
        self._of_token[flight.token] = (flight, icmp.canonical(family, echo.address))
        return descriptor

    def _ask(self, flight: Flight, family: AddressFamily, ask: Ask) -> int:
        self._leave_way(flight)
        flight.way = self._datagrams.send(family, ask.address, ask.port, ask.data)
        self._of_way[flight.way] = flight
        flight.packet, flight.asked = Hear(ask.awaited), ask.data
        self._again.put(flight, self._clock.boottime_s() + AGAIN_S)
        return flight.way.descriptor

    def _ask_again(self, flight: Flight) -> None:
        if flight.way is None or flight.packet is None:
            return  # it has gone on to something else
        try:
            self._datagrams.again(flight.way, flight.asked)
        except OSError as error:
            flight.end(trouble.of_socket(error))
            self._follow(flight)
        else:
            self._again.put(flight, self._clock.boottime_s() + AGAIN_S)

    def _leave_way(self, flight: Flight) -> None:
        if flight.way is not None:
            self._again.cancel(flight)
            self._datagrams.back(flight.way)
            del self._of_way[flight.way]
            flight.way = None

    def _packets_came(self, descriptor: int) -> None:
        if not self._datagrams.has(descriptor):
            for answer in self._echoes.receive(descriptor):
                flight, source = self._of_token.get(answer.token, (None, ""))
                if flight is not None and source == answer.source:
                    del self._of_token[answer.token]
                    flight.token = None
                    flight.echoed()
                    self._follow(flight)
            return
        for heard in self._datagrams.receive(descriptor):
            asked = self._of_way.get(heard.way)
            if asked is not None:
                asked.answered(heard.data)
                self._follow(asked)

    def _attend(self, flight: Flight, descriptor: int, events: int) -> None:
        if flight.events:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
            self._of_descriptor[descriptor] = flight

    def _ignore(self, _: Flight, descriptor: int) -> None:
        """Its socket is about to be closed, which takes it out of the epoll set as well."""
        del self._of_descriptor[descriptor]

    def _forget(self, flight: Flight) -> None:
        self._under_way.discard(flight)
        self._deadlines.cancel(flight)
        self._leave_way(flight)
        if flight.token is not None:
            self._of_token.pop(flight.token, None)
            flight.token = None
