"""What is believed of traps and informs of SNMPv3 (RFC 3414 3.2): signed and encrypted as the inventory has it, not played again.

Of a trap its sender has the authority, whose time only goes on; of an inform we have it, and tell who we are and what time it is.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from domain.ports import Clock
from probes.reading import Oid
from probes.snmp_trap import Trap
from watch.snmp.ber import INTEGER, OID, SEQUENCE, integer, tlv
from watch.snmp.message import oid_bytes
from watch.snmp.trap_message import of_pdu
from watch.snmp.usm import Engine, Local, User, local
from watch.snmp.v3 import (
    CANT_DECRYPT,
    NOT_IN_TIME,
    REPORT,
    UNKNOWN_ENGINE,
    UNKNOWN_USER,
    UNSUPPORTED_LEVEL,
    WRONG_DIGEST,
    Message,
    Scoped,
    genuine,
    opened,
    read,
    written,
)

WINDOW_S = 150
"""RFC 3414 2.2.3."""
MAX_ENGINES = 4096
_NOBODY = Local(User(b""))
_COUNTER32 = 0x41
_INFORM = 0xA6


class Authority(NamedTuple):
    """Who we are to those who send informs: ``boots`` grows with every start, at ``began_s`` by CLOCK_BOOTTIME."""

    id: bytes
    boots: int
    began_s: float


class Judged(NamedTuple):
    """``said`` by ``host``, with the ``answer`` to an inform; or why it is ``refused``, in words, and the ``report`` of it to who
    asked for one. A first question, who we are, is refused to nobody: it has no words."""

    host: str = ""
    said: Trap | None = None
    answer: bytes = b""
    refused: str = ""
    report: bytes = b""


class Belief:
    def __init__(self, clock: Clock, authority: Authority) -> None:
        self._clock, self._authority = clock, authority
        self._times: OrderedDict[tuple[str, bytes], tuple[Engine, float]] = OrderedDict()
        """What each sender's engine said last that was believed, and when; the oldest are forgotten."""

    def judge(self, data: bytes, users: Mapping[str, User]) -> Judged:
        """``users``: of the hosts that may speak from where it came."""
        message = read(data)
        if message is None:
            return Judged(refused="no SNMP trap")
        ours = self._ours()
        if message.reportable and message.engine.id != ours.id:
            return Judged(report=self._report(message, UNKNOWN_ENGINE))
        found = next(((host, user) for host, user in users.items() if user.name == message.user), None)
        if found is None:
            return self._refuse(message, "another user than the host's", UNKNOWN_USER)
        host, user = found
        if (message.secured, message.private) != (bool(user.auth), bool(user.privacy)):
            return self._refuse(message, "another security level than the host's (auth, privacy)", UNSUPPORTED_LEVEL)
        who = local(user, message.engine.id)
        if message.secured and not genuine(message, who):
            return self._refuse(message, "another password or protocol of auth than the host's", WRONG_DIGEST)
        if message.secured and not self._is_now(host, message, ours):
            return self._refuse(message, "it was sent before, or its time is another", NOT_IN_TIME, who)
        return self._said(host, who, message)

    def _said(self, host: str, who: Local, message: Message) -> Judged:
        scoped = opened(message, who)
        if scoped is None:
            return self._refuse(message, "another password or protocol of privacy than the host's", CANT_DECRYPT)
        said = of_pdu(scoped.data, scoped.pdu)
        if said is None or (bool(said.answer) and message.engine.id != self._authority.id):
            return Judged(refused="no SNMP trap")
        return Judged(host, said.trap, self._answer(who, message, scoped, said.answer) if said.answer else b"")

    def _answer(self, who: Local, message: Message, scoped: Scoped, pdu: bytes) -> bytes:
        return written(who, self._ours(), message.number, pdu, reportable=False, context=scoped.context)

    def _is_now(self, host: str, message: Message, ours: Engine) -> bool:
        """RFC 3414 3.2 7."""
        engine = message.engine
        if engine.id == ours.id:
            return engine.boots == ours.boots and abs(engine.time_s - ours.time_s) <= WINDOW_S
        now_s = self._clock.boottime_s()
        last, at_s = self._times.get((host, engine.id), (engine, now_s))
        by_now_s = last.time_s + int(now_s - at_s)
        if engine.boots < last.boots or (engine.boots == last.boots and engine.time_s < by_now_s - WINDOW_S):
            return False
        if engine.boots > last.boots or engine.time_s >= by_now_s:  # its time never goes back, or it could be played for ever
            self._times[(host, engine.id)] = (engine, now_s)
        self._times.move_to_end((host, engine.id))
        if len(self._times) > MAX_ENGINES:
            self._times.popitem(last=False)
        return True

    def _refuse(self, message: Message, why: str, about: Oid, who: Local = _NOBODY) -> Judged:
        return Judged(refused=why, report=self._report(message, about, who) if message.reportable else b"")

    def _report(self, message: Message, about: Oid, who: Local = _NOBODY) -> bytes:
        """To a sender of informs; signed only where our time is told (RFC 3414 3.2)."""
        bind = tlv(SEQUENCE, tlv(OID, oid_bytes(about)) + tlv(_COUNTER32, b"\x01"))
        pdu = tlv(REPORT, integer(0) + tlv(INTEGER, b"\0") * 2 + tlv(SEQUENCE, bind))
        signed = who._replace(user=who.user._replace(privacy=""))
        return written(signed, self._ours(), message.number, pdu, reportable=False)

    def _ours(self) -> Engine:
        return Engine(self._authority.id, self._authority.boots, int(self._clock.boottime_s() - self._authority.began_s))
