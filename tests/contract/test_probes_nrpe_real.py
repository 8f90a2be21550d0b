"""The kinds over NRPE against a real nagios-nrpe-server, over IPv4 and IPv6, with the command that hosts are given (C26, C27)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import see
from real_nrpe import Nrpe, nrpe
from real_servers import certificates

from domain.observation import Verdict

LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


@pytest.fixture(scope="module")
def host() -> Iterator[Nrpe]:
    with nrpe() as made:
        yield made


@LOOPBACKS
def test_each_line_is_read_once_rotation_included(host: Nrpe, address: str) -> None:
    asked = {"port": host.port}
    see("logfile", asked, address)
    host.says("all is well")
    seen = see("logfile", asked, address)
    assert (seen.verdict, seen.detail) == (Verdict.UP, '"OK: no new line with ERROR"')
    host.says("an ERROR before")
    host.log.rename(host.log.with_name("app.log.1"))
    host.says("an ERROR after")
    seen = see("logfile", asked, address)
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, '"CRITICAL: 2 new with ERROR: an ERROR before"')
    assert see("logfile", asked, address).verdict is Verdict.UP


@LOOPBACKS
def test_what_it_finds_and_what_it_can_t_tell(host: Nrpe, address: str) -> None:
    seen = see("eventlog", {"port": host.port}, address)
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, '"WARNING: 2 entries"')
    for command, words in (("check_blind", "no such log"), ("check_nothing", "NRPE: Command 'check_nothing' not defined")):
        seen = see("logfile", {"port": host.port, "command": command}, address)
        assert (seen.verdict, seen.detail) == (Verdict.UNKNOWN, f"the host's command can't tell: \"{words}\"")


def test_arguments_that_it_does_not_take_are_a_refusal(host: Nrpe) -> None:
    seen = see("logfile", {"port": host.port, "arguments": ["x"]})
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, "closed the connection before its NRPE answer")


def test_a_certificate_is_judged_where_the_inventory_asks_for_one(host: Nrpe, tmp_path: Path) -> None:
    certs = certificates(tmp_path)
    verified = {"tls": "verified", "ca_file": str(certs.ca)}
    with nrpe(certs.good) as certified:
        assert see("logfile", {**verified, "port": certified.port}).verdict is Verdict.UP
        assert see("logfile", {"port": certified.port}).verdict is Verdict.UP
        seen = see("logfile", {**verified, "server_name": "mail.example.net", "port": certified.port})
        assert seen.detail.startswith("certificate not valid: ")
    assert see("logfile", {"port": host.port}).verdict is Verdict.UP
    for kind, given in (("logfile", verified), ("certificate", {})):  # nobody else takes a peer without a certificate
        seen = see(kind, {**given, "port": host.port})
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith("TLS failed: ")


def test_in_clear_where_the_inventory_says_so(host: Nrpe) -> None:
    with nrpe(tls=False) as plain:
        assert see("logfile", {"port": plain.port, "tls": "none"}).verdict is Verdict.UP
        assert see("logfile", {"port": plain.port}).verdict is Verdict.DOWN
    assert see("logfile", {"port": host.port, "tls": "none"}).verdict is Verdict.DOWN
