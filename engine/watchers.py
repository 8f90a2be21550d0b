"""Notices watchers that have fallen silent: what they watched is UNKNOWN until they speak again (C52)."""

from sqlmodel import Session, select

from domain import events as ev
from domain.model import DEFAULT_WATCHER, Policy
from engine.context import Context
from engine.situation import open_hosts
from engine.tick import demand_lease
from store import inbox, policies
from store.tables import WatcherRow

NEVER_S = 0.0


def expected(session: Session, policy: Policy | None) -> dict[str, float]:
    """Each watcher that has something to look at, by name: when it was last heard of."""
    seen = {row.name: row.seen_s for row in session.exec(select(WatcherRow)).all()}
    names = policy.watchers() if policy is not None else seen.keys()
    return {name: seen.get(name, NEVER_S) for name in sorted(names or {DEFAULT_WATCHER})}


class WatcherGuard:
    """One pass of ``once`` tells of each silence once. It compares only its own CLOCK_BOOTTIME readings, so that a step of
    the wall clock is no silence. Raises ``LeaseLostError`` when ``holder`` does not decide any more."""

    def __init__(self, context: Context, holder: str) -> None:
        self._context = context
        self._holder = holder
        self._heard: dict[str, tuple[float, float]] = {}
        self._told: set[str] = set()

    @property
    def silent(self) -> frozenset[str]:
        """Those that are missed now."""
        return frozenset(self._told)

    def once(self) -> None:
        boot_s = self._context.clock.boottime_s()
        with self._context.store.read() as session:
            policy = policies.current(session)
            seen = expected(session, policy)
        for name, seen_s in seen.items():
            before = self._heard.get(name)
            if before is None or before[0] != seen_s:
                self._heard[name] = (seen_s, boot_s)
                self._told.discard(name)
            elif boot_s - before[1] > self._context.settings.watcher_silent_s and name not in self._told:
                self._told.add(name)
                self._tell(name, seen_s, policy)

    def _tell(self, name: str, seen_s: float, policy: Policy | None) -> None:
        now_s = self._context.clock.now_s()
        with self._context.store.write() as session:
            demand_lease(session, self._holder)
            inbox.insert(session, ev.WatcherSilent(id=f"silent/{name}/{seen_s!r}", at_s=now_s, watcher=name))
            for host in [host for host in open_hosts(session) if policy is None or policy.watcher_of(host) == name]:
                inbox.insert(session, ev.EvidenceLost(id=f"silent/{name}/{seen_s!r}/{host}", at_s=now_s, host=host))
