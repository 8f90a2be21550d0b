"""The five kinds against real servers (C10-C13, C33), over IPv4 and IPv6, and TLS of every sort."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import inside, see
from misbehaving import serving, silent
from real_servers import Certificates, Ports, certificates, nginx, server_context, sshd

from domain.model import Level
from domain.observation import Verdict

LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, certs: Certificates) -> Iterator[Ports]:
    with nginx(tmp_path_factory.mktemp("nginx"), certs) as ports:
        yield ports


def where(address: str, port: int, path: str = "/", scheme: str = "http") -> str:
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}{path}"


@LOOPBACKS
class TestNginx:
    def test_status(self, web: Ports, address: str) -> None:
        seen = see("http", {"url": where(address, web.http)}, address)
        assert (seen.verdict, seen.detail) == (Verdict.UP, "status 200")
        seen = see("http", {"url": where(address, web.http, "/nothing")}, address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, "status 404, expected 200")

    def test_body(self, web: Ports, address: str) -> None:
        assert see("url", {"url": where(address, web.http), "contains": "営業中"}, address).verdict is Verdict.UP
        assert see("url", {"url": where(address, web.http), "contains": "休業"}, address).verdict is Verdict.DOWN
        assert see("url", {"url": where(address, web.http, "/sjis"), "contains": "営業中"}, address).verdict is Verdict.UP

    def test_redirects(self, web: Ports, address: str) -> None:
        moved = {"url": where(address, web.http, "/moved"), "contains": "営業中"}
        assert see("url", {**moved, "redirects": 1}, address).verdict is Verdict.UP
        assert see("url", moved, address).verdict is Verdict.DOWN
        away = see("http", {"url": where(address, web.http, "/away"), "redirects": 5}, address)
        assert away.detail == 'status 302, expected 200; redirects to "https://elsewhere.example.net/": another host'

    def test_basic_auth(self, web: Ports, address: str) -> None:
        auth = {"auth": {"user": "u", "password": {"env": "PW"}}}
        assert see("http", {"url": where(address, web.http, "/secret"), "status": 401}, address).verdict is Verdict.UP
        seen = see("http", {"url": where(address, web.http, "/secret"), **auth}, address)
        assert (seen.verdict, seen.detail) == (Verdict.UP, "status 200")

    def test_https(self, web: Ports, certs: Certificates, address: str) -> None:
        ca = {"ca_file": str(certs.ca)}
        assert see("http", {"url": where("www.example.com", web.https, scheme="https"), **ca}, address).verdict is Verdict.UP
        assert see("http", {"url": where(address, web.https, scheme="https"), **ca}, address).verdict is Verdict.UP
        body = {"url": where("www.example.com", web.https, scheme="https"), "contains": "営業中", **ca}
        assert see("url", body, address).verdict is Verdict.UP

    def test_a_wrong_certificate_is_down(self, web: Ports, certs: Certificates, address: str) -> None:
        trusted = {"ca_file": str(certs.ca)}
        for port, trust, words in [
            (web.https, {}, "unable to get local issuer certificate"),
            (web.expired, trusted, "certificate has expired"),
            (web.other, trusted, "certificate is not valid for 'www.example.com'"),
        ]:
            asked: dict[str, object] = {"url": where("www.example.com", port, scheme="https")}
            seen = see("http", {**asked, **trust}, address)
            assert seen.verdict is Verdict.DOWN
            assert seen.detail.startswith("certificate not valid: ")
            assert words in seen.detail
            assert see("http", {**asked, "verify": False}, address).verdict is Verdict.UP

    def test_tls_where_none_is_spoken_is_down(self, web: Ports, address: str) -> None:
        seen = see("http", {"url": where("www.example.com", web.http, scheme="https")}, address)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith("TLS failed: ")

    def test_tcp(self, web: Ports, certs: Certificates, address: str) -> None:
        assert see("tcp", {"port": web.http}, address).verdict is Verdict.UP
        assert see("tcp", {"port": web.expired, "tls": "implicit"}, address).verdict is Verdict.UP  # no identity asked for
        named = {"port": web.other, "tls": "implicit", "server_name": "www.example.com", "ca_file": str(certs.ca)}
        assert see("tcp", named, address).verdict is Verdict.DOWN
        assert see("tcp", {**named, "server_name": "mail.example.net"}, address).verdict is Verdict.UP


@LOOPBACKS
class TestCertificate:
    """However its name and its signer would be judged."""

    @pytest.mark.parametrize(
        ("port", "level", "days"),
        [("https", Level.WARNING, 8.99), ("other", Level.WARNING, 8.99), ("expired", Level.SERVICE_DOWN, -1.0)],
    )
    def test_of_nginx(self, web: Ports, address: str, port: str, level: Level, days: float) -> None:
        seen = see("certificate", {"port": getattr(web, port), "server_name": "www.example.com"}, address)
        assert (seen.verdict, seen.limit and seen.limit.level) == (Verdict.DOWN, level)
        assert seen.value == pytest.approx(days, abs=0.11)

    def test_that_lasts_is_up(self, certs: Certificates, address: str) -> None:
        with serving(silent, address, tls=server_context(certs.lasting)) as server:
            seen = see("certificate", {"port": server.port}, address)
        assert (seen.verdict, seen.limit) == (Verdict.UP, None)

    def test_is_none_where_no_tls_is_spoken(self, web: Ports, address: str) -> None:
        seen = see("certificate", {"port": web.http}, address)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith("TLS failed: ")
        assert seen.limit is None


@LOOPBACKS
def test_sshd(tmp_path: Path, address: str) -> None:
    with sshd(tmp_path) as port:
        seen = see("ssh", {"port": port}, address)
    assert seen.verdict is Verdict.UP
    assert seen.detail.startswith('"SSH-2.0-OpenSSH')
    assert see("ssh", {"port": port}, address).detail == "connection refused"


def test_a_renewed_ca_file_is_read_again(web: Ports, certs: Certificates, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    asked = {"url": where("www.example.com", web.https, scheme="https"), "ca_file": str(ca)}
    seen = see("http", asked)
    assert (seen.verdict, seen.detail) == (Verdict.UNKNOWN, "the watcher can't look: No such file or directory (ENOENT)")
    (tmp_path / "new").mkdir()
    ca.write_bytes(certificates(tmp_path / "new").ca.read_bytes())
    assert see("http", asked).verdict is Verdict.DOWN
    ca.write_bytes(certs.ca.read_bytes())
    assert see("http", asked).verdict is Verdict.UP


def test_a_tls_peer_that_falls_silent_is_too_late(certs: Certificates) -> None:
    with serving(silent, tls=server_context(certs.good)) as server:
        asked = {"url": where("www.example.com", server.port, scheme="https"), "ca_file": str(certs.ca)}
        seen = see("http", asked, timeout_s=0.4)
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, "no complete HTTP status line within 0.4 s")
    with serving(silent) as server:
        seen = see("http", {"url": where("www.example.com", server.port, scheme="https")}, timeout_s=0.4)
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, "no connection with TLS within 0.4 s")


@pytest.mark.root
class TestPing:
    @LOOPBACKS
    def test_an_answer_is_up(self, address: str) -> None:
        seen = see("ping", {}, address)
        assert seen.verdict is Verdict.UP
        assert seen.latency_ms is not None
        assert seen.latency_ms < 5000

    def test_no_answer_is_down_and_no_route_is_unknown(self) -> None:
        wire = (
            "ip link add near type veth peer name far; ip link set far up; ip link set near up; ip addr add 192.0.2.1/24 dev near"
        )
        routes = "ip -6 addr add 2001:db8::1/64 dev near nodad; ip route add unreachable 198.51.100.0/24"
        silent4, silent6, lost, unreachable, lost_tcp, lo = inside(
            f"{wire}; {routes}",
            {"kind": "ping", "address": "192.0.2.9", "timeout_s": 0.5},
            {"kind": "ping", "address": "2001:db8::9", "timeout_s": 0.5},
            {"kind": "ping", "address": "203.0.113.1"},
            {"kind": "ssh", "address": "198.51.100.1"},
            {"kind": "ssh", "address": "203.0.113.1"},
            {"kind": "ping", "address": "::1"},
        )
        assert (silent4.verdict, silent4.detail) == (Verdict.DOWN, "no answer within 0.5 s")
        assert (silent6.verdict, silent6.detail) == (Verdict.DOWN, "no answer within 0.5 s")
        assert (lost.verdict, lost.detail) == (
            Verdict.UNKNOWN,
            "the watcher can't look: Network is unreachable (ENETUNREACH)",
        )
        assert (unreachable.verdict, unreachable.detail) == (Verdict.DOWN, "host unreachable")
        assert lost_tcp.verdict is Verdict.UNKNOWN
        assert lo.verdict is Verdict.UP

    def test_a_process_that_may_not_ping_says_so(self) -> None:
        (seen,) = inside(
            'set -- setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$@"', {"kind": "ping", "address": "127.0.0.1"}
        )
        assert (seen.verdict, seen.detail) == (
            Verdict.UNKNOWN,
            "the watcher may not ping: it needs CAP_NET_RAW, or its group in net.ipv4.ping_group_range",
        )
