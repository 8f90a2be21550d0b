"""A guest of the bed that a test module shares, to log in to as actions do: `shared_guest`, `Login`."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fixtures_bed import ClientKey
from fixtures_ssh import host_at

from bed.guest import Guest
from bed.network import Bed
from domain.model import Host
from domain.procedure import Parameter
from remediation import Action, Connection, Guard, Target, open_connection, sudoers
from remediation.action import Ran
from store.clock import SystemClock


@dataclass
class Noted:
    """A login that notes what is sent."""

    connection: Connection
    sent: list[str]

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        line = shlex.join(argv)
        if self.sent[-1:] != [line]:
            self.sent.append(line)
        return self.connection.run(argv, timeout_s, guard)

    def close(self) -> None:
        self.connection.close()


@dataclass
class Login:
    """A guest as the target of actions; what they find out and keep is here."""

    guest: Guest
    key: ClientKey
    known: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """Every command line, what is looked at repeatedly only once."""

    @property
    def host(self) -> Host:
        return host_at(self.guest.address, self.guest.ssh_port, (self.guest.host_key,), user=self.guest.user, service="nginx")

    def target(self, **changes: Any) -> Target:
        return Target(
            replace(self.host, **changes), lambda _: self.key.path.read_text(), SystemClock(), "nginx",
            self.known, self.known.__setitem__, self.kept.__setitem__,
        )  # fmt: skip

    def connect(self, target: Target) -> Connection:
        """Log in from inside the bed's network."""
        with self.guest.bed.inside():
            return Noted(open_connection(target), self.sent)

    def allow(self, action: Action, parameters: Mapping[str, Parameter], **changes: Any) -> None:
        """The sudo rules that we print for this step, and no other."""
        host = replace(self.host, **changes)
        self.guest.sudoers(sudoers(host, action.describe(host, parameters, "nginx", self.known)))


@pytest.fixture(scope="module")
def shared_guest(bed: Bed, client_key: ClientKey) -> Iterator[Guest]:
    """A host web01 for all tests of a module."""
    with Guest(bed, "web01") as made:
        made.authorize(client_key.public)
        yield made


@pytest.fixture
def login(shared_guest: Guest, client_key: ClientKey) -> Login:
    return Login(shared_guest, client_key)
