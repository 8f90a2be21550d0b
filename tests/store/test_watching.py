"""The watcher over real sockets and a real store, on both databases: what it writes, and in which order."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from misbehaving import Server, says, serving, silent
from sample_policy import policy
from sqlmodel import col, select, update

from domain.commands import Look
from domain.events import VerdictChanged
from domain.model import Brand, Check, Confirmation, Customer, FaultClass, Host, Level, OnCall, Policy, Segment
from domain.observation import Verdict
from engine.context import Context
from engine.settings import Settings
from engine.watching import StoreDesk, watch
from store import inbox, outbox, policies
from store.clock import SystemClock
from store.codec import encode
from store.db import Store
from store.tables import CommandRow, Inbox, VerdictRow, WatcherRow
from watch.desk import DeskAway, Known, Looked

BANNER = says(b"SSH-2.0-real\r\n", silent)
SOON_S = 20.0


def check(port: int, kind: str = "ssh", **options: object) -> Check:
    return Check(
        id=f"web01/{kind}",
        host="web01",
        kind=kind,
        address="127.0.0.1",
        level=Level.SERVICE_DOWN,
        fault_class=FaultClass.SERVER,
        interval_s=0.5,
        timeout_s=2.0,
        confirmation=Confirmation(2, 0.2),
        options={"port": port, **options} if kind == "ssh" else options,
    )


def accept(store: Store, version: str, *checks: Check) -> None:
    host = Host("web01", "web01", "c", "127.0.0.1", checks)
    policy = Policy(version, Brand("b", "b@example.com"), {"c": Customer("c", "C", ())}, {"web01": host}, {}, OnCall(()))
    with store.write() as session:
        policies.accept(session, version, encode(policy), "test", 0.0)


@pytest.fixture
def real(store_url: str) -> Iterator[Store]:
    """A store by the machine's own clock."""
    made = Store(store_url, SystemClock())
    yield made
    made.close()


@contextmanager
def watching(url: str, home: Path) -> Iterator[None]:
    context = Context(Settings(home=home, store_url=url), Store(url, SystemClock()), SystemClock())
    stop, failed = threading.Event(), []

    def work() -> None:
        try:
            watch(context, stop)
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        context.close()
    assert not thread.is_alive(), "it did not stop when told"
    assert failed == []


def verdicts(store: Store) -> list[VerdictChanged]:
    with store.read() as session:
        return [event for _, event in inbox.pending(session) if isinstance(event, VerdictChanged)]


def until(true: Callable[[], object]) -> None:
    ended = threading.Event()
    for _ in range(int(SOON_S / 0.05)):
        if true():
            return
        ended.wait(0.05)
    pytest.fail("it did not come about")


def done(store: Store, key: str) -> CommandRow | None:
    with store.read() as session:
        return session.exec(select(CommandRow).where(CommandRow.key == key, col(CommandRow.done_s).is_not(None))).first()


def ask(store: Store, key: str, *checks: str) -> None:
    with store.write() as session:
        outbox.put(session, Look(key=key, incident=None, host="web01", checks=checks))


def test_a_fault_and_an_order_from_end_to_end(real: Store, store_url: str, tmp_path: Path) -> None:
    server = Server(BANNER)
    accept(real, "1", check(server.port))
    with watching(store_url, tmp_path):
        until(lambda: [event.verdict for event in verdicts(real)] == [Verdict.UP])
        server.stop()
        until(lambda: len(verdicts(real)) == 2)
        fault = verdicts(real)[1]
        assert (fault.verdict, fault.detail) == (Verdict.DOWN, "connection refused")
        assert fault.fault_at_s is not None
        assert 0.2 <= fault.at_s - fault.fault_at_s < SOON_S

        ask(real, "run/1/look", "web01/ssh", "web01/gone")
        until(lambda: done(real, "run/1/look"))
        row = done(real, "run/1/look")
        assert row is not None
        assert row.outcome == "looked"
        seen = json.loads(row.detail)
        assert seen["web01/ssh"]["verdict"] == "down"
        assert seen["web01/ssh"]["detail"] == "connection refused"
        assert seen["web01/ssh"]["latency_ms"] >= 0
        assert seen["web01/gone"]["verdict"] == "unknown"
        with real.read() as session:
            assert session.get(WatcherRow, "watcher") is not None


