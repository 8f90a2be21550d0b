"""A host, its engine and its watcher, for a run whose every step is the test's: `scene`."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
import pytest
from fixtures_ssh import SshServer, host_at
from hand_clock import HandClock
from sqlmodel import select

import runbooks
from domain.commands import Notify
from domain.events import RunEnded, RunRequested, VerdictChanged
from domain.model import Brand, Contract, Customer, FaultClass, Host, Mode, OnCall, Operator, Policy, Secret
from domain.observation import Verdict
from domain.procedure import Procedure
from engine.acting import StepResult
from engine.context import Context
from engine.executor import RunSession, begin
from engine.settings import Settings
from engine.tick import LEASE, Ticker
from remediation import ACTIONS
from store import inbox, lease, outbox, policies
from store.codec import decode, encode
from store.db import Store
from store.tables import Attempt, CommandRow, Decision

DOWN = {"LoadState": "loaded", "ActiveState": "failed", "SubState": "failed", "InvocationID": "aaaa"}
FOR_EVER_S = 1e9


@dataclass
class Clock(HandClock):
    """While anybody sleeps, the world goes on."""

    meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.meanwhile()


class Scene:
    """web01's http is down; an engine decides, a watcher sees that it stays so, and a run is out."""

    def __init__(self, folder: Path, server: SshServer, monkeypatch: pytest.MonkeyPatch, lease_s: float = 60.0) -> None:
        self.server = server
        self.clock = Clock()
        url = f"sqlite:///{folder / 'hikeshi.db'}"
        self.context = Context(Settings(home=folder, lease_s=lease_s), Store(url, self.clock), self.clock)
        self.store = self.context.store
        self.store.migrate()
        self.stop = threading.Event()
        self.clock.meanwhile = self.goes_on
        self.at_the_door: Callable[[], None] | None = None
        self.procedures: Mapping[str, Procedure] = runbooks.load(ACTIONS)
        server.script("systemctl", "printf '" + "\\n".join(f"{name}={value}" for name, value in DOWN.items()) + "\\n'")
        server.script("sudo", "true")
        self._engine = Ticker(self.context, "engine")
        assert lease.take(self.store, LEASE, "engine", FOR_EVER_S)
        login = Secret("file", str(server.client_key))
        found = host_at("127.0.0.1", server.port, tuple(server.host_keys.values()), service="nginx.service", identity=login)
        self.host = replace(found, procedures={FaultClass.SERVICE: "restart-service"})
        self.holds(self.host)
        self._watch_the_door(monkeypatch)

    def holds(self, host: Host | None) -> None:
        """The inventory from now on."""
        customers = {
            name: Customer(name, name, (), Contract(recovers=frozenset({FaultClass.SERVICE}))) for name in ("acme", "another")
        }
        policy = Policy(
            f"v{self.clock.now_s()}{host}{sorted(self.procedures)}",
            Brand("Test", "alert@example.test"),
            customers,
            {host.id: host} if host is not None else {},
            {"first": Operator("first", "First", mail="first@example.test")},
            OnCall(("first",)),
            mode=Mode.ON,
            procedures=self.procedures,
        )
        with self.store.write() as session:
            policies.accept(session, policy.version, encode(policy), "test", self.clock.now_s())

    def goes_on(self) -> None:
        """The engine decides, the watcher looks."""
        while self._engine.once():
            pass
        for row in self.commands("Look"):
            if row.done_s is None and outbox.claim(self.store, row.key, "watcher", 60) is not None:
                seen = json.dumps({check: {"verdict": "down"} for check in ("web01/http",)})
                with self.store.write() as session:
                    outbox.complete(session, row.key, "watcher", "looked", seen, self.clock.now_s())

    def run_is_out(self) -> str:
        """The key of the run that the engine orders."""
        now_s = self.clock.now_s()
        event = VerdictChanged(
            id="down", at_s=now_s, host="web01", check="web01/http", verdict=Verdict.DOWN, fault_at_s=now_s, evidence_since_s=now_s
        )
        with self.store.write() as session:
            inbox.insert(session, event)
        self.goes_on()
        [run] = self.commands("Run")
        return run.key

    def asked_for(self, runbook: str) -> RunSession:
        """The run of this runbook, by its YAML, that an operator asks for."""
        folder = self.server.folder / "runbooks"
        folder.mkdir()
        (folder / "own.yaml").write_text(runbook, encoding="utf-8")
        self.procedures = runbooks.load(ACTIONS, folder)
        self.holds(self.host)
        with self.store.write() as session:
            inbox.insert(session, RunRequested(id="asked", at_s=self.clock.now_s(), host="web01", runbook="own", by="first"))
        self.goes_on()
        [run] = self.commands("Run")
        return self.claimed(run.key)

    def claimed(self, key: str, who: str = "us") -> RunSession:
        session = begin(self.context, key, who, self.stop)
        assert isinstance(session, RunSession)
        return session

    def before_the_restart(self) -> RunSession:
        """A run that has looked and announced, and acts next."""
        session = self.claimed(self.run_is_out())
        for expected in ("look", "announce", "look-again"):
            step = session.next()
            assert step is not None
            assert step.step.id == expected
            session.perform(step)
        return session

    def commands(self, kind: str) -> list[CommandRow]:
        with self.store.read() as session:
            return list(session.exec(select(CommandRow).where(CommandRow.kind == kind)))

    def restarts(self) -> list[str]:
        return [line for line in self.server.commands() if line.startswith("sudo")]

    def attempts(self, step: str = "restart") -> list[Attempt]:
        with self.store.read() as session:
            return [item for item in session.exec(select(Attempt).order_by(Attempt.number)) if item.step == step]  # type: ignore[arg-type]

    def codes(self) -> list[str]:
        with self.store.read() as session:
            return [item["code"] for row in session.exec(select(Decision)) for item in row.reasons]

    def told(self) -> list[Notify]:
        return [decode(Notify, row.payload) for row in self.commands("Notify")]

    def _watch_the_door(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What happens between an intent and its effect: while the channel for the command is opened."""
        opened = paramiko.Transport.open_session

        def open_session(transport: paramiko.Transport, *arguments: object, **named: object) -> paramiko.Channel:
            if self.attempts() and self.attempts()[-1].outcome is None and self.at_the_door is not None:
                self.at_the_door()
            return opened(transport, *arguments, **named)  # type: ignore[arg-type]  # handed on as they are

        monkeypatch.setattr(paramiko.Transport, "open_session", open_session)

    def passes(self, seconds: float) -> None:
        self.clock.at_s += seconds
        self.clock.boot_s += seconds


def restart(session: RunSession) -> StepResult:
    step = session.next()
    assert step is not None
    assert step.step.id == "restart"
    return session.perform(step)


def end(scene: Scene, session: RunSession) -> RunEnded:
    assert session.next() is None
    ended = session.finish()
    session.close()
    scene.goes_on()
    return ended


@pytest.fixture
def scene(tmp_path: Path, sshd_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(tmp_path, sshd_server, monkeypatch)
    yield made
    made.context.close()
