"""The watcher: looks at every check in its turn, and at once where a run asks; tells only what has changed.

A verdict that stays costs nothing but the look: no write, no event. The watcher never decides what a change means.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

from domain.behind import parents_of, servers
from domain.checks import Change
from domain.events import VerdictChanged, WatcherCutOff
from domain.model import Check, Policy
from domain.observation import Observation, Verdict, unknown
from domain.ports import Clock
from probes.reading import Reading, Values
from probes.spec import Call, Heard, Listen, Secrets, Talk
from watch.desk import Desk, DeskAway, Seen
from watch.looking import Looking
from watch.memory import settle_down
from watch.name_files import Server
from watch.names import Led, Names
from watch.orders import Orders
from watch.readings import Errand, Readings
from watch.sights import Sights
from watch.watched import FIRST_LOOKS_S, Watched, watched
from watch.wheel import Wheel, phase_s

log = logging.getLogger(__name__)

DOORBELL_S = 0.2
BEAT_S = 5.0
SILENT_S = 30.0
HURRY_S = 1.0
"""What was looked at a shorter time ago is looked at again for its children's sake when so much has passed."""
MISSED_S = 5.0
"""A turn that comes later than this has been missed. Of what is not well none is: it is looked at as soon as that can be."""
AWAY_S = 1.0
"""How long to leave the store alone after it failed."""
MAX_UNWRITTEN = 10_000
"""Changes that wait for a store that is away; with more, the process gives up and starts from what the store knows."""


class Stop(Protocol):
    """A ``threading.Event``, for instance."""

    def is_set(self) -> bool: ...


