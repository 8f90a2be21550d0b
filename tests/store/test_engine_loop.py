"""The engine's loop: it goes on while an inventory is read, and of two engines one decides."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from deciding import HOLDER, SOON_S, Deciding, until
from hand_clock import HandClock
from sample_policy import HOST, policy
from sqlalchemy import update
from sqlmodel import col, select
from store_samples import down, lapse, run

from bed.process import free_port
from domain.events import VerdictChanged
from domain.model import Policy
from domain.observation import Verdict
from engine import service
from engine.context import Context
from engine.inventory_source import InventorySource
from engine.own_secret import ensure_credential
from engine.service import Engine, run_engine
from engine.settings import Settings
from engine.tick import LEASE, LeaseLostError, Ticker
from store import inbox, lease, outbox
from store.codec import encode
from store.db import Store
from store.tables import CommandRow, Decision, Inbox, Lease, VerdictRow

NEWER = policy(version="2")


@pytest.fixture
def sqlite(tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    """Its leases are measured by the clock that the test moves."""
    made = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
    made.migrate()
    yield made
    made.close()


@contextmanager
def thread(work: Callable[[threading.Event], None], failed: list[BaseException] | None = None) -> Iterator[threading.Event]:
    """``work`` until the end, or its own; what it raises belongs into ``failed``."""
    stop, raised = threading.Event(), failed if failed is not None else []

    def run() -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    running = threading.Thread(target=run)
    running.start()
    try:
        yield stop
    finally:
        stop.set()
        running.join(SOON_S)
    assert not running.is_alive()
    assert failed is not None or raised == []


def holder(store: Store) -> str:
    with store.read() as session:
        return session.exec(select(Lease.holder).where(Lease.name == LEASE)).one()


class SlowLoad:
    """An inventory that takes as long to read as the test wants."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.found = NEWER

    def __call__(self, _folder: Path) -> Policy:
        self.begun.release()
        assert self.go_on.acquire(timeout=SOON_S)
        return self.found


class TestReload:
    def test_the_loop_goes_on_while_an_inventory_is_read(self, sqlite: Store, clock: HandClock, tmp_path: Path) -> None:
        engine, load = Deciding(sqlite, clock, tmp_path), SlowLoad()
        assert lease.take(sqlite, LEASE, HOLDER, 20.0)
        context = Context(
            Settings(home=tmp_path, prefect=False, lease_s=20, watcher_silent_s=3600), Store(str(sqlite.url), clock), clock
        )

        def until_s() -> float:
            with sqlite.read() as session:
                return session.exec(select(Lease.until_s).where(Lease.name == LEASE)).one()

        loop = Engine(context, HOLDER, InventorySource(context, tmp_path, HOLDER, load))
        with thread(lambda stop: loop.run(stop, threading.Event())):
            assert load.begun.acquire(timeout=SOON_S)
            for _ in range(3):
                clock.sleep(15)
                until(lambda: until_s() == clock.boot_s + 20)
            engine.told(engine.verdict("down", "ping"))
            until(lambda: engine.codes("down"))
            assert engine.version == "1"
            load.go_on.release()

            def taken_up() -> bool:
                clock.sleep(1)
                return engine.version == "2"

            until(taken_up)
        context.close()

    def test_it_is_taken_up_by_a_poll_and_asked_for_again_meanwhile_read_again(
        self, sqlite: Store, clock: HandClock, tmp_path: Path
    ) -> None:
        engine, load = Deciding(sqlite, clock, tmp_path), SlowLoad()
        source = InventorySource(engine.context, tmp_path, HOLDER, load)

        def polled(wanted: str) -> Callable[[], bool]:
            def poll() -> bool:
                source.poll()
                return engine.version == wanted

            return poll

        source.poll(force=True)
        assert load.begun.acquire(timeout=SOON_S)
        source.poll(force=True)
        source.poll()
        assert not load.begun.acquire(blocking=False), "one at a time"
        load.go_on.release()
        until(polled("2"))
        assert load.begun.acquire(timeout=SOON_S), "as files may have changed after they were read"
        load.found = policy(version="3")
        load.go_on.release()
        until(polled("3"))
        source.poll()
        assert not load.begun.acquire(blocking=False)


