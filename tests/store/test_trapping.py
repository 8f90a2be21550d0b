"""Traps by real senders (net-snmp's own commands), from the datagram to what is written down: who is believed, what it means."""

import os
import resource
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deciding import Deciding
from hand_clock import HandClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_snmpd import snmpd
from sample_policy import HOST, check, policy
from sqlmodel import select

from domain import events as ev
from domain.commands import Message, Notify
from domain.model import FaultClass, Level, Policy, Secret, SnmpAccess, SnmpKey, SnmpUser
from engine.context import Context
from engine.ears import AGAIN_S, TOLD_EVERY_S
from engine.settings import Settings
from engine.trapping import MAX_STANDING, Traps
from engine.watching import StoreDesk
from probes.snmp_trap import DEAF
from store.codec import decode, decode_event
from store.db import Store
from store.tables import CommandRow, Inbox
from watch.snmp.usm import Engine, User, local
from watch.snmp.v3 import written
from watch.traps import A_SECOND, MAX_BYTES

CHECK = f"{HOST}/traps"
LINK_DOWN, LINK_UP, COLD_START = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4", "1.3.6.1.6.3.1.1.5.1"
IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
FIRST, SECOND = "the first password", "the second password"
ENGINE_ID = "0x8000000001020304"
USER = SnmpUser("sender", SnmpKey("sha-256", Secret("env", FIRST)), SnmpKey("aes-128", Secret("env", SECOND)))
AS_USER = ("-v3", "-l", "authPriv", "-u", "sender", "-a", "SHA-256", "-A", FIRST, "-x", "AES", "-X", SECOND)
COMMUNITY = SnmpAccess("2c", Secret("env", "the community"))
pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # the database makes no difference here
BOTH = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


def inventory(access: SnmpAccess = COMMUNITY, version: str = "1", **options: object) -> Policy:
    listens = replace(check("traps", Level.MINOR, FaultClass.RESOURCE), kind="snmp-trap", address="127.0.0.1", options=options)
    made = policy(version=version, checks=(listens,))
    host = replace(made.hosts[HOST], address="127.0.0.1", address6="::1", snmp=access)
    return replace(made, hosts={HOST: host})


class Ear(Deciding):
    """An engine, and a watcher's ear that is turned by hand."""

    def __init__(self, store: Store, clock: HandClock, home: Path, accepted: Policy, port: int = 0) -> None:
        super().__init__(store, clock, home, accepted)
        self.folder = home
        chosen = Settings(home=home).model_copy(update={"trap_port": port})
        self.context = Context(chosen, store, clock)
        self.traps = Traps(self.context, "watcher", lambda reference: reference.name)
        self.traps.turn(0.0)

    def sends(self, *argv: str, address: str = "127.0.0.1", inform: bool = False, ok: bool = True) -> None:
        """By the command that net-snmp brings; an inform waits for its answer."""
        to = f"udp6:[{address}]" if ":" in address else f"udp:{address}"
        command = "snmpinform" if inform else "snmptrap"
        environ = {"MIBS": "", "PATH": "/usr/bin:/bin", "SNMP_PERSISTENT_DIR": str(self.folder / "sender")}
        at = argv.index("--")
        options = [*argv[:at], *(("-r", "1", "-t", "0.5") if inform else ())]
        process = subprocess.Popen([command, *options, f"{to}:{self.traps.receiver.port}", *argv[at + 1 :]], env=environ)
        while process.poll() is None:
            self.traps.turn(0.05)
        self.traps.turn(0.05)
        assert (process.returncode == 0) is ok

    def raw(self, *datagrams: bytes, source: str = "127.0.0.1") -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.bind((source, 0))
            for data in datagrams:
                sending.sendto(data, ("127.0.0.1", self.traps.receiver.port))
        self.traps.turn(0.2)

    def stands(self) -> dict[str, str]:
        return {one.about: one.detail for one in StoreDesk(self.store, "watcher").heard().get(CHECK, ())}

    def events(self, kind: type[Any]) -> list[Any]:
        with self.store.read() as session:
            return [decode_event(row.kind, row.payload) for row in session.exec(select(Inbox)) if row.kind == kind.__name__]

    def happened(self) -> list[str]:
        return [event.what for event in self.events(ev.Occurred)]

    def refused(self) -> list[str]:
        return [event.detail for event in self.events(ev.TrapsRefused)]


@pytest.fixture
def ear(store: Store, clock: HandClock, tmp_path: Path) -> Iterator[Ear]:
    found = Ear(store, clock, tmp_path, inventory())
    yield found
    found.traps.close()


@pytest.fixture
def of_user(store: Store, clock: HandClock, tmp_path: Path) -> Iterator[Ear]:
    found = Ear(store, clock, tmp_path, inventory(SnmpAccess("3", None, 161, USER)))
    yield found
    found.traps.close()


