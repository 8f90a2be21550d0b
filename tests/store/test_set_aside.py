"""An event that can't be decided is kept, recorded and told of, and the engine goes on with the next one."""

import json
from pathlib import Path

import pytest
from deciding import HOLDER, Deciding
from hand_clock import HandClock
from sample_policy import HOST
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select, update

from domain import events as ev
from domain.commands import Notify
from domain.pauses import Pause
from engine.history import of_decision
from store import inbox, lease, overlay
from store.codec import decode
from store.db import Store
from store.tables import Decision, HostRow, Inbox


@pytest.fixture
def engine(store: Store, clock: HandClock, tmp_path: Path) -> Deciding:
    return Deciding(store, clock, tmp_path)


def garbled(engine: Deciding, event_id: str, **values: object) -> None:
    """An event as another version, or nobody, would have written it."""
    engine.told(engine.verdict(event_id, "http"))
    with engine.store.write() as session:
        session.exec(update(Inbox).where(col(Inbox.event_id) == event_id).values(**values))


def poison(engine: Deciding, event_id: str) -> ev.PauseSet:
    """A pause that no calendar can place: ``step`` fails while a fault is open."""
    pause = Pause("p", "2026-01-01T00:00", 60.0, zone="Nowhere/At-all", host=HOST)
    return ev.PauseSet(id=event_id, at_s=engine.clock.at_s, pause=pause, by="first")


def row_of(engine: Deciding, event_id: str) -> Inbox:
    with engine.store.read() as session:
        return session.exec(select(Inbox).where(Inbox.event_id == event_id)).one()


def records(engine: Deciding, seq: int | None) -> list[Decision]:
    with engine.store.read() as session:
        return list(session.exec(select(Decision).where(Decision.event_seq == seq).order_by(col(Decision.seq))))


def notices(engine: Deciding) -> list[Notify]:
    found = [decode(Notify, row.payload) for row in engine.commands("Notify")]
    return [notify for notify in found if notify.facts.get("reason") == "event_set_aside"]


def was_set_aside(engine: Deciding, event_id: str, error: str, *hosts: str) -> None:
    """Kept with the reason, once, in words under its host and among what concerns no single one; everything else went on."""
    engine.decide()
    row = row_of(engine, event_id)
    assert (row.decided, row.set_aside) == (True, error)
    found = records(engine, row.seq)
    assert [record.host for record in found] == ["", *hosts]
    assert [item["code"] for record in found for item in record.reasons] == ["event_set_aside"] * len(found)
    (line,) = of_decision(found[0], "en", "UTC")
    assert line.text == (
        f"The event {event_id} could not be decided and was set aside; nothing follows from it. ({row.kind}: {error})"
    )
    assert {(notify.recipient, notify.channel) for notify in notices(engine)} == {
        ("first", "mail"), ("second", "mail"), ("second", "webhook"),
    }  # fmt: skip
    engine.happens(engine.verdict("later", "ssh"))
    assert "opened" in engine.codes("later") or "joined" in engine.codes("later")
    assert records(engine, row.seq) == found
    with engine.store.read() as session:
        assert inbox.count_set_aside(session) == 1


def test_bad_json(engine: Deciding) -> None:
    garbled(engine, "bad", payload="{")
    was_set_aside(engine, "bad", "ValidationError: 1 validation error for VerdictChanged", HOST)


def test_a_kind_of_a_newer_version(engine: Deciding) -> None:
    garbled(engine, "new", kind="CertificateRenewed")
    was_set_aside(engine, "new", "KeyError: 'CertificateRenewed'", HOST)


def test_an_event_that_step_fails_on(engine: Deciding) -> None:
    engine.happens(engine.verdict("first", "http"))
    engine.told(poison(engine, "bad"))
    was_set_aside(engine, "bad", "ZoneInfoNotFoundError: 'No time zone found with key Nowhere/At-all'")
    with engine.store.read() as session:
        assert overlay.pauses(session) == (), "nothing of it was written"


def test_a_host_whose_memory_cannot_be_read(engine: Deciding) -> None:
    engine.happens(engine.verdict("first", "http"))
    with engine.store.write() as session:
        session.exec(update(HostRow).where(col(HostRow.host) == HOST).values(state="{"))
    hold = ev.HoldSet(id="hold", at_s=engine.clock.at_s, host=HOST, by="first")
    engine.happens(hold)
    assert engine.codes("hold") == ["event_set_aside"] * 2
    with engine.store.read() as session:
        assert overlay.holds(session) == {HOST}, "what an operator stopped stays stopped"


def test_many_that_fail_alike_are_told_once_in_an_hour(engine: Deciding) -> None:
    for number in range(3):
        garbled(engine, f"bad{number}", payload="{")
    engine.decide()
    assert len(notices(engine)) == 3
    engine.clock.sleep(3600)
    garbled(engine, "bad4", payload="{")
    engine.decide()
    assert len(notices(engine)) == 6
    with engine.store.read() as session:
        assert inbox.count_set_aside(session) == 4


def test_no_word_of_the_event_is_repeated(engine: Deciding) -> None:
    garbled(engine, "bad", payload=json.dumps({"id": "hunter2"}))
    engine.decide()
    assert "hunter2" not in str([records(engine, row_of(engine, "bad").seq), row_of(engine, "bad").set_aside, notices(engine)])


def test_a_store_that_fails_is_no_events_fault(engine: Deciding) -> None:
    engine.told(engine.verdict("first", "http"))
    with engine.store.write() as session:
        session.execute(text("ALTER TABLE verdict RENAME TO elsewhere"))
    with pytest.raises(DBAPIError):
        engine.ticker.once()
    with engine.store.write() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO verdict"))
    assert (row_of(engine, "first").decided, row_of(engine, "first").set_aside) == (False, None)
    engine.decide()
    assert "opened" in engine.codes("first")


def test_an_engine_without_its_lease_sets_nothing_aside(engine: Deciding) -> None:
    garbled(engine, "bad", payload="{")
    lease.drop(engine.store, "engine", HOLDER)
    with pytest.raises(Exception, match="no longer holds"):
        engine.ticker.once()
    assert row_of(engine, "bad").decided is False
