"""C52: a watcher that is not heard of sees nothing; what it watched is unknown until it is back and has looked again."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from hand_clock import HandClock
from local import Door, Local, body, inventory
from sample_policy import policy
from sqlmodel import col, select

from domain.model import DEFAULT_WATCHER, Segment
from domain.state import HostState
from engine.context import Context
from engine.service import STUCK_S, Engine
from engine.settings import Settings
from engine.situation import state_of
from engine.tick import LEASE, Ticker
from engine.watchers import WatcherGuard
from store import lease, policies
from store.codec import encode
from store.db import Store
from store.tables import CommandRow, HostRow, Inbox, WatcherRow


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path)
    context = Context(settings, Store(settings.url, HandClock()), HandClock())
    context.store.migrate()
    assert lease.take(context.store, LEASE, "engine", 3600.0)
    yield context
    context.close()


class TestTheGuard:
    def told(self, context: Context) -> list[str]:
        with context.store.read() as session:
            return list(session.exec(select(Inbox.event_id).order_by(col(Inbox.seq))))

    def beat(self, context: Context, seen_s: float) -> None:
        with context.store.write() as session:
            session.merge(WatcherRow(name="north", seen_s=seen_s, lag_ms=0.0))

    def watch(self, context: Context, guard: WatcherGuard, seconds: float) -> None:
        for _ in range(int(seconds)):
            context.clock.sleep(1.0)
            guard.once()

    def test_tells_a_silence_once_and_the_next_one_again(self, context: Context) -> None:
        guard = WatcherGuard(context, "engine")
        self.beat(context, 1.0)
        self.watch(context, guard, 31)
        assert self.told(context) == []
        self.watch(context, guard, 100)
        assert self.told(context) == ["silent/north/1.0"]
        self.watch(context, WatcherGuard(context, "engine"), 100)
        assert self.told(context) == ["silent/north/1.0"], "an engine that starts again repeats nothing"
        self.beat(context, 2.0)
        self.watch(context, guard, 100)
        assert self.told(context) == ["silent/north/1.0", "silent/north/2.0"]

    def test_misses_one_that_was_never_heard_of(self, context: Context) -> None:
        self.watch(context, WatcherGuard(context, "engine"), 40)
        assert self.told(context) == [f"silent/{DEFAULT_WATCHER}/0.0"]

    def test_misses_each_that_the_inventory_gives_something_to_look_at_and_no_other(self, context: Context) -> None:
        """C51. One that it has no segment for any more may be as silent as it likes."""
        segments = {"dmz": Segment("dmz", watcher="south")}
        known = policy()
        hosts = {id_: replace(host, segment="dmz") for id_, host in known.hosts.items()}
        with context.store.write() as session:
            policies.accept(session, "1", encode(replace(known, hosts=hosts, segments=segments)), "test", 0.0)
        self.beat(context, 1.0)
        self.watch(context, WatcherGuard(context, "engine"), 40)
        assert self.told(context) == ["silent/south/0.0"]

    def test_only_what_it_watched_is_out_of_sight(self, context: Context) -> None:
        known = policy()
        [web01] = known.hosts.values()
        hosts = {"web01": web01, "db01": replace(web01, id="db01", segment="dmz", checks=())}
        segments = {"dmz": Segment("dmz", watcher="south")}
        with context.store.write() as session:
            policies.accept(session, "1", encode(replace(known, hosts=hosts, segments=segments)), "test", 0.0)
            for host in hosts:
                session.add(HostRow(host=host, state=encode(HostState(host)), incident=f"INC-{host}"))
        self.watch(context, WatcherGuard(context, "engine"), 40)
        assert set(self.told(context)) == {
            "silent/south/0.0", "silent/south/0.0/db01", "silent/watcher/0.0", "silent/watcher/0.0/web01",
        }  # fmt: skip

    def test_an_engine_is_well_while_it_comes_around_and_hears_every_watcher(self, context: Context) -> None:
        """What the dead-man's switch asks."""
        engine = Engine(context, "engine", None)
        self.beat(context, 1.0)
        self.watch(context, engine._guard, 20)
        assert engine.well()
        context.clock.sleep(STUCK_S - 10)
        assert not engine.well(), "it hangs"
        engine._turned_s = context.clock.boottime_s()
        assert engine.well()
        self.watch(context, engine._guard, 2)
        assert not engine.well(), "a watcher is silent"
        self.beat(context, 2.0)
        self.watch(context, engine._guard, 1)
        assert engine.well()

    def test_does_not_mind_a_step_of_the_clock(self, context: Context) -> None:
        guard = WatcherGuard(context, "engine")
        for seen_s in (1e9, 1.0, 2e9, 3.0):
            self.beat(context, seen_s)
            self.watch(context, guard, 5)
        assert self.told(context) == []


def test_a_watcher_that_stands_still_and_wakes(tmp_path: Path) -> None:
    """While it stands still nothing is done about what was failing; afterwards evidence counts from its first look, and that is
    at once: the check's own turn would come in an hour."""
    door = Door()
    door.open()
    tree = inventory({"web01": door.port})
    tree["customers"]["shop"]["contract"]["wait"] = "1d"  # an open incident that waits for its clock
    with Local(tmp_path, tree, watcher_silent_s=10) as local:
        assert isinstance(local, Local)
        local.running("engine", "watcher", "hands")

        def evidence_s() -> float | None:
            with local.context.store.read() as session:
                incident = state_of(session, "web01").incident
            assert incident is not None
            return incident.faults[0].evidence_since_s

        def notices(who: str) -> list[EmailMessage]:
            return [mail for mail in local.mails(who) if "The watcher watcher is not heard of" in body(mail)]

        door.shut()
        local.until("the incident", local.incidents)
        local.adopts(tree | {"profiles": {"quick": {"interval": "1h", "confirmation": {"failures": 2}}}})
        local.until("its first look under that", lambda: local.codes()["evidence_restarted"] == 1)
        local.processes["watcher"].send_signal(signal.SIGSTOP)
        local.until("the loss of evidence", lambda: local.codes()["evidence_lost"] == 1)
        assert evidence_s() is None
        local.until("the notices", lambda: notices("first") and notices("second"))
        assert "watcher was last heard of at" in local.quick("status").stdout
        woken_s = local.clock.now_s()
        local.processes["watcher"].send_signal(signal.SIGCONT)
        local.until("evidence again", lambda: local.codes()["evidence_restarted"] == 2)
        after_s = evidence_s()
        assert after_s is not None
        assert after_s > woken_s
        assert local.codes()["watcher_silent"] == 1
        assert len(notices("first")) == 1


def test_no_watcher_at_all_is_told_too(context: Context) -> None:
    with context.store.write() as session:
        policies.accept(session, "1", encode(policy()), "test", 0.0)
    guard, ticker = WatcherGuard(context, "engine"), Ticker(context, "engine")
    for _ in range(40):
        context.clock.sleep(1.0)
        guard.once()
    ticker.once()
    with context.store.read() as session:
        keys = session.exec(select(CommandRow.key).order_by(col(CommandRow.seq))).all()
    ways = ["mail/first", "mail/second", "webhook/second"]
    assert keys == [f"system/silent/{DEFAULT_WATCHER}/0.0/notice/watcher_silent/{way}" for way in ways]
