"""C34 against OpenLDAP's slapd: who may bind, what is found, over what."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from driving import see
from misbehaving import closes_at_once, endless, says, serving, silent
from real_servers import PASSWORD, Certificates, free_ports, running

from domain.observation import Observation, Verdict

BASE, WATCH = "dc=example,dc=com", "uid=watch,dc=example,dc=com"
LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])

_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCertificateFile {key}
TLSCertificateKeyFile {key}
TLSCACertificateFile {ca}
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous {anonymous}
database mdb
suffix "{base}"
directory {folder}/data
"""
_DATA = f"""dn: {BASE}
objectClass: domain
dc: example

dn: {WATCH}
objectClass: inetOrgPerson
uid: watch
cn: Watch
sn: Watch
userPassword: {PASSWORD}

dn: uid=other,{BASE}
objectClass: inetOrgPerson
uid: other
cn: 山田
sn: Other
"""


@contextmanager
def slapd(folder: Path, certs: Certificates) -> Iterator[tuple[int, int]]:
    """In clear and with StartTLS; with TLS from the start."""
    (folder / "data").mkdir()
    (folder / "slapd.conf").write_text(
        _CONF.format(folder=folder, key=certs.good, ca=certs.ca, base=BASE, anonymous="read"), encoding="utf-8"
    )
    subprocess.run(
        ["slapadd", "-f", str(folder / "slapd.conf")], input=_DATA, text=True, check=True, capture_output=True, encoding="utf-8"
    )
    plain, tls = free_ports(2)
    urls = " ".join(f"ldap://{host}:{plain}/ ldaps://{host}:{tls}/" for host in ("127.0.0.1", "[::1]"))
    with running(["slapd", "-f", str(folder / "slapd.conf"), "-h", urls, "-d", "0"], plain):
        yield plain, tls


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory, certs: Certificates) -> Iterator[tuple[int, int]]:
    with slapd(tmp_path_factory.mktemp("slapd"), certs) as found:
        yield found


def asked(port: int, address: str = "127.0.0.1", timeout_s: float = 10.0, **changes: object) -> Observation:
    return see("ldap", {"port": port, "base": BASE, "filter": "(uid=watch)", **changes}, address, timeout_s)


def account(user: str = WATCH, password: str = "PW") -> dict[str, object]:
    return {"user": user, "password": {"env": password}}


@LOOPBACKS
def test_anybody_may_bind_and_finds_it(ports: tuple[int, int], address: str) -> None:
    seen = asked(ports[0], address)
    assert (seen.verdict, seen.detail) == (Verdict.UP, "found")


@pytest.mark.parametrize("way", ["none", "starttls", "implicit"])
def test_an_account_binds(ports: tuple[int, int], certs: Certificates, way: str) -> None:
    port = ports[1] if way == "implicit" else ports[0]
    seen = asked(port, tls=way, login=account(), ca_file=str(certs.ca), server_name="www.example.com")
    assert (seen.verdict, seen.detail) == (Verdict.UP, "found")


def test_a_wrong_password_is_down(ports: tuple[int, int]) -> None:
    seen = asked(ports[0], tls="none", login=account(password="WRONG"))
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, "refused the bind: wrong credentials")


def test_a_certificate_of_another_is_down(ports: tuple[int, int], certs: Certificates) -> None:
    seen = asked(ports[0], login=account(), ca_file=str(certs.ca), server_name="elsewhere.example.com")
    assert (seen.verdict, "certificate not valid" in seen.detail) == (Verdict.DOWN, True)


@pytest.mark.parametrize(
    "wanted", ["(uid=*)", "(&(objectClass=inetOrgPerson)(!(uid=watch)))", "(cn=山*)", "(|(uid=nobody)(sn=Oth*))"]
)
def test_what_is_there_is_found(ports: tuple[int, int], wanted: str) -> None:
    """Also where more is there than one entry."""
    assert asked(ports[0], filter=wanted).verdict is Verdict.UP


def test_what_is_not_there_is_down(ports: tuple[int, int]) -> None:
    seen = asked(ports[0], filter="(uid=nobody)")
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, 'found nothing for "(uid=nobody)"')
    seen = asked(ports[0], base="dc=nowhere")
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, "refused the search: no such object")
    seen = asked(ports[0], base="not a name")
    assert (seen.verdict, "not a distinguished name" in seen.detail) == (Verdict.DOWN, True)


@pytest.mark.parametrize("treat", [says(b"SSH-2.0-else\r\n", silent), endless, closes_at_once])
def test_any_other_is_down(treat: object) -> None:
    with serving(treat) as server:  # type: ignore[arg-type]  # of the parameters above
        assert asked(server.port, timeout_s=2.0).verdict is Verdict.DOWN
