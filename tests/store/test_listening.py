"""What comes in of reports and alerts: who may say what, of which check, and what is kept of it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from deciding import Deciding
from hand_clock import HandClock
from sample_policy import HOST, check, policy

from domain.model import FaultClass, Level
from engine.ingress import application
from engine.links import report_url
from engine.listening import MAX_BODY_BYTES
from engine.watching import StoreDesk
from probes.spec import Heard
from store.db import Store


class Desk(Deciding):
    """An engine, and the ingress before it."""

    def ask(self, method: str, url: str, content: bytes = b"", **headers: str) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(application(self.context))) as client:
                return await client.request(method, url, content=content, headers=headers)

        return asyncio.run(answer())

    def sends(self, *alerts: dict[str, Any], **changes: Any) -> httpx.Response:
        """As Alertmanager does."""
        body = {"version": "4", "status": "firing", "receiver": "hikeshi", "groupKey": "{}", "alerts": alerts, **changes}
        self.ask("POST", "http://ingress/alerts")  # makes the token
        token = self.context.settings.alerts_token.read_text(encoding="ascii").strip()
        return self.ask("POST", "http://ingress/alerts", json.dumps(body).encode(), Authorization=f"Bearer {token}")

    def heard(self) -> dict[str, list[Heard]]:
        return {name: list(said) for name, said in StoreDesk(self.store, "watcher").heard().items()}


def listening(name: str, kind: str, **options: object) -> Any:
    return replace(check(name, Level.SERVICE_DOWN, FaultClass.SERVICE), kind=kind, options=options)


@pytest.fixture
def desk(store: Store, clock: HandClock, tmp_path: Path) -> Desk:
    checks = (
        listening("backup", "heartbeat", period=86_400.0),
        listening("full", "alert", match={"alertname": "DiskFull", "instance": "web01"}),
        listening("any", "alert", match={"alertname": "DiskFull"}),
    )
    return Desk(store, clock, tmp_path, policy(checks=checks))


def alert(name: str = "DiskFull", status: str = "firing", fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": "89 %\nfull"},
        "startsAt": "2026-01-02T03:04:05.6789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }


class TestReports:
    def test_the_last_report_counts_also_where_the_clock_was_set_back(self, desk: Desk) -> None:
        url = report_url(desk.context.settings, f"{HOST}/backup")
        desk.ask("POST", url)
        desk.clock.at_s -= 3600
        desk.ask("POST", f"{url}/fail")
        assert desk.heard() == {f"{HOST}/backup": [Heard("", desk.clock.at_s, "failed", "")]}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_job_reports_at_its_url(self, desk: Desk, method: str) -> None:
        url = report_url(desk.context.settings, f"{HOST}/backup")
        answer = desk.ask(method, url)
        assert (answer.status_code, answer.json()) == (200, {"check": f"{HOST}/backup", "heard": "ok"})
        assert desk.heard() == {f"{HOST}/backup": [Heard("", desk.clock.at_s, "ok", "")]}
        desk.clock.sleep(60)
        desk.ask(method, f"{url}/fail")
        assert desk.heard() == {f"{HOST}/backup": [Heard("", desk.clock.at_s, "failed", "")]}

    def test_a_url_that_is_not_ours_is_refused(self, desk: Desk) -> None:
        url = report_url(desk.context.settings, f"{HOST}/backup")
        for forged in (url[:-1], url.replace("/report/", "/report/x"), "http://ingress/report/x"):
            assert desk.ask("POST", forged).status_code == 400
        assert desk.heard() == {}

    @pytest.mark.parametrize("name", ["gone", "full"])
    def test_only_a_heartbeat_check_of_the_inventory_is_reported_for(self, desk: Desk, name: str) -> None:
        answer = desk.ask("POST", report_url(desk.context.settings, f"{HOST}/{name}"))
        assert (answer.status_code, f"{HOST}/{name} is no heartbeat check" in answer.text) == (404, True)


class TestAlerts:
    def test_what_fires_is_heard_by_each_check_that_it_matches(self, desk: Desk) -> None:
        answer = desk.sends(alert(instance="web01"), alert(instance="web02", fingerprint="f2"), alert("Other"))
        assert (answer.status_code, answer.json()) == (200, {"taken": 2, "of_no_check": 1})
        now_s = desk.clock.at_s
        first, second = (Heard(about, now_s, "firing", "89 % full") for about in ("f1", "f2"))
        assert desk.heard() == {f"{HOST}/any": [first, second], f"{HOST}/full": [first]}

    def test_what_has_ended_is_over_for_that_one_alone(self, desk: Desk) -> None:
        desk.sends(alert(instance="web01"), alert(instance="web02", fingerprint="f2"))
        desk.sends(alert(status="resolved", instance="web01"))
        assert {name: [said.about for said in heard] for name, heard in desk.heard().items()} == {f"{HOST}/any": ["f2"]}

    def test_without_a_fingerprint_its_labels_tell_it(self, desk: Desk) -> None:
        desk.sends(alert(fingerprint="", instance="web01"), alert(fingerprint="", instance="web02"))
        assert len(desk.heard()[f"{HOST}/any"]) == 2
        desk.sends(alert(fingerprint="", status="resolved", instance="web01"))
        assert list(desk.heard()) == [f"{HOST}/any"]

    def test_only_who_has_the_token_is_heard(self, desk: Desk) -> None:
        body = json.dumps({"version": "4", "alerts": [alert()]}).encode()
        assert desk.ask("POST", "http://ingress/alerts", body).status_code == 401
        assert desk.ask("POST", "http://ingress/alerts", body, Authorization="Bearer guessed").status_code == 401
        assert desk.heard() == {}

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"version": "3"}, "version 4: version: Input should be '4'"),
            ({"alerts": [{"status": "odd", "labels": {}}]}, "alerts.0.status: Input should be 'firing' or 'resolved'"),
            ({"alerts": [{"status": "firing"}]}, "alerts.0.labels: Field required"),
            ({"alerts": [{"status": "firing", "labels": {"a": 1}}]}, "alerts.0.labels.a: Input should be a valid string"),
            ({"alerts": [alert()] * 1001}, "alerts: List should have at most 1000 items"),
        ],
    )
    def test_what_can_t_be_read_is_told_where(self, desk: Desk, changes: dict[str, Any], words: str) -> None:
        answer = desk.sends(**changes)
        assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.text

    def test_what_is_too_large_is_not_read(self, desk: Desk) -> None:
        assert desk.sends({"status": "firing", "labels": {"a": "x" * MAX_BODY_BYTES}}).status_code == 413

    def test_what_is_said_of_it_can_forge_no_line(self, desk: Desk) -> None:
        desk.sends(alert() | {"annotations": {"description": "a\r\nSubject: b\u202e" + "x" * 500}})
        [said] = desk.heard()[f"{HOST}/any"]
        assert said.detail.startswith("a Subject: b x")
        assert len(said.detail) == 200
