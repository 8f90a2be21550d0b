"""What the engine decides of runbooks, and what is in the store after it: all of one event in one transaction (R26)."""

from pathlib import Path

import pytest
from deciding import Deciding
from hand_clock import HandClock
from sample_policy import CUSTOMER, HOST, RESTART, RUNBOOKS

from domain.events import RunbookApproved, RunbookRaised, RunbookRevoked, RunEnded, RunOutcome
from domain.observation import Verdict
from domain.trust import Rate
from store import trust
from store.db import Store

VERSION = RUNBOOKS[RESTART].version


@pytest.fixture
def engine(store: Store, clock: HandClock, tmp_path: Path) -> Deciding:
    return Deciding(store, clock, tmp_path, approved=False)


def cured(engine: Deciding) -> str:
    """The service failed, and the runbook brought it back; the run's key."""
    engine.happens(engine.verdict("down", "http"))
    [run] = engine.commands("Run")
    engine.happens(
        RunEnded(id="ended", at_s=engine.clock.at_s, host=HOST, run=run.key, outcome=RunOutcome.FIXED, acted=True, by="hands:1"),
        engine.verdict("up", "http", Verdict.UP),
    )
    assert engine.incident is None
    return run.key


def approve(engine: Deciding) -> None:
    at_s = engine.clock.at_s
    engine.happens(RunbookApproved(id="approve", at_s=at_s, runbook=RESTART, version=VERSION, by="first", reason="seen"))


def test_the_engine_acts_by_it_once_somebody_answers_for_it(engine: Deciding) -> None:
    engine.happens(engine.verdict("down", "http"))
    assert "gate_runbook_unapproved" in engine.codes("down")
    assert engine.commands("Run") == []
    approve(engine)
    assert engine.codes("approve")[0] == "runbook_approved"
    engine.happens(engine.verdict("up", "http", Verdict.UP))
    engine.clock.at_s += 7200
    engine.clock.boot_s += 7200
    engine.happens(engine.verdict("again", "http"))
    assert len(engine.commands("Run")) == 1


def test_an_open_incident_hears_of_a_revocation_at_once(engine: Deciding) -> None:
    approve(engine)
    engine.happens(engine.verdict("down", "http"))
    revoked = RunbookRevoked(id="revoke", at_s=engine.clock.at_s, runbook=RESTART, version=VERSION, by="first", reason="hangs")
    engine.happens(revoked)
    assert engine.codes("revoke") == ["runbook_revoked", "runbook_revoked"], "for the system, and for the host"


def test_a_cure_is_counted_and_one_that_does_not_last_lowers_until_it_is_raised(engine: Deciding) -> None:
    approve(engine)
    run = cured(engine)
    with engine.store.read() as session:
        assert trust.rates(session) == {(RESTART, CUSTOMER): Rate(fixed=1)}
    engine.happens(engine.verdict("again", "http"))
    assert "runbook_lowered" in engine.codes("again")
    with engine.store.read() as session:
        assert trust.rates(session) == {(RESTART, CUSTOMER): Rate(refailed=1)}
        [row] = trust.lowered(session)
    assert (row.run, row.customer, row.check) == (run, CUSTOMER, f"{HOST}/http")
    assert "gate_runbook_lowered" in _smtp_fails_later(engine, "smtp")
    raised = RunbookRaised(
        id="raise", at_s=engine.clock.at_s, runbook=RESTART, customer=CUSTOMER, by="first", reason="disk replaced"
    )
    engine.happens(raised)
    assert "gate_runbook_lowered" not in _smtp_fails_later(engine, "smtp once more")
    assert len(engine.commands("Run")) == 2


def _smtp_fails_later(engine: Deciding, event: str) -> list[str]:
    """Everything is up, a cool-down passes, and another service fails."""
    for name in ("http", "smtp"):
        engine.happens(engine.verdict(f"{event}: {name} is up", name, Verdict.UP))
    engine.clock.at_s += 7200
    engine.clock.boot_s += 7200
    engine.happens(engine.verdict(event, "smtp"))
    return engine.codes(event)
