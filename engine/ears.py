"""An ear of a watcher's (traps, logs), in a thread of its own, so that no flood keeps a look waiting.

It listens only while a host of its segments has a check for it. Where it can't, its checks are unknown, and the operators hear of
that; of what it believes nobody, too, at once and then once an hour at most.
"""

import logging
import sqlite3
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple, Protocol

from sqlalchemy.exc import SQLAlchemyError

from domain import events as ev
from domain.model import Check, Host, Policy
from engine.context import Context
from store import heard, inbox, policies
from store.db import StoreError
from store.tables import HeardRow
from watch.ears import Refused, canonical

log = logging.getLogger(__name__)

WAIT_S = 0.5
PACE_S = 0.05
"""From one turn to the next, whatever comes."""
AGAIN_S = 10.0
"""After so long it tries again to listen."""
TOLD_EVERY_S = 3600.0
MAX_WAITING = 1000
"""What waits for a store that is away."""
DETAIL_MAX = 200
AWAY = (SQLAlchemyError, sqlite3.Error, StoreError)
_ALL = ("0.0.0.0", "::")  # noqa: S104 - what is heard comes from wherever a host is

_Trouble = type[ev.TrapsRefused | ev.TrapsUnheard | ev.SyslogRefused | ev.SyslogUnheard]


class Hears(Protocol):
    """A receiver."""

    refused: Refused

    @property
    def listens(self) -> bool: ...

    @property
    def port(self) -> int: ...

    def open(self, addresses: Sequence[str], port: int) -> None: ...

    def close(self) -> None: ...


class Kind(NamedTuple):
    """What an ear is for: in words, where it listens, how its trouble is told to operators, and to its checks (``about`` and
    ``state`` of what is heard)."""

    what: str
    port: int
    bind: str
    refused: _Trouble
    unheard: _Trouble
    about: str
    deaf: str


class Ear(ABC):
    """``turn`` waits for what comes first, and does all that is due. What of it is heard, and what becomes of that, is for each
    kind to say: ``_checks_of``, ``_adopted``, ``_hear``, ``_write``."""

    receiver: Hears

    def __init__(self, context: Context, name: str, kind: Kind) -> None:
        self._context, self._name, self._kind = context, name, kind
        self._policy: Policy | None = None
        self._checks: Mapping[str, list[Check]] = {}
        """Of each host that may be heard."""
        self._listens = self._away = False
        self._deaf_for = ""
        self._listen_at_s = self._tell_at_s = self._deaf_told_s = float("-inf")

    def turn(self, wait_s: float) -> None:
        try:
            self._look_around()
        except AWAY as error:
            self._note_away(error)
        self._hear(wait_s)
        try:
            self._write()
            self._tell_refused()
        except AWAY as error:
            self._note_away(error)
        else:
            self._away = False

    def close(self) -> None:
        self.receiver.close()

    @abstractmethod
    def _checks_of(self, host: Host) -> list[Check]: ...

    @abstractmethod
    def _adopted(self, hosts: Sequence[Host]) -> None:
        """These have such checks now."""

    @abstractmethod
    def _hear(self, wait_s: float) -> None: ...

    @abstractmethod
    def _write(self) -> None: ...

    def _all(self) -> list[Check]:
        return [check for checks in self._checks.values() for check in checks]

    def _look_around(self) -> None:
        """What the inventory says now; listen, or not."""
        if self._policy is None or self._context.store.changed():
            with self._context.store.read() as session:
                policy = policies.current(session)
            if policy is not None and (self._policy is None or policy.version != self._policy.version):
                self._adopt(policy)
                self._policy = policy
        if not self._checks:
            self.receiver.close()
            self._listens = False
        elif not self._listens and self._context.clock.boottime_s() >= self._listen_at_s:
            self._begin()

    def _adopt(self, policy: Policy) -> None:
        hosts = [host for host in policy.hosts.values() if policy.watcher_of(host.id) == self._name]
        checks = {host.id: self._checks_of(host) for host in hosts}
        self._checks = {host: found for host, found in checks.items() if found}
        self._adopted([host for host in hosts if host.id in self._checks])
        self._listens, self._deaf_for = False, ""  # of checks that are new it has to be said as well whether they are heard

    def _begin(self) -> None:
        kind = self._kind
        try:
            if not self.receiver.listens:  # what waits in its queue is not thrown away
                self.receiver.open((kind.bind,) if kind.bind else _ALL, kind.port)
        except OSError as error:
            self._listen_at_s = self._context.clock.boottime_s() + AGAIN_S
            self._deaf(f"can't listen for {kind.what} on port {kind.port}: {error.strerror}")
        else:
            log.info("listening for %s on port %d", kind.what, self.receiver.port)
            with self._context.store.write() as session:
                for check in self._all():
                    heard.is_over(session, check.id, kind.about)
            self._listens, self._deaf_for = True, ""

    def _deaf(self, why: str) -> None:
        if why == self._deaf_for:
            return
        kind, now_s, boot_s = self._kind, self._context.clock.now_s(), self._context.clock.boottime_s()
        log.error("%s", why)
        with self._context.store.write() as session:
            for check in self._all():
                heard.say(session, HeardRow(check=check.id, about=kind.about, at_s=now_s, state=kind.deaf, detail=why))
            if boot_s - self._deaf_told_s >= TOLD_EVERY_S:
                inbox.insert(session, kind.unheard(id=_id(), at_s=now_s, watcher=self._name, detail=why))
                self._deaf_told_s = boot_s
        self._deaf_for = why

    def _tell_refused(self) -> None:
        boot_s = self._context.clock.boottime_s()
        if not self.receiver.refused or boot_s - self._tell_at_s < TOLD_EVERY_S:
            return
        said = self.receiver.refused.take()
        log.warning("%s refused: %s", self._kind.what, said)
        self._tell_at_s = boot_s
        at_s, detail = self._context.clock.now_s(), said[:DETAIL_MAX]
        with self._context.store.write() as session:
            inbox.insert(session, self._kind.refused(id=_id(), at_s=at_s, watcher=self._name, detail=detail))

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("the store is away, %s wait: %s", self._kind.what, str(error.__cause__ or error)[:DETAIL_MAX])


@contextmanager
def listening(context: Context, what: str, make: Callable[[Context], Ear]) -> Iterator[None]:
    """Hear in the background."""
    stop = threading.Event()
    thread = threading.Thread(target=_listen, args=(context, what, make, stop), name=what, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S + AGAIN_S)


def _listen(context: Context, what: str, make: Callable[[Context], Ear], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with closing(context.fork()) as own, closing(make(own)) as ear:
                while not stop.wait(PACE_S):
                    ear.turn(WAIT_S)
        except Exception:
            log.exception("listening for %s failed; it begins anew in %g s", what, AGAIN_S)
            stop.wait(AGAIN_S)


def addresses(host: Host) -> set[str]:
    """Those that it may speak from, as receivers compare them."""
    given = {host.address, host.address6, *(check.address for check in host.checks)}
    return {canonical(address) for address in given if address is not None}


def _id() -> str:
    return f"ear/{uuid.uuid4().hex}"