def about(trap: str, index: int, version: str = "2c") -> tuple[str, ...]:
    """What stands after the ``--`` of a sender's arguments."""
    return ("--", "", trap, f"{IF_INDEX}.{index}", "i", str(index), f"1.3.6.1.2.1.2.2.1.2.{index}", "s", f"eth{index}")


V2C = ("-v2c", "-c", "the community")
V1 = ("-v1", "-c", "the community", "--", "1.3.6.1.6.3.1.1.5", "127.0.0.1")


class TestWhatIsBelieved:
    @BOTH
    def test_an_interface_that_goes_down_and_comes_up(self, ear: Ear, address: str) -> None:
        ear.sends(*V2C, *about(LINK_DOWN, 3), address=address)
        ear.sends(*V2C, *about(LINK_DOWN, 4), address=address)
        assert ear.stands() == {"linkDown.3": "linkDown of interface 3 (eth3)", "linkDown.4": "linkDown of interface 4 (eth4)"}
        ear.sends(*V2C, *about(LINK_UP, 3), address=address)
        assert list(ear.stands()) == ["linkDown.4"]
        ear.sends(*V2C, *about(LINK_UP, 4), address=address, inform=True)
        assert ear.stands() == {}
        assert ear.refused() == []

    @BOTH
    def test_the_same_in_v1(self, ear: Ear, address: str) -> None:
        ear.sends(*V1, "2", "0", "", f"{IF_INDEX}.7", "i", "7", address=address)
        assert list(ear.stands()) == ["linkDown.7"]
        ear.sends(*V1, "3", "0", "", f"{IF_INDEX}.7", "i", "7", address=address)
        assert ear.stands() == {}
        ear.sends(*V1, "0", "0", "", address=address)
        assert ear.happened() == ["coldStart"]

    @BOTH
    def test_the_same_as_a_user(self, of_user: Ear, address: str) -> None:
        of_user.sends(*AS_USER, "-e", ENGINE_ID, *about(LINK_DOWN, 3), address=address)
        assert list(of_user.stands()) == ["linkDown.3"]
        of_user.sends(*AS_USER, *about(LINK_UP, 3), address=address, inform=True)
        assert of_user.stands() == {}
        assert of_user.refused() == []

    def test_a_restart_is_an_event_and_once_though_it_is_repeated(self, ear: Ear, clock: HandClock) -> None:
        for _ in range(2):
            ear.sends(*V2C, "--", "", COLD_START)
        assert ear.happened() == ["coldStart"]
        clock.sleep(AGAIN_S)
        ear.sends(*V2C, "--", "", COLD_START)
        assert ear.happened() == ["coldStart", "coldStart"]
        assert ear.stands() == {}

    @pytest.mark.parametrize("how", ["trapsink", "trap2sink", "informsink"])
    def test_an_agent_that_starts(self, store: Store, clock: HandClock, tmp_path: Path, how: str) -> None:
        """By itself; what else it says, such as that it ends, is none of the check's."""
        ear = Ear(store, clock, tmp_path, inventory(SnmpAccess("2c", Secret("env", "public"))))
        (tmp_path / "agent").mkdir()
        with snmpd(tmp_path / "agent", f"{how} 127.0.0.1:{ear.traps.receiver.port} public"):
            ear.traps.turn(5.0)
        ear.traps.turn(1.0)
        assert (ear.happened(), ear.stands(), ear.refused()) == (["coldStart"], {}, [])
        ear.traps.close()

    def test_ones_of_the_inventory_s_own(self, store: Store, clock: HandClock, tmp_path: Path) -> None:
        enterprise = "1.3.6.1.4.1.9999"
        listed = {"oid": f"{enterprise}.0.5", "name": "fan failed", "cleared_by": f"{enterprise}.0.6"}
        ear = Ear(store, clock, tmp_path, inventory(traps=[listed], others=True))
        ear.sends("-v1", "-c", "the community", "--", enterprise, "127.0.0.1", "6", "5", "")
        assert ear.stands() == {f"{enterprise}.0.5": "fan failed"}
        ear.sends(*V2C, "--", "", f"{enterprise}.0.6")
        assert ear.stands() == {}
        ear.sends(*V2C, "--", "", f"{enterprise}.0.7")
        assert ear.happened() == [f"{enterprise}.0.7"]
        ear.traps.close()


