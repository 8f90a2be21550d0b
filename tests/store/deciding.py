"""An engine of one loop in the test's hands, on a store of its own, by a clock that is moved by hand."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hand_clock import HandClock
from sample_policy import HOST, policy
from sqlmodel import col, select
from store_samples import approve

from domain import events as ev
from domain.model import Policy
from domain.observation import Verdict
from domain.state import Incident
from engine.context import Context
from engine.settings import Settings
from engine.situation import state_of
from engine.stepping import follow
from engine.tick import LEASE, Ticker
from store import inbox, lease, policies
from store.codec import encode
from store.db import Store
from store.tables import CommandRow, Decision, HostRow, Inbox

HOLDER = "engine:1"
SOON_S = 20.0


def until(true: Callable[[], object]) -> None:
    """What another thread brings about."""
    ended = threading.Event()
    for _ in range(int(SOON_S / 0.02)):
        if true():
            return
        ended.wait(0.02)
    pytest.fail("it did not come about")


class Deciding:
    """``store`` has an inventory whose runbooks are ``approved``, and the engine its lease."""

    def __init__(
        self, store: Store, clock: HandClock, home: Path, accepted: Policy | None = None, *, approved: bool = True
    ) -> None:
        self.store, self.clock = store, clock
        self.context = Context(Settings(home=home), store, clock)
        chosen = accepted or policy()
        with store.write() as session:
            policies.accept(session, chosen.version, encode(chosen), "test", clock.at_s)
        if approved:
            approve(store, *chosen.procedures.values())
        assert lease.take(store, LEASE, HOLDER, 1e6)
        self.ticker = Ticker(self.context, HOLDER)
        follow(self.context, HOLDER)

    def told(self, *events: ev.Event) -> None:
        """They are in the inbox."""
        with self.store.write() as session:
            for event in events:
                assert inbox.insert(session, event)

    def decide(self) -> None:
        """Everything that there is to decide now, as the loop does it."""
        follow(self.context, HOLDER)
        while self.ticker.once():
            pass

    def happens(self, *events: ev.Event) -> None:
        self.told(*events)
        self.decide()

    def verdict(self, event_id: str, name: str, verdict: Verdict = Verdict.DOWN) -> ev.VerdictChanged:
        now_s = self.clock.at_s
        since_s = now_s - 120 if verdict is Verdict.DOWN else None
        return ev.VerdictChanged(
            id=event_id,
            at_s=now_s,
            host=HOST,
            check=f"{HOST}/{name}",
            verdict=verdict,
            fault_at_s=since_s,
            evidence_since_s=since_s,
            detail="connection refused",
        )

    @property
    def incident(self) -> Incident | None:
        with self.store.read() as session:
            return state_of(session, HOST).incident

    @property
    def version(self) -> str | None:
        """The accepted inventory."""
        with self.store.read() as session:
            found = policies.current(session)
        return found.version if found is not None else None

    def due_s(self, host: str = HOST) -> float | None:
        with self.store.read() as session:
            return session.exec(select(HostRow.next_due_s).where(HostRow.host == host)).one()

    def codes(self, event_id: str) -> list[str]:
        """Why this event was decided as it was."""
        with self.store.read() as session:
            rows = session.exec(
                select(Decision)
                .join(Inbox, col(Inbox.seq) == col(Decision.event_seq))
                .where(Inbox.event_id == event_id)
                .order_by(col(Decision.seq))
            )
            return [item["code"] for row in rows for item in row.reasons]

    def commands(self, kind: str) -> list[CommandRow]:
        with self.store.read() as session:
            return list(session.exec(select(CommandRow).where(CommandRow.kind == kind).order_by(col(CommandRow.seq))))
