"""Somebody sets the machine's clock: whatever waits goes on by the time that really passes, and people are told (P42)."""

from pathlib import Path

import pytest
from deciding import HOLDER, Deciding
from hand_clock import HandClock
from sample_policy import HOST
from sqlmodel import col, select, update
from store_samples import lapse, notify

from domain import events as ev
from domain.commands import Notify, Run
from domain.observation import Verdict
from domain.pauses import Pause
from engine.history import of_decision
from engine.sending import GIVE_UP_S
from engine.stepping import follow
from engine.tick import LEASE, LeaseLostError, Ticker
from store import inbox, journal, lease, outbox, steady
from store.codec import decode
from store.db import Store
from store.tables import Attempt, Boot, Decision, HostRow, Inbox, IncidentRow

HOUR_S, DAY_S = 3600.0, 86_400.0
WAIT_S = 900.0
STEPS = pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S, 400 * DAY_S])
SEEN = pytest.mark.parametrize("seen", [True, False], ids=["seen", "unseen"])
"""Has the engine looked at the clock since?"""


@pytest.fixture
def engine(store: Store, clock: HandClock, tmp_path: Path) -> Deciding:
    return Deciding(store, clock, tmp_path)


def offered(store: Store) -> list[str]:
    with store.read() as session:
        return [row.key for row in outbox.claimable(session, ["Notify"], orphan_s=10.0) if row.key == "n1"]


def waits_for_its_clock(engine: Deciding) -> None:
    """An incident whose server may be recovered when it has lasted the contract's wait."""
    engine.happens(engine.verdict("down", "ping"))
    assert engine.due_s() == engine.clock.at_s + WAIT_S


@STEPS
def test_an_incident_that_waits_for_its_clock(engine: Deciding, by_s: float) -> None:
    waits_for_its_clock(engine)
    engine.clock.sleep(300)
    engine.clock.at_s += by_s
    engine.decide()
    assert engine.due_s() == pytest.approx(engine.clock.at_s + WAIT_S - 300)
    engine.clock.sleep(WAIT_S - 300 - 1)
    engine.decide()
    assert engine.commands("Run") == []
    engine.clock.sleep(2)
    engine.decide()
    assert len(engine.commands("Run")) == 1


@STEPS
def test_an_incidents_times_are_times_of_day_again(engine: Deciding, by_s: float) -> None:
    waits_for_its_clock(engine)
    fault_at_s = engine.clock.at_s - 120
    engine.clock.at_s += by_s
    engine.decide()
    with engine.store.read() as session:
        row = session.get(IncidentRow, "INC-000001")
    assert row is not None
    assert row.fault_at_s == pytest.approx(fault_at_s + by_s)
    engine.clock.sleep(60)
    engine.happens(engine.verdict("up", "ping", Verdict.UP))
    (told,) = [
        found
        for command in engine.commands("Notify")
        if (found := decode(Notify, command.payload)).message == "recovered" and found.recipient == "desk"
    ]
    assert told.facts["down_s"] == pytest.approx(180)


@STEPS
@SEEN
def test_a_delivery_that_waits_to_be_tried_again(engine: Deciding, by_s: float, seen: bool) -> None:
    with engine.store.write() as session:
        outbox.put(session, notify("n1", incident=None))
    assert outbox.claim(engine.store, "n1", "us", 30.0) is not None
    with engine.store.write() as session:
        assert outbox.postpone(session, "n1", "us", 60.0, "450 later")
    engine.clock.at_s += by_s
    if seen:
        engine.decide()
    engine.clock.sleep(59)
    assert offered(engine.store) == []
    assert outbox.claim(engine.store, "n1", "us", 30.0) is None
    engine.clock.sleep(2)
    assert offered(engine.store) == ["n1"]
    with engine.store.read() as session:
        assert outbox.waited_s(session, "n1") == pytest.approx(61)
        assert outbox.waited_s(session, "n1") < GIVE_UP_S


@STEPS
@SEEN
def test_what_is_asked_for_after_the_step_is_there_at_once(engine: Deciding, by_s: float, seen: bool) -> None:
    engine.clock.at_s += by_s
    with engine.store.write() as session:
        outbox.put(session, notify("n1", incident=None))
    if seen:
        engine.decide()
    assert offered(engine.store) == ["n1"]


@STEPS
def test_a_run_is_lost_when_its_hour_has_passed(engine: Deciding, by_s: float) -> None:
    engine.happens(engine.verdict("down", "http"))
    (run,) = engine.commands("Run")
    engine.clock.at_s += by_s
    engine.decide()
    assert engine.incident is not None
    assert engine.incident.run is not None
    assert engine.incident.run.key == decode(Run, run.payload).key
    engine.clock.sleep(3600)
    engine.decide()
    assert engine.incident.run is not None
    engine.clock.sleep(121)
    engine.decide()
    assert engine.incident.outcome == "lost"


@STEPS
def test_what_a_run_has_done_is_as_long_ago_as_it_was(engine: Deciding, by_s: float) -> None:
    engine.happens(engine.verdict("down", "http"))
    (run,) = engine.commands("Run")
    done_s = engine.clock.at_s
    with engine.store.write() as session:
        session.add(
            Attempt(
                id="a1", command=run.key, number=1, step="look", action="look", host=HOST, customer="c", claimer="us",
                intent_s=done_s, intent_boot_s=engine.clock.boot_s, code="admitted", outcome="down", ended_s=done_s,
            )
        )  # fmt: skip
    engine.clock.sleep(40)
    engine.clock.at_s += by_s
    engine.decide()
    with engine.store.read() as session:
        (attempt,) = journal.attempts(session, run.key)
        assert attempt.ended_s is not None
        assert steady.now_s(session) - attempt.ended_s == pytest.approx(40)
        assert steady.now_s(session) - attempt.intent_s == pytest.approx(40)
        assert outbox.waited_s(session, run.key) == pytest.approx(40)


