"""What an action finds out and keeps goes to the store, as long as its run is its own."""

from pathlib import Path

import pytest
from hand_clock import HandClock
from sqlmodel import Session
from store_samples import ask, policy, working

from engine import knowing
from engine.claim import LostError
from engine.context import Context
from engine.settings import Settings
from remediation.host import INIT
from store import findings
from store.db import Store

WEB = policy().hosts["web01"]


def ours(session: Session) -> None:
    """The claim is still held."""


def lost(session: Session) -> None:
    raise LostError("somebody else goes on with it")


@pytest.fixture
def context(store: Store, clock: HandClock, tmp_path: Path) -> Context:
    return Context(Settings(home=tmp_path), store, clock)


def test_it_is_known_at_once_and_in_later_runs(context: Context) -> None:
    [run] = working(context.store)
    target = knowing.target(context, run, WEB, "restart", ours)
    assert dict(target.known) == {}
    target.remember(INIT, "sysv")
    assert dict(target.known) == {INIT: "sysv"} == dict(knowing.target(context, run, WEB, "restart", ours).known)
    assert (target.host, target.service) == (WEB, "nginx")


def test_what_is_kept_stays_with_the_incident_while_the_attempt_is_open(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    [run] = working(context.store)
    target = knowing.target(context, run, WEB, "restart", ours)
    target.keep("journal", "too early: nothing was admitted")
    assert "journal of step restart was not kept" in caplog.text
    ask(context.store, run)
    target.keep("journal", "seen")
    with context.store.read() as session:
        assert [row.text for row in findings.of_incident(session, run.incident or "")] == ["seen"]


def test_what_is_kept_holds_no_secret_whichever_action_saw_it(context: Context) -> None:
    [run] = working(context.store)
    ask(context.store, run)
    knowing.target(context, run, WEB, "restart", ours).keep("output of the command", "connecting\nDB_PASS=hunter2 refused\n")
    with context.store.read() as session:
        assert [row.text for row in findings.of_incident(session, run.incident or "")] == ["connecting\nDB_PASS=*** refused\n"]


def test_who_has_lost_the_run_writes_nothing(context: Context) -> None:
    [run] = working(context.store)
    ask(context.store, run)
    target = knowing.target(context, run, WEB, "restart", lost)
    with pytest.raises(LostError):
        target.remember(INIT, "sysv")
    with pytest.raises(LostError):
        target.keep("journal", "seen")
    with context.store.read() as session:
        assert findings.of_host(session, "web01", 1) == []
    assert dict(knowing.known(context, WEB)) == dict(target.known) == {}