class TestWhatIsNot:
    @pytest.mark.parametrize(
        ("argv", "why"),
        [
            (("-v2c", "-c", "public"), "another community than the host's"),
            (("-v1", "-c", "public"), "another community than the host's"),
            ((*AS_USER, "-e", ENGINE_ID), "another user than the host's"),
        ],
    )
    def test_who_has_not_the_host_s_community(self, ear: Ear, argv: tuple[str, ...], why: str) -> None:
        rest = ("--", "1.3.6.1.6.3.1.1.5", "127.0.0.1", "2", "0", "") if argv[0] == "-v1" else about(LINK_DOWN, 3)
        ear.sends(*argv, *rest)
        assert (ear.stands(), ear.happened(), ear.refused()) == ({}, [], [f"1 from 127.0.0.1: {why}"])

    @pytest.mark.parametrize(
        ("argv", "why"),
        [
            (V2C, "another community than the host's"),
            ((*AS_USER[:4], "other", *AS_USER[5:]), "another user than the host's"),
            ((*AS_USER[:-1], "a wrong password"), "another password or protocol of privacy than the host's"),
            ((*AS_USER[:8], "a wrong password", *AS_USER[9:]), "another password or protocol of auth than the host's"),
            ((*AS_USER[:2], "authNoPriv", *AS_USER[3:9]), "another security level than the host's (auth, privacy)"),
            ((*AS_USER[:2], "noAuthNoPriv", *AS_USER[3:5]), "another security level than the host's (auth, privacy)"),
        ],
    )
    def test_who_is_not_the_host_s_user(self, of_user: Ear, argv: tuple[str, ...], why: str) -> None:
        of_user.sends(*argv, *(("-e", ENGINE_ID) if argv[0] == "-v3" else ()), *about(LINK_DOWN, 3))
        assert (of_user.stands(), of_user.happened(), of_user.refused()) == ({}, [], [f"1 from 127.0.0.1: {why}"])

    def test_who_informs_is_told_why_not(self, of_user: Ear, capfd: pytest.CaptureFixture[str]) -> None:
        for argv, why in (
            ((*AS_USER[:4], "other", *AS_USER[5:]), "Unknown user name"),
            ((*AS_USER[:8], "a wrong password", *AS_USER[9:]), "Authentication failure"),
            ((*AS_USER[:-1], "a wrong password"), "Decryption error"),
        ):
            of_user.sends(*argv, *about(LINK_DOWN, 3), inform=True, ok=False)
            assert why in capfd.readouterr().err
        assert of_user.stands() == {}

    def test_who_speaks_from_elsewhere(self, ear: Ear) -> None:
        ear.raw(b"anything", source="127.0.0.2")
        assert ear.refused() == ["1 from 127.0.0.2: it is no address of a host with an snmp-trap check"]

    def test_what_was_sent_before(self, of_user: Ear, clock: HandClock) -> None:
        """A trap of long ago is not believed again, and a sender's clock never goes back; after a restart of it, it begins anew."""

        def trap(boots: int, time_s: int) -> bytes:
            engine = Engine(b"\x80sender", boots, time_s)
            who = local(User(b"sender", "sha-256", FIRST, "aes-128", SECOND), engine.id)
            return written(who, engine, 1, PDU, reportable=False)

        recorded = trap(3, 1000)
        of_user.raw(recorded)
        assert list(of_user.stands()) == ["linkDown.3"]
        for _ in range(4):
            clock.sleep(100)
            of_user.raw(recorded)
        assert of_user.refused() == ["1 from 127.0.0.1: it was sent before, or its time is another"]
        for boots, time_s, believed in ((2, 5000, False), (3, 1400, True), (4, 1, True), (3, 1500, False)):
            of_user.traps.receiver.refused.clear()
            of_user.raw(trap(boots, time_s))
            assert (not of_user.traps.receiver.refused) is believed, (boots, time_s)

    def test_whoever_floods_costs_itself_and_is_told_once_an_hour(self, ear: Ear, clock: HandClock) -> None:
        for _ in range(3):
            ear.raw(*[b"flood"] * (A_SECOND + 100))
        assert ear.refused() == [
            f"{A_SECOND} from 127.0.0.1: no SNMP trap; 100 from 127.0.0.1: it sends more than 20 a second"
        ] or [said.startswith("100 from 127.0.0.1: it sends more than 20 a second") for said in ear.refused()] == [True]
        clock.sleep(TOLD_EVERY_S)
        ear.traps.turn(0.0)
        assert len(ear.refused()) == 2
        ear.sends(*V2C, *about(LINK_DOWN, 3))
        assert list(ear.stands()) == ["linkDown.3"]

    def test_what_is_too_large(self, ear: Ear) -> None:
        ear.raw(bytes(MAX_BYTES + 1))
        assert ear.refused() == [f"1 from 127.0.0.1: larger than {MAX_BYTES} bytes"]

    def test_more_than_may_stand(self, ear: Ear, clock: HandClock) -> None:
        for index in range(1, MAX_STANDING + 5):
            ear.raw(community_trap(index))
            clock.sleep(1)
        assert len(ear.stands()) == MAX_STANDING


