"""A watcher's ear for SNMP traps (C15), in a thread of its own, so that no flood keeps a look waiting.

What stands is written down for the watcher to judge (``heard``), what only happens is an event. It listens only while a host of its
segments has a check for it.
"""

import hashlib
import logging
import socket
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from domain import events as ev
from domain.model import Check, Host, Policy
from engine.context import Context
from probes.snmp_trap import DEAF, SNMP_TRAP, Meaning, Sort, called, meanings
from probes.spec import Secrets
from store import heard, inbox, policies
from store.db import StoreError
from store.tables import HeardRow
from watch.trap_user import Authority
from watch.traps import Receiver, Speaker, Told, canonical

log = logging.getLogger(__name__)

WAIT_S = 0.5
PACE_S = 0.05
"""From one turn to the next, whatever comes."""
AGAIN_S = 10.0
"""After so long it tries again to listen; the same that only happens is told once within so long: informs are repeated."""
TOLD_EVERY_S = 3600.0
MAX_STANDING = 64
"""Of one check; it is down by then, and a device that says more changes nothing."""
MAX_WAITING = 1000
"""What waits for a store that is away."""
AWAY = (SQLAlchemyError, sqlite3.Error, StoreError)
_ALL = ("0.0.0.0", "::")  # noqa: S104 - traps come from wherever a host is
_DETAIL_MAX = 200


@contextmanager
def listening(context: Context, name: str, secrets: Secrets) -> Iterator[None]:
    """Hear traps for the watcher of that name in the background."""
    stop = threading.Event()
    thread = threading.Thread(target=_listen, args=(context, name, secrets, stop), name="traps", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S + AGAIN_S)


