"""How things stand, as OpenMetrics: check states, incidents, watchers and queues, read from the store when it is asked."""

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlmodel import Session, col, func, select

from domain.mass import is_segment
from domain.model import Policy
from domain.observation import Verdict
from engine.context import Context
from engine.tick import LEASE, VERSION
from engine.watchers import NEVER_S, expected
from store import inbox, policies
from store.db import lease_now_s
from store.tables import CommandRow, Inbox, IncidentRow, Lease, VerdictRow, WatcherRow

CONTENT_TYPE = CONTENT_TYPE_LATEST


def text(context: Context) -> bytes:
    """The exposition, of one moment. Raises the store's errors."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Store(context))
    found: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]  # the library types all but this
    return found


class _Store:
    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        with self._context.store.read() as session:
            policy = policies.current(session)
            yield _about(policy)
            yield from _checks(session, policy)
            yield _incidents(session)
            yield from _watchers(session, policy, self._context.clock.now_s())
            yield from _work(session)


def _about(policy: Policy | None) -> Metric:
    labels = {"version": VERSION, "inventory": policy.version[:12] if policy is not None else ""}
    return InfoMetricFamily("hikeshi", "The program, and the inventory in force", labels)


def _checks(session: Session, policy: Policy | None) -> Iterable[Metric]:
    """Of what can't be judged there is no ``hikeshi_check_up``: neither 1 nor 0 would be true."""
    up = GaugeMetricFamily(
        "hikeshi_check_up", "1: up, 0: down; none while it is unknown", labels=["customer", "host", "check", "kind"]
    )
    counted = GaugeMetricFamily("hikeshi_checks", "Checks by what is known of them", labels=["state"])
    states: Counter[str] = Counter()
    verdicts = dict(session.exec(select(VerdictRow.check, VerdictRow.verdict)).all())
    for host in policy.hosts.values() if policy is not None else ():
        for check in host.checks:
            verdict = verdicts.get(check.id, "never looked at")
            states[verdict] += 1
            if verdict in {Verdict.UP, Verdict.DOWN}:
                labels = [host.customer, host.id, check.id.partition("/")[2], check.kind]
                up.add_metric(labels, float(verdict == Verdict.UP))
    for state in (*Verdict, "never looked at"):
        counted.add_metric([str(state)], states[state])
    return up, counted


def _incidents(session: Session) -> Metric:
    found = GaugeMetricFamily("hikeshi_open_incidents", "Open incidents by level, mass outages apart", labels=["level"])
    rows = session.exec(select(IncidentRow.host, IncidentRow.level).where(col(IncidentRow.closed_at_s).is_(None))).all()
    levels = Counter("mass outage" if is_segment(host) else str(level) for host, level in rows)
    for level in ("2", "3", "4", "5", "mass outage"):
        found.add_metric([level], levels[level])
    return found


def _watchers(session: Session, policy: Policy | None, now_s: float) -> Iterable[Metric]:
    heard = GaugeMetricFamily(
        "hikeshi_watcher_heard_seconds", "Time since the watcher was heard of; none if never", labels=["watcher"], unit="seconds"
    )
    lag = GaugeMetricFamily("hikeshi_watcher_lag_seconds", "How late its latest looks began", labels=["watcher"], unit="seconds")
    lags_ms = dict(session.exec(select(WatcherRow.name, WatcherRow.lag_ms)).all())
    for name, seen_s in expected(session, policy).items():
        if seen_s != NEVER_S:
            heard.add_metric([name], max(0.0, now_s - seen_s))
            lag.add_metric([name], lags_ms.get(name, 0.0) / 1000)
    return heard, lag


def _work(session: Session) -> Iterable[Metric]:
    lease = session.get(Lease, LEASE)
    decides = lease is not None and lease.until_s > lease_now_s(session)
    yield GaugeMetricFamily("hikeshi_engine_decides", "1 while an engine holds the lease", value=float(decides))
    waiting = session.exec(select(func.count()).select_from(Inbox).where(col(Inbox.decided).is_(False))).one()
    yield GaugeMetricFamily("hikeshi_events_waiting", "Events that are not decided yet", value=waiting)
    yield GaugeMetricFamily("hikeshi_events_set_aside", "Events that could not be decided", value=inbox.count_set_aside(session))
    commands = GaugeMetricFamily("hikeshi_commands_waiting", "Commands that are not done yet", labels=["kind"])
    open_ = select(CommandRow.kind, func.count()).where(col(CommandRow.done_s).is_(None)).group_by(CommandRow.kind)
    found = dict(session.exec(open_).all())
    for kind in sorted({"Notify", "Run", "Look", "Report", *found}):
        commands.add_metric([kind], found.get(kind, 0))
    yield commands