def test_it_is_recorded_and_told_once(engine: Deciding) -> None:
    waits_for_its_clock(engine)
    engine.clock.at_s += HOUR_S
    engine.decide()
    engine.decide()
    with engine.store.read() as session:
        records = session.exec(select(Decision).where(Decision.event_kind == "ClockStepped").order_by(col(Decision.seq))).all()
    assert [record.host for record in records] == ["", HOST]
    assert records[1].incident == "INC-000001"
    texts = [line.text for record in records for line in of_decision(record, "en", "UTC")]
    assert (
        texts
        == [
            "The engine's clock was set from Sun 2025-06-15 15:06:40 +00:00 to Sun 2025-06-15 16:06:40 +00:00; "
            "waits go on by the time that really passed."
        ]
        * 2
    )
    told = [decode(Notify, row.payload) for row in engine.commands("Notify") if "clock_stepped" in row.key]
    assert [(one.recipient, one.channel) for one in told] == [("first", "mail"), ("second", "mail"), ("second", "webhook")]


def test_a_clock_that_is_only_put_right_a_little(engine: Deciding) -> None:
    waits_for_its_clock(engine)
    for _ in range(3):
        engine.clock.at_s += 1.9
        engine.decide()
        engine.clock.at_s -= 1.9
        engine.decide()
    with engine.store.read() as session:
        assert session.exec(select(Inbox.kind).where(Inbox.kind == "ClockStepped")).all() == []


def test_little_by_little_it_is_a_step_too(engine: Deciding) -> None:
    for _ in range(2):
        engine.clock.at_s += 1.9
        engine.decide()
    with engine.store.read() as session:
        assert session.exec(select(Inbox.kind)).all() == ["ClockStepped"]
        assert steady.now_s(session) == engine.clock.at_s


@STEPS
def test_a_step_while_no_engine_ran_is_found_by_the_next(engine: Deciding, store_url: str, by_s: float) -> None:
    waits_for_its_clock(engine)
    engine.clock.sleep(300)
    engine.clock.at_s += by_s
    again = Store(store_url, engine.clock)
    lapse(again)
    with again.read() as session:
        due_s = session.exec(select(HostRow.next_due_s).where(HostRow.host == HOST)).one()
    engine = Deciding(again, engine.clock, engine.context.settings.home)
    engine.decide()
    assert due_s is not None
    assert engine.due_s() == pytest.approx(due_s + by_s)
    assert engine.commands("Run") == []
    again.close()


def test_after_a_reboot_the_clock_is_taken_as_it_is(engine: Deciding) -> None:
    waits_for_its_clock(engine)
    due_s = engine.due_s()
    with engine.store.write() as session:
        session.exec(update(Boot).values(boot_id="another"))
    engine.clock.boot_s = 30.0
    engine.clock.at_s += HOUR_S
    with engine.store.read() as session:
        assert steady.now_s(session) == engine.clock.at_s
    follow(engine.context, HOLDER)
    assert engine.due_s() == due_s
    with engine.store.read() as session:
        assert session.exec(select(Inbox.kind).where(Inbox.kind == "ClockStepped")).all() == []
        assert steady.now_s(session) == engine.clock.at_s


def test_a_pause_holds_by_the_clock_as_it_is_now(engine: Deciding) -> None:
    """It is a time of day: set into it, the clock is in it."""
    pause = Pause("p", "2025-06-15T16:00", 1800.0, zone="UTC", host=HOST)
    engine.happens(ev.PauseSet(id="p", at_s=engine.clock.at_s, pause=pause, by="first"), engine.verdict("down", "ping"))
    assert engine.due_s() == engine.clock.at_s + WAIT_S
    engine.clock.at_s += HOUR_S
    engine.decide()
    assert engine.due_s() == pytest.approx(1_750_000_000 - 400 + HOUR_S + 1800), "the pause's end"
    assert engine.incident is not None
    assert engine.incident.faults[0].clock_from_s is None


def test_an_engine_that_lost_its_lease_moves_nothing(engine: Deciding) -> None:
    waits_for_its_clock(engine)
    due_s = engine.due_s()
    lapse(engine.store)
    assert lease.take(engine.store, LEASE, "engine:2", 60.0)
    engine.clock.at_s += HOUR_S
    with pytest.raises(LeaseLostError):
        follow(engine.context, HOLDER)
    assert engine.due_s() == due_s
    with engine.store.read() as session:
        assert inbox.pending(session) == []


def test_a_timer_that_is_due_at_the_same_time_again_is_another(engine: Deciding) -> None:
    waits_for_its_clock(engine)
    due_s = engine.clock.at_s + 10
    engine.clock.sleep(20)
    for count in (1, 2):
        with engine.store.write() as session:
            session.exec(update(HostRow).where(col(HostRow.host) == HOST).values(next_due_s=due_s))
        engine.decide()
        with engine.store.read() as session:
            fired = session.exec(select(Inbox.decided).where(Inbox.kind == "TimerFired")).all()
        assert fired == [True] * count


def test_the_next_timer_is_told_by_boottime(engine: Deciding) -> None:
    assert engine.ticker.next_timer_boot_s() is None
    waits_for_its_clock(engine)
    engine.clock.at_s += HOUR_S
    assert Ticker(engine.context, HOLDER).next_timer_boot_s() == pytest.approx(engine.clock.boot_s + WAIT_S)
