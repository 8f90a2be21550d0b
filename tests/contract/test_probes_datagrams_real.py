"""The kinds over UDP against real servers, over IPv4 and IPv6: BIND (C14), ntpsec (C32), FreeRADIUS (C35)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from driving import inside, see
from real_datagram_servers import ahead, bind, ntpd, radiusd

from domain.observation import Verdict

LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bind(tmp_path_factory.mktemp("bind")) as port:
        yield port


@LOOPBACKS
class TestBind:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"name": "www.example.com"}, "192.0.2.1, 192.0.2.2"),
            ({"name": "alias.example.com", "values": ["192.0.2.2", "192.0.2.3"]}, "192.0.2.1, 192.0.2.2"),
            ({"name": "WWW.example.com", "record": "AAAA", "values": ["2001:db8:0::1"]}, "2001:db8::1"),
            (
                {"name": "example.com", "record": "MX", "values": ["mail2.example.net"]},
                "10 mail.example.com., 20 mail2.example.net.",
            ),
            ({"name": "192.0.2.1", "values": ["www.example.com"]}, "www.example.com."),
        ],
    )
    def test_has_the_record(self, named: int, address: str, given: dict[str, object], said: str) -> None:
        seen = see("dns", {**given, "port": named}, address)
        assert (seen.verdict, seen.detail) == (Verdict.UP, said)

    def test_is_asked_by_tcp_for_what_no_datagram_holds(self, named: int, address: str) -> None:
        asked = {"name": "wide.example.com", "port": named}
        assert see("dns", {**asked, "values": ["192.0.2.42"]}, address).verdict is Verdict.UP
        assert see("dns", {**asked, "values": ["192.0.2.142"]}, address).verdict is Verdict.DOWN

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (
                {"name": "www.example.com", "values": ["192.0.2.3"]},
                "answers 192.0.2.1, 192.0.2.2, which is none of the values that are right",
            ),
            ({"name": "no.example.com"}, "answers that there is no such name (NXDOMAIN)"),
            ({"name": "www.example.com", "record": "MX"}, "answers with no MX record"),
            ({"name": "www.example.net"}, "answers that it refuses to answer (REFUSED)"),
        ],
    )
    def test_has_it_not(self, named: int, address: str, given: dict[str, object], said: str) -> None:
        seen = see("dns", {**given, "port": named}, address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, said)


@pytest.mark.root
def test_ntpsec(tmp_path: Path) -> None:
    watched = {"kind": "ntp", "given": {"watch_offset": True}}
    up4, up6, silent, watched4 = inside(
        f"{ntpd(tmp_path)} & true",
        {"kind": "ntp", "within_s": 10},
        {"kind": "ntp", "address": "::1"},
        {**watched, "address": "::1", "timeout_s": 0.5},
        watched,
    )
    assert (up4.verdict, up4.detail) == (up6.verdict, up6.detail) == (Verdict.UP, "stratum 5")
    assert (silent.verdict, silent.detail) == (
        Verdict.DOWN,
        "no answer about its offset within 0.5 s (it may tell it to nobody: noquery)",
    )
    assert (watched4.verdict, watched4.value) == (Verdict.UP, 0.0)
    assert watched4.detail == "stratum 5, +0.000000 s off its own upstream"


@pytest.mark.root
@pytest.mark.proof
def test_ntpsec_that_is_off_its_own_upstream(tmp_path: Path) -> None:
    """It takes some seconds to settle on an upstream."""
    synchronised, watched = inside(
        f"{ahead()}; {ntpd(tmp_path, '10.9.9.2')} & true",
        {"kind": "ntp", "within_s": 30},
        {"kind": "ntp", "given": {"watch_offset": True}},
    )
    assert (synchronised.verdict, synchronised.detail) == (Verdict.UP, "stratum 2")
    assert watched.verdict is Verdict.DOWN
    assert watched.value == pytest.approx(0.1, abs=0.02)


@pytest.fixture(scope="module")
def freeradius(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with radiusd(tmp_path_factory.mktemp("radius")) as port:
        yield port


@LOOPBACKS
class TestFreeRadius:
    ACCOUNT: Mapping[str, object] = {"login": {"user": "u", "password": {"env": "PW"}}, "secret": {"env": "RS"}}

    def test_lets_the_account_in(self, freeradius: int, address: str) -> None:
        seen = see("radius", {**self.ACCOUNT, "port": freeradius}, address)
        assert (seen.verdict, seen.detail) == (Verdict.UP, "Access-Accept")

    def test_refuses_another_password(self, freeradius: int, address: str) -> None:
        wrong = {"login": {"user": "u", "password": {"env": "OTHER"}}}
        seen = see("radius", {**self.ACCOUNT, **wrong, "port": freeradius}, address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, "refuses the account (Access-Reject)")

    def test_refuses_another_account_in_its_words(self, freeradius: int, address: str) -> None:
        wrong = {"login": {"user": "nobody", "password": {"env": "PW"}}}
        seen = see("radius", {**self.ACCOUNT, **wrong, "port": freeradius}, address)
        assert seen.detail == 'refuses the account (Access-Reject), saying "who is that"'

    def test_drops_what_is_signed_with_another_secret(self, freeradius: int, address: str) -> None:
        seen = see("radius", {**self.ACCOUNT, "secret": {"env": "OTHER"}, "port": freeradius}, address, timeout_s=0.3)
        awaited = "no RADIUS answer signed with the shared secret within 0.3 s (it may have another, or not know this watcher)"
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, awaited)
