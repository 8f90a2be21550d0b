"""The watcher's way to the store (``watch.desk.Desk``), and its process."""

import logging
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from domain.commands import Look
from domain.events import VerdictChanged, WatcherCutOff
from domain.model import DEFAULT_WATCHER, Policy, Secret
from domain.observation import Limit, Observation, Verdict
from domain.ports import Clock
from engine import syslogging, trapping
from engine.context import Context
from engine.recording import Recorder
from engine.secrets import SecretError, resolve
from probes.spec import Heard, SecretMissing
from store import heard, inbox, outbox, policies
from store.codec import decode, encode
from store.db import Store
from store.samples import Samples
from store.tables import VerdictRow, WatcherRow
from watch.desk import DeskAway, Known, Looked, Seen
from watch.driver import Driver
from watch.name_files import servers
from watch.watcher import Watcher

log = logging.getLogger(__name__)

LEASE_MARGIN_S = 3.0
"""A look is claimed for its checks' longest timeout and this; a watcher that dies leaves it to the next one after that."""


class StoreDesk:
    """Of the watcher of that name: it hears of the hosts in its segments only (C51)."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._mine: Policy | None = None
        self._claimer = f"watcher:{name}:{uuid.uuid4().hex[:8]}"
        self._orders: Orders | None = None
        self._owners: dict[str, str] = {}
        self.recorder = Recorder(Samples(store), store.clock)

    def keep(self, seen: list[Seen]) -> None:
        self.recorder.keep(seen, self._owners)

    def rung(self) -> bool:
        with _away():
            return self._store.changed()

    def policy(self) -> Policy | None:
        with _away(), self._store.read() as session:
            policy = policies.current(session)
        if policy is None or self._mine is None or self._mine.version != policy.version:
            self._mine = self._part(policy) if policy is not None else None
            self._owners = self._mine.owners() if self._mine is not None else {}
        return self._mine

    def _part(self, policy: Policy) -> Policy:
        hosts = {id_: host for id_, host in policy.hosts.items() if policy.watcher_of(id_) == self._name}
        segments = {id_: segment for id_, segment in policy.segments.items() if segment.watcher == self._name}
        return replace(policy, hosts=hosts, segments=segments)

    def known(self) -> Mapping[str, Known]:
        """What the engine has decided, and over it what it has been told and will decide: a fault that is still in the inbox
        when a watcher begins would else never be told as gone."""
        with _away(), self._store.read() as session:
            rows = {row.check: row for row in session.exec(select(VerdictRow))}
            known = {check: Known(Verdict(row.verdict), row.fault_at_s, _limit(row)) for check, row in rows.items()}
            for event in inbox.undecided(session, VerdictChanged):
                row = rows.get(event.check)
                if row is None or event.order is None or row.order is None or event.order > row.order:  # else it will be stale
                    known[event.check] = Known(event.verdict, event.fault_at_s, event.limit)
        if self._orders is not None:  # a check may have come from another watcher, whose clock is ahead of ours
            self._orders.above(max((row.order or 0 for row in rows.values()), default=0))
        return known

    def heard(self) -> Mapping[str, Sequence[Heard]]:
        found: dict[str, list[Heard]] = {}
        with _away(), self._store.read() as session:
            for row in heard.everything(session):
                found.setdefault(row.check, []).append(Heard(row.about, row.at_s, row.state, row.detail))
        return found

    def take_looks(self) -> Sequence[Look]:
        with _away():
            with self._store.read() as session:
                offered = [(row.key, decode(Look, row.payload)) for row in outbox.claimable(session, ["Look"], orphan_s=0.0)]
                policy = policies.current(session) if offered else None
            mine = [(key, look) for key, look in offered if self._watches(policy, look.host)]
            timeouts = _timeouts(policy) if policy is not None and mine else {}
            claimed = []
            for key, look in mine:
                lease_s = max((timeouts.get(check, 0.0) for check in look.checks), default=0.0) + LEASE_MARGIN_S
                claimed.append(outbox.claim(self._store, key, self._claimer, lease_s))
        return [decode(Look, row.payload) for row in claimed if row is not None]

    def _watches(self, policy: Policy | None, host: str) -> bool:
        return self._name == (policy.watcher_of(host) if policy is not None else DEFAULT_WATCHER)

    def write(self, changes: Sequence[VerdictChanged | WatcherCutOff], looked: Sequence[Looked]) -> None:
        with _away(), self._store.write() as session:
            if self._orders is None:
                self._orders = Orders(session, self._store.clock)
            for change in changes:
                if isinstance(change, VerdictChanged):
                    inbox.insert(session, replace(change, order=self._orders.next()))
                else:
                    inbox.insert(session, change)
            now_s = self._store.clock.now_s()
            for one in looked:
                if not outbox.complete(session, one.key, self._claimer, "looked", _seen(one.seen), now_s):
                    log.warning("%s was taken by another watcher or is done already", one.key)

    def beat(self, lag_ms: float) -> None:
        with _away(), self._store.write() as session:
            kept = {"unkept": self.recorder.held_up, "lost": self.recorder.lost}
            session.merge(WatcherRow(name=self._name, seen_s=self._store.clock.now_s(), lag_ms=lag_ms, **kept))


class Orders:
    """Numbers that only grow, over restarts of the watcher and steps of the clock: milliseconds since this watcher began, on
    top of the last number that is known."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._clock = clock
        self._begun_boot_s = clock.boottime_s()
        decided = session.exec(select(func.max(col(VerdictRow.order)))).one() or 0
        undecided = [event.order or 0 for event in inbox.undecided(session, VerdictChanged)]
        self._first = self._last = max(decided, *undecided, int(clock.now_s() * 1000))

    def above(self, order: int) -> None:
        self._last = max(self._last, order)

    def next(self) -> int:
        since_ms = int((self._clock.boottime_s() - self._begun_boot_s) * 1000)
        self._last = max(self._last + 1, self._first + since_ms)
        return self._last


def watch(context: Context, stop: threading.Event, name: str = DEFAULT_WATCHER) -> None:
    """A watcher's process, until ``stop`` is set."""
    desk, driver = StoreDesk(context.store, name), Driver(context.clock)
    with desk.recorder.running(), trapping.listening(context, name, secret), syslogging.listening(context, name):
        settings = context.settings
        Watcher(desk, driver, context.clock, secret, settings.watcher_silent_s, resolvers=servers(settings.resolvers)).run(stop)


def _timeouts(policy: Policy) -> dict[str, float]:
    return {check.id: check.timeout_s for host in policy.hosts.values() for check in host.checks}


def secret(reference: Secret) -> str:
    try:
        return resolve(reference)
    except SecretError as error:
        raise SecretMissing(str(error)) from error


def _seen(seen: Mapping[str, Observation]) -> str:
    return encode(
        {check: {"verdict": one.verdict, "detail": one.detail, "latency_ms": one.latency_ms} for check, one in seen.items()}
    )


@contextmanager
def _away() -> Iterator[None]:
    """A busy or lost database is a state of affairs, and the watcher tries again."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DeskAway(f"{type(error).__name__}: {str(error.__cause__ or error)[:200]}") from error


def _limit(row: VerdictRow) -> Limit | None:
    return decode(Limit, row.limit_passed) if row.limit_passed is not None else None
