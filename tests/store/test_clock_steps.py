"""Somebody sets the machine's clock: whatever waits goes on by the time that really passes, and people are told (P42)."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from deciding import HOLDER, Deciding
from hand_clock import HandClock
from sample_policy import CUSTOMER, HOST, policy
from sqlmodel import col, select, update
from store_samples import lapse, notify

import runbooks
from domain import events as ev
from domain.commands import Notify, Run
from domain.observation import Verdict
from domain.pauses import Pause
from engine.executor import RunSession, begin
from engine.history import of_decision
from engine.reporting import gather
from engine.sending import GIVE_UP_S
from engine.stepping import follow
from engine.tick import LEASE, LeaseLostError, Ticker
from remediation import ACTIONS
from store import heard, inbox, journal, lease, outbox, steady
from store.codec import decode
from store.db import Store
from store.tables import Attempt, Boot, Decision, HeardRow, HostRow, Inbox, IncidentRow

HOUR_S, DAY_S = 3600.0, 86_400.0
WAIT_S = 900.0
LOST_S = 3720.0
STEPS = pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S, 400 * DAY_S])
BOTH = pytest.mark.parametrize("by_s", [-HOUR_S, 400 * DAY_S])
SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""Where nothing depends on the database; what one changes in it (``test_whatever_happens_to_the_clock``) is tried on both."""
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


def read_by_people(engine: Deciding) -> object:
    incident = engine.incident
    assert incident is not None
    with engine.store.read() as session:
        row = session.get(IncidentRow, incident.id)
        decided_s = session.exec(select(Decision.at_s).where(Decision.incident == incident.id).order_by(col(Decision.seq))).first()
    assert row is not None
    own = (incident.fault_at_s, incident.opened_at_s, incident.told_at_s, incident.faults[0].confirmed_at_s)
    return row.fault_at_s, row.opened_at_s, decided_s, own


@SQLITE
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


@SQLITE
@STEPS
def test_what_people_read_stays_as_it_was_recorded_and_no_length_is_told(engine: Deciding, by_s: float) -> None:
    waits_for_its_clock(engine)
    before = read_by_people(engine)
    engine.clock.at_s += by_s
    engine.decide()
    assert read_by_people(engine) == before
    engine.clock.sleep(60)
    engine.happens(engine.verdict("up", "ping", Verdict.UP))
    (told,) = [
        found
        for command in engine.commands("Notify")
        if (found := decode(Notify, command.payload)).message == "recovered" and found.recipient == "desk"
    ]
    assert told.facts["down_s"] is None


@BOTH
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


@BOTH
@SEEN
def test_what_is_asked_for_after_the_step_is_there_at_once(engine: Deciding, by_s: float, seen: bool) -> None:
    engine.clock.at_s += by_s
    with engine.store.write() as session:
        outbox.put(session, notify("n1", incident=None))
    if seen:
        engine.decide()
    assert offered(engine.store) == ["n1"]


@SQLITE
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


@SQLITE
@STEPS
def test_a_run_goes_on_looking_for_as_long_as_it_should(store: Store, clock: HandClock, tmp_path: Path, by_s: float) -> None:
    engine = Deciding(store, clock, tmp_path, replace(policy(), procedures=runbooks.load(ACTIONS)))
    engine.happens(engine.verdict("down", "http"))
    (run,) = engine.commands("Run")
    steps = [("look", "down"), ("announce", "done"), ("look-again", "down"), ("restart", "done"), ("verify", "down")]
    recorded = [looked(engine, run.key, number, *step) for number, step in enumerate(steps, 1)]
    engine.clock.sleep(1)
    engine.clock.at_s += by_s
    engine.decide()
    engine.clock.slept.clear()
    assert coming(engine, run.key) == "verify"
    assert sum(engine.clock.slept) == pytest.approx(1.0), "every 2 s"
    looked(engine, run.key, 6, "verify", "down")
    engine.clock.sleep(28)
    looked(engine, run.key, 7, "verify", "down")
    assert coming(engine, run.key) is None, "its 30 s are over"
    with engine.store.read() as reading:
        assert [attempt.intent_s for attempt in journal.attempts(reading, run.key)][:5] == recorded
        assert outbox.waited_s(reading, run.key) == pytest.approx(30)


def coming(engine: Deciding, run: str) -> str | None:
    """The step that the run goes on with."""
    session = begin(engine.context, run, "us")
    assert isinstance(session, RunSession)
    step = session.next()
    session.close()
    return step.step.id if step is not None else None


