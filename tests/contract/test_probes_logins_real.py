"""Logins at a real Postfix (AUTH LOGIN, C28) and a real vsftpd (C31), over IPv4 and IPv6, in clear and over TLS of each sort."""

from collections.abc import Iterator

import pytest
from driving import see
from real_root_servers import SmtpPorts, postfix, vsftpd
from real_servers import Certificates

from domain.observation import Verdict

pytestmark = pytest.mark.root
LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
LOGIN = {"login": {"user": "u", "password": {"env": "PW"}}}
WRONG = {"login": {"user": "u", "password": {"env": "OTHER"}}}


@pytest.fixture(scope="module")
def smtp(certs: Certificates) -> Iterator[SmtpPorts]:
    with postfix(certs) as ports:
        yield ports


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory, certs: Certificates) -> Iterator[int]:
    with vsftpd(tmp_path_factory.mktemp("vsftpd"), certs) as port:
        yield port


@LOOPBACKS
class TestPostfix:
    def test_greets(self, smtp: SmtpPorts, address: str) -> None:
        for given in ({"port": smtp.smtp}, {"port": smtp.smtp, "tls": "starttls"}, {"port": smtp.smtps, "tls": "implicit"}):
            seen = see("smtp", given, address)
            assert (seen.verdict, seen.detail) == (Verdict.UP, '"220 mail.example.com ESMTP Postfix"')

    def test_lets_the_account_in(self, smtp: SmtpPorts, certs: Certificates, address: str) -> None:
        for given in ({"port": smtp.smtp}, {"port": smtp.smtps, "tls": "implicit"}, {"port": smtp.smtp, "tls": "none"}):
            seen = see("smtp", {**given, **LOGIN, "ca_file": str(certs.ca)}, address)
            assert seen.verdict is Verdict.UP, seen.detail

    def test_refuses_another(self, smtp: SmtpPorts, certs: Certificates, address: str) -> None:
        seen = see("smtp", {"port": smtp.smtp, **WRONG, "ca_file": str(certs.ca)}, address)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith('answered "535 5.7.8 Error: authentication failed')

    def test_gets_no_password_without_its_certificate(self, smtp: SmtpPorts, address: str) -> None:
        assert see("smtp", {"port": smtp.smtp, **LOGIN}, address).detail.startswith("certificate not valid: ")

    def test_shows_its_certificate(self, smtp: SmtpPorts, address: str) -> None:
        for given in ({"port": smtp.smtp, "starttls": "smtp"}, {"port": smtp.smtps}):
            assert see("certificate", given, address).value == pytest.approx(9.0, abs=0.11)


@LOOPBACKS
class TestVsftpd:
    def test_greets(self, ftp: int, address: str) -> None:
        for given in ({}, {"tls": "starttls"}):
            assert see("ftp", {"port": ftp, **given}, address)[:2] == (Verdict.UP, '"220 (vsFTPd 3.0.3)"')

    def test_lets_the_account_in(self, ftp: int, certs: Certificates, address: str) -> None:
        for given in ({}, {"tls": "none"}):
            seen = see("ftp", {"port": ftp, **given, **LOGIN, "ca_file": str(certs.ca)}, address)
            assert seen.verdict is Verdict.UP, seen.detail

    def test_refuses_another(self, ftp: int, certs: Certificates, address: str) -> None:
        seen = see("ftp", {"port": ftp, **WRONG, "ca_file": str(certs.ca)}, address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, 'answered "530 Login incorrect." instead of 230 to the login')

    def test_gets_no_password_without_its_certificate(self, ftp: int, address: str) -> None:
        assert see("ftp", {"port": ftp, **LOGIN}, address).detail.startswith("certificate not valid: ")

    def test_shows_its_certificate(self, ftp: int, address: str) -> None:
        assert see("certificate", {"port": ftp, "starttls": "ftp"}, address).value == pytest.approx(9.0, abs=0.11)
