"""Approvals, rehearsals, outcomes and lowerings as rows; judged anew at admission, in its transaction (R26)."""

import pytest
from store_samples import NOW_S, accept, ask, policy, run, working

from domain.events import Event, RunbookApproved, RunbookRaised, RunbookRehearsed, RunbookRevoked
from domain.reasons import Code
from domain.trust import PROJECT, End, Learnt, Rate
from runbooks.approvals import shipped
from store import trust
from store.db import Store

RESTART = "restart-service"
SHIPPED = (RESTART, shipped()[RESTART].version)


def said(store: Store, *events: Event) -> None:
    with store.write() as session:
        for event in events:
            trust.apply(session, event)


def revoked(version: str = SHIPPED[1], event_id: str = "r") -> RunbookRevoked:
    return RunbookRevoked(id=event_id, at_s=NOW_S, runbook=RESTART, version=version, by="first", reason="doubts")


def approved(version: str = SHIPPED[1], event_id: str = "a") -> RunbookApproved:
    return RunbookApproved(id=event_id, at_s=NOW_S, runbook=RESTART, version=version, by="first", reason="seen")


def learnt(end: End, key: str = "web01/run", customer: str = "acme") -> Learnt:
    return Learnt(
        run=key, runbook=RESTART, version="v", customer=customer, host="web01", incident="INC-000001", end=end, at_s=NOW_S,
        check="web01/http",
    )  # fmt: skip


def versions(store: Store) -> frozenset[tuple[str, str]]:
    with store.read() as session:
        return trust.approved(session)


def test_steps_that_no_rehearsal_has_reached_are_known(store: Store) -> None:
    def made(name: str, version: str, *unreached: str) -> RunbookRehearsed:
        return RunbookRehearsed(
            id=name, at_s=NOW_S, runbook=RESTART, version=version, fault="dead", passed=True, unreached=unreached
        )

    def left(version: str) -> tuple[str, ...]:
        with store.read() as session:
            return trust.never_rehearsed(session, RESTART, version)

    assert left("v") == ()
    said(store, made("one", "v", "reboot", "rescue", "fsck"), made("other", "w"))
    assert left("v") == ("reboot", "rescue", "fsck")
    said(store, made("two", "v", "rescue", "fsck"))
    assert (left("v"), left("w")) == (("rescue", "fsck"), ())


def test_what_is_shipped_is_approved_until_somebody_revokes_it(store: Store) -> None:
    assert SHIPPED in versions(store)
    said(store, revoked())
    assert SHIPPED not in versions(store)
    said(store, revoked(event_id="again"))
    with store.read() as session:
        (row,) = trust.approvals(session, RESTART)
    assert (row.approved_by, row.revoked_by, row.revoke_reason) == (PROJECT, "first", "doubts")
    said(store, approved())
    assert SHIPPED in versions(store)
    said(store, revoked(event_id="once more"))
    assert SHIPPED not in versions(store)


def test_an_approval_is_of_one_version_and_counts_once(store: Store) -> None:
    said(store, approved("mine"), approved("mine"), revoked("another"))
    assert (RESTART, "mine") in versions(store)
    said(store, revoked("mine", "r2"))
    assert (RESTART, "mine") not in versions(store)


def test_rehearsals_are_kept_with_how_they_ended(store: Store) -> None:
    for number, passed in enumerate((False, True)):
        made = RunbookRehearsed(id=f"h{number}", at_s=NOW_S + number, runbook=RESTART, version="v", fault="dead", passed=passed)
        said(store, made, made)
    with store.read() as session:
        assert [row.passed for row in trust.rehearsals(session, RESTART, "v")] == [False, True]
        assert trust.rehearsals(session, RESTART, "w") == []


def test_a_cure_that_did_not_last_lowers_for_its_customer_until_it_is_raised(store: Store) -> None:
    with store.write() as session:
        trust.learn(session, [learnt(End.FIXED), learnt(End.FIXED, "other"), learnt(End.NOT_FIXED, "third")])
        trust.learn(session, [learnt(End.REFAILED)])
    with store.read() as session:
        assert trust.trust_for(session, "acme").lowered == {RESTART}
        assert trust.trust_for(session, "another").lowered == frozenset()
        assert trust.rates(session) == {(RESTART, "acme"): Rate(fixed=1, not_fixed=1, refailed=1)}
        (row,) = trust.lowered(session)
    assert (row.run, row.check, row.incident) == ("web01/run", "web01/http", "INC-000001")
    said(store, RunbookRaised(id="x", at_s=NOW_S, runbook=RESTART, customer="another", by="first", reason="no"))
    said(store, RunbookRaised(id="y", at_s=NOW_S, runbook="reboot", customer="acme", by="first", reason="no"))
    with store.read() as session:
        assert trust.trust_for(session, "acme").lowered == {RESTART}
    said(store, RunbookRaised(id="z", at_s=NOW_S, runbook=RESTART, customer="acme", by="first", reason="seen why"))
    with store.read() as session:
        assert trust.trust_for(session, "acme").lowered == frozenset()


@pytest.mark.parametrize("asked_by", ["engine", "first"])
def test_what_is_revoked_or_lowered_after_the_decision_is_refused_at_admission(store: Store, asked_by: str) -> None:
    """What a person asked for by name is that person's judgement."""
    (command,) = working(store, requested_by=asked_by)
    said(store, revoked())
    engines = asked_by == "engine"
    assert ask(store, command, step="one").code is (Code.GATE_RUNBOOK_UNAPPROVED if engines else Code.ADMITTED)
    if engines:
        said(store, approved())
        with store.write() as session:
            trust.learn(session, [learnt(End.REFAILED, "an earlier run")])
        assert ask(store, command, step="two").code is Code.GATE_RUNBOOK_LOWERED
        said(store, RunbookRaised(id="z", at_s=NOW_S, runbook=RESTART, customer="acme", by="first", reason="seen why"))
        assert ask(store, command, step="three").code is Code.ADMITTED


def test_an_edited_runbook_is_not_what_a_run_was_decided_for(store: Store) -> None:
    """The run follows the version it was decided under, and that is the one that must be approved."""
    (command,) = working(store, policy="edited")
    edited = policy(version="edited", procedures={})
    accept(store, edited)
    assert ask(store, command).code is Code.GATE_RUNBOOK_UNAPPROVED
    assert run().runbook == RESTART
