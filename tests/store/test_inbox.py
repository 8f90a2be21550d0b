"""Events are written once and read in order; leases, holds, pauses, policies and attempts are what was last said of them."""

from dataclasses import replace
from typing import Any

from hand_clock import HandClock
from sqlmodel import select
from store_samples import NOW_S, accept, ask, down, lapse, opened, policy, race, working

from domain.commands import NO_FACTS
from domain.events import Acknowledged, HoldReleased, HoldSet, PauseCancelled, PauseSet
from domain.pauses import Pause
from domain.reasons import Code
from store import inbox, journal, lease, overlay, policies
from store.codec import encode
from store.db import Store
from store.tables import Decision, HoldRow, Inbox, Lease, PauseRow, PolicyRow


def test_an_event_inserted_twice_is_there_once(store: Store) -> None:
    with store.write() as session:
        assert inbox.insert(session, down("e1"))
        assert not inbox.insert(session, down("e1"))
    with store.write() as session:
        assert not inbox.insert(session, replace(down("e1"), detail="other words"))
        assert inbox.insert(session, down("e2"))
    with store.read() as session:
        assert [event for _, event in inbox.pending(session)] == [down("e1"), down("e2")]


def test_what_was_decided_is_not_pending(store: Store, clock: HandClock) -> None:
    with store.write() as session:
        inbox.insert(session, down("e1"))
        inbox.insert(session, HoldSet(id="e2", at_s=1.0, host=None, by="noc"))
    with store.write() as session:
        (first, _), (second, event) = inbox.pending(session)
        inbox.mark_decided(session, first)
        session.add(
            Decision(
                event_seq=first,
                event_kind="VerdictChanged",
                at_s=NOW_S,
                host="web01",
                version="0.1.0",
                policy_version="v1",
                reasons=[{"code": Code.OPENED, "facts": {"check": "web01/http", "word": "火"}}, {"code": "x", "facts": NO_FACTS}],
                commands=["k1"],
            )
        )
    with store.read() as session:
        assert inbox.pending(session) == [(second, event)]
        decision = session.exec(select(Decision)).one()
        assert decision.reasons[0] == {"code": "opened", "facts": {"check": "web01/http", "word": "火"}}
        assert decision.commands == ["k1"]
        assert session.exec(select(Inbox.received_s)).first() == clock.at_s


def _insert_all(_number: int, url: str) -> int:
    store = opened(url)
    new = 0
    for count in range(5):
        with store.write() as session:
            new += inbox.insert(session, down(f"e{count}"))
    store.close()
    return new


def test_ten_processes_that_tell_the_same_tell_it_once(store: Store, store_url: str) -> None:
    assert sum(race(10, _insert_all, store_url)) == 5


def test_one_holder_at_a_time(store: Store) -> None:
    assert lease.take(store, "engine", "a", 60.0)
    assert lease.take(store, "engine", "a", 60.0), "again is prolonging"
    assert not lease.take(store, "engine", "b", 60.0)
    assert lease.take(store, "watcher", "b", 60.0), "another name is another lease"
    lapse(store)
    assert lease.take(store, "engine", "b", 60.0)
    with store.read() as session:
        row = session.get(Lease, "engine")
        assert row is not None
        assert (row.holder, row.token) == ("b", 2)


def test_a_deposed_engine_learns_it_inside_its_transaction(store: Store) -> None:
    assert lease.take(store, "engine", "a", 60.0)
    with store.write() as session:
        assert lease.still(session, "engine", "a")
        assert not lease.still(session, "engine", "b")
        assert not lease.still(session, "nothing", "a")
    lapse(store)
    with store.write() as session:
        assert not lease.still(session, "engine", "a"), "lapsed, though nobody has taken it"
    assert lease.take(store, "engine", "b", 60.0)
    with store.write() as session:
        assert not lease.still(session, "engine", "a")


def test_a_lease_given_back_is_free_at_once(store: Store) -> None:
    assert lease.take(store, "engine", "a", 60.0)
    lease.drop(store, "engine", "b")
    assert not lease.take(store, "engine", "b", 60.0), "only the holder gives it back"
    lease.drop(store, "engine", "a")
    assert lease.take(store, "engine", "b", 60.0)


def _take(number: int, url: str) -> bool:
    store = opened(url)
    taken = lease.take(store, "engine", f"process-{number}", 60.0)
    store.close()
    return taken


def test_of_ten_engines_that_start_one_decides(store: Store, store_url: str) -> None:
    assert sum(race(10, _take, store_url)) == 1


def say(store: Store, *events: Any) -> None:
    with store.write() as session:
        for event in events:
            overlay.apply(session, event)


