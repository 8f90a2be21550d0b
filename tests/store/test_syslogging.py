"""Logs, from the datagram to what is told: whose they are, what they mean, and how often that is said (C40)."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deciding import Deciding
from hand_clock import HandClock
from misbehaving import free_of_all
from sample_policy import HOST, check, policy
from sqlmodel import select

from domain import events as ev
from domain.commands import Message, Notify, Run
from domain.model import FaultClass, Level, Policy
from engine.context import Context
from engine.ears import AGAIN_S, TOLD_EVERY_S
from engine.settings import Settings
from engine.syslogging import LAST_EVERY_S, Logs
from engine.watching import StoreDesk
from probes.syslog import DAY_S, DEAF, FOUND, LAST
from store.codec import decode, decode_event
from store.db import Store, StoreError
from store.tables import CommandRow, Inbox
from watch.syslogs import STRANGER

CHECK = f"{HOST}/log"
IO_ERROR = b"<3>Jan  2 03:04:05 web01 kernel: blk_update_request: I/O error, dev sda, sector 12345"
OTHER = b"<3>Jan  2 03:04:05 web01 kernel: Out of memory: Killed process 1234 (mysqld)"
pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # the database makes no difference here


def inventory(version: str = "1", **options: object) -> Policy:
    listens = replace(check("log", Level.WARNING, FaultClass.RESOURCE), kind="syslog", address="127.0.0.1", options=options)
    made = policy(version=version, checks=(listens,))
    return replace(made, hosts={HOST: replace(made.hosts[HOST], address="127.0.0.1", address6="::1")})


class Ear(Deciding):
    """An engine, and a watcher's ear that is turned by hand."""

    def __init__(self, store: Store, clock: HandClock, home: Path, accepted: Policy, port: int | None = None) -> None:
        super().__init__(store, clock, home, accepted)
        self.context = Context(Settings(home=home).model_copy(update={"syslog_port": port or free_of_all()}), store, clock)
        self.begins_anew()

    def begins_anew(self) -> None:
        self.logs = Logs(self.context, "watcher")
        self.logs.turn(0.0)

    def says(self, *lines: bytes, source: str = "127.0.0.1") -> None:
        with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            to = source if ":" in source else "127.0.0.1"
            for line in lines:
                sock.sendto(line, (to, self.logs.receiver.port))
        self.logs.turn(0.2)
        self.logs.turn(0.0)

    def kept(self) -> dict[str, tuple[str, str]]:
        return {one.about: (one.state, one.detail) for one in StoreDesk(self.store, "watcher").heard().get(CHECK, ())}

    def events(self, kind: type[Any]) -> list[Any]:
        with self.store.read() as session:
            return [decode_event(row.kind, row.payload) for row in session.exec(select(Inbox)) if row.kind == kind.__name__]

    def found(self) -> list[tuple[str, str]]:
        return [(event.pattern, event.what) for event in self.events(ev.Occurred)]


@pytest.fixture
def ear(store: Store, clock: HandClock, tmp_path: Path) -> Iterator[Ear]:
    found = Ear(store, clock, tmp_path, inventory())
    yield found
    found.logs.close()


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_a_line_that_means_trouble_is_told_with_its_text(ear: Ear, source: str) -> None:
    ear.says(b"<6>sshd: fine", IO_ERROR, source=source)
    assert ear.found() == [("disk", "kernel: blk_update_request: I/O error, dev sda, sector 12345")]
    ear.ticker.once()
    with ear.store.read() as session:
        commands = [(row.kind, row.payload) for row in session.exec(select(CommandRow))]
    mails = [decode(Notify, payload) for kind, payload in commands if kind == "Notify"]
    assert {mail.message for mail in mails} == {Message.FINDING}
    assert mails[0].facts["finding"] == "disk"
    assert mails[0].facts["detail"] == "kernel: blk_update_request: I/O error, dev sda, sector 12345"
    assert Run.__name__ not in {kind for kind, _ in commands}, "and nothing is done about it"


