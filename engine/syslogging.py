"""A watcher's ear for syslog (C40), in a thread of its own, so that no flood keeps a look waiting.

What a line means is told by an event, once within the check's time; when a host was heard last is written down for the watcher to
judge. It listens only while a host of its segments has a check for it.
"""

import logging
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
from probes.syslog import DEAF, FOUND, LAST, SYSLOG, Finding, finding
from probes.syslog_message import line
from store import heard, inbox, policies
from store.db import StoreError
from store.tables import HeardRow
from watch.syslogs import Receiver, Said, canonical

log = logging.getLogger(__name__)

WAIT_S = 0.5
PACE_S = 0.05
"""From one turn to the next, whatever comes."""
AGAIN_S = 10.0
"""After so long it tries again to listen."""
TOLD_EVERY_S = 3600.0
LAST_EVERY_S = 300.0
"""How often it is written down that a host was heard."""
MAX_WAITING = 1000
"""What waits for a store that is away."""
AWAY = (SQLAlchemyError, sqlite3.Error, StoreError)
_ALL = ("0.0.0.0", "::")  # noqa: S104 - logs come from wherever a host is
_DETAIL_MAX = 200

_Found = tuple[Check, Finding]


@contextmanager
def listening(context: Context, name: str) -> Iterator[None]:
    """Hear logs for the watcher of that name in the background."""
    stop = threading.Event()
    thread = threading.Thread(target=_listen, args=(context, name, stop), name="syslog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S + AGAIN_S)


def _listen(context: Context, name: str, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with closing(context.fork()) as own, closing(Logs(own, name)) as logs:
                while not stop.wait(PACE_S):
                    logs.turn(WAIT_S)
        except Exception:
            log.exception("listening for syslog failed; it begins anew in %g s", AGAIN_S)
            stop.wait(AGAIN_S)


class Logs:
    """``turn`` waits for what comes first, and does all that is due."""

    def __init__(self, context: Context, name: str) -> None:
        self._context, self._name = context, name
        self.receiver = Receiver(context.clock)
        self._policy: Policy | None = None
        self._checks: Mapping[str, list[Check]] = {}
        """By each address that may be heard."""
        self._options: Mapping[str, Mapping[str, Any]] = {}
        """Of each check."""
        self._found: list[_Found] = []
        self._told_s: dict[tuple[str, str], float] = {}
        """When what was found was taken last (boottime), by check and pattern."""
        self._heard: dict[str, float] = {}
        """When each check's host was last written down as heard (boottime)."""
        self._news: set[str] = set()
        self._listens = self._away = False
        self._deaf_for = ""
        self._listen_at_s = self._tell_at_s = self._deaf_told_s = float("-inf")

    def turn(self, wait_s: float) -> None:
        try:
            self._look_around()
        except AWAY as error:
            self._note_away(error)
        for said in self.receiver.turn(wait_s):
            self._take(said)
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
        checks: dict[str, list[Check]] = {}
        for host in policy.hosts.values():
            if policy.watcher_of(host.id) == self._name:
                for check in [check for check in host.checks if check.kind == SYSLOG.name]:
                    for address in _addresses(host):
                        checks.setdefault(address, []).append(check)
        self._checks = checks
        self._options = {check.id: SYSLOG.complete(check.options) for check in self._all()}
        self.receiver.known = checks.keys()
        self._told_s = {key: at_s for key, at_s in self._told_s.items() if key[0] in self._options}
        self._heard = {check: at_s for check, at_s in self._heard.items() if check in self._options}
        self._listens, self._deaf_for = False, ""  # of checks that are new it has to be said as well whether they are heard

    def _begin(self) -> None:
        settings = self._context.settings
        try:
            if not self.receiver.listens:  # what waits in its queue is not thrown away
                self.receiver.open((settings.syslog_bind,) if settings.syslog_bind else _ALL, settings.syslog_port)
        except OSError as error:
            self._listen_at_s = self._context.clock.boottime_s() + AGAIN_S
            self._deaf(f"can't listen for syslog on port {settings.syslog_port}: {error.strerror}")
        else:
            log.info("listening for syslog on port %d", self.receiver.port)
            with self._context.store.write() as session:
                for check in self._all():
                    heard.is_over(session, check.id, DEAF)
            self._listens, self._deaf_for = True, ""

    def _deaf(self, why: str) -> None:
        """Its checks are unknown until it can; the operators hear of it."""
        if why == self._deaf_for:
            return
        now_s, boot_s = self._context.clock.now_s(), self._context.clock.boottime_s()
        log.error("%s", why)
        with self._context.store.write() as session:
            for check in self._all():
                heard.say(session, HeardRow(check=check.id, about=DEAF, at_s=now_s, state=DEAF, detail=why))
            if boot_s - self._deaf_told_s >= TOLD_EVERY_S:
                event = ev.SyslogUnheard(id=f"syslog/{uuid.uuid4().hex}", at_s=now_s, watcher=self._name, detail=why)
                inbox.insert(session, event)
                self._deaf_told_s = boot_s
        self._deaf_for = why

    def _all(self) -> list[Check]:
        return list({check.id: check for checks in self._checks.values() for check in checks}.values())

    def _take(self, said: Said) -> None:
        """A pattern of a check is taken once within its time, however many lines are of it."""
        read, boot_s = line(said.data), self._context.clock.boottime_s()
        for check in self._checks.get(said.address, ()):
            if boot_s - self._heard.get(check.id, float("-inf")) >= LAST_EVERY_S:
                self._news.add(check.id)
            options = self._options[check.id]
            found = finding(options, read)
            if found is None or len(self._found) >= MAX_WAITING:
                continue
            key = (check.id, found.pattern)
            if boot_s - self._told_s.get(key, float("-inf")) >= options["every"]:
                self._told_s[key] = boot_s
                self._found.append((check, found))

    def _write(self) -> None:
        if not self._found and not self._news:
            return
        now_s, boot_s = self._context.clock.now_s(), self._context.clock.boottime_s()
        with self._context.store.write() as session:
            for check in self._news:
                heard.say(session, HeardRow(check=check, about=LAST, at_s=now_s, state=LAST, detail=""))
            for check_, found in self._found:
                self._keep(session, check_, found, now_s)
        self._heard |= dict.fromkeys(self._news, boot_s)
        self._found, self._news = [], set()

    def _keep(self, session: Session, check: Check, found: Finding, now_s: float) -> None:
        """Unless it was told before this process began."""
        before = session.get(HeardRow, (check.id, f"{FOUND}/{found.pattern}"))
        if before is not None and now_s - before.at_s < self._options[check.id]["every"]:
            return
        heard.say(
            session,
            HeardRow(check=check.id, about=f"{FOUND}/{found.pattern}", at_s=now_s, state=FOUND, detail=found.text[:_DETAIL_MAX]),
        )
        inbox.insert(
            session,
            ev.Occurred(
                id=f"occurred/{check.id}/{uuid.uuid4().hex}",
                at_s=now_s,
                host=check.host,
                check=check.id,
                what=found.text,
                pattern=found.pattern,
                proposal=found.proposal,
            ),
        )

    def _tell_refused(self) -> None:
        """At once, and then once an hour at most."""
        boot_s = self._context.clock.boottime_s()
        if not self.receiver.refused or boot_s - self._tell_at_s < TOLD_EVERY_S:
            return
        said = self.receiver.take_refused()
        log.warning("syslog refused: %s", said)
        self._tell_at_s = boot_s
        event = ev.SyslogRefused(
            id=f"syslog/{uuid.uuid4().hex}", at_s=self._context.clock.now_s(), watcher=self._name, detail=said[:_DETAIL_MAX]
        )
        with self._context.store.write() as session:
            inbox.insert(session, event)

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("the store is away, lines wait: %s", str(error.__cause__ or error)[:_DETAIL_MAX])


def _addresses(host: Host) -> set[str]:
    given = {host.address, host.address6, *(check.address for check in host.checks)}
    return {canonical(address) for address in given if address is not None}
