"""What is remembered of a host holds for that machine and for a while; what an attempt keeps is bounded and stays with it."""

from dataclasses import replace

import pytest
from hand_clock import HandClock
from store_samples import ask, policy, working

from domain.model import Host, Secret, SshAccess
from store import findings, journal, traits
from store.db import Store

LOGIN = SshAccess("hikeshi", ("ssh-ed25519 AAAA",), Secret("file", "/key"))
WEB = replace(policy().hosts["web01"], ssh=LOGIN)


def known(store: Store, host: Host, at_s: float) -> dict[str, str]:
    with store.read() as session:
        return {row.name: row.value for row in traits.known(session, host, at_s)}


def remember(store: Store, host: Host, name: str, value: str, at_s: float) -> None:
    with store.write() as session:
        traits.remember(session, host, name, value, at_s)


def test_a_trait_is_known_until_another_is_found(store: Store, clock: HandClock) -> None:
    remember(store, WEB, "init", "systemd", 1000.0)
    remember(store, WEB, "panel", "none", 1000.0)
    remember(store, WEB, "panel", "plesk", 2000.0)
    assert known(store, WEB, 2000.0) == {"init": "systemd", "panel": "plesk"}
    assert known(store, replace(WEB, id="web02"), 2000.0) == {}


@pytest.mark.parametrize(
    "other",
    [
        replace(WEB, address="192.0.2.9"),
        replace(WEB, ssh=replace(LOGIN, host_keys=("ssh-ed25519 BBBB",))),
        replace(WEB, ssh=replace(LOGIN, address="198.51.100.1")),
        replace(WEB, ssh=None),
    ],
    ids=["address", "host key", "login address", "no login"],
)
def test_another_machine_is_not_known_and_the_one_before_is_forgotten(store: Store, other: Host) -> None:
    remember(store, WEB, "init", "sysv", 1000.0)
    assert known(store, other, 1000.0) == {}
    remember(store, other, "panel", "none", 1000.0)
    assert known(store, other, 1000.0) == {"panel": "none"}
    assert known(store, WEB, 1000.0) == {}


def test_what_was_found_long_ago_is_looked_for_again(store: Store) -> None:
    remember(store, WEB, "init", "sysv", 1000.0)
    assert known(store, WEB, 1000.0 + traits.GOOD_S - 1) == {"init": "sysv"}
    assert known(store, WEB, 1000.0 + traits.GOOD_S) == {}


def test_findings_stay_with_their_attempt_and_incident(store: Store) -> None:
    [command] = working(store)
    attempt = ask(store, command).attempt_id
    assert attempt is not None
    with store.write() as session:
        assert findings.keep(session, command, "restart", name="journal", text="one\ntwo\0", now_s=5.0)
        assert findings.keep(session, command, "restart", name="journal", text="one\ntwo\0three", now_s=6.0)
        assert not findings.keep(session, command, "another", name="journal", text="lost", now_s=6.0)
    with store.read() as session:
        [row] = findings.of_incident(session, command.incident or "")
        assert (row.attempt, row.step, row.text, row.at_s) == (attempt, "restart", "one\ntwo�three", 6.0)
        assert [item.seq for item in findings.of_host(session, "web01", 1)] == [row.seq]
        assert findings.of_host(session, "web02", 1) == []


def test_findings_are_bounded(store: Store) -> None:
    [command] = working(store)
    attempt = ask(store, command).attempt_id
    assert attempt is not None
    with store.write() as session:
        long = "あ" * 200_000
        kept = [findings.keep(session, command, "restart", name=chr(97 + n) * 99, text=long, now_s=5.0) for n in range(20)]
    assert kept == [True] * findings.PER_ATTEMPT + [False] * (20 - findings.PER_ATTEMPT)
    with store.write() as session:
        rows = findings.of_incident(session, command.incident or "")
        assert {len(row.name) for row in rows} == {findings.NAME_MAX}
        assert all(len(row.text.encode()) <= findings.TEXT_MAX_BYTES for row in rows)
        assert rows[0].text.endswith("[… cut off here]\n")
        journal.settle(session, attempt, "done", "", 6.0)
        assert not findings.keep(session, command, "restart", name="a" * 99, text="late", now_s=7.0), "its attempt has ended"