def _listen(context: Context, name: str, secrets: Secrets, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with closing(context.fork()) as own, closing(Traps(own, name, secrets)) as traps:
                while not stop.wait(PACE_S):
                    traps.turn(WAIT_S)
        except Exception:
            log.exception("listening for traps failed; it begins anew in %g s", AGAIN_S)
            stop.wait(AGAIN_S)


class Traps:
    """``turn`` waits for what comes first, and does all that is due."""

    def __init__(self, context: Context, name: str, secrets: Secrets) -> None:
        self._context, self._name = context, name
        clock = context.clock
        engine = hashlib.sha256(f"{socket.gethostname()}/{name}".encode()).digest()[:8]
        # RFC 3411 5, with the enterprise of examples (RFC 5612), as we have none; minutes grow with every start
        authority = Authority(b"\x80\x00\x7e\xd9\x05" + engine, int(clock.now_s() // 60), clock.boottime_s())
        self.receiver = Receiver(clock, secrets, authority)
        self._policy: Policy | None = None
        self._checks: Mapping[str, list[Check]] = {}
        """Of each host that may be heard."""
        self._waiting: list[Told] = []
        self._happened: dict[tuple[str, str], float] = {}
        self._unknown: set[str] = set()
        self._listens = self._away = False
        self._deaf_for = ""
        self._listen_at_s = self._tell_at_s = self._deaf_told_s = float("-inf")

    def turn(self, wait_s: float) -> None:
        try:
            self._look_around()
        except AWAY as error:
            self._note_away(error)
        self._waiting = (self._waiting + self.receiver.turn(wait_s))[:MAX_WAITING]
        try:
            self._write()
            self._tell_refused()
        except AWAY as error:
            self._note_away(error)
        else:
            self._away = False

    def close(self) -> None:
        self.receiver.close()

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
        hosts = [host for host in policy.hosts.values() if policy.watcher_of(host.id) == self._name and host.snmp is not None]
        checks = {host.id: [check for check in host.checks if check.kind == SNMP_TRAP.name] for host in hosts}
        self._checks = {host: found for host, found in checks.items() if found}
        speakers: dict[str, list[Speaker]] = {}
        for host in hosts:
            if host.snmp is not None and host.id in self._checks:
                for address in _addresses(host):
                    speakers.setdefault(address, []).append(Speaker(host.id, host.snmp))
        self.receiver.speakers = speakers
        self._listens, self._deaf_for = False, ""  # of checks that are new it has to be said as well whether they are heard

    def _begin(self) -> None:
        settings = self._context.settings
        try:
            if not self.receiver.listens:  # what waits in its queue is not thrown away
                self.receiver.open((settings.trap_bind,) if settings.trap_bind else _ALL, settings.trap_port)
        except OSError as error:
            self._listen_at_s = self._context.clock.boottime_s() + AGAIN_S
            self._deaf(f"can't listen on UDP port {settings.trap_port}: {error.strerror}")
        else:
            log.info("listening for SNMP traps on UDP port %d", self.receiver.port)
            with self._context.store.write() as session:
                for check in self._all():
                    heard.is_over(session, check.id, "")
            self._listens, self._deaf_for = True, ""

    def _deaf(self, why: str) -> None:
        """Its checks are unknown until it can; the operators hear of it."""
        if why == self._deaf_for:
            return
        now_s, boot_s = self._context.clock.now_s(), self._context.clock.boottime_s()
        log.error("%s", why)
        with self._context.store.write() as session:
            for check in self._all():
                heard.say(session, HeardRow(check=check.id, about="", at_s=now_s, state=DEAF, detail=why))
            if boot_s - self._deaf_told_s >= TOLD_EVERY_S:
                event = ev.TrapsUnheard(id=f"traps/{uuid.uuid4().hex}", at_s=now_s, watcher=self._name, detail=why)
                inbox.insert(session, event)
                self._deaf_told_s = boot_s
        self._deaf_for = why

    def _all(self) -> list[Check]:
        return [check for checks in self._checks.values() for check in checks]

    def _write(self) -> None:
        if not self._waiting:
            return
        with self._context.store.write() as session:
            for told in self._waiting:
                self._take(session, told)
        for told in self._waiting:
            told.answer()
        self._waiting = []

    def _take(self, session: Session, told: Told) -> None:
        meant = [(check, meaning) for check in self._checks.get(told.host, ()) for meaning in meanings(_options(check), told.trap)]
        for check, meaning in meant:
            self._keep(session, check, meaning)
        name = called(told.trap.oid)
        if not meant and f"{told.host} {name}" not in self._unknown and len(self._unknown) < MAX_WAITING:
            self._unknown.add(f"{told.host} {name}")
            log.info("the trap %s of %s is none of its checks'", name, told.host)

    def _keep(self, session: Session, check: Check, meant: Meaning) -> None:
        now_s, boot_s = self._context.clock.now_s(), self._context.clock.boottime_s()
        if meant.sort is Sort.ENDS:
            heard.is_over(session, check.id, meant.about)
        elif meant.sort is Sort.BEGINS:
            if heard.has_room(session, check.id, meant.about, MAX_STANDING):
                row = HeardRow(check=check.id, about=meant.about, at_s=now_s, state="stands", detail=meant.what[:_DETAIL_MAX])
                heard.say(session, row)
        elif boot_s - self._happened.get((check.id, meant.about), float("-inf")) >= AGAIN_S:
            self._happened = {key: at_s for key, at_s in self._happened.items() if boot_s - at_s < AGAIN_S}
            self._happened[(check.id, meant.about)] = boot_s
            event = f"occurred/{check.id}/{uuid.uuid4().hex}"
            inbox.insert(session, ev.Occurred(id=event, at_s=now_s, host=check.host, check=check.id, what=meant.what))

    def _tell_refused(self) -> None:
        """At once, and then once an hour at most."""
        boot_s = self._context.clock.boottime_s()
        if not self.receiver.refused or boot_s - self._tell_at_s < TOLD_EVERY_S:
            return
        said = self.receiver.take_refused()
        log.warning("traps refused: %s", said)
        self._tell_at_s = boot_s
        self._unknown.clear()
        event = f"traps/{uuid.uuid4().hex}"
        with self._context.store.write() as session:
            inbox.insert(
                session, ev.TrapsRefused(id=event, at_s=self._context.clock.now_s(), watcher=self._name, detail=said[:_DETAIL_MAX])
            )

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("the store is away, traps wait: %s", str(error.__cause__ or error)[:_DETAIL_MAX])


def _options(check: Check) -> Mapping[str, Any]:
    return SNMP_TRAP.complete(check.options)


def _addresses(host: Host) -> set[str]:
    given = {host.address, host.address6, *(check.address for check in host.checks)}
    return {canonical(address) for address in given if address is not None}