def looked(engine: Deciding, run: str, number: int, step: str, outcome: str) -> float:
    now_s = engine.clock.at_s
    with engine.store.write() as session:
        session.add(
            Attempt(
                id=f"a{number}", command=run, number=number, step=step, action="a", host=HOST, customer="c", claimer="us",
                intent_s=now_s, intent_boot_s=engine.clock.boot_s, code="admitted", outcome=outcome, ended_s=now_s,
            )
        )  # fmt: skip
    return now_s


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


@SQLITE
def test_a_clock_that_is_only_put_right_a_little(engine: Deciding) -> None:
    waits_for_its_clock(engine)
    for _ in range(3):
        engine.clock.at_s += 1.9
        engine.decide()
        engine.clock.at_s -= 1.9
        engine.decide()
    with engine.store.read() as session:
        assert session.exec(select(Inbox.kind).where(Inbox.kind == "ClockStepped")).all() == []


@SQLITE
def test_little_by_little_it_is_a_step_too(engine: Deciding) -> None:
    for _ in range(2):
        engine.clock.at_s += 1.9
        engine.decide()
    with engine.store.read() as session:
        assert session.exec(select(Inbox.kind)).all() == ["ClockStepped"]
        assert steady.now_s(session) == engine.clock.at_s


@BOTH
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


def reboot(engine: Deciding) -> Deciding:
    """The machine begins anew, with whatever its clock says; nothing of ours has run since."""
    with engine.store.write() as session:
        session.exec(update(Boot).values(boot_id="another"))
    engine.store.close()
    engine.clock.boot_s = 20.0
    again = Store(engine.store.url.render_as_string(hide_password=False), engine.clock)
    lapse(again)
    return Deciding(again, engine.clock, engine.context.settings.home)


@SQLITE
def test_until_the_engine_looks_after_a_reboot_nothing_is_given_up(engine: Deciding) -> None:
    with engine.store.write() as session:
        outbox.put(session, notify("n1", incident=None))
        session.exec(update(Boot).values(boot_id="another"))
    engine.clock.boot_s = 20.0
    engine.clock.at_s += 400 * DAY_S
    with Store(engine.store.url.render_as_string(), engine.clock).read() as session:
        assert outbox.waited_s(session, "n1") == 0.0


@SQLITE
@pytest.mark.parametrize("wrong_s", [-HOUR_S, -9000 * DAY_S, 9 * HOUR_S])
def test_a_machine_that_starts_with_a_wrong_clock_which_is_then_put_right(engine: Deciding, wrong_s: float) -> None:
    waits_for_its_clock(engine)
    before = read_by_people(engine)
    queued = {row.key for row in engine.commands("Notify")}
    engine.clock.at_s += 120 + wrong_s
    engine = reboot(engine)
    engine.clock.sleep(60)
    engine.clock.at_s -= wrong_s
    engine.decide()
    assert read_by_people(engine) == before
    assert engine.due_s() == pytest.approx(engine.clock.at_s + WAIT_S - 60), "evidence counts from the start of the machine"
    with engine.store.read() as session:
        waiting = {key for keys in outbox.messages(session, "mail", 0.0, 100).values() for key in keys}
    assert waiting & queued
    assert all(row.not_before_s <= engine.clock.at_s for row in engine.commands("Notify"))


