"""Looks at where a name leads: the watcher's own resolver, over the loop's own sockets (C50). Never ``getaddrinfo``, which blocks.

An answer is good for its TTL, and for a minute at most, so that a look once a minute or less often always asks anew. A failure is
never kept. What was known before a failure is said beside it, and never looked at: it may be somebody else's address by now.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv6Address, ip_address
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import dns.exception
import dns.message
import dns.rcode

from domain.model import ByName
from domain.observation import Observation, Verdict, down, unknown, up
from domain.ports import Clock
from domain.wording import shortened
from probes.dns_message import answer, question, rcode_of, read, said_by
from probes.spec import Dialogue
from watch.driver import STALL_S
from watch.looking import Looking
from watch.name_files import Kept, Server, hosts, nameservers
from watch.wheel import SLOTS_PER_S

RESOLVE_S = 5.0
"""All tries together; two rounds of all resolvers fit into it."""
ROUNDS = 2
MAX_TTL_S = 60.0
MAX_NAMES = 10_000
"""Kept; the others are asked for again."""
DETAIL_MAX = 200

Told = Callable[[Observation], None]
Begin = Callable[[str, float, Told], Any]
"""Begins a look at this address, of at most so many seconds, as the driver does."""


class _Answer(NamedTuple):
    """``addresses`` may be none; ``missing``: not even the name is there."""

    addresses: tuple[str, ...]
    ttl_s: float
    missing: bool = False


class _Known(NamedTuple):
    """Where a name leads until then (boottime); afterwards, where it led."""

    address: str
    until_s: float


@dataclass(slots=True, eq=False)
class Led:
    """One look by name under way; ``flight`` is the driver's, once the address is known."""

    by_name: ByName
    begun_s: float
    timeout_s: float
    begin: Begin
    landed: Told
    flight: Any = None
    dropped: bool = False


@dataclass(slots=True, eq=False)
class _Quest:
    """One name that is asked for, and all looks that wait for it. ``troubles``: what came of it, by resolver; ``own``: by now it
    may all be the watcher's own trouble."""

    by_name: ByName
    tries: deque[Server]
    each_s: float
    record: str
    waiting: list[Led] = field(default_factory=list)
    troubles: dict[Server, str] = field(default_factory=dict)
    own: bool = True