def test_a_fault_that_waits_for_the_engine_is_told_as_gone_by_the_next_watcher(real: Store, store_url: str, tmp_path: Path) -> None:
    """One watcher told of it and ended; the host is well again before the engine has decided anything."""
    with serving(BANNER) as server:
        accept(real, "1", check(server.port))
        with real.write() as session:
            session.add(VerdictRow(check="web01/ssh", host="web01", verdict="up", since_s=2.0, order=5, at_s=2.0))
            told = VerdictChanged(id="v1", at_s=9.0, host="web01", check="web01/ssh", verdict=Verdict.DOWN, fault_at_s=8.0, order=6)
            inbox.insert(session, told)
        with watching(store_url, tmp_path):
            until(lambda: [event.verdict for event in verdicts(real)] == [Verdict.DOWN, Verdict.UP])


def test_a_new_inventory_is_taken_up_and_options_survive_the_store(
    real: Store, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nneedle"
    monkeypatch.setenv("WATCH_PW", "hunter2")
    with serving(says(page)) as server, watching(store_url, tmp_path):
        auth = {"user": "w", "password": {"env": "WATCH_PW"}}
        accept(real, "1", check(1, "http", url=f"http://127.0.0.1:{server.port}/", auth=auth))
        until(lambda: [event.verdict for event in verdicts(real)] == [Verdict.UP])
        monkeypatch.delenv("WATCH_PW")
        until(lambda: [event.verdict for event in verdicts(real)] == [Verdict.UP, Verdict.UNKNOWN])
    told = verdicts(real)[1]
    assert told.detail == "environment variable WATCH_PW is not set here; set it and start `hikeshi up` again"
    assert "hunter2" not in str(verdicts(real))


class TestDesk:
    def test_verdict_and_answer_are_one_transaction(self, real: Store) -> None:
        desk = StoreDesk(real, "watcher")
        ask(real, "look/1", "web01/ssh")
        assert [look.key for look in desk.take_looks()] == ["look/1"]
        change = VerdictChanged(id="verdict/1", at_s=1.0, host="web01", check="web01/ssh", verdict=Verdict.DOWN, detail="\0")
        broken = VerdictChanged(id="verdict/2", at_s=float("nan"), host="web01", check="web01/ssh", verdict=Verdict.DOWN)
        with pytest.raises(ValueError, match="JSON"):
            desk.write([change, broken], [Looked("look/1", {})])
        assert verdicts(real) == []
        assert done(real, "look/1") is None
        desk.write([change], [Looked("look/1", {})])
        desk.write([change], [])
        assert [event.id for event in verdicts(real)] == ["verdict/1"]
        assert done(real, "look/1") is not None

    def test_an_order_is_taken_by_one_watcher(self, real: Store) -> None:
        ask(real, "look/1", "web01/ssh")
        first, second = StoreDesk(real, "watcher"), StoreDesk(real, "watcher")
        assert [look.key for look in first.take_looks()] == ["look/1"]
        assert second.take_looks() == []

    def test_each_watcher_has_the_hosts_of_its_segments(self, real: Store) -> None:  # C51
        known = policy()
        [web01] = known.hosts.values()
        hosts = {"web01": web01, "db01": replace(web01, id="db01", segment="dmz", checks=())}
        segments = {"dmz": Segment("dmz", ("192.0.2.1",), "south")}
        with real.write() as session:
            policies.accept(session, "9", encode(replace(known, version="9", hosts=hosts, segments=segments)), "test", 0.0)
            for key, host in (("look/1", "web01"), ("look/2", "db01"), ("look/3", "gone")):
                outbox.put(session, Look(key=key, incident=None, host=host, checks=()))
        found = {}
        for name in ("watcher", "south"):
            desk = StoreDesk(real, name)
            mine = desk.policy()
            assert mine is not None
            assert desk.policy() is mine, "the same inventory is the same object"
            found[name] = (set(mine.hosts), set(mine.segments), [look.key for look in desk.take_looks()])
        assert found == {"watcher": ({"web01"}, set(), ["look/1", "look/3"]), "south": ({"db01"}, {"dmz"}, ["look/2"])}

    def test_what_comes_from_another_watcher_does_not_make_its_numbers_late(self, real: Store) -> None:
        """A host that goes to another segment: its former watcher's clock may have been ahead."""
        desk = StoreDesk(real, "watcher")
        told = VerdictChanged(id="v1", at_s=1.0, host="web01", check="web01/ssh", verdict=Verdict.DOWN)
        desk.write([told], [])
        ahead = int(real.clock.now_s() * 1000) + 3_600_000
        with real.write() as session:
            session.add(VerdictRow(check="db01/ssh", host="db01", verdict="up", since_s=2.0, order=ahead, at_s=2.0))
        desk.known()
        desk.write([replace(told, id="v2", check="db01/ssh")], [])
        assert (verdicts(real)[-1].order or 0) > ahead

    def test_knows_the_last_verdicts(self, real: Store) -> None:
        with real.write() as session:
            session.add(VerdictRow(check="web01/ssh", host="web01", verdict="down", since_s=2.0, fault_at_s=1.0, at_s=2.0))
        assert StoreDesk(real, "watcher").known() == {"web01/ssh": Known(Verdict.DOWN, 1.0)}

    def test_knows_what_is_told_and_not_decided(self, real: Store) -> None:
        with real.write() as session:
            for name in ("ssh", "http"):
                session.add(VerdictRow(check=f"web01/{name}", host="web01", verdict="up", since_s=2.0, order=5, at_s=2.0))
            told = VerdictChanged(id="v1", at_s=9.0, host="web01", check="web01/ssh", verdict=Verdict.DOWN, fault_at_s=8.0, order=6)
            inbox.insert(session, told)
            inbox.insert(session, replace(told, id="v2", check="web01/new", order=7))
            inbox.insert(session, replace(told, id="v3", check="web01/http", order=5))
            inbox.insert(session, replace(told, id="v4", check="web01/garbled"))
            session.exec(update(Inbox).where(col(Inbox.event_id) == "v4").values(payload="{"))
        assert StoreDesk(real, "watcher").known() == {
            "web01/ssh": Known(Verdict.DOWN, 8.0),
            "web01/new": Known(Verdict.DOWN, 8.0),
            "web01/http": Known(Verdict.UP, None),
        }, "what comes late or can't be read will not count"
        with real.write() as session:
            inbox.mark_decided(session, 1)
        assert StoreDesk(real, "watcher").known()["web01/ssh"] == Known(Verdict.UP, None)

    def test_its_numbers_grow_past_what_was_decided_and_what_was_not(self, real: Store) -> None:
        """Restarted, and the clock set back meanwhile: a number that is not higher would make its news look stale."""
        ahead = int(real.clock.now_s() * 1000) + 3_600_000
        with real.write() as session:
            session.add(VerdictRow(check="web01/ssh", host="web01", verdict="up", since_s=2.0, order=ahead, at_s=2.0))
            waiting = VerdictChanged(
                id="verdict/1", at_s=1.0, host="web01", check="web01/ssh", verdict=Verdict.DOWN, order=ahead + 9
            )
            inbox.insert(session, waiting)
        desk = StoreDesk(real, "watcher")
        desk.write([replace(waiting, id="verdict/2"), replace(waiting, id="verdict/3")], [])
        first, second, third = (event.order or 0 for event in verdicts(real))
        assert first < second < third

    def test_a_broken_database_is_away(self, tmp_path: Path) -> None:
        store = Store(f"sqlite:///{tmp_path / 'store.db'}", SystemClock())
        store.migrate()
        desk = StoreDesk(store, "watcher")
        assert desk.policy() is None
        store.close()
        (tmp_path / "store.db").write_bytes(b"no database at all, " * 1000)
        with pytest.raises(DeskAway):
            desk.policy()
        store.close()