def test_whatever_happens_to_the_clock(engine: Deciding) -> None:
    """Steps, reboots with a clock that is off, corrections: every wait lasts as long as it should, or begins anew by a reboot."""
    random, clock, off_s = Random(1), engine.clock, 0.0
    waits_for_its_clock(engine)
    before = read_by_people(engine)
    with engine.store.write() as session:
        outbox.put(session, notify("n1", incident=None))
    asked_boot_s = ready_boot_s = due_boot_s = clock.boot_s
    due_boot_s += WAIT_S
    lost_boot_s: float | None = None
    for _ in range(40):
        match random.choice(["passes", "passes", "passes", "step", "reboot", "right", "refused"]):
            case "passes":
                clock.sleep(random.choice([1.3, 41.7, 203.9, 2001.1]))
            case "step":
                by_s = random.choice([-DAY_S, -HOUR_S, -30.0, 30.0, HOUR_S, 400 * DAY_S])
                clock.at_s, off_s = clock.at_s + by_s, off_s + by_s
            case "right":
                clock.at_s, off_s = clock.at_s - off_s, 0.0
            case "reboot":
                by_s = random.choice([0.0, -HOUR_S, 9 * HOUR_S, -9000 * DAY_S])
                clock.at_s, off_s = clock.at_s + by_s - off_s, by_s
                engine = reboot(engine)
                asked_boot_s = ready_boot_s = clock.boot_s
                due_boot_s = clock.boot_s + WAIT_S
                lost_boot_s = clock.boot_s + LOST_S if lost_boot_s is not None else None
            case _ if offered(engine.store):
                assert outbox.claim(engine.store, "n1", "us", 30.0) is not None
                wait_s = random.choice([5.0, 300.0])
                with engine.store.write() as session:
                    assert outbox.postpone(session, "n1", "us", wait_s, "450 later")
                ready_boot_s = clock.boot_s + wait_s
        engine.decide()
        assert bool(offered(engine.store)) is (clock.boot_s >= ready_boot_s)
        with engine.store.read() as session:
            assert outbox.waited_s(session, "n1") == pytest.approx(clock.boot_s - asked_boot_s, abs=1e-3)
        ordered = bool(engine.commands("Run"))
        assert ordered is (lost_boot_s is not None or clock.boot_s >= due_boot_s)
        if ordered and lost_boot_s is None:
            lost_boot_s = clock.boot_s + LOST_S
        assert engine.incident is not None
        if lost_boot_s is not None:
            assert (engine.incident.run is None) is (clock.boot_s >= lost_boot_s or engine.incident.outcome == "lost")
            lost_boot_s = lost_boot_s if engine.incident.run is not None else 0.0
        assert read_by_people(engine) == before
    engine.store.close()


@SQLITE
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


@SQLITE
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


@SQLITE
def test_the_next_timer_is_told_by_boottime(engine: Deciding) -> None:
    assert engine.ticker.next_timer_boot_s() is None
    waits_for_its_clock(engine)
    engine.clock.at_s += HOUR_S
    assert Ticker(engine.context, HOLDER).next_timer_boot_s() == pytest.approx(engine.clock.boot_s + WAIT_S)


@SQLITE
@pytest.mark.parametrize("when", ["before", "between", "open", "closed"])
@STEPS
def test_a_report_states_no_length_over_a_step(engine: Deciding, by_s: float, when: str) -> None:
    """``between``: the first failing observation and the opening; what was long before or is after concerns nobody."""

    def step(now: str) -> tuple[float, float] | None:
        if now != when:
            return None
        before_s = engine.clock.at_s
        engine.clock.at_s += by_s
        engine.decide()
        return before_s, engine.clock.at_s

    step("before")
    engine.clock.sleep(400)
    down = engine.verdict("down", "http")
    between = step("between")
    engine.clock.sleep(30)
    engine.happens(down)
    engine.clock.sleep(300)
    during = step("open")
    engine.clock.sleep(60)
    engine.happens(engine.verdict("up", "http", Verdict.UP))
    engine.happens(ev.RunEnded(id="end", at_s=engine.clock.at_s, host=HOST, run=engine.commands("Run")[0].key,
                               outcome=ev.RunOutcome.GONE, acted=False, by="us"))  # fmt: skip
    step("closed")
    now = policy()
    with engine.store.read() as session:
        report = gather(
            session,
            policy=now,
            host=now.hosts[HOST],
            customer=now.customers[CUSTOMER],
            incident_id="INC-000001",
            language="en",
        )
    expected = between or during
    assert [(one.from_at_s, one.to_at_s) for one in report.clock_set] == ([expected] if expected is not None else [])
    assert report.fault_at_s == down.fault_at_s


@SQLITE
@STEPS
def test_a_job_that_reports_in_has_as_long_as_before(engine: Deciding, by_s: float) -> None:
    """C44: neither overdue at once, nor silent unnoticed for as much longer."""
    with engine.store.write() as session:
        heard.say(session, HeardRow(check="web01/job", about="", at_s=engine.clock.at_s, state="ok"))
    engine.clock.sleep(600)
    engine.clock.at_s += by_s
    engine.decide()
    with engine.store.read() as session:
        [row] = heard.everything(session)
    assert engine.clock.at_s - row.at_s == pytest.approx(600)


@SQLITE
def test_after_a_reboot_a_job_has_all_its_time(engine: Deciding) -> None:
    """Nobody could be told anything meanwhile."""
    with engine.store.write() as session:
        heard.say(session, HeardRow(check="web01/job", about="", at_s=engine.clock.at_s, state="ok"))
        session.exec(update(Boot).values(boot_id="another"))
    engine.clock.sleep(50_000)
    engine.decide()
    with engine.store.read() as session:
        [row] = heard.everything(session)
    assert row.at_s == pytest.approx(engine.clock.at_s)
