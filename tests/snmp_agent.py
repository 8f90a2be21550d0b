"""An SNMP agent without sockets, with an own, recursive codec: what it is asked, and what it says to that."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.observation import Observation
from probes.conversation import Conversation
from probes.reading import Absent, Item, Oid
from probes.spec import Ask, Hear, Now
from watch.snmp.message import Access, Version
from watch.snmp.poll import Agent, Found, poll
from watch.snmp.user import Engines
from watch.snmp.usm import User

GET, NEXT, BULK = 0xA0, 0xA1, 0xA5
COMMUNITY = b"the community"
ABSENT = {"noSuchObject": 0x80, "noSuchInstance": 0x81, "endOfMibView": 0x82}


class Typed(NamedTuple):
    """A value whose type the plain Python one does not tell: a counter."""

    tag: int
    number: int


Said = int | bytes | Oid | Typed | Absent


class Asked(NamedTuple):
    version: int
    community: bytes
    kind: int
    number: int
    first: int
    second: int
    oids: list[Oid]


@dataclass
class FakeAgent:
    """``values`` by their name; ``too_big`` answers with more variables are refused as that."""

    values: Mapping[Oid, Said]
    too_big: int = 1000
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = sorted(self.values)

    def answer(self, data: bytes) -> bytes:
        asked = request(data)
        self.asked.append(asked)
        binds = [(oid, self._said(asked, oid)) for oid in asked.oids] if asked.kind == GET else list(self._next(asked))
        gone = next((number for number, (_, said) in enumerate(binds, 1) if isinstance(said, Absent)), 0)
        if len(binds) > self.too_big:
            return response(asked, [], status=1)
        if asked.version == 0 and gone:
            return response(asked, [(oid, Absent("null")) for oid in asked.oids], status=2, variable=gone)
        return response(asked, binds)

    def _said(self, asked: Asked, oid: Oid) -> Said:
        return self.values.get(oid, Absent("noSuchInstance"))

    def _next(self, asked: Asked) -> Iterator[tuple[Oid, Said]]:
        at = asked.oids
        for _ in range(asked.second if asked.kind == BULK else 1):
            before, at = at, [self._after(one) for one in at]
            for oid, last in zip(at, before, strict=True):
                yield oid, self.values[oid] if oid != last else Absent("endOfMibView")

    def _after(self, oid: Oid) -> Oid:
        at = bisect_right(self._names, oid)
        return self._names[at] if at < len(self._names) else oid


def request(data: bytes) -> Asked:
    ((_, message),) = elements(data)
    (_, version), (_, community), (kind, pdu) = elements(message)
    (_, number), (_, first), (_, second), (_, binds) = elements(pdu)
    oids = [oid_of(elements(bind)[0][1]) for _, bind in elements(binds)]
    numbers = [int.from_bytes(one, "big") for one in (number, first, second)]
    return Asked(version[0], community, kind, numbers[0], numbers[1], numbers[2], oids)


def response(asked: Asked, binds: Sequence[tuple[Oid, Said]], status: int = 0, variable: int = 0) -> bytes:
    said = b"".join(ber(0x30, ber(6, coded(oid)) + value(one)) for oid, one in binds)
    pdu = ber(2, asked.number.to_bytes(4, "big")) + ber(2, bytes([status])) + ber(2, bytes([variable])) + ber(0x30, said)
    return ber(0x30, ber(2, bytes([asked.version])) + ber(4, asked.community) + ber(0xA2, pdu))


def value(said: Said) -> bytes:
    if isinstance(said, Absent):
        return ber(ABSENT.get(said.why, 5), b"")
    if isinstance(said, Typed):
        return ber(said.tag, said.number.to_bytes(said.number.bit_length() // 8 + 1, "big"))
    if isinstance(said, int):
        return ber(2, said.to_bytes(said.bit_length() // 8 + 1, "big", signed=True))
    return ber(4, said) if isinstance(said, bytes) else ber(6, coded(said))


def ber(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    return bytes([tag]) + (bytes([size]) if size < 128 else bytes([0x82, *size.to_bytes(2, "big")])) + contents


def coded(oid: Oid) -> bytes:
    found = b""
    for subid in (oid[0] * 40 + oid[1], *oid[2:]):
        rest = [subid & 127]
        while subid := subid >> 7:
            rest.insert(0, subid & 127 | 128)
        found += bytes(rest)
    return found


def oid_of(data: bytes) -> Oid:
    subids, subid = [], 0
    for byte in data:
        subid = subid << 7 | byte & 127
        if byte < 128:
            subids.append(subid)
            subid = 0
    return (subids[0] // 40, subids[0] % 40, *subids[1:])


def elements(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        size, at = data[1], 2
        if size > 127:
            at += size - 128
            size = int.from_bytes(data[2:at], "big")
        found.append((data[0], data[at : at + size]))
        data = data[at + size :]
    return found


def polled(agent: FakeAgent, *items: Item, version: Version = Version.V2C) -> tuple[Observation, Found]:
    """What a session with it brings."""
    return session(agent.answer, *items, version=version)


def session(said: Callable[[bytes], bytes | None], *items: Item, version: Version = Version.V2C) -> tuple[Observation, Found]:
    """What a session brings with whoever says this to each request, and to ``b""`` what comes unasked; ``None`` is silence."""
    return session_of(Access(version, COMMUNITY), {}, said, *items)


def session_of(
    access: Access | User, engines: Engines, said: Callable[[bytes], bytes | None], *items: Item, now_s: float = 1000.0
) -> tuple[Observation, Found]:
    found: Found = {}
    conversation = Conversation(poll(Agent("192.0.2.1", 161, lambda: access, engines), items, found))
    step = conversation.begin()
    while not isinstance(step, Observation):
        if isinstance(step, Now):
            step = conversation.answered(b"%.3f" % now_s)
            continue
        assert isinstance(step, Ask | Hear)
        heard = said(step.data if isinstance(step, Ask) else b"")
        step = conversation.answered(heard) if heard is not None else conversation.too_late(10.0)
    return step, found
