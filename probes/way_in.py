"""What the protocols of mail and file transfer share: the port, how TLS comes about there, and whose login is tried (C28-C31)."""

from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple

from domain.observation import Observation, unknown, up
from probes import option
from probes.option import Option
from probes.spec import Connect, Dialogue, Target, Tls, Wish
from probes.words import quoted


class WayIn(NamedTuple):
    """``how`` is none, implicit or starttls; ``account`` is whose login is tried, if any."""

    port: int
    how: str
    tls: Tls
    account: "Account | None"


class Account(NamedTuple):
    """A login. Its password is nothing that any detail may hold."""

    user: str
    password: str

    def said(self, reply: bytes) -> str:
        """What the peer said, quoted; a peer that repeats the password, plain or in AUTH LOGIN's base64, gets it into no mail."""
        plain = self.password.encode()
        for sent in (plain, b64encode(plain)) if plain else ():
            reply = reply.replace(sent, b"***")
        return quoted(reply)


class Protocol(NamedTuple):
    """The parts of a look. ``implied``: how TLS comes about at ports that are not the usual one. Each part tells what it found
    wrong, if anything; ``greet`` returns the greeting otherwise."""

    implied: Mapping[int, str]
    greet: Callable[[], Generator[Wish, bytes, bytes | Observation]]
    start_tls: Callable[[Tls], Generator[Wish, bytes, Observation | None]]
    log_in: Callable[[Account], Generator[Wish, bytes, Observation | None]]

    def look(self, target: Target) -> Dialogue:
        way = way_in(target, self.implied)
        if isinstance(way, Observation):
            return way
        yield Connect(target.address, way.port, way.tls if way.how == "implicit" else None)
        greeting = yield from self.greet()
        if isinstance(greeting, Observation):
            return greeting
        if way.how == "starttls" and (refusal := (yield from self.start_tls(way.tls))) is not None:
            return refusal
        if way.account is not None and (refusal := (yield from self.log_in(way.account))) is not None:
            return refusal
        return up(quoted(greeting))


def options(port: int, implied: Mapping[int, str]) -> dict[str, Option]:
    """Of a protocol whose usual port is ``port``; ``implied``: how TLS comes about at other ports."""
    ports = ", ".join(f"{how} at {number}" for number, how in sorted(implied.items()))
    return {
        "port": Option(f"TCP port; {port} by default", option.port, port),
        "tls": Option(
            f"none, implicit, or starttls; by default {ports}, and starttls elsewhere where a login is given",
            option.choice("none", "implicit", "starttls"),
        ),
        "login": Option("an account to log in with: {user: NAME, password: {env: VARIABLE}}", option.login),
        "server_name": Option("name the certificate must be valid for; by default the address", option.server_name),
        "verify": Option("whether the certificate must be valid; by default where a login or server_name is given", option.boolean),
        "ca_file": Option("certificates (PEM) to trust instead of the system's", option.file),
    }


def way_in(target: Target, implied: Mapping[int, str]) -> WayIn | Observation:
    """As the options say; UNKNOWN for a password that no line can carry. Raises ``SecretMissing``.

    A password is sent in clear only where ``tls: none`` stands in the inventory, and to no peer that is not the right one unless
    ``verify: false`` stands there.
    """
    given = target.options
    port: int = given["port"]
    account: Account | None = None
    if given["login"] is not None:
        written = option.as_login(given["login"])
        account = Account(written.user, target.secrets(written.password))
        if not account.password or any(ord(char) < 0x20 or char == "\x7f" for char in account.password):
            return unknown("the password is empty, or has control characters, which no login can carry")
    how: str = given["tls"] or implied.get(port, "starttls" if account is not None else "none")
    name: str | None = given["server_name"]
    verify: bool | None = given["verify"]
    judged = verify if verify is not None else account is not None or name is not None
    return WayIn(port, how, Tls(name or target.called, judged, given["ca_file"]), account)
