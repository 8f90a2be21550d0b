"""Carries dialogues out: one epoll loop, non-blocking sockets, one deadline for each whole look."""

import logging
import resource
import select
from collections import deque
from collections.abc import Callable

from domain.observation import Observation, unknown
from domain.ports import Clock
from probes.spec import Dialogue
from watch.calls import Called, Calls, Start
from watch.deadlines import Deadlines
from watch.flight import Flight
from watch.packets import Packets

log = logging.getLogger(__name__)

STALL_S = 2.0
"""Well below every timeout, well above what a busy machine takes for a turn."""

BEGUN_A_TURN = 256
"""Then what has come is seen to: no look waits for more than so many others to begin, and no socket holds more answers."""
SENT_AT_ONCE = 32
"""Packets: more at a time gain little, and the first of them waits for the last."""
NO_ROOM_S = 0.005
"""How long to leave the system alone that had no room for a packet."""


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
        self._deadlines: Deadlines[Flight] = Deadlines()
        self._of_descriptor: dict[int, Flight] = {}
        self._packets = Packets(self._epoll)
        self._calls: Calls | None = None
        self._turned_s = clock.boottime_s()

    def look(self, start: Callable[[], Dialogue], timeout_s: float, landed: Callable[[Observation], None]) -> Flight:
        """Begins with the next turn. ``start`` makes the dialogue, a second time if the look has to begin anew. What comes back is
        only good for ``give_up``."""
        flight = Flight(start, timeout_s, landed, self)
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
        wishes = [at_s for at_s in (self._deadlines.next_s(), self._packets.next_s()) if at_s is not None]
        if self._packets.unsent:
            wishes.append(self._turned_s + NO_ROOM_S)
        return min(wishes, default=None)

    def turn(self, wait_s: float) -> None:
        """Wait for something to come, at most ``wait_s``, and carry on all it concerns.

        Deadlines come last, so that what has arrived counts however late this process got around to it. Where the process itself
        stood still (stopped, suspended, starved), neither silence nor a broken connection says anything about the peer: all looks
        under way begin anew.
        """
        self._begin_anew_after(self._turned_s)
        self._begin_some()
        woken_by_s = self._clock.boottime_s() + wait_s
        ready = self._epoll.poll(wait_s, self._at_once + 2)
        if not self._begin_anew_after(woken_by_s):
            self._carry_on(ready)
        self._turned_s = self._clock.boottime_s()

    def close(self) -> None:
        for flight in [*self._under_way, *self._waiting]:
            self.give_up(flight)
        self._packets.close()
        if self._calls is not None:
            self._calls.close()
        self._epoll.close()

    # what a flight wants of it

    def attend(self, flight: Flight, descriptor: int, events: int) -> None:
        """Call its ``ready`` when its socket is."""
        if flight.events:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
            self._of_descriptor[descriptor] = flight

    def ignore(self, descriptor: int) -> None:
        """Its socket is about to be closed, which takes it out of the epoll set as well."""
        del self._of_descriptor[descriptor]

    def now_s(self) -> float:
        """By the wall clock."""
        return self._clock.now_s()

    # turning

    def _begin_some(self) -> None:
        for begun in range(BEGUN_A_TURN):
            if not self._waiting or len(self._under_way) >= self._at_once:
                break
            self._begin(self._waiting.popleft())
            if begun % SENT_AT_ONCE == SENT_AT_ONCE - 1:
                self._flush()
        self._flush()

    def _carry_on(self, ready: list[tuple[int, int]]) -> None:
        for descriptor, events in ready:
            flight = self._of_descriptor.get(descriptor)
            if flight is not None:
                flight.ready()
                self._follow(flight)
            elif self._packets.has(descriptor):
                now_s = self._clock.boottime_s()
                for one in self._packets.came(descriptor, events):
                    self._follow(one, now_s)
            elif self._calls is not None and descriptor == self._calls.descriptor:
                self._calls.came()
        now_s = self._clock.boottime_s()
        for late in self._deadlines.due(now_s):
            if late in self._under_way:  # the end of one may have given up another
                late.too_late()
                self._follow(late)
        self._packets.ask_again(now_s)
        self._flush()

    def _flush(self) -> None:
        if self._packets.unsent:
            for flight in self._packets.flush():
                self._follow(flight)

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
        self._deadlines.put(flight, flight.timeout_s, now_s)
        flight.begin(now_s)
        self._follow(flight, now_s)

    def _follow(self, flight: Flight, now_s: float | None = None) -> None:
        """See where a flight has got to."""
        if flight.packet is not None and not flight.sent:
            self._packets.send(flight, now_s or self._clock.boottime_s())
        seen = flight.observation
        if seen is not None:
            ended_s = now_s or self._clock.boottime_s()
            self._forget(flight)
            latency_ms = (ended_s - flight.started_s) * 1000
            flight.landed(seen._replace(latency_ms=latency_ms))

    def _forget(self, flight: Flight) -> None:
        self._under_way.discard(flight)
        self._deadlines.cancel(flight, flight.timeout_s)
        self._packets.forget(flight)
