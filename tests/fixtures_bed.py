"""Fixtures for tests against real hosts (room bed/): `bed`, `guest`, `mail_guest`, `sink`, `client_key`.

Tests that need them carry `@pytest.mark.root`; where guests can't run they are skipped with the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from bed import able
from bed.guest import Guest
from bed.host import make_key
from bed.network import Bed
from bed.postfix import MailGuest
from bed.sink import Sink

_why_not = cache(able.why_not)


@dataclass(frozen=True)
class ClientKey:
    """An SSH key pair to log in with: the private half as a file, the public half as `ssh-ed25519 AAAA...`."""

    path: Path
    public: str


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with the reason, what needs guests where there can be none."""
    if item.get_closest_marker("root") is not None and (reason := _why_not()) is not None:
        pytest.skip(f"no real hosts: {reason}")


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """This worker's network for guests."""
    with Bed() as made:
        yield made


@pytest.fixture
def guest(bed: Bed) -> Iterator[Guest]:
    """A fresh host web01: SSH and nginx answer; nobody may log in yet."""
    with Guest(bed, "web01") as made:
        yield made


@pytest.fixture
def mail_guest(bed: Bed) -> Iterator[MailGuest]:
    """A fresh Postfix that takes mail for customer@, operator@ and noc@example.test."""
    with MailGuest(bed, ["customer", "operator", "noc"]) as made:
        yield made


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """An SMTP server on 127.0.0.1 that keeps every mail."""
    with Sink(tmp_path / "mails") as made:
        yield made


@pytest.fixture(scope="session")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> ClientKey:
    """A key pair to log in with."""
    path = tmp_path_factory.mktemp("client") / "id_ed25519"
    return ClientKey(path, make_key(path))
