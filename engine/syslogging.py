"""A watcher's ear for syslog (C40).

What a line means is told by an event, once within the check's time; when a host was heard last is written down for the watcher to
judge.
"""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlmodel import Session

from domain import events as ev
from domain.model import Check, Host
from engine import ears
from engine.context import Context
from engine.ears import DETAIL_MAX, MAX_WAITING, Ear, Kind
from probes.syslog import DEAF, FOUND, LAST, SYSLOG, Finding, finding
from probes.syslog_message import line
from store import heard, inbox
from store.tables import HeardRow
from watch.syslogs import Receiver, Said

LAST_EVERY_S = 300.0
"""How often it is written down that a host was heard."""


def listening(context: Context, name: str) -> AbstractContextManager[None]:
    """Hear logs for the watcher of that name in the background."""
    return ears.listening(context, "syslog", lambda own: Logs(own, name))


class Logs(Ear):
    def __init__(self, context: Context, name: str) -> None:
        port, bind = context.settings.syslog_port, context.settings.syslog_bind
        super().__init__(context, name, Kind("syslog", port, bind, ev.SyslogRefused, ev.SyslogUnheard, DEAF, DEAF))
        self.receiver: Receiver = Receiver(context.clock)
        self._at: Mapping[str, list[Check]] = {}
        """By each address that may be heard."""
        self._options: Mapping[str, Mapping[str, Any]] = {}
        """Of each check."""
        self._found: list[tuple[Check, Finding]] = []
        self._told_s: dict[tuple[str, str], float] = {}
        """When what was found was taken last (boottime), by check and pattern."""
        self._heard: dict[str, float] = {}
        """When each check's host was last written down as heard (boottime)."""
        self._news: set[str] = set()

    def _checks_of(self, host: Host) -> list[Check]:
        return [check for check in host.checks if check.kind == SYSLOG.name]

    def _adopted(self, hosts: Sequence[Host]) -> None:
        at: dict[str, list[Check]] = {}
        for host in hosts:
            for address in ears.addresses(host):
                at.setdefault(address, []).extend(self._checks[host.id])
        self._at, self.receiver.known = at, at.keys()
        self._options = {check.id: SYSLOG.complete(check.options) for check in self._all()}
        self._told_s = {key: at_s for key, at_s in self._told_s.items() if key[0] in self._options}
        self._heard = {check: at_s for check, at_s in self._heard.items() if check in self._options}

    def _hear(self, wait_s: float) -> None:
        for said in self.receiver.turn(wait_s):
            self._take(said)

    def _take(self, said: Said) -> None:
        """A pattern of a check is taken once within its time, however many lines are of it."""
        read, boot_s = line(said.data), self._context.clock.boottime_s()
        for check in self._at.get(said.address, ()):
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
            for check_id in self._news:
                heard.say(session, HeardRow(check=check_id, about=LAST, at_s=now_s, state=LAST, detail=""))
            for check, found in self._found:
                self._keep(session, check, found, now_s)
        self._heard |= dict.fromkeys(self._news, boot_s)
        self._found, self._news = [], set()

    def _keep(self, session: Session, check: Check, found: Finding, now_s: float) -> None:
        """Unless it was told before this process began, or the inventory has left the check out meanwhile."""
        about = f"{FOUND}/{found.pattern}"
        before = session.get(HeardRow, (check.id, about))
        every_s = self._options.get(check.id, {}).get("every", float("inf"))
        if before is not None and now_s - before.at_s < every_s:
            return
        heard.say(session, HeardRow(check=check.id, about=about, at_s=now_s, state=FOUND, detail=found.text[:DETAIL_MAX]))
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
