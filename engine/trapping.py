"""A watcher's ear for SNMP traps (C15): what stands is written down for the watcher to judge (``heard``), what only happens is an
event."""

import hashlib
import logging
import socket
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
from probes.snmp_trap import DEAF, SNMP_TRAP, Meaning, Sort, called, meanings
from probes.spec import Secrets
from store import heard, inbox
from store.tables import HeardRow
from watch.snmp.trap_user import Authority
from watch.traps import Receiver, Speaker, Told

log = logging.getLogger(__name__)

AGAIN_S = 10.0
"""The same that only happens is told once within so long: informs are repeated."""
MAX_STANDING = 64
"""Of one check; it is down by then, and a device that says more changes nothing."""


def listening(context: Context, name: str, secrets: Secrets) -> AbstractContextManager[None]:
    """Hear traps for the watcher of that name in the background."""
    return ears.listening(context, "SNMP traps", lambda own: Traps(own, name, secrets))


class Traps(Ear):
    def __init__(self, context: Context, name: str, secrets: Secrets) -> None:
        port, bind, clock = context.settings.trap_port, context.settings.trap_bind, context.clock
        super().__init__(context, name, Kind("SNMP traps", port, bind, ev.TrapsRefused, ev.TrapsUnheard, "", DEAF))
        engine = hashlib.sha256(f"{socket.gethostname()}/{name}".encode()).digest()[:8]
        # RFC 3411 5, with the enterprise of examples (RFC 5612), as we have none; minutes grow with every start
        authority = Authority(b"\x80\x00\x7e\xd9\x05" + engine, int(clock.now_s() // 60), clock.boottime_s())
        self.receiver: Receiver = Receiver(clock, secrets, authority)
        self._waiting: list[Told] = []
        self._happened: dict[tuple[str, str], float] = {}
        self._unknown: set[str] = set()

    def _checks_of(self, host: Host) -> list[Check]:
        return [check for check in host.checks if check.kind == SNMP_TRAP.name] if host.snmp is not None else []

    def _adopted(self, hosts: Sequence[Host]) -> None:
        speakers: dict[str, list[Speaker]] = {}
        for host in hosts:
            if host.snmp is not None:
                for address in ears.addresses(host):
                    speakers.setdefault(address, []).append(Speaker(host.id, host.snmp))
        self.receiver.speakers = speakers
        self._unknown.clear()

    def _hear(self, wait_s: float) -> None:
        self._waiting = (self._waiting + self.receiver.turn(wait_s))[:MAX_WAITING]

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
                row = HeardRow(check=check.id, about=meant.about, at_s=now_s, state="stands", detail=meant.what[:DETAIL_MAX])
                heard.say(session, row)
        elif boot_s - self._happened.get((check.id, meant.about), float("-inf")) >= AGAIN_S:
            self._happened = {key: at_s for key, at_s in self._happened.items() if boot_s - at_s < AGAIN_S}
            self._happened[(check.id, meant.about)] = boot_s
            event = f"occurred/{check.id}/{uuid.uuid4().hex}"
            inbox.insert(session, ev.Occurred(id=event, at_s=now_s, host=check.host, check=check.id, what=meant.what))


def _options(check: Check) -> Mapping[str, Any]:
    return SNMP_TRAP.complete(check.options)
