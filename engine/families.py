"""Whose parent is down or back again: those that hang on it are judged anew at once (C53)."""

from collections import defaultdict
from functools import partial

from sqlmodel import Session, col, select

from domain.behind import above, lost_since_s, parents_of
from domain.model import Policy
from domain.state import HostState
from engine.situation import state_of
from store.tables import HostRow


class Families:
    """Asked within the transaction of a decision about any host."""

    def __init__(self) -> None:
        self._children: tuple[str, dict[str, list[str]]] = ("", {})

    def judge_again(self, session: Session, policy: Policy, before: HostState, after: HostState, now_s: float) -> None:
        """If the host is lost now and was not, or the other way round: what hangs on it, and has a fault that is told or kept
        aside, is due at once, each host in a transaction of its own."""
        host = policy.hosts.get(after.host)
        if host is None or (lost_since_s(host, before) is None) is (lost_since_s(host, after) is None):
            return
        for child in self._of(policy).get(after.host, ()):
            row = session.get(HostRow, child)
            if row is not None and _concerned(state_of(session, child)):
                row.next_due_s = now_s

    def _of(self, policy: Policy) -> dict[str, list[str]]:
        """What hangs on each host, through whatever lies between."""
        if self._children[0] != policy.version:
            children = defaultdict(list)
            for host in policy.hosts.values():
                for parent in parents_of(policy, host):
                    children[parent.id].append(host.id)
            self._children = (policy.version, dict(children))
        return self._children[1]


def behind(session: Session, policy: Policy) -> dict[str, list[str]]:
    """Which hosts are recorded as unreachable behind each host that is down (C53)."""
    found = defaultdict(list)
    written = col(HostRow.state).contains('"behind":{')  # as the codec writes it
    for name in session.exec(select(HostRow.host).where(written).order_by(col(HostRow.host))):
        host = policy.hosts.get(name)
        over = above(policy, host, partial(state_of, session)) if host is not None else None
        if over is not None and over.down:
            found[over.down].append(name)
    return dict(found)


def _concerned(child: HostState) -> bool:
    return child.incident is not None or child.behind is not None
