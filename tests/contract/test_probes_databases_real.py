"""C36, C37, C39 against MariaDB and PostgreSQL: who may open which database, over what, and how large it is."""

from collections.abc import Iterator

import pytest
from driving import see
from misbehaving import closes_at_once, endless, says, serving, silent
from real_databases import ACCOUNT, DATABASE, mariadb, postgresql
from real_servers import Certificates

from domain.model import Level
from domain.observation import Limit, Observation, Verdict

KINDS = pytest.mark.parametrize("kind", ["mysql", "postgresql"])
LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


@pytest.fixture(scope="module")
def ports(certs: Certificates) -> Iterator[dict[str, int]]:
    with mariadb(certs) as mysql, postgresql(certs) as other:
        yield {"mysql": mysql, "postgresql": other}


@pytest.fixture
def port(ports: dict[str, int], kind: str) -> int:
    return ports[kind]


def opened(kind: str, port: int, address: str = "127.0.0.1", timeout_s: float = 10.0, **changes: object) -> Observation:
    login = {"user": ACCOUNT, "password": {"env": "PW"}}
    return see(kind, {"port": port, "database": DATABASE, "login": login, **changes}, address, timeout_s)


def account(user: str, password: str = "PW") -> dict[str, object]:
    return {"user": user, "password": {"env": password}}


@KINDS
class TestRealOne:
    @LOOPBACKS
    def test_opens_its_database(self, kind: str, port: int, address: str) -> None:
        seen = opened(kind, port, address)
        assert seen.verdict is Verdict.UP, seen
        assert seen.latency_ms is not None

    @pytest.mark.parametrize("tls", ["required", "verified"])
    def test_opens_it_over_tls(self, kind: str, port: int, tls: str, certs: Certificates) -> None:
        seen = opened(kind, port, tls=tls, ca_file=str(certs.ca), server_name="www.example.com")
        assert seen.verdict is Verdict.UP, seen

    def test_refuses_a_wrong_password(self, kind: str, port: int) -> None:
        seen = opened(kind, port, login=account(ACCOUNT, "WRONG"))
        assert seen.verdict is Verdict.DOWN
        assert "WRONG" not in seen.detail
        assert ACCOUNT in seen.detail

    @pytest.mark.parametrize("database", ["other", "nowhere"])
    def test_refuses_a_database_that_is_not_there_or_not_the_account_s(self, kind: str, port: int, database: str) -> None:
        seen = opened(kind, port, database=database)
        assert (seen.verdict, database in seen.detail) == (Verdict.DOWN, True), seen

    def test_a_certificate_of_another_is_refused(self, kind: str, port: int, certs: Certificates) -> None:
        seen = opened(kind, port, tls="verified", ca_file=str(certs.ca), server_name="elsewhere.example.com")
        assert seen.verdict is Verdict.DOWN
        assert "certificate" in seen.detail


class TestWhatIsNotSent:
    def test_the_password_itself_where_nobody_is_verified(self, ports: dict[str, int]) -> None:
        seen = opened("postgresql", ports["postgresql"], login=account("clear"))
        assert seen.verdict is Verdict.DOWN
        assert "password" in seen.detail

    def test_it_is_sent_where_the_certificate_is_right(self, ports: dict[str, int], certs: Certificates) -> None:
        port, name = ports["postgresql"], "www.example.com"
        seen = opened("postgresql", port, login=account("clear"), tls="verified", ca_file=str(certs.ca), server_name=name)
        assert seen.verdict is Verdict.UP

    def test_a_method_that_is_not_known_is_named(self, ports: dict[str, int]) -> None:
        seen = opened("mysql", ports["mysql"], login=account("elsewise"))
        assert (seen.verdict, "ed25519" in seen.detail) == (Verdict.DOWN, True)