def community_trap(index: int) -> bytes:
    pdu = PDU.replace(b"\x01\x03\x02\x01\x03", b"\x01" + bytes([index]) + b"\x02\x01" + bytes([index]))
    return b"\x30" + bytes([len(pdu) + 18]) + b"\x02\x01\x01\x04\x0dthe community" + pdu


def _pdu() -> bytes:
    """A linkDown of interface 3 in v2c's form, as bytes."""
    from snmp_agent import ber, coded, value

    def bind(oid: str, said: bytes) -> bytes:
        return ber(0x30, ber(6, coded(tuple(map(int, oid.split("."))))) + said)

    down = value(tuple(map(int, LINK_DOWN.split("."))))
    binds = (
        bind("1.3.6.1.2.1.1.3.0", ber(0x43, b"\x01")) + bind("1.3.6.1.6.3.1.1.4.1.0", down) + bind(f"{IF_INDEX}.3", ber(2, b"\x03"))
    )
    return ber(0xA7, ber(2, b"\x01") + ber(2, b"\0") * 2 + ber(0x30, binds))


PDU = _pdu()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_random_and_damaged_datagrams_are_refused_and_nothing_else(of_user: Ear, ear: Ear, data: st.DataObject) -> None:
    engine = Engine(b"\x80sender", 1, 1)
    as_user = written(local(User(b"sender"), b""), engine, 1, PDU)
    for listener, good in ((ear, community_trap(3)), (of_user, as_user)):
        said = bytearray(data.draw(st.one_of(st.binary(max_size=200), st.just(good))))
        for at in data.draw(st.lists(st.integers(0, max(0, len(said) - 1)), max_size=4)) if said else ():
            said[at] = data.draw(st.integers(0, 255))
        listener.clock.sleep(1)
        listener.raw(bytes(said))
    assert of_user.stands() == {}


class TestListening:
    def test_only_while_a_check_wants_it(self, store: Store, clock: HandClock, tmp_path: Path) -> None:
        ear = Ear(store, clock, tmp_path, policy(version="0"))
        listens = [ear.traps.receiver.listens]
        for accepted in (inventory(), policy(version="2")):
            accept(ear, accepted)
            listens.append(ear.traps.receiver.listens)
        assert listens == [False, True, False]

    def test_where_it_can_t_its_checks_are_unknown_and_the_operators_hear_of_it(
        self, store: Store, clock: HandClock, tmp_path: Path
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", 0))
            port = taken.getsockname()[1]
            ear = Ear(store, clock, tmp_path, inventory(), port)
            why = f"can't listen for SNMP traps on port {port}: Address already in use"
            said = StoreDesk(store, "watcher").heard()[CHECK]
            assert [(one.about, one.state, one.detail) for one in said] == [("", DEAF, why)]
            clock.sleep(AGAIN_S)
            ear.traps.turn(0.0)
            assert [event.detail for event in ear.events(ev.TrapsUnheard)] == [why]
        ear.decide()
        assert {notify.message for notify in notifies(ear)} == {Message.NOTICE}
        clock.sleep(AGAIN_S)
        ear.traps.turn(0.0)
        assert StoreDesk(store, "watcher").heard() == {}
        ear.traps.close()

    def test_beside_thousands_of_looks(self, store: Store, clock: HandClock, tmp_path: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        taken = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
        try:
            ear = Ear(store, clock, tmp_path, inventory())
            ear.raw(community_trap(3))
            assert list(ear.stands()) == ["linkDown.3"]
            ear.traps.close()
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_a_store_that_is_away_loses_nothing(self, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
        from sqlalchemy.exc import OperationalError

        def away(*_: object) -> None:
            raise OperationalError("x", {}, Exception("locked"))

        with monkeypatch.context() as patched:
            patched.setattr(ear.traps, "_take", away)
            ear.raw(community_trap(3))
            assert ear.stands() == {}
        ear.traps.turn(0.0)
        assert list(ear.stands()) == ["linkDown.3"]


def test_a_restart_becomes_a_mail_to_the_customer(ear: Ear) -> None:
    ear.sends(*V2C, "--", "", COLD_START)
    ear.decide()
    mails = notifies(ear)
    assert {(mail.message, mail.audience, mail.facts["detail"], mail.incident) for mail in mails} == {
        (Message.OCCURRED, "customer", "coldStart", None)
    }
    assert len(mails) == 2
    assert ear.incident is None


def accept(ear: Ear, accepted: Policy) -> None:
    from store import policies
    from store.codec import encode

    with ear.store.write() as session:
        policies.accept(session, accepted.version, encode(accepted), "test", ear.clock.at_s)
    ear.traps.turn(0.0)


def notifies(ear: Ear) -> list[Notify]:
    with ear.store.read() as session:
        return [decode(Notify, row.payload) for row in session.exec(select(CommandRow)) if row.kind == "Notify"]