class Names:
    """``resolvers``: whom to ask instead of those of the system."""

    def __init__(self, driver: Looking, clock: Clock, resolvers: tuple[Server, ...] = (), etc: Path = Path("/etc")) -> None:
        self._driver, self._clock, self._resolvers = driver, clock, resolvers
        self._resolv_conf = Kept(etc / "resolv.conf", nameservers)
        self._hosts = Kept(etc / "hosts", hosts)
        self._known: OrderedDict[tuple[str, int | None], _Known] = OrderedDict()
        self._quests: dict[tuple[str, int | None], _Quest] = {}

    def look(self, by_name: ByName, timeout_s: float, begin: Begin, landed: Told) -> Led:
        """Begin a look at where the name leads; ``landed`` is told later, never at once."""
        now_s = self._clock.boottime_s()
        led = Led(by_name, now_s, timeout_s, begin, landed)
        known = self._known.get(_key(by_name))
        if (written := self._written(by_name)) is not None:
            self._go(led, written)
        elif known is not None and now_s < known.until_s:
            self._go(led, known.address)
        else:
            self._ask(led)
        return led

    def give_up(self, led: Led) -> None:
        """It will not land."""
        led.dropped = True
        if led.flight is not None:
            self._driver.give_up(led.flight)

    def _written(self, by_name: ByName) -> str | None:
        """By /etc/hosts."""
        found = self._hosts.said.get(by_name.name, ())
        versions = (by_name.version,) if by_name.version is not None else (4, 6)
        return next((one for version in versions for one in found if ip_address(one).version == version), None)

    def _go(self, led: Led, address: str) -> None:
        now_s = self._clock.boottime_s()
        if now_s - led.begun_s > RESOLVE_S + STALL_S:  # no name takes so long: the watcher stood still, and the driver began anew
            led.begun_s = now_s
        left_s = ceil((led.timeout_s - (now_s - led.begun_s)) * SLOTS_PER_S) / SLOTS_PER_S  # few lengths
        if left_s <= 0:
            self._say(led, f"it took the {led.timeout_s:g} s of the whole look")
        elif address not in led.by_name.own and _is_nobody(address):
            self._say(led, f"it leads to {address}, which is no other machine's address")
        else:
            led.flight = led.begin(address, left_s, partial(self._landed, led, address))

    def _say(self, led: Led, said: str) -> None:
        """With the next turn, as any other look lands."""
        start = partial(_told, _trouble(led.by_name, said))
        led.flight = self._driver.look(start, led.timeout_s, partial(self._land, led))

    def _landed(self, led: Led, address: str, seen: Observation) -> None:
        """What is seen where only the name leads is no ground for work on the host."""
        led.flight = None
        told_only = seen.verdict is Verdict.DOWN and address not in led.by_name.own
        detail = shortened(f"at {address}{': ' if seen.detail else ''}{seen.detail}", DETAIL_MAX)
        self._land(led, seen._replace(detail=detail, told_only=told_only))

    def _land(self, led: Led, seen: Observation) -> None:
        """Its time counts from where the name was asked for: who visits it waits for that as well. What is longer than the whole
        look can be is time in which the watcher stood still."""
        took_s = self._clock.boottime_s() - led.begun_s
        led.landed(seen._replace(latency_ms=took_s * 1000) if took_s <= led.timeout_s + STALL_S else seen)

    def _ask(self, led: Led) -> None:
        key = _key(led.by_name)
        if (quest := self._quests.get(key)) is not None:
            quest.waiting.append(led)
            return
        servers = self._resolvers or self._resolv_conf.said
        record = "AAAA" if led.by_name.version == 6 else "A"
        each_s = RESOLVE_S / (len(servers) * ROUNDS)
        self._quests[key] = quest = _Quest(led.by_name, deque(servers * ROUNDS), each_s, record, [led])
        self._try(quest)

    def _try(self, quest: _Quest) -> None:
        """The next resolver; where none is left, that was it."""
        if not quest.tries:
            said = "; ".join(f"{server}: {trouble}" for server, trouble in quest.troubles.items())
            self._fail(quest, said, own=quest.own)
            return
        server, found = quest.tries.popleft(), list[_Answer]()
        start = partial(_asked, server, quest.by_name.name, quest.record, found)
        self._driver.look(start, quest.each_s, partial(self._answered, quest, server, found))

    def _answered(self, quest: _Quest, server: Server, found: list[_Answer], seen: Observation) -> None:
        if not found:
            quest.troubles[server] = seen.detail
            quest.own = quest.own and seen.verdict is Verdict.UNKNOWN
            self._try(quest)
        elif found[0].addresses:
            self._found(quest, found[0])
        elif found[0].missing:
            self._fail(quest, f"there is no such name (NXDOMAIN, says {server})")
        elif quest.record == "A" and quest.by_name.version is None:
            quest.record = "AAAA"
            quest.tries.appendleft(server)
            self._try(quest)
        else:
            self._fail(quest, f"it has no {'IPv6 ' if quest.by_name.version == 6 else ''}address (says {server})")

    def _found(self, quest: _Quest, answer: _Answer) -> None:
        """Of several addresses the first, as the resolver turns them."""
        key, address = _key(quest.by_name), answer.addresses[0]
        self._known[key] = _Known(address, self._clock.boottime_s() + min(answer.ttl_s, MAX_TTL_S))
        self._known.move_to_end(key)
        if len(self._known) > MAX_NAMES:
            self._known.popitem(last=False)
        for led in self._ended(quest):
            self._go(led, address)

    def _fail(self, quest: _Quest, said: str, *, own: bool = False) -> None:
        known = self._known.get(_key(quest.by_name))
        led_to = f"; it led to {known.address} before" if known is not None else ""
        for led in self._ended(quest):
            self._land(led, _trouble(led.by_name, said + led_to, own=own))

    def _ended(self, quest: _Quest) -> list[Led]:
        del self._quests[_key(quest.by_name)]
        return [led for led in quest.waiting if not led.dropped]


def _key(by_name: ByName) -> tuple[str, int | None]:
    return by_name.name, by_name.version


def _trouble(by_name: ByName, said: str, *, own: bool = False) -> Observation:
    """Told, and nothing is worked on for it; where the watcher could not even ask, it knows nothing."""
    detail = shortened(f"name resolution failed: {shortened(by_name.name, 80)}: {said}", DETAIL_MAX)
    return unknown(detail) if own else down(detail)._replace(told_only=True)


def _is_nobody(address: str) -> bool:
    """The watcher itself, for one: to look there would prove nothing."""
    read = ip_address(address)
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:  # where the system sends what is for an IPv4 address
        read = read.ipv4_mapped
    return read.is_loopback or read.is_unspecified or read.is_multicast or read.is_link_local


def _told(seen: Observation) -> Dialogue:
    yield from ()
    return seen


def _asked(server: Server, name: str, record: str, found: list[_Answer]) -> Dialogue:
    """One question to one resolver; ``found`` has what it answers, where that can be believed. Up then."""
    heard = yield from answer(server.address, server.port, question(name, record))
    if isinstance(heard, Observation):
        return heard
    rcode = rcode_of(heard)
    if rcode == dns.rcode.NXDOMAIN:
        found.append(_Answer((), 0.0, missing=True))
        return up()
    if rcode != dns.rcode.NOERROR:
        return down(said_by(rcode))
    try:
        message = read(heard)
        chain = message.resolve_chaining() if isinstance(message, dns.message.QueryMessage) else None
    except (dns.exception.DNSException, ValueError) as error:
        return down(f"its answer can't be read: {type(error).__name__}")
    if chain is None:
        return down("its answer is no answer to a question")
    records = chain.answer if chain.answer is not None else ()
    found.append(_Answer(tuple(rdata.address for rdata in records), float(chain.minimum_ttl)))
    return up()
