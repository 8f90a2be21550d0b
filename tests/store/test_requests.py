"""A run that an operator asks for: a dry run shows what the real one does, and what was asked for long ago is not done."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hand_clock import HandClock
from sample_policy import HOST, HTTP, PING, POWER, RESTART, SMTP, policy

from domain.events import VerdictChanged
from domain.model import FaultClass, Mode, Policy
from domain.observation import Verdict
from domain.reasons import Code
from engine.acting import describe
from engine.context import Context
from engine.executor import RunSession, begin
from engine.hands import Hands
from engine.requests import Answer, RequestError
from engine.run_requests import all_up, dry_run, request_run
from engine.settings import Settings
from engine.tick import LEASE, Ticker
from store import inbox, lease, outbox, policies
from store.codec import encode
from store.db import Store
from store.tables import CommandRow

FOR_EVER_S = 1e9


class Desk:
    """An operator, and an engine that decides when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        url = f"sqlite:///{folder / 'hikeshi.db'}"
        self.context = Context(Settings(home=folder, lease_s=60), Store(url, self.clock), self.clock)
        self.context.store.migrate()
        assert lease.take(self.context.store, LEASE, "engine", FOR_EVER_S)
        self._engine = Ticker(self.context, "engine")

    def accept(self, inventory: Policy) -> None:
        with self.context.store.write() as session:
            policies.accept(session, inventory.version, encode(inventory), "test", self.clock.at_s)

    def decides(self) -> None:
        while self._engine.once():
            pass

    def fails(self, check: str) -> None:
        now_s = self.clock.at_s
        event = VerdictChanged(
            id=f"down {check}", at_s=now_s, host=HOST, check=check, verdict=Verdict.DOWN, fault_at_s=now_s, evidence_since_s=now_s
        )
        with self.context.store.write() as session:
            inbox.insert(session, event)
        self.decides()

    def recovers(self, check: str) -> None:
        event = VerdictChanged(id=f"up {check}", at_s=self.clock.at_s, host=HOST, check=check, verdict=Verdict.UP)
        with self.context.store.write() as session:
            inbox.insert(session, event)
        self.decides()

    def asks(self, service: str | None = None, runbook: str = RESTART) -> Answer:
        """No engine answers while one waits; asked again, it is the same request."""
        return request_run(self.context, runbook=runbook, host=HOST, by="first", reason="test", service=service, once="1")

    def run(self) -> CommandRow:
        with self.context.store.read() as session:
            [row] = outbox.claimable(session, ["Run"], 0)
        return row


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.context.close()


SHADOW = policy(mode=Mode.SHADOW)
FOR_THE_SERVER = replace(SHADOW, hosts={HOST: replace(SHADOW.hosts[HOST], procedures={FaultClass.SERVER: RESTART})})
CASES: list[tuple[str, Policy, str, tuple[str, ...], str | None, str | None]] = [
    ("the second service fails", SHADOW, RESTART, (SMTP.id,), None, "postfix.service"),
    ("a server's check fails too", SHADOW, RESTART, (PING.id, SMTP.id), None, "postfix.service"),
    ("named", SHADOW, RESTART, (), "postfix", "postfix.service"),
    ("named, and another fails", SHADOW, RESTART, (HTTP.id,), "postfix.service", "postfix.service"),
    ("for the whole server", FOR_THE_SERVER, RESTART, (), None, None),
    ("acts on no service", replace(SHADOW, hosts={HOST: replace(SHADOW.hosts[HOST], procedures={})}), POWER, (), None, None),
    ("acts on no service, and two fail", SHADOW, POWER, (HTTP.id, SMTP.id), None, None),
]