def held(store: Store) -> frozenset[str]:
    with store.read() as session:
        return overlay.holds(session)


def test_holds_are_kept_with_who_and_why(store: Store) -> None:
    hold = HoldSet(id="h1", at_s=1.0, host="web01", by="noc", reason="disk swap")
    say(store, hold, hold, HoldSet(id="h2", at_s=2.0, host=None, by="noc"))
    assert held(store) == {"web01", overlay.EVERY_HOST}
    say(store, HoldReleased(id="r1", at_s=3.0, host="web01", by="chief", reason="done"))
    assert held(store) == {overlay.EVERY_HOST}
    say(store, hold, HoldReleased(id="r2", at_s=4.0, host=None, by="noc"))
    assert held(store) == frozenset(), "an event that comes again holds nothing anew"
    with store.read() as session:
        row = session.get(HoldRow, "h1")
        assert row is not None
        assert (row.set_by, row.set_s, row.reason) == ("noc", 1.0, "disk swap")
        assert (row.released_by, row.released_s, row.release_reason) == ("chief", 3.0, "done")


def test_two_who_hold_one_host_are_released_together(store: Store) -> None:
    say(store, HoldSet(id="h1", at_s=1.0, host="web01", by="a"), HoldSet(id="h2", at_s=2.0, host="web01", by="b"))
    say(store, HoldReleased(id="r1", at_s=3.0, host="web01", by="a"))
    assert held(store) == frozenset()


def test_pauses_are_set_replaced_and_cancelled(store: Store) -> None:
    first = Pause("p1", "2026-01-01T00:00", 3600.0, host="web01")
    longer = replace(first, duration_s=7200.0)
    other = Pause("p2", "2026-01-01T00:00", 60.0, customer="acme")
    say(store, PauseSet(id="s1", at_s=1.0, pause=first, by="noc"), PauseSet(id="s2", at_s=2.0, pause=other, by="noc"))
    say(
        store, PauseSet(id="s3", at_s=3.0, pause=longer, by="chief"), Acknowledged(id="x", at_s=3.0, incident="i", host="h", by="b")
    )
    with store.read() as session:
        assert overlay.pauses(session) == (other, longer)
    say(store, PauseCancelled(id="c1", at_s=4.0, pause="p1", by="noc"))
    with store.read() as session:
        assert overlay.pauses(session) == (other,)
        kept = session.exec(
            select(PauseRow.event_id, PauseRow.cancelled_by, PauseRow.cancelled_s).order_by(PauseRow.event_id)
        ).all()
        assert kept == [("s1", "chief", 3.0), ("s2", None, None), ("s3", "noc", 4.0)]


def test_the_current_policy_and_those_before(store: Store) -> None:
    with store.read() as session:
        assert policies.current(session) is None
        assert policies.get(session, "v1") is None
    accept(store, policy(1, "v1"))
    accept(store, policy(2, "v2"))
    with store.read() as session:
        assert policies.current(session) == policy(2, "v2")
        assert policies.get(session, "v1") == policy(1, "v1")
        assert policies.current(session) is policies.current(session), "decoded once"


def test_going_back_to_an_older_policy(store: Store) -> None:
    accept(store, policy(1, "v1"))
    accept(store, policy(2, "v2"))
    with store.write() as session:
        policies.accept(session, "v1", "not read again", "reload", NOW_S + 5)
        policies.accept(session, "v1", encode(policy(3, "v1")), "reload", NOW_S + 9)
    with store.read() as session:
        assert policies.current(session) == policy(1, "v1")
        found = session.exec(select(PolicyRow.version, PolicyRow.accepted_s).where(PolicyRow.current)).all()
        assert found == [("v1", NOW_S + 5)], "what holds already is not accepted again"


def test_a_process_remembers_a_bounded_number_of_policies(store: Store) -> None:
    for number in range(12):
        accept(store, policy(1, f"v{number}"))
        with store.read() as session:
            assert policies.current(session) == policy(1, f"v{number}")
    assert len(store.policies) == 8


def test_an_attempt_is_settled_once(store: Store) -> None:
    (command,) = working(store)
    admission = ask(store, command)
    assert admission.attempt_id is not None
    with store.write() as session:
        assert journal.settle(session, admission.attempt_id, "done", "active (running)", NOW_S + 3)
        assert not journal.settle(session, admission.attempt_id, "failed", "", NOW_S + 4)
        assert not journal.settle(session, "nothing-of-this-id", "failed", "", NOW_S + 4)
    with store.read() as session:
        (attempt,) = journal.attempts(session, command.key)
        assert (attempt.outcome, attempt.detail, attempt.ended_s) == ("done", "active (running)", NOW_S + 3)
        assert journal.attempts(session, "another") == []
