"""C50 against BIND: where names lead, over IPv4 and IPv6."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_datagram_servers import bind

from domain.model import ByName
from domain.observation import Observation, Verdict, up
from probes.spec import Dialogue
from store.clock import SystemClock
from watch.driver import Driver
from watch.name_files import Server
from watch.names import Names, Told

LOOPBACKS = pytest.mark.parametrize("resolver", ["127.0.0.1", "::1"])
Looks = Callable[..., tuple[Observation, list[str]]]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bind(tmp_path_factory.mktemp("bind")) as port:
        yield port


@pytest.fixture
def look(named: int, resolver: str, tmp_path: Path) -> Iterator[Looks]:
    """What is seen at a name, and at which address."""
    clock = SystemClock()
    driver = Driver(clock)

    def look(name: str, version: int | None = None) -> tuple[Observation, list[str]]:
        names = Names(driver, clock, (Server(resolver, named),), tmp_path)
        found: list[Observation] = []
        looked: list[str] = []

        def begin(address: str, left_s: float, landed: Told) -> object:
            looked.append(address)
            return driver.look(welcome, left_s, landed)

        names.look(ByName(name, version, ()), 10.0, begin, found.append)  # type: ignore[arg-type]  # 4 or 6
        while not found:
            driver.turn(0.05)
        return found[0], looked

    yield look
    driver.close()


def welcome() -> Dialogue:
    yield from ()
    return up("welcome")


@LOOPBACKS
@pytest.mark.parametrize(
    ("name", "version", "addresses"),
    [
        ("www.example.com", None, {"192.0.2.1", "192.0.2.2"}),
        ("www.example.com", 6, {"2001:db8::1"}),
        ("alias.example.com", 4, {"192.0.2.1", "192.0.2.2"}),
        ("alias6.example.com", None, {"2001:db8::6"}),
        ("wide.example.com", None, {f"192.0.2.{number}" for number in range(100)}),
    ],
)
def test_a_name_leads_to_its_address(look: Looks, name: str, version: int | None, addresses: set[str]) -> None:
    seen, [address] = look(name, version)
    assert seen.verdict is Verdict.UP
    assert address in addresses
    assert seen.detail == f"at {address}: welcome"


@LOOPBACKS
@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("no.example.com", None, "there is no such name (NXDOMAIN, says {})"),
        ("ns.example.com", 6, "it has no IPv6 address (says {})"),
        ("www.broken.example", None, "{}: it can't answer just now (SERVFAIL)"),
        ("www.example.net", None, "{}: it refuses to answer (REFUSED)"),
        ("loop.example.com", None, ""),
        ("self.example.com", None, "it leads to 127.0.0.9, which is no other machine's address"),
    ],
)
def test_one_that_leads_nowhere_is_told_as_that(look: Looks, resolver: str, name: str, version: int | None, said: str) -> None:
    seen, looked = look(name, version)
    assert (seen.verdict, seen.told_only, looked) == (Verdict.DOWN, True, [])
    assert seen.detail.startswith(f"name resolution failed: {name}: {said.format(resolver)}")