def test_the_same_trouble_is_told_once_within_its_time(ear: Ear) -> None:
    ear.says(*[IO_ERROR] * 5, OTHER)
    ear.clock.sleep(3600.0)
    ear.says(IO_ERROR)
    assert [sort for sort, _ in ear.found()] == ["disk", "oom"]
    ear.clock.sleep(DAY_S)
    ear.says(IO_ERROR)
    assert [sort for sort, _ in ear.found()] == ["disk", "oom", "disk"]


def test_a_watcher_that_begins_anew_repeats_nothing(ear: Ear) -> None:
    ear.says(IO_ERROR)
    ear.logs.close()
    ear.clock.sleep(60.0)
    ear.begins_anew()
    ear.says(IO_ERROR, OTHER)
    assert [sort for sort, _ in ear.found()] == ["disk", "oom"]


def test_what_the_inventory_names_itself(ear: Ear, store: Store, clock: HandClock, tmp_path: Path) -> None:
    ear.logs.close()
    own = {"name": "backup", "contains": "backup failed", "proposal": "Please look at the tape."}
    with_own = Ear(store, clock, tmp_path, inventory("2", patterns=[own], ignore=["sda"]))
    with_own.says(IO_ERROR, b"<3>job: Backup FAILED")
    assert [(event.pattern, event.proposal) for event in with_own.events(ev.Occurred)] == [("backup", "Please look at the tape.")]
    with_own.logs.close()


def test_that_a_host_is_heard_is_written_down_now_and_then(ear: Ear) -> None:
    assert ear.kept() == {}
    ear.says(b"<6>fine")
    assert ear.kept() == {LAST: (LAST, "")}
    [first] = StoreDesk(ear.store, "watcher").heard()[CHECK]
    ear.clock.sleep(LAST_EVERY_S / 2)
    ear.says(b"<6>fine")
    assert StoreDesk(ear.store, "watcher").heard()[CHECK] == [first]
    ear.clock.sleep(LAST_EVERY_S)
    ear.says(b"<6>fine", IO_ERROR)
    assert {one.about: one for one in StoreDesk(ear.store, "watcher").heard()[CHECK]}[LAST].at_s > first.at_s
    assert ear.kept()[f"{FOUND}/disk"][0] == FOUND


def test_strangers_are_told_to_operators_once_an_hour_at_most(ear: Ear) -> None:
    ear.says(IO_ERROR, IO_ERROR, source="127.0.0.2")
    ear.says(IO_ERROR, source="127.0.0.3")
    assert [event.detail for event in ear.events(ev.SyslogRefused)] == [f"2 from 127.0.0.2: {STRANGER}"]
    assert ear.found() == []
    ear.clock.sleep(TOLD_EVERY_S)
    ear.logs.turn(0.0)
    assert [event.detail for event in ear.events(ev.SyslogRefused)][1:] == [f"1 from 127.0.0.3: {STRANGER}"]


def test_where_it_can_not_listen_its_checks_are_unknown_and_the_operators_hear_of_it(
    store: Store, clock: HandClock, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ear = Ear(store, clock, tmp_path, inventory(), port)
        assert ear.kept()[DEAF] == (DEAF, f"can't listen for syslog on port {port}: Address already in use")
        clock.sleep(AGAIN_S)
        ear.logs.turn(0.0)
        assert len(ear.events(ev.SyslogUnheard)) == 1
    clock.sleep(AGAIN_S)
    ear.logs.turn(0.0)
    assert ear.kept() == {}
    ear.says(IO_ERROR)
    assert len(ear.found()) == 1
    ear.logs.close()


def test_without_such_a_check_it_does_not_listen(store: Store, clock: HandClock, tmp_path: Path) -> None:
    ear = Ear(store, clock, tmp_path, policy(version="none"))
    assert not ear.logs.receiver.listens


def test_it_listens_for_the_hosts_of_its_segments_only(store: Store, clock: HandClock, tmp_path: Path) -> None:
    ear = Ear(store, clock, tmp_path, inventory())
    ear.logs.close()  # whose port would be taken
    other = Logs(ear.context, "elsewhere")
    other.turn(0.0)
    assert not other.receiver.listens
    assert ear.kept() == {}
    other.close()


def test_a_store_that_is_away_loses_nothing_that_was_found(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(ear.store, "write", away)
        ear.says(IO_ERROR)
    assert ear.found() == []
    ear.logs.turn(0.0)
    assert len(ear.found()) == 1