class Watcher:
    """``run`` until told to stop, or ``turn`` by hand."""

    def __init__(
        self,
        desk: Desk,
        driver: Looking,
        clock: Clock,
        secrets: Secrets,
        silent_s: float = SILENT_S,
        *,
        resolvers: tuple[Server, ...] = (),
    ) -> None:
        self._silent_s = silent_s
        self._heard_s: float | None = None
        """When the last beat began (boottime)."""
        self._desk, self._driver, self._clock, self._secrets = desk, driver, clock, secrets
        self._readings = Readings(driver, secrets)
        self._names = Names(driver, clock, resolvers)
        self._policy: Policy | None = None
        self._checks: dict[str, Watched] = {}
        self._wheel: Wheel[str] = Wheel()
        self._orders = Orders()
        self._listening: list[Watched] = []
        self._said: Mapping[str, Sequence[Heard]] = {}
        """What was heard of checks that only listen, by their id."""
        self._changes: list[VerdictChanged | WatcherCutOff] = []
        self._sights = Sights(driver, clock, self._sight_turned, self._changes.append)
        self._seen: list[Seen] = []
        self._news = True
        """Something was written that we have not seen to yet."""
        self._desk_at_s = self._beat_at_s = self._away_until_s = 0.0
        self._lag_ms = 0.0

    def run(self, stop: Stop) -> None:
        """Returns soon after ``stop`` is set. Looks under way are dropped, changes already judged are written."""
        try:
            while not stop.is_set():
                self.turn()
            self._hand_over()
            self._write()
        finally:
            self._driver.close()

    def turn(self) -> None:
        """Wait for whatever comes first, at most ``DOORBELL_S``, and do all that is due."""
        begun_s = self._clock.boottime_s()
        wishes = (self._desk_at_s, self._wheel.next_s(), self._driver.next_s(), self._sights.next_s())
        self._driver.turn(max(0.0, min(at_s for at_s in wishes if at_s is not None) - begun_s))
        boot_s = self._clock.boottime_s()
        self._sights.turn()
        for check, at_s in self._wheel.due(boot_s):
            self._turn_of(self._checks[check], boot_s - at_s)
        if boot_s >= self._desk_at_s or (self._unwritten and boot_s >= self._away_until_s):
            self._visit_desk(boot_s)

    def cut_off(self, segment: str) -> bool:
        """Does the watcher not see this segment at the moment (C52)?"""
        return self._sights.cut_off(segment)

    # looking

    def _turn_of(self, item: Watched, late_s: float) -> None:
        """A turn that was missed while this process stood still is not caught up, where all was well: its next one comes, which is
        not missed whatever happens. All of them at once would be a burst that nobody's network is used to."""
        self._lag_ms = max(self._lag_ms, late_s * 1000)
        if late_s > item.check.interval_s:
            item.gap = True
        item.missed = late_s > MISSED_S and item.well and not item.missed and not isinstance(item.spec.way, Listen)
        if item.missed:
            self._wheel.put(item.check.id, item.next_turn_s(self._clock.boottime_s()))
        elif item.idle:
            self._begin(item)

    def _begin(self, item: Watched) -> None:
        check, way = item.check, item.spec.way
        if isinstance(way, Listen):
            self._judge(item, way.judge(item.target.options, self._said.get(check.id, ()), self._clock.now_s()))
        elif isinstance(way, Reading):
            item.flight = self._readings.look(check, way.wants(item.target.options), partial(self._read, item))
        elif check.by_name is not None:
            begin, landed = partial(self._look_at, item), partial(self._landed, item)
            item.flight = self._names.look(check.by_name, check.timeout_s, begin, landed)
        else:
            item.flight = self._look_at(item, check.address, check.timeout_s, partial(self._landed, item))

    def _look_at(self, item: Watched, address: str, timeout_s: float, landed: Callable[[Observation], None]) -> Any:
        way, target = item.spec.shape(item.target.options), item.target
        if address != target.address or timeout_s != target.timeout_s:
            target = target._replace(address=address, timeout_s=timeout_s)
        if isinstance(way, Call):
            return self._driver.call(partial(way.look, target), timeout_s, landed)
        if not isinstance(way, Talk):
            raise TypeError(f"{item.check.kind} looks at no address")
        return self._driver.look(partial(way.start, target), timeout_s, landed)

    def _read(self, item: Watched, answered: Observation, values: Values) -> None:
        """The session that a reading waited for has ended."""
        boot_s = self._clock.boottime_s()
        seen = item.read(values, boot_s, answered.latency_ms) if answered.verdict is Verdict.UP else answered
        if seen is not None:
            self._landed(item, seen)
            return
        item.flight = None
        self._wheel.put(item.check.id, item.next_turn_s(boot_s))
        self._answer(item, unknown("nothing to compare with yet: a rate needs two looks"))

    def _landed(self, item: Watched, seen: Observation) -> None:
        item.flight = None
        if seen.verdict is Verdict.DOWN and item.sight is not None:
            item.held = item.sight.prove(seen, partial(self._judge, item))
        else:
            self._judge(item, seen)

    def _judge(self, item: Watched, seen: Observation) -> None:
        item.held = None
        self._wheel.put(item.check.id, self._means(item, seen))
        if item.orders:
            self._answer(item, seen)

    def _means(self, item: Watched, seen: Observation) -> float:
        """When to look again; a change will be told."""
        now_s = self._clock.now_s()
        self._seen.append((item.check.id, now_s, seen))
        boot_s = self._clock.boottime_s()
        change, next_s = item.judge(seen, now_s, boot_s)
        if change is not None:
            self._changes.append(_event(item.check, change))
        if item.memory.failures == 1:
            for parent in item.parents:
                self._hurry(parent, boot_s)
        return next_s

    def _hurry(self, item: Watched, boot_s: float) -> None:
        """What something that begins to fail depends on is looked at at once, so that it is known in time whose fault it is (C53);
        many that fail together ask for no more than one look."""
        if item.idle and item.memory.failures == 0:
            self._wheel.put(item.check.id, boot_s if item.ended_s is None else max(boot_s, item.ended_s + HURRY_S))

    # what runs ask for

    def _take_orders(self) -> None:
        for order in self._desk.take_looks():
            watched = [item for check in order.checks if (item := self._checks.get(check)) is not None]
            self._orders.take(order, {item.check.id for item in watched})
            for item in watched:
                item.orders.add(order.key)
                self._look_now(item)

    def _look_now(self, item: Watched) -> None:
        """A look that began before it was asked for may have seen what was before: it is given up for a new one."""
        self._give_up(item)
        self._begin(item)

    def _give_up(self, item: Watched) -> None:
        if isinstance(item.flight, Errand):
            self._readings.give_up(item.flight)
        elif isinstance(item.flight, Led):
            self._names.give_up(item.flight)
        elif item.flight is not None:
            self._driver.give_up(item.flight)
        if item.held is not None:
            item.held.dropped = True
        item.flight = item.held = None

    def _answer(self, item: Watched, seen: Observation) -> None:
        keys, item.orders = item.orders, set()
        for key in keys:
            self._orders.answer(key, item.check.id, seen)

    # what is watched

    def _adopt(self, policy: Policy | None) -> None:
        """Watch what this inventory says. Checks that stayed the same keep their memory and their turn; those that came to another
        customer begin anew."""
        if policy is None or policy is self._policy:
            return
        wanted = {check.id: check for host in policy.hosts.values() for check in host.checks}
        known = self._desk.known()
        owners, former_owners = policy.owners(), self._policy.owners() if self._policy is not None else {}
        for gone in [item for item in self._checks.values() if owners.get(item.check.id) != former_owners[item.check.id]]:
            self._drop(gone)
        for check in wanted.values():
            former = self._checks.get(check.id)
            if former is None:
                self._watch(watched(check, known.get(check.id), self._secrets))
            elif former.check != check:
                self._change(former, check)
        self._sights.adopt(policy, self._checks)
        self._find_parents(policy)
        self._listening = [item for item in self._checks.values() if isinstance(item.spec.way, Listen)]
        self._policy = policy
        log.info("inventory %s: %d checks", policy.version, len(self._checks))
        settle_down()

    def _find_parents(self, policy: Policy) -> None:
        for host in policy.hosts.values():
            parents = [self._checks[check.id] for parent in parents_of(policy, host) for check in servers(parent)]
            for check in host.checks:
                self._checks[check.id].parents = parents

    def _sight_turned(self, segment: str, cut_off: bool) -> None:
        """What was down can't be known any more, at once and not only when its turn comes: nothing may act on it meanwhile. What
        could not be judged is looked at again soon."""
        boot_s = self._clock.boottime_s()
        for item in self._checks.values():
            if item.sight is None or item.sight.segment.id != segment:
                continue
            if cut_off and item.memory.verdict is Verdict.DOWN:
                self._means(item, item.sight.blind())
            elif not cut_off and item.memory.verdict is Verdict.UNKNOWN and item.idle:
                self._wheel.put(item.check.id, boot_s + phase_s(item.check.id, min(item.check.interval_s, FIRST_LOOKS_S)))

    def _watch(self, item: Watched) -> None:
        self._checks[item.check.id] = item
        self._wheel.put(item.check.id, item.first_look_s(self._clock.boottime_s()))

    def _drop(self, item: Watched) -> None:
        self._give_up(item)
        self._wheel.cancel(item.check.id)
        del self._checks[item.check.id]
        self._answer(item, unknown("the inventory has no such check any more"))

    def _change(self, former: Watched, check: Check) -> None:
        """What was known still holds until a look says otherwise, but it proves nothing for what is asked now."""
        item = watched(check, None, self._secrets)
        item.memory, item.gap = former.memory, True
        orders, former.orders = former.orders, set()
        self._drop(former)
        self._watch(item)
        if orders:
            item.orders = orders
            self._look_now(item)

    # the store

    @property
    def _unwritten(self) -> bool:
        return bool(self._changes or self._orders.done)

    def _listen(self) -> None:
        """What is new is judged at once, and not only when its turn comes."""
        if not self._listening:
            return
        before, self._said = self._said, self._desk.heard()
        for item in self._listening:
            if before.get(item.check.id) != self._said.get(item.check.id):
                self._look_now(item)

    def _visit_desk(self, boot_s: float) -> None:
        self._desk_at_s = boot_s + DOORBELL_S
        self._hand_over()
        try:
            self._write()
            beat = boot_s >= self._beat_at_s
            self._news = self._desk.rung() or self._news or beat
            if self._news:
                self._adopt(self._desk.policy())
                self._listen()
                self._take_orders()
                self._news = False
            if beat:
                self._desk.beat(self._lag_ms)
                self._beat_at_s, self._lag_ms = boot_s + BEAT_S, 0.0
                self._notice_silence(boot_s)
        except DeskAway as error:
            log.warning("the store is away, %d changes wait: %s", len(self._changes), error)
            self._desk_at_s = self._away_until_s = boot_s + AWAY_S
            if len(self._changes) > MAX_UNWRITTEN:
                raise

    def _notice_silence(self, boot_s: float) -> None:
        """Not heard of for so long, we were given up as blind (C52), and the open faults as unknown: whatever fails is looked at
        again now, and its evidence counts from then."""
        silent_s = self._clock.boottime_s() - self._heard_s if self._heard_s is not None else 0.0
        self._heard_s = boot_s
        if silent_s <= self._silent_s:
            return
        log.warning("not heard of for %.0f s: evidence counts anew", silent_s)
        for item in self._checks.values():
            item.gap = True
            if item.idle and item.memory.verdict is not Verdict.UP:
                self._wheel.put(item.check.id, boot_s)

    def _hand_over(self) -> None:
        if self._seen:
            self._desk.keep(self._seen)
            self._seen = []

    def _write(self) -> None:
        if self._unwritten:
            self._desk.write(self._changes, self._orders.done)
            self._changes.clear()
            self._orders.done.clear()


def _event(check: Check, change: Change) -> VerdictChanged:
    return VerdictChanged(
        id=f"verdict/{check.id}/{uuid4().hex}",
        at_s=change.at_s,
        host=check.host,
        check=check.id,
        verdict=change.verdict,
        fault_at_s=change.fault_at_s,
        evidence_since_s=change.evidence_since_s,
        detail=change.detail[:200],
        value=change.value,
        latency_ms=change.latency_ms,
        limit=change.limit,
        told_only=change.told_only,
    )
