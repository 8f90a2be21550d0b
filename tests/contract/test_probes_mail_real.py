"""POP3 and IMAP against a real Dovecot (C29, C30), over IPv4 and IPv6, in clear and over TLS of both sorts."""

from collections.abc import Iterator

import pytest
from driving import see
from real_servers import Certificates, MailPorts, dovecot

from domain.model import Level
from domain.observation import Limit, Verdict

LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
KINDS = pytest.mark.parametrize("kind", ["imap", "pop3"])
GREETS = {"imap": "* OK", "pop3": "+OK"}
LOGIN = {"login": {"user": "u", "password": {"env": "PW"}}}


@pytest.fixture(scope="module")
def mail(certs: Certificates) -> Iterator[MailPorts]:
    with dovecot(certs) as ports:
        yield ports


def ports_of(mail: MailPorts, kind: str) -> tuple[int, int]:
    """In clear and with STARTTLS; with TLS from the start."""
    return (mail.imap, mail.imaps) if kind == "imap" else (mail.pop3, mail.pop3s)


@KINDS
@LOOPBACKS
class TestDovecot:
    def test_greets(self, mail: MailPorts, kind: str, address: str) -> None:
        clear, tls = ports_of(mail, kind)
        for given in ({"port": clear}, {"port": clear, "tls": "starttls"}, {"port": tls, "tls": "implicit"}):
            seen = see(kind, given, address)
            assert (seen.verdict, seen.detail[1:5].strip()) == (Verdict.UP, GREETS[kind]), seen.detail

    def test_lets_the_account_in(self, mail: MailPorts, certs: Certificates, kind: str, address: str) -> None:
        clear, tls = ports_of(mail, kind)
        for given in ({"port": clear}, {"port": tls, "tls": "implicit"}, {"port": clear, "server_name": "www.example.com"}):
            seen = see(kind, {**given, **LOGIN, "ca_file": str(certs.ca)}, address)
            assert seen.verdict is Verdict.UP, seen.detail

    def test_shows_its_certificate(self, mail: MailPorts, kind: str, address: str) -> None:
        clear, tls = ports_of(mail, kind)
        for given in ({"port": clear, "starttls": kind}, {"port": tls}):
            seen = see("certificate", given, address)
            assert seen.limit == Limit(Level.WARNING, "<", 21, " days"), seen.detail

    def test_refuses_another(self, mail: MailPorts, certs: Certificates, kind: str, address: str) -> None:
        clear, _ = ports_of(mail, kind)
        stranger = {"login": {"user": "nobody", "password": {"env": "PW"}}, "ca_file": str(certs.ca)}
        seen = see(kind, {"port": clear, **stranger}, address)
        assert seen.verdict is Verdict.DOWN
        assert "uthentication failed" in seen.detail

    def test_is_sent_a_password_in_clear_where_the_inventory_says_so(self, mail: MailPorts, kind: str, address: str) -> None:
        clear, _ = ports_of(mail, kind)
        assert see(kind, {"port": clear, "tls": "none", **LOGIN}, address).verdict is Verdict.UP

    def test_gets_no_password_without_its_certificate(self, mail: MailPorts, kind: str, address: str) -> None:
        clear, _ = ports_of(mail, kind)
        seen = see(kind, {"port": clear, **LOGIN}, address)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith("certificate not valid: ")