@KINDS
class TestAnyOther:
    @pytest.mark.parametrize("treat", [says(b"SSH-2.0-else\r\n", silent), endless, closes_at_once])
    def test_garbage_is_down(self, kind: str, treat: object) -> None:
        with serving(treat) as server:  # type: ignore[arg-type]  # of the parameters above
            seen = opened(kind, server.port, timeout_s=2.0)
        assert seen.verdict is Verdict.DOWN, seen

    def test_silence_is_down_in_time(self, kind: str) -> None:
        with serving(silent) as server:
            seen = opened(kind, server.port, timeout_s=0.5)
        assert (seen.verdict, "within 0.5 s" in seen.detail) == (Verdict.DOWN, True)

    def test_a_closed_port_is_down(self, kind: str) -> None:
        seen = opened(kind, 1)
        assert (seen.verdict, "efused" in seen.detail) == (Verdict.DOWN, True), seen


def sized(kind: str, port: int, address: str = "127.0.0.1", timeout_s: float = 10.0, **changes: object) -> Observation:
    return opened("dbsize", port, address, timeout_s, **{"system": kind, "allowance": "10 MB", **changes})


@KINDS
class TestSize:
    @LOOPBACKS
    def test_is_its_share_of_the_allowance(self, kind: str, port: int, address: str) -> None:
        """The table has 3 MB; what an empty database of PostgreSQL has is more."""
        seen = sized(kind, port, address)
        assert seen.verdict is Verdict.UP, seen
        assert seen.value is not None
        assert 30 < seen.value < 90
        assert seen.detail.startswith(f"{DATABASE}: 0.0")
        assert seen.detail.endswith(" of 0.01 GiB")

    def test_that_reaches_the_threshold_is_down(self, kind: str, port: int) -> None:
        seen = sized(kind, port, allowance="3 MB")
        assert (seen.verdict, seen.limit) == (Verdict.DOWN, Limit(Level.MINOR, "≥", 90, "%"))
        assert seen.value is not None
        assert seen.value > 90

    @pytest.mark.parametrize("tls", ["required", "verified"])
    def test_is_seen_over_tls(self, kind: str, port: int, tls: str, certs: Certificates) -> None:
        seen = sized(kind, port, tls=tls, ca_file=str(certs.ca), server_name="www.example.com")
        assert seen.verdict is Verdict.UP, seen

    def test_is_not_seen_with_a_wrong_password(self, kind: str, port: int) -> None:
        seen = sized(kind, port, login=account(ACCOUNT, "WRONG"))
        assert (seen.verdict, seen.limit, ACCOUNT in seen.detail) == (Verdict.DOWN, None, True)

    @pytest.mark.parametrize("database", ["other", "nowhere"])
    def test_of_a_database_that_is_not_there_or_not_the_account_s_is_down(self, kind: str, port: int, database: str) -> None:
        assert (sized(kind, port, database=database).verdict, kind) == (Verdict.DOWN, kind)

    def test_without_the_right_to_see_it_is_never_up(self, kind: str, port: int) -> None:
        seen = sized(kind, port, database="unseen")
        words = {"mysql": "sees no table there", "postgresql": "permission denied for function pg_database_size"}
        assert seen.verdict is {"mysql": Verdict.UNKNOWN, "postgresql": Verdict.DOWN}[kind]
        assert words[kind] in seen.detail

    @pytest.mark.parametrize("treat", [says(b"SSH-2.0-else\r\n", silent), endless, closes_at_once])
    def test_of_garbage_is_down(self, kind: str, treat: object) -> None:
        with serving(treat) as server:  # type: ignore[arg-type]  # of the parameters above
            assert sized(kind, server.port, timeout_s=2.0).verdict is Verdict.DOWN

    def test_of_silence_is_down_in_time(self, kind: str) -> None:
        with serving(silent) as server:
            seen = sized(kind, server.port, timeout_s=0.5)
        assert (seen.verdict, "within 0.5 s" in seen.detail) == (Verdict.DOWN, True)