@pytest.mark.parametrize(
    ("inventory", "runbook", "failing", "named", "service"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_dry_run_shows_what_the_real_one_does(
    desk: Desk, *, inventory: Policy, runbook: str, failing: tuple[str, ...], named: str | None, service: str | None
) -> None:
    desk.accept(inventory)
    for check in failing:
        desk.fails(check)
    lines = dry_run(desk.context, runbook=runbook, host=HOST, service=named)
    desk.asks(named, runbook)
    desk.decides()
    session = begin(desk.context, desk.run().key, "us")
    assert isinstance(session, RunSession)
    session.close()
    assert session.run.service == service
    assert session.procedure is not None
    assert session.host is not None
    expected = [
        f"{number}. {step.id}: on {session.host.address}: {' && '.join(describe(step, session.host, session.run.service, {}))}"
        for number, step in enumerate(session.procedure.steps, 1)
        if step.acts
    ]
    assert [line for line in lines if ": on " in line] == expected
    goes_on = "; where it sees them up the run goes on all the same, as a person asked for it"
    assert lines[0] == f"1. look: the watcher looks at {', '.join(session.run.checks)}{goes_on}"


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        ("apache2", "service 'apache2' is none that a check of web01 names; would be right: nginx.service, postfix.service"),
        ("nginx; reboot", "service 'nginx; reboot' is not the name of a systemd service"),
        (None, "restart-service on web01 may be meant for several services; name one of: nginx.service, postfix.service"),
    ],
)
def test_a_service_that_cannot_be_meant(desk: Desk, named: str | None, wrong: str) -> None:
    desk.accept(SHADOW)
    with pytest.raises(RequestError, match=wrong):
        dry_run(desk.context, runbook=RESTART, host=HOST, service=named)
    with pytest.raises(RequestError, match=wrong):
        desk.asks(named)


def test_what_was_asked_for_while_no_engine_was_there_is_not_done_hours_later(desk: Desk) -> None:
    desk.accept(SHADOW)
    assert not desk.asks("nginx").decided
    desk.clock.sleep(3 * 3600)
    desk.decides()
    answer = desk.asks("nginx")
    assert (answer.decided, answer.granted, answer.commands) == (True, False, ())
    assert answer.reasons[0][0] == Code.REQUEST_LATE


def test_asked_again_it_is_the_same_request_whatever_has_changed(desk: Desk) -> None:
    desk.accept(SHADOW)
    desk.fails(SMTP.id)
    desk.asks()
    desk.recovers(SMTP.id)
    assert desk.asks().granted, "none is named, and several might be meant by now"


def test_an_engine_that_is_back_soon_decides_it(desk: Desk) -> None:
    desk.accept(SHADOW)
    assert not desk.asks("nginx").decided
    desk.decides()
    assert desk.asks("nginx").granted


@pytest.mark.parametrize("prefect", [True, False])
def test_hands_leave_a_run_to_its_flow_run_for_a_while(desk: Desk, prefect: bool) -> None:
    """Where there is no Prefect, there is nothing to wait for."""
    desk.accept(SHADOW)
    desk.asks("nginx")
    desk.decides()
    settings = Settings(prefect=prefect)
    hands = Hands(Context(settings, desk.context.store, desk.clock))

    def takes() -> list[str]:
        with desk.context.store.read() as session:
            return [row.key for row in hands._orphans(session)]

    assert settings.orphan_s == 10
    desk.clock.sleep(settings.orphan_s - 0.1)
    assert takes() == ([] if prefect else [desk.run().key])
    desk.clock.sleep(0.1)
    assert takes() == [desk.run().key]


def test_whether_all_that_a_run_is_for_is_up_is_known_before(desk: Desk) -> None:
    desk.accept(SHADOW)
    assert not all_up(desk.context, runbook=RESTART, host=HOST, service="postfix"), "nothing was ever seen"
    desk.recovers(SMTP.id)
    assert all_up(desk.context, runbook=RESTART, host=HOST, service="postfix")
    assert not all_up(desk.context, runbook=RESTART, host=HOST, service="nginx")
    desk.fails(SMTP.id)
    assert not all_up(desk.context, runbook=RESTART, host=HOST, service="postfix")
