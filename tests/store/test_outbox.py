"""A command is claimed by one, done once, and messages keep their order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hand_clock import HandClock
from sqlalchemy import event
from sqlmodel import select, update
from store_samples import lapse, notify, opened, race, run

from domain.commands import Command, Notify
from store import lease, outbox
from store.db import LEASE_MAX_S, Store, lease_now_s
from store.tables import CommandRow, Lease

KINDS = ("Notify", "Run")
LEASE_S = 30.0


def put(store: Store, *commands: Command) -> None:
    with store.write() as session:
        for command in commands:
            outbox.put(session, command)


def offered(store: Store, orphan_s: float = 10.0) -> list[str]:
    with store.read() as session:
        return [row.key for row in outbox.claimable(session, KINDS, orphan_s)]


def complete(store: Store, key: str, who: str = "us") -> bool:
    with store.write() as session:
        return outbox.complete(session, key, who, "sent", "", store.clock.now_s())


def postpone(store: Store, key: str, wait_s: float, who: str = "us") -> bool:
    with store.write() as session:
        return outbox.postpone(session, key, who, wait_s, "refused: 450")


def row_of(store: Store, key: str) -> CommandRow:
    with store.read() as session:
        return session.exec(select(CommandRow).where(CommandRow.key == key)).one()


def test_a_command_put_twice_is_there_once(store: Store) -> None:
    put(store, notify("n1"))
    put(store, notify("n1"), notify("n1"))
    assert offered(store) == ["n1"]


def test_a_commands_life(store: Store, clock: HandClock) -> None:
    put(store, notify("n1"))
    row = outbox.claim(store, "n1", "us", LEASE_S)
    assert row is not None
    assert (row.claimed_by, row.tries, row.done_s) == ("us", 1, None)
    assert outbox.claim(store, "n1", "them", LEASE_S) is None
    assert offered(store) == []
    assert complete(store, "n1")
    assert not complete(store, "n1"), "once"
    row = row_of(store, "n1")
    assert (row.outcome, row.done_s, row.claimed_by, row.lease_until_s) == ("sent", clock.at_s, "us", None)
    assert outbox.claim(store, "n1", "us", LEASE_S) is None


def test_whoever_holds_it_may_claim_it_again(store: Store) -> None:
    put(store, run())
    assert outbox.claim(store, run().key, "flow:1", LEASE_S) is not None
    again = outbox.claim(store, run().key, "flow:1", LEASE_S)
    assert again is not None
    assert again.tries == 2


def test_what_is_released_is_free(store: Store) -> None:
    put(store, run())
    assert outbox.claim(store, run().key, "us", LEASE_S) is not None
    assert not outbox.release(store, run().key, "them")
    assert outbox.release(store, run().key, "us")
    assert outbox.claim(store, run().key, "them", LEASE_S) is not None


def test_a_claim_that_lapsed_is_anybodys_and_cannot_be_renewed(store: Store) -> None:
    put(store, run())
    assert outbox.claim(store, run().key, "us", LEASE_S) is not None
    assert outbox.renew(store, run().key, "us", LEASE_S)
    assert not outbox.renew(store, run().key, "them", LEASE_S)
    lapse(store)
    assert not outbox.renew(store, run().key, "us", LEASE_S)
    assert offered(store) == [run().key]
    assert outbox.claim(store, run().key, "them", LEASE_S) is not None
    assert not complete(store, run().key, "us")
    assert not postpone(store, run().key, 0.0, "us")
    assert complete(store, run().key, "them")


def test_a_lease_runs_out_by_itself(store: Store, clock: HandClock) -> None:
    """By the store's lease clock: on PostgreSQL the server's, so its lease is made to last no time."""
    put(store, run())
    lease_s = LEASE_S if store.path is not None else 0.0
    assert outbox.claim(store, run().key, "us", lease_s) is not None
    clock.boot_s += LEASE_S
    assert outbox.claim(store, run().key, "them", LEASE_S) is not None


def test_the_wall_clock_ends_no_claim(store: Store, clock: HandClock) -> None:
    put(store, run())
    assert outbox.claim(store, run().key, "us", LEASE_S) is not None
    clock.at_s += 86_400
    assert outbox.claim(store, run().key, "them", LEASE_S) is None


def test_what_was_held_before_a_servers_clock_was_set_back_is_anybodys(store: Store) -> None:
    """Its lease would else last for as long as that clock was wrong."""
    put(store, run())
    assert outbox.claim(store, run().key, "us", LEASE_S) is not None
    assert lease.take(store, "engine", "us", LEASE_S)
    with store.write() as session:
        far_s = lease_now_s(session) + 3600.0
        session.exec(update(CommandRow).values(lease_until_s=far_s))
        session.exec(update(Lease).values(until_s=far_s))
    with store.read() as session:
        assert [row.key for row in outbox.claimable(session, ["Run"], orphan_s=0.0)] == [run().key]
    assert outbox.claim(store, run().key, "them", LEASE_S) is not None
    assert lease.take(store, "engine", "them", LEASE_S)
    assert outbox.claim(store, run().key, "us", LEASE_S) is None
    assert not lease.take(store, "engine", "us", LEASE_S)
    with store.read() as session:
        assert outbox.held_by(session, run().key, "us") is None
        assert not lease.still(session, "engine", "us")


def test_the_longest_lease_is_a_lease(store: Store) -> None:
    put(store, run())
    assert outbox.claim(store, run().key, "us", LEASE_MAX_S) is not None
    assert lease.take(store, "engine", "us", LEASE_MAX_S)
    assert outbox.claim(store, run().key, "them", LEASE_S) is None
    assert not lease.take(store, "engine", "them", LEASE_S)


def test_messages_of_an_incident_to_one_recipient_are_told_in_order(store: Store, clock: HandClock) -> None:
    put(store, notify("fault"), notify("fault-hanako", "hanako"), notify("recovered"), notify("other", incident="INC-000002"))
    assert offered(store) == ["fault", "fault-hanako", "other"]
    assert outbox.claim(store, "recovered", "us", LEASE_S) is None
    assert outbox.claim(store, "fault", "us", LEASE_S) is not None
    assert outbox.claim(store, "recovered", "us", LEASE_S) is None, "not while the first is being sent"
    assert postpone(store, "fault", 60.0)
    assert offered(store) == ["fault-hanako", "other"]
    assert outbox.claim(store, "recovered", "us", LEASE_S) is None, "not while the first waits to be tried again"
    assert outbox.claim(store, "fault", "us", LEASE_S) is None, "not yet"
    clock.at_s += 60
    again = outbox.claim(store, "fault", "us", LEASE_S)
    assert again is not None
    assert (again.tries, again.detail) == (2, "refused: 450")
    assert complete(store, "fault")
    assert outbox.claim(store, "recovered", "us", LEASE_S) is not None


def test_an_operator_and_a_contact_of_the_same_id_do_not_wait_for_each_other(store: Store) -> None:
    put(store, notify("fault"), replace(notify("page"), audience="operator"))
    assert offered(store) == ["fault", "page"]


def of(key: str, customer: str, **changes: Any) -> Notify:
    return replace(notify(key, incident=f"INC-{key}"), facts={"customer": customer}, **changes)


def test_messages_are_offered_by_recipient_and_channel(store: Store, clock: HandClock) -> None:
    put(store, of("a1", "acme"), of("b1", "bell"), of("a2", "acme"), of("hook", "acme", audience="operator", channel="webhook"))
    with store.read() as session:
        assert outbox.messages(session, "mail", 0, 10) == {
            "mail/customer/acme/taro": ["a1", "a2"],
            "mail/customer/bell/taro": ["b1"],
        }
        assert outbox.messages(session, "webhook", 0, 10) == {"webhook/operator//taro": ["hook"]}
        assert outbox.messages(session, "mail", 0, 1) == {"mail/customer/acme/taro": ["a1"]}


def test_what_was_sent_to_a_recipient_of_late(store: Store, clock: HandClock) -> None:
    """A digest counts once; what was refused, or went to somebody else of that id, not at all."""
    put(store, *(of(key, "acme") for key in ("old", "d1", "d2", "one", "refused", "waiting")), of("bell", "bell"))
    put(store, of("page", "acme", audience="operator"))
    for key in ("old", "d1", "d2", "one", "refused", "bell", "page"):
        assert outbox.claim(store, key, "us", LEASE_S) is not None
    for later_s, keys, outcome in (
        (0, ["old"], "sent"),
        (50, ["d1", "d2"], "sent"),
        (10, ["one", "bell", "page"], "sent"),
        (1, ["refused"], "failed"),
    ):
        clock.at_s += later_s
        with store.write() as session:
            for key in keys:
                assert outbox.complete(session, key, "us", outcome, f"queued as {keys[0]}", clock.at_s)
    with store.read() as session:
        assert sorted(outbox.sent_s(session, of("", "acme").to, clock.at_s - 60)) == [clock.at_s - 11, clock.at_s - 1]


def test_the_last_minute_is_found_without_reading_the_years_before(tmp_path: Path, clock: HandClock) -> None:
    """What the storm rule asks before every mail."""
    store = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
    store.migrate()
    asked: list[str] = []
    with store.read() as session:
        event.listen(session.get_bind(), "before_cursor_execute", lambda *said: asked.append(said[2]))
        outbox.sent_s(session, "mail/customer/acme/taro", 1.0)
        [plan] = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}", ("a", 1.0, "sent")).all()[:1]
    assert "USING INDEX command_to (to=? AND done_s>?)" in plan[3]
    store.close()


def test_messages_without_an_incident_do_not_wait_for_each_other(store: Store) -> None:
    put(store, notify("one", incident=None), notify("two", incident=None))
    assert offered(store) == ["one", "two"]


def test_what_somebody_is_preferred_for_is_offered_when_it_was_left_lying(store: Store, clock: HandClock) -> None:
    put(store, run(prefer="flow:1"), notify("n1"))
    assert offered(store, orphan_s=10.0) == ["n1"]
    assert offered(store, orphan_s=0.0) == [run().key, "n1"]
    clock.at_s += 9.9
    assert offered(store, orphan_s=10.0) == ["n1"]
    clock.at_s += 0.1
    assert offered(store, orphan_s=10.0) == [run().key, "n1"]


def test_only_asked_for_kinds_are_offered(store: Store) -> None:
    put(store, run(), notify("n1"))
    with store.read() as session:
        assert [row.key for row in outbox.claimable(session, ["Run"], 0)] == [run().key]


def _claim(number: int, url: str) -> Any:
    store = opened(url)
    row = outbox.claim(store, "n1", f"process-{number}", LEASE_S)
    store.close()
    return row.claimed_by if row is not None else None


def test_of_twenty_processes_that_claim_one_wins(real_store: Store, store_url: str) -> None:
    put(real_store, notify("n1"))
    winners = [winner for winner in race(20, _claim, store_url) if winner is not None]
    assert len(winners) == 1
    assert row_of(real_store, "n1").claimed_by == winners[0]


@pytest.mark.parametrize("key", ["nothing-of-this-key"])
def test_what_is_not_there_cannot_be_claimed_or_done(store: Store, key: str) -> None:
    assert outbox.claim(store, key, "us", LEASE_S) is None
    assert not complete(store, key)
