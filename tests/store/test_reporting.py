"""Whose report it is, and of what, when the inventory changes before it is written."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from deciding import Deciding
from hand_clock import HandClock
from sample_policy import HOST, OTHER, policy

from domain.commands import Report
from domain.events import PolicyChanged
from domain.model import Contract, Policy
from domain.observation import Verdict
from engine.reporting import NOTICES_S, _all, _await_notices
from store import outbox, policies
from store.codec import decode, encode
from store.db import Store

INCIDENT = "INC-000001"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Deciding]:
    clock = HandClock()
    store = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
    store.migrate()
    engine = Deciding(store, clock, tmp_path, policy(contract=Contract()))
    engine.happens(engine.verdict("down", "http"))
    engine.happens(engine.verdict("up", "http", Verdict.UP))
    yield engine
    store.close()


class TestAHostThatCameToAnotherCustomer:
    """Its report is of the incident's customer, and shows the host as it was then."""

    def adopts(self, engine: Deciding, now: Policy) -> Report:
        """The inventory changes before the report is written; what the engine asked for."""
        with engine.store.write() as session:
            policies.accept(session, now.version, encode(now), "test", engine.clock.at_s)
        engine.happens(PolicyChanged(id=now.version, at_s=engine.clock.at_s, host=HOST, version=now.version))
        [row] = engine.commands("Report")
        return decode(Report, row.payload)

    def test_names_nobody_and_nothing_else(self, engine: Deciding) -> None:
        now = policy(version="2", owner=OTHER, contract=Contract())
        theirs = replace(now.hosts[HOST], label="midori.example", address="192.0.2.99", fqdn="midori.example.test", os="Other")
        report = self.adopts(engine, replace(now, hosts={HOST: theirs}))
        made = list(_all(engine.context, report))
        assert sorted(path.name for _, path in made) == [f"{INCIDENT}.en.pdf", f"{INCIDENT}.ja.pdf"]
        for data, _ in made:
            assert data.customer == "Aozora Ltd."
            assert (data.label, data.address, data.os) == ("web01.example", "192.0.2.10", "Debian 12")
            assert "midori" not in encode(data).lower()

    def test_it_is_written_too_when_the_host_has_left(self, engine: Deciding) -> None:
        report = self.adopts(engine, policy(version="2", checks=None))
        assert {data.label for data, _ in _all(engine.context, report)} == {"web01.example"}

    def test_when_the_customer_has_left_there_is_none(self, engine: Deciding) -> None:
        now = policy(version="2", owner=OTHER)
        report = self.adopts(engine, replace(now, customers={OTHER: now.customers[OTHER]}))
        with pytest.raises(LookupError, match="customer aozora is no longer in the inventory"):
            list(_all(engine.context, report))


class TestNotices:
    def arrives(self, engine: Deciding, count: int) -> None:
        """So many of the messages to the customer are taken by the next server."""
        rows = [row for row in engine.commands("Notify") if row.to and row.to.startswith("mail/customer/")]
        keys = [row.key for row in rows if row.done_s is None][:count]
        for key in keys:
            assert outbox.claim(engine.store, key, "us", 60)
            with engine.store.write() as session:
                assert outbox.complete(session, key, "us", outbox.SENT, key, engine.clock.at_s)

    def when(self, engine: Deciding) -> list[list[bool]]:
        """Of each language's report, which of its messages had arrived."""
        [row] = engine.commands("Report")
        return [[item.at_s is not None for item in data.sent] for data, _ in _all(engine.context, decode(Report, row.payload))]

    def test_what_has_not_arrived_is_listed_as_that(self, engine: Deciding) -> None:
        ordered = [row for row in engine.commands("Notify") if row.to and row.to.startswith("mail/customer/")]
        self.arrives(engine, 1)
        assert self.when(engine) == 2 * [[True] + (len(ordered) - 1) * [False]]

    def test_of_a_reopened_incident_the_first_is_that_of_the_new_fault(self, engine: Deciding) -> None:
        self.arrives(engine, 99)
        engine.clock.sleep(600)
        engine.happens(engine.verdict("down again", "http"))
        engine.clock.sleep(30)
        engine.happens(engine.verdict("up again", "http", Verdict.UP))
        engine.clock.sleep(30)
        report = decode(Report, engine.commands("Report")[-1].payload)
        assert {data.first_notice_at_s for data, _ in _all(engine.context, report)} == {None}
        self.arrives(engine, 99)
        assert {data.first_notice_at_s for data, _ in _all(engine.context, report)} == {engine.clock.at_s}

    def test_it_waits_for_what_is_on_its_way_and_not_for_ever(self, engine: Deciding) -> None:
        _await_notices(engine.context, INCIDENT)
        assert sum(engine.clock.slept) == pytest.approx(NOTICES_S, abs=1)
        self.arrives(engine, 99)
        engine.clock.slept.clear()
        _await_notices(engine.context, INCIDENT)
        assert engine.clock.slept == []