class TestTwoEngines:
    def decided(self, store: Store) -> dict[str, list[str]]:
        """For which hosts each event was decided."""
        with store.read() as session:
            rows = session.exec(
                select(Inbox.event_id, Decision.host).join(Decision, col(Decision.event_seq) == col(Inbox.seq))
            ).all()
        found: dict[str, list[str]] = {}
        for event_id, host in rows:
            found.setdefault(event_id, []).append(host)
        return found

    def test_the_second_waits_until_the_first_has_ended(
        self, sqlite: Store, clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine = Deciding(sqlite, clock, tmp_path)
        lease.drop(sqlite, LEASE, HOLDER)
        settings = Settings(home=tmp_path, prefect=False, lease_s=20, watcher_silent_s=3600)
        contexts = [Context(settings, Store(str(sqlite.url), clock), clock) for _ in range(2)]
        works = [lambda stop, context=context: run_engine(context, stop, threading.Event()) for context in contexts]
        with caplog.at_level(logging.INFO), thread(works[0]) as stop:
            until(lambda: holder(sqlite) != HOLDER)
            first = holder(sqlite)
            with thread(works[1]):
                until(lambda: "another engine decides" in caplog.text)
                engine.told(engine.verdict("one", "ping"))
                until(lambda: engine.codes("one"))
                assert holder(sqlite) == first
                stop.set()
                until(lambda: holder(sqlite) != first)
                engine.told(engine.verdict("two", "http"))
                until(lambda: engine.codes("two"))
        assert self.decided(sqlite) == {"one": [HOST], "two": [HOST]}
        for context in contexts:
            context.close()

    def test_one_that_lost_its_lease_ends_at_once(self, sqlite: Store, clock: HandClock, tmp_path: Path) -> None:
        engine, failed = Deciding(sqlite, clock, tmp_path), list[BaseException]()
        context = Context(Settings(home=tmp_path, prefect=False, watcher_silent_s=3600), Store(str(sqlite.url), clock), clock)
        with thread(lambda stop: Engine(context, HOLDER, None).run(stop, threading.Event()), failed):
            engine.told(engine.verdict("one", "ping"))
            until(lambda: engine.codes("one"))
            lapse(sqlite)
            assert lease.take(sqlite, LEASE, "another", 1e6)
            engine.told(engine.verdict("two", "http"))
            until(lambda: failed)
        assert isinstance(failed[0], LeaseLostError)
        assert self.decided(sqlite) == {"one": [HOST]}
        context.close()

    @pytest.mark.parametrize("stalls", range(1, 10))
    def test_stopped_anywhere_in_a_batch_and_woken_too_late(self, tmp_path: Path, stalls: int) -> None:
        clock = Stalling()
        store = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
        store.migrate()
        engine = Deciding(store, clock, tmp_path)
        lapse(store)
        assert lease.take(store, LEASE, HOLDER, 20.0)
        events = [engine.verdict(str(number), name) for number, name in enumerate(("ping", "ssh", "http"))]
        engine.told(*events)
        clock.stall_in = stalls
        with pytest.raises(LeaseLostError):
            engine.ticker.once()
        assert lease.take(store, LEASE, "another", 1e6)
        while Ticker(engine.context, "another").once():
            pass
        assert self.decided(store) == {event.id: [HOST] for event in events}
        store.close()


def test_a_fault_in_showing_the_work_ends_neither_the_dispatcher_nor_the_engine(
    sqlite: Store, clock: HandClock, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "DISPATCHER_BACKOFF_S", 0.02)
    engine = Deciding(sqlite, clock, tmp_path)
    settings = Settings(home=tmp_path, watcher_silent_s=3600, prefect_port=free_port())
    ensure_credential(settings.prefect_credential)
    context = Context(settings, Store(str(sqlite.url), clock), clock)
    command = run()
    with sqlite.write() as session:
        outbox.put(session, command)
        session.exec(update(CommandRow).values(payload='{"of": "another version"}'))
    with (
        socket.create_server(("127.0.0.1", settings.prefect_port)) as prefect,
        thread(lambda stop: Engine(context, HOLDER, None).run(stop, threading.Event())),
    ):
        prefect.settimeout(SOON_S)
        until(lambda: caplog.text.count("the dispatcher failed; hands does the work meanwhile") > 1)
        engine.told(engine.verdict("down", "ping"))
        until(lambda: engine.codes("down"))
        with sqlite.write() as session:
            session.exec(update(CommandRow).where(col(CommandRow.key) == command.key).values(payload=encode(command)))
        prefect.accept()[0].close()
    context.close()


class Stalling(HandClock):
    """The process is stopped at one of its looks at the clock, and goes on a minute later."""

    def __init__(self) -> None:
        super().__init__()
        self.stall_in = 0

    def boottime_s(self) -> float:
        self.stall_in -= 1
        if self.stall_in == 0:
            self.sleep(60.0)
        return self.boot_s


class TestVerdictsAsPeopleSeeThem:
    def seen(self, engine: Deciding) -> dict[str, str]:
        with engine.store.read() as session:
            return {row.check: row.verdict for row in session.exec(select(VerdictRow))}

    def test_what_comes_late_or_is_not_watched_changes_none(self, store: Store, clock: HandClock, tmp_path: Path) -> None:
        engine = Deciding(store, clock, tmp_path)
        engine.happens(_ordered(engine, "1", "ping", Verdict.DOWN, 5))
        engine.happens(_ordered(engine, "2", "ping", Verdict.UP, 4), _ordered(engine, "3", "gone", Verdict.DOWN, 6))
        assert engine.codes("2")[0] == "stale"
        assert engine.codes("3")[0] == "not_watched"
        assert self.seen(engine) == {f"{HOST}/ping": "down"}
        engine.happens(_ordered(engine, "4", "ping", Verdict.UP, 7))
        assert self.seen(engine) == {f"{HOST}/ping": "up"}

    def test_before_the_first_inventory_everything_waits(self, store: Store, clock: HandClock, tmp_path: Path) -> None:
        context = Context(Settings(home=tmp_path), store, clock)
        assert lease.take(store, LEASE, HOLDER, 1e6)
        with store.write() as session:
            inbox.insert(session, down("1"))
        assert Ticker(context, HOLDER).once() == 0
        engine = Deciding(store, clock, tmp_path)
        engine.decide()
        assert "opened" in engine.codes("1")


def _ordered(engine: Deciding, event_id: str, name: str, verdict: Verdict, order: int) -> VerdictChanged:
    return replace(engine.verdict(event_id, name, verdict), order=order)
