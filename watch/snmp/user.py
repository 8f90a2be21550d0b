"""An agent is asked as a user of its own (SNMPv3): who it is is found out first, and what time it counts (RFC 3414 4).

What was found out is kept between looks, so that a look is one packet for each request. An answer proves itself by its digest and
by the number of its request, which nobody can have recorded before; so its time is only believed for the next request.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from probes.reading import Oid
from probes.spec import Ask, Now
from watch.snmp.ber import BadBer
from watch.snmp.message import GET, RESPONSE, Response, pdu, read_pdu
from watch.snmp.speaking import AGENT, Faulty, Hearing, Strays
from watch.snmp.usm import Engine, Local, User, local
from watch.snmp.v3 import (
    CANT_DECRYPT,
    NOT_IN_TIME,
    REPORT,
    UNAVAILABLE_CONTEXT,
    UNKNOWN_CONTEXT,
    UNKNOWN_ENGINE,
    UNKNOWN_USER,
    UNSUPPORTED_LEVEL,
    WRONG_DIGEST,
    Message,
    genuine,
    opened,
    read,
    written,
)

MAX_TURNS = 4
"""Of one request: who it is, what time it is, the request; and one more where it has just begun anew."""
_MAX_COUNT = 2**31 - 1
_UNKNOWN = Engine(b"", 0, 0)
_NOBODY = User(b"")
_SILENCE = "it may not speak SNMPv3"
_REFUSALS = {
    UNSUPPORTED_LEVEL: "the SNMP agent does not let this user in with this security level (auth, privacy)",
    UNKNOWN_USER: "the SNMP agent does not know the user",
    WRONG_DIGEST: "the SNMP agent refuses the password or the protocol of the user's auth",
    CANT_DECRYPT: "the SNMP agent refuses the password or the protocol of the user's privacy",
    UNAVAILABLE_CONTEXT: "the SNMP agent has no such context",
    UNKNOWN_CONTEXT: "the SNMP agent has no such context",
}


class Known(NamedTuple):
    """An engine, and what it said at a time of ours (by the wall clock: where that is set, it is asked anew)."""

    engine: Engine
    at_s: float

    def now(self, now_s: float) -> Engine:
        time_s = self.engine.time_s + int(now_s - self.at_s)
        return self.engine._replace(time_s=min(max(time_s, 0), _MAX_COUNT))


Engines = dict[tuple[str, int], Known]
"""By address and port."""


class _Report(NamedTuple):
    message: Message
    about: Oid
    genuine: bool


_Answer = Response | _Report


class AsUser:
    """Speaks with the agent at that address as that user."""

    bulk = True

    def __init__(self, where: tuple[str, int], user: User, engines: Engines) -> None:
        self._where, self._user, self._engines = where, user, engines
        self._strays = Strays()
        self._heard = False

    def ask(self, kind: int, oids: Sequence[Oid], repetitions: int) -> Hearing[Response]:
        """Raises ``Faulty``."""
        for _ in range(MAX_TURNS):
            known = self._engines.get(self._where)
            now_s = float((yield Now()))
            if known is None:
                answer = yield from self._tell(_NOBODY, _UNKNOWN, GET, (), 0)
            else:
                answer = yield from self._tell(self._user, known.now(now_s), kind, oids, repetitions)
            if isinstance(answer, Response):
                return answer
            self._learn(answer, now_s)
        raise Faulty("the SNMP agent says with every answer that it is another one, or at another time")

    def _tell(self, user: User, engine: Engine, kind: int, oids: Sequence[Oid], repetitions: int) -> Hearing[_Answer]:
        number = 2**30 + secrets.randbelow(2**30)
        who = local(user, engine.id)
        asked = written(who, engine, number, pdu(number, kind, oids, repetitions))
        reads: Callable[[bytes], _Answer | None] = partial(_answer, who=who, engine=engine, number=number)
        silence = "" if self._heard else _silence(user) if user.name else _SILENCE
        hearing: Hearing[_Answer] = self._strays.answer(Ask(*self._where, asked, AGENT, silence), reads)
        heard = yield from hearing
        self._heard = isinstance(heard, Response)
        return heard

    def _learn(self, report: _Report, now_s: float) -> None:
        """Raises ``Faulty`` for what no other request would change."""
        if report.about == UNKNOWN_ENGINE or (report.about == NOT_IN_TIME and report.genuine):
            self._engines[self._where] = Known(report.message.engine, now_s)
            return
        refusal = _REFUSALS.get(report.about, f"the SNMP agent refuses the request (report {'.'.join(map(str, report.about))})")
        raise Faulty(refusal)


def _silence(user: User) -> str:
    """What it may mean: what can't be decrypted, or is of an unknown context, is dropped."""
    given = {"password": user.auth, "password of privacy": user.privacy, "context": user.context}
    wrong = ["user", *(what for what, said in given.items() if said)]
    return f"it may be silent to a wrong {' or '.join(wrong)}"


def _answer(data: bytes, who: Local, engine: Engine, number: int) -> _Answer | None:
    """``None`` for what answers no request of ours, or is not from who it should be."""
    message = read(data)
    if message is None or message.number != number:
        return None
    is_genuine = message.secured and message.engine.id == engine.id and genuine(message, who)
    if message.secured and not is_genuine:
        return None
    scoped = opened(message, who)
    if scoped is None:
        return None
    if scoped.data[scoped.pdu : scoped.pdu + 1] == bytes((REPORT,)):
        return _report(message, scoped.data, scoped.pdu, is_genuine)
    user = who.user
    as_asked = (message.secured, message.private, message.user) == (bool(user.auth), bool(user.privacy), user.name)
    if not as_asked or message.engine.id != engine.id:
        return None
    try:
        got, answer = read_pdu(scoped.data, scoped.pdu, len(scoped.data), RESPONSE)
    except (IndexError, BadBer):
        return None
    return answer if got == number else None


def _report(message: Message, data: bytes, at: int, is_genuine: bool) -> _Report | None:
    try:
        _, said = read_pdu(data, at, len(data), REPORT)
    except (IndexError, BadBer):
        return None
    if not said.binds or (said.binds[0].oid == NOT_IN_TIME and not is_genuine) or not message.engine.id:
        return None
    return _Report(message, said.binds[0].oid, is_genuine)
