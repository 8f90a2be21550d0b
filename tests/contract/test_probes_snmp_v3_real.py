"""Readings from a real net-snmp agent as a user of SNMPv3: every level, every protocol, every refusal, over IPv4 and IPv6."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_snmpd import snmpd
from test_discover import checks as discovered_checks
from test_probes_snmp_real import reading, told

from domain.model import Check, Host, Secret, SnmpAccess, SnmpKey, SnmpUser
from domain.observation import Observation, Verdict
from hikeshi.discovering import asked, discovered, written
from probes.mib import LA_LOAD_1
from probes.snmp_words import AUTH, PRIVACY
from store.clock import SystemClock
from watch.driver import Driver
from watch.readings import Readings

FIRST, SECOND = "the first password", "the second password"
SIGNING = {"md5": "MD5", "sha-1": "SHA", "sha-224": "SHA-224", "sha-256": "SHA-256", "sha-384": "SHA-384", "sha-512": "SHA-512"}
HIDING = {"des": "DES", "aes-128": "AES", "aes-192": "AES-192", "aes-256": "AES-256"}
PAIRS = tuple(zip((*SIGNING, "sha-1"), (*HIDING, "aes-128", "des", "aes-256"), strict=True))


def _lines() -> Iterator[str]:
    """Users that are called as what they use."""
    yield from ("createUser guest", "rouser guest noauth")
    for auth, word in SIGNING.items():
        yield from (f'createUser {auth} {word} "{FIRST}"', f"rouser {auth} auth")
    for auth, privacy in PAIRS:
        both = f'{SIGNING[auth]} "{FIRST}" {HIDING[privacy]} "{SECOND}"'
        yield from (f"createUser {auth}-{privacy} {both}", f"rouser {auth}-{privacy} priv")


USERS = tuple(_lines())


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), *USERS) as port:
        yield port


def key(protocol: str, password: str) -> SnmpKey:
    return SnmpKey(protocol, Secret("env", password))


def access(
    port: int, name: str, auth: str = "", privacy: str = "", *, first: str = FIRST, second: str = SECOND, context: str = ""
) -> SnmpAccess:
    user = SnmpUser(name, key(auth, first) if auth else None, key(privacy, second) if privacy else None, context)
    return SnmpAccess("3", None, port, user)


def load(name: str, access: SnmpAccess, address: str = "127.0.0.1", timeout_s: float = 10.0) -> Check:
    return reading("load", access, address, name=name, threshold=1e6, timeout_s=timeout_s)


def test_all_protocols_are_tried_here() -> None:
    assert set(SIGNING) == set(AUTH)
    assert set(HIDING) == set(PRIVACY)
    assert {auth for auth, _ in PAIRS} == set(AUTH)
    assert {privacy for _, privacy in PAIRS} == set(PRIVACY)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_of_every_level_and_protocol(agent: int, address: str) -> None:
    found = told(
        load("guest", access(agent, "guest"), address),
        *(load(auth, access(agent, auth, auth), address) for auth in SIGNING),
        *(load(f"{auth}-{privacy}", access(agent, f"{auth}-{privacy}", auth, privacy), address) for auth, privacy in PAIRS),
        reading("process", access(agent, "sha-256", "sha-256"), address, process="snmpd"),
    )
    assert {name: seen.verdict for name, seen in found.items()} == dict.fromkeys(found, Verdict.UP)
    assert len(found) == 1 + len(SIGNING) + len(PAIRS) + 1


def test_every_refusal_has_its_words_and_no_password(agent: int) -> None:
    found = told(
        load("user", access(agent, "nobody", "sha-1")),
        load("password", access(agent, "sha-1", "sha-1", first="never the right one")),
        load("protocol", access(agent, "sha-256", "sha-1")),
        load("privacy", access(agent, "md5-des", "md5", "des", second="never the right one"), timeout_s=0.5),
        load("other-privacy", access(agent, "md5-des", "md5", "aes-128"), timeout_s=0.5),
        load("too-much", access(agent, "sha-1", "sha-1", "aes-128")),
        load("too-little", access(agent, "md5-des", "md5")),
        load("unsigned", access(agent, "sha-1")),
        load("context", access(agent, "sha-1", "sha-1", context="elsewhere"), timeout_s=0.5),
        load("short", access(agent, "sha-1", "sha-1", first="short")),
        load("silent", access(9, "sha-1", "sha-1"), timeout_s=5.0),
    )
    said = {name: (seen.verdict, seen.detail) for name, seen in found.items()}
    down, not_auth = Verdict.DOWN, "the SNMP agent refuses the password or the protocol of the user's auth"
    assert said["user"] == (down, "the SNMP agent does not know the user")
    assert said["password"] == (down, not_auth)
    assert said["protocol"] == (down, not_auth)
    silent = "no answer of the SNMP agent within 0.5 s (it may be silent to a wrong user or password"
    assert said["privacy"] == (down, f"{silent} or password of privacy)")
    assert said["other-privacy"] == said["privacy"]
    assert said["too-much"] == (down, "the SNMP agent does not let this user in with this security level (auth, privacy)")
    assert said["too-little"] == (down, "the SNMP agent offers no laLoadInt.1 (authorizationError)")
    assert said["unsigned"] == (down, "the SNMP agent offers no laLoadInt.1 (authorizationError)")
    assert said["context"] == (down, f"{silent} or context)")
    assert said["short"] == (Verdict.UNKNOWN, "the SNMP user's password of auth is shorter than 8 characters")
    assert said["silent"] == (down, "connection refused")
    assert not any(word in detail for _, detail in said.values() for word in (FIRST, SECOND, "never the right one"))


def test_an_agent_that_was_restarted_is_no_fault(tmp_path: Path) -> None:
    """Its count of boots is another, or, where it has lost its memory, its engine; both are asked for in the same look."""
    clock = SystemClock()
    driver = Driver(clock)
    readings = Readings(driver, lambda reference: reference.name)

    def look(port: int) -> Observation:
        ended: list[Observation] = []
        check = load("load", access(port, "sha-256-aes-256", "sha-256", "aes-256"))
        readings.look(check, [LA_LOAD_1], lambda seen, _: ended.append(seen))
        while not ended:
            driver.turn(0.1)
        return ended[0]

    try:
        with snmpd(tmp_path, *USERS) as port:
            assert look(port).verdict is Verdict.UP, look(port).detail
            assert look(port).verdict is Verdict.UP
        with snmpd(tmp_path, *USERS, port=port):
            assert look(port).verdict is Verdict.UP
        other = tmp_path / "other"
        other.mkdir()
        with snmpd(other, *USERS, port=port):
            assert look(port).verdict is Verdict.UP
    finally:
        driver.close()


def test_what_there_is_to_be_watched_is_told_to_a_user(agent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH", FIRST)
    user = SnmpUser("sha-512", SnmpKey("sha-512", Secret("env", "AUTH")))
    seen, values = asked(Host("web01", "web01", "shop", "::1", (), snmp=SnmpAccess("3", None, agent, user)))
    assert seen.verdict is Verdict.UP, seen.detail
    assert "process-snmpd" in discovered_checks(written("web01", discovered(values)))
