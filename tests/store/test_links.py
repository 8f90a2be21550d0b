"""Links in pages: what they are bound to, how long they are good, and what whoever has one may see and do."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from deciding import Deciding
from hand_clock import HandClock
from sample_policy import policy

from domain.commands import Notify
from domain.model import Mode
from domain.observation import Verdict
from engine.ingress import application
from engine.links import LIFE_S, Ack, ack_url, page_url, read_ack
from store.codec import decode
from store.db import Store

INCIDENT = "INC-000001"


class WaitingClock(HandClock):
    """While somebody waits, the engine decides."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.meanwhile()


class Desk(Deciding):
    """An engine, and the ingress before it."""

    def get(self, url: str) -> httpx.Response:
        return self._ask("GET", url)

    def post(self, url: str) -> httpx.Response:
        return self._ask("POST", url)

    def _ask(self, method: str, url: str) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(application(self.context))) as client:
                return await client.request(method, url)

        return asyncio.run(answer())

    def breaks(self, event_id: str) -> str:
        """The web server fails and people are paged; the link in the last page."""
        self.happens(self.verdict(event_id, "http"))
        return self.links()[-1]

    def links(self) -> list[str]:
        """Those of all pages to the first operator."""
        pages = [row for row in self.commands("Notify") if row.key.endswith("/page/mail/first")]
        return [page_url(self.context.settings, decode(Notify, row.payload)) for row in pages]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = WaitingClock()
    with closing(Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)) as store:
        store.migrate()
        made = Desk(store, clock, tmp_path, policy(mode=Mode.OFF))
        clock.meanwhile = made.decide
        yield made


def test_a_link_takes_the_incident_and_the_same_page_has_the_same(desk: Desk) -> None:
    link = desk.breaks("e1")
    assert desk.links() == [link]
    desk.clock.sleep(600)
    assert "for first" in desk.get(link).text
    assert desk.incident is not None
    assert desk.incident.acknowledged_by is None, "looking is not taking"
    assert "It is yours" in desk.post(link).text
    assert desk.incident.acknowledged_by == "first"


def test_a_link_from_before_the_incident_was_reopened_takes_nothing(desk: Desk) -> None:
    old = desk.breaks("e1")
    desk.clock.sleep(60)
    desk.happens(desk.verdict("e2", "http", Verdict.UP))
    desk.clock.sleep(60)
    new = desk.breaks("e3")
    assert desk.incident is not None
    assert desk.incident.id == INCIDENT
    shown = desk.get(old)
    assert ("was reopened since this page" in shown.text, "<form" in shown.text) == (True, False)
    refused = desk.post(old)
    assert (refused.status_code, "was reopened since this page" in refused.text) == (409, True)
    assert desk.incident.acknowledged_by is None
    assert desk.post(new).status_code == 200
    assert desk.incident.acknowledged_by == "first"


def test_a_link_of_the_first_round_is_good_in_the_second(desk: Desk) -> None:
    first = desk.breaks("e1")
    for _ in range(3):
        due_s = desk.due_s()
        assert due_s is not None
        desk.clock.sleep(max(0.0, due_s - desk.clock.at_s))
        desk.decide()
    assert len(desk.links()) == 2
    assert desk.post(first).status_code == 200


def test_a_link_that_has_expired_says_so(desk: Desk) -> None:
    link = desk.breaks("e1")
    desk.clock.sleep(LIFE_S)
    assert desk.get(link).status_code == 200
    desk.clock.sleep(1)
    for answer in (desk.get(link), desk.post(link)):
        assert (answer.status_code, "this link has expired" in answer.text) == (410, True)
    assert desk.incident is not None
    assert desk.incident.acknowledged_by is None


def test_every_page_is_kept_nowhere_framed_nowhere_and_tells_nobody_its_address(desk: Desk) -> None:
    link = desk.breaks("e1")
    for path in (link, f"{link}x", f"{desk.context.settings.ingress_url}/health"):
        headers = desk.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policies = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
        none = ("default-src", "base-uri", "frame-ancestors")
        assert {name: policies[name] for name in none} == dict.fromkeys(none, "'none'")
        assert policies["form-action"] == "'self'"
        assert "Set-Cookie" not in headers


def test_the_key_is_its_owners(desk: Desk) -> None:
    settings = desk.context.settings
    said = Ack(INCIDENT, "first", 7, 1.0)
    assert read_ack(settings, ack_url(settings, said).rpartition("/")[2], 2.0) == said
    assert (settings.home / "ingress.key").stat().st_mode & 0o777 == 0o600


def test_a_clock_that_is_set_makes_no_link_of_an_open_page_useless(desk: Desk) -> None:
    link = desk.breaks("e1")
    desk.clock.at_s += 3600
    desk.decide()
    assert desk.post(link).status_code == 200
