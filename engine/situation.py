"""Reads what holds now, for the pure rules: the accepted inventory; pauses, holds, approvals and the stop file over it."""

from functools import partial
from pathlib import Path

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain import behind
from domain.mass import is_segment
from domain.model import Policy
from domain.state import NOWHERE, HostState, Situation, Whereabouts
from domain.trust import NO_TRUST
from store import overlay, segments, trust, whereabouts
from store.codec import decode
from store.tables import HostRow, IncidentRow


def situation_of(session: Session, policy: Policy, host: str, stop_file: Path, state: HostState | None = None) -> Situation:
    """The situation of one host at this moment of the transaction; ``state`` knows of the run that is out."""
    holds, found = overlay.holds(session), policy.hosts.get(host)
    return Situation(
        policy=policy,
        host=found,
        pauses=(*policy.pauses, *overlay.pauses(session)),
        held=host in holds,
        held_all="" in holds,
        stop_file=stop_file.exists(),
        outage_until_s=segments.outage_until_s(session, policy, found.segment) if found is not None else None,
        new_id=f"INC-{_last_number(session) + 1:06d}",
        trust=trust.trust_for(session, found.customer) if found is not None else NO_TRUST,
        of_run=_of_run(session, state),
        above=behind.above(policy, found, partial(state_of, session)) if found is not None else None,
    )


def _of_run(session: Session, state: HostState | None) -> Whereabouts:
    run = state.out if state is not None else None
    return whereabouts.of_run(session, run.key) if run is not None else NOWHERE


def state_of(session: Session, host: str) -> HostState:
    """What the engine remembers of a host; a fresh state for one it never heard of."""
    row = session.get(HostRow, host)
    return decode(HostState, row.state) if row is not None else HostState(host)


def open_hosts(session: Session) -> list[str]:
    """Hosts that have an open incident, by name."""
    names = session.exec(select(HostRow.host).where(col(HostRow.incident).is_not(None)).order_by(col(HostRow.host)))
    return [name for name in names if not is_segment(name)]


def _last_number(session: Session) -> int:
    return session.exec(select(func.max(col(IncidentRow.number)))).one() or 0
