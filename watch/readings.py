"""Readings: all that is due of a host comes from one session with its SNMP agent, and one session at a time is with a host."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from domain.model import Check
from domain.observation import Observation, unknown
from probes.reading import Item, Values
from probes.spec import Dialogue, Secrets
from watch.looking import Looking
from watch.snmp.access import access
from watch.snmp.poll import Agent, Found, poll
from watch.snmp.user import Engines

Landed = Callable[[Observation, Values], None]
"""Where the observation is up, the values have something of every item that was wanted; else it is every reading's."""


@dataclass(slots=True, eq=False)
class Errand:
    """One reading that waits for a session or is in it."""

    check: Check
    items: tuple[Item, ...]
    landed: Landed


@dataclass(slots=True, eq=False)
class _Session:
    """``flight`` is the driver's word for it, once it is with the driver; what comes after it has ``begun`` is for the next one.
    Once it has ``ended``, its errands land."""

    errands: list[Errand]
    begun: bool = False
    ended: bool = False
    flight: Any = None
    found: Found = field(default_factory=dict)

    def takes(self, check: Check) -> bool:
        if self.begun:
            return False
        first = self.errands[0].check
        return (first.address, first.timeout_s, first.snmp) == (check.address, check.timeout_s, check.snmp)


class Readings:
    def __init__(self, driver: Looking, secrets: Secrets) -> None:
        self._driver, self._secrets = driver, secrets
        self._engines: Engines = {}
        self._of_host: dict[str, deque[_Session]] = {}
        """The first of a host is with the driver; the others wait for it to end."""

    def look(self, check: Check, items: Iterable[Item], landed: Landed) -> Errand:
        """Begins with the driver's next turn, or after the session that is under way. What comes back is for ``give_up``."""
        errand = Errand(check, tuple(items), landed)
        sessions = self._of_host.setdefault(check.host, deque())
        for session in sessions:
            if session.takes(check):
                session.errands.append(errand)
                return errand
        sessions.append(_Session([errand]))
        if len(sessions) == 1:
            self._begin(check.host)
        return errand

    def give_up(self, errand: Errand) -> None:
        """It will not land. A session that nobody waits for any more ends."""
        host = errand.check.host
        session = next(one for one in self._of_host[host] if errand in one.errands)
        session.errands.remove(errand)
        if session.errands or session.ended:
            return
        if session.flight is None:
            self._of_host[host].remove(session)
        else:
            self._driver.give_up(session.flight)
            self._next(host)

    def _begin(self, host: str) -> None:
        session = self._of_host[host][0]
        check = session.errands[0].check
        session.flight = self._driver.look(partial(self._poll, session), check.timeout_s, partial(self._landed, host))

    def _poll(self, session: _Session) -> Dialogue:
        session.begun, session.found = True, {}
        check, known = session.errands[0].check, session.errands[0].check.snmp
        if known is None:
            return unknown("the inventory has no SNMP access for this host")
        items = dict.fromkeys(item for errand in session.errands for item in errand.items)
        agent = Agent(check.address, known.port, partial(access, known, self._secrets), self._engines)
        return (yield from poll(agent, items, session.found))

    def _landed(self, host: str, seen: Observation) -> None:
        session = self._of_host[host][0]
        session.ended = True
        values = Values(session.found)
        while session.errands:  # the landing of one may give up another
            session.errands.pop(0).landed(seen, values)
        self._next(host)

    def _next(self, host: str) -> None:
        sessions = self._of_host[host]
        sessions.popleft()
        if sessions:
            self._begin(host)
        else:
            del self._of_host[host]
