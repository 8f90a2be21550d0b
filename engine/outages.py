"""Notices, with every decision about a host, whether so many of its segment are lost that the cause lies elsewhere (R26)."""

from collections import Counter

from sqlalchemy import update
from sqlmodel import Session, col

from domain import events as ev
from domain import mass
from domain.model import FaultClass, Policy
from domain.state import HostState
from engine.situation import open_hosts, state_of
from store import segments
from store.tables import HostRow

Turn = ev.MassOutageBegan | ev.MassOutageEnded


class Outages:
    """Asked within the transaction of a decision: what it finds is decided in the same one, so that whoever asks for leave
    afterwards already meets it, and no crash makes two of one. It costs what has changed, however many hosts there are."""

    def __init__(self) -> None:
        self._sizes: tuple[str, Counter[str]] = ("", Counter())

    def turns(self, session: Session, policy: Policy, host: str, state: HostState, now_s: float) -> list[Turn]:
        """What the decided state of a host (or of a segment) makes of the outages, each with an id of its own."""
        concerned: tuple[str, ...]
        if mass.is_segment(host):  # the inventory may have changed under it
            concerned = (mass.segment_of(host),) if state.incident is not None else ()
        else:
            watched = policy.hosts.get(host)
            segment = watched.segment if watched is not None else None
            concerned = segments.note(session, host, segment, mass.unreachable(state), now_s)
        found = [self._turn(session, policy, segment, now_s) for segment in concerned]
        return [turn for turn in found if turn is not None]

    def _turn(self, session: Session, policy: Policy, segment: str, now_s: float) -> Turn | None:
        rule, hosts = policy.limits.mass_outage, self._size(policy, segment)
        name = mass.of_segment(segment)
        outage = state_of(session, name).incident
        if outage is None:
            lost = segments.count(session, segment, now_s - rule.within_s)
            if not mass.begins(rule, hosts, lost):
                return None
            return ev.MassOutageBegan(id=f"{name}/{now_s!r}", at_s=now_s, host=name, unreachable=lost, hosts=hosts)
        lost = segments.count(session, segment)
        if not mass.ends(rule, hosts, lost):
            return None
        return ev.MassOutageEnded(id=f"{outage.id}/over", at_s=now_s, host=name, unreachable=lost, hosts=hosts)

    def _size(self, policy: Policy, segment: str) -> int:
        """How many hosts of a segment are watched for whether they can be reached."""
        if self._sizes[0] != policy.version:
            watched = (
                host.segment
                for host in policy.hosts.values()
                if any(check.fault_class is FaultClass.SERVER for check in host.checks)
            )
            self._sizes = (policy.version, Counter(watched))
        return self._sizes[1][segment]


def judge_again(session: Session, policy: Policy, segment: str, now_s: float) -> None:
    """After an outage: what was held back is due at once, each host in a transaction of its own."""
    held_back = [name for name in open_hosts(session) if name in policy.hosts and policy.hosts[name].segment == segment]
    for first in range(0, len(held_back), 500):  # SQLite's bound on parameters
        some = held_back[first : first + 500]
        session.exec(update(HostRow).where(col(HostRow.host).in_(some)).values(next_due_s=now_s))
