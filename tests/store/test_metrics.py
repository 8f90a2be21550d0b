"""What others may read of how things stand: as OpenMetrics, for who has the token."""

import asyncio
from pathlib import Path

import httpx
import pytest
from deciding import Deciding
from hand_clock import HandClock
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sample_policy import CUSTOMER, HOST

from domain.observation import Verdict
from engine import metrics
from engine.ingress import application
from store.db import Store
from store.tables import WatcherRow

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Desk(Deciding):
    """An engine, and the ingress before it."""

    def get(self, **headers: str) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(application(self.context))) as client:
                return await client.get("http://ingress/metrics", headers=headers)

        return asyncio.run(answer())

    def samples(self) -> Samples:
        families = text_string_to_metric_families(metrics.text(self.context).decode())  # type: ignore[no-untyped-call]  # as it is
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples
        }

    @property
    def token(self) -> str:
        return self.context.settings.metrics_token.read_text(encoding="ascii").strip()


@pytest.fixture
def desk(store: Store, clock: HandClock, tmp_path: Path) -> Desk:
    return Desk(store, clock, tmp_path)


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def test_checks_that_can_be_judged_are_up_or_down_and_all_are_counted(desk: Desk) -> None:
    before = desk.samples()
    unseen = value(before, "hikeshi_checks", state="never looked at")
    assert unseen is not None
    desk.happens(desk.verdict("e1", "http"), desk.verdict("e2", "ssh", Verdict.UP), desk.verdict("e3", "ping", Verdict.UNKNOWN))
    after = desk.samples()
    host = {"customer": CUSTOMER, "host": HOST}
    assert value(after, "hikeshi_check_up", **host, check="http", kind="http") == 0
    assert value(after, "hikeshi_check_up", **host, check="ssh", kind="ssh") == 1
    assert value(after, "hikeshi_check_up", **host, check="ping", kind="ping") is None
    assert [value(after, "hikeshi_checks", state=state) for state in ("up", "down", "unknown")] == [1, 1, 1]
    assert value(after, "hikeshi_checks", state="never looked at") == unseen - 3
    assert value(after, "hikeshi_open_incidents", level="4") == 1


def test_queues_watchers_and_the_engine(desk: Desk) -> None:
    with desk.context.store.write() as session:
        session.merge(WatcherRow(name="watcher", seen_s=desk.context.clock.now_s() - 7, lag_ms=120.0))
    desk.happens(desk.verdict("e1", "http"))
    found = desk.samples()
    assert value(found, "hikeshi_watcher_heard_seconds", watcher="watcher") == pytest.approx(7)
    assert value(found, "hikeshi_watcher_lag_seconds", watcher="watcher") == pytest.approx(0.12)
    assert value(found, "hikeshi_engine_decides") == 1
    assert value(found, "hikeshi_events_waiting") == 0
    assert (value(found, "hikeshi_commands_waiting", kind="Notify") or 0) > 0


def test_they_are_shown_to_who_has_the_token(desk: Desk) -> None:
    assert desk.get().status_code == 401
    refused = desk.get(Authorization="Bearer guessed")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert b"hikeshi_" not in refused.content
    shown = desk.get(Authorization=f"Bearer {desk.token}")
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, metrics.CONTENT_TYPE)
    assert shown.text.endswith("# EOF\n")
    assert desk.context.settings.metrics_token.stat().st_mode & 0o777 == 0o600


def test_a_token_that_others_can_read_opens_nothing(desk: Desk) -> None:
    desk.get()
    given = f"Bearer {desk.token}"
    desk.context.settings.metrics_token.chmod(0o644)
    assert desk.get(Authorization=given).status_code == 503
    desk.context.settings.metrics_token.write_text("", encoding="ascii")
    desk.context.settings.metrics_token.chmod(0o600)
    assert desk.get(Authorization="Bearer ").status_code == 503, "no token is not the empty one"
