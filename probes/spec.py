"""How a kind of check describes itself, and the words its dialogue speaks.

Most probes are a *dialogue*: a generator that yields what it wants (``Connect``, ``Send``, ``Line`` …), is sent what came, and
returns an ``Observation``. It owns no socket, no clock and no TLS, so it is tested without any; the watcher's driver carries it
out. What goes wrong at the peer while a wish is carried out (refused, closed, too long, too late) ends the dialogue with a ``down``
observation that names what was awaited; dialogues never handle that themselves.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from domain.model import FaultClass, Level, Secret
from domain.observation import Observation
from probes.option import Option
from probes.reading import Reading


class Tls(NamedTuple):
    """A wish for TLS. ``server_name`` is sent as SNI (unless it is an address) and, with ``verify``, must be in the certificate;
    ``ca_file`` replaces the system's trusted certificates. ``anonymous``: the peer needs no certificate (NRPE), and weak keys are
    as good as any; nothing is verified then."""

    server_name: str
    verify: bool = True
    ca_file: str | None = None
    anonymous: bool = False


class Connect(NamedTuple):
    """Open a TCP connection (the former one, if any, is closed); with ``tls``, shake hands at once. Answered with ``b""``."""

    address: str
    port: int
    tls: Tls | None = None


class StartTls(NamedTuple):
    """Shake hands on the connection that is open. Bytes the peer sent ahead of it are a fault: they came unprotected. Answered
    with ``b""``."""

    tls: Tls


class Send(NamedTuple):
    """Send these bytes. Answered with ``b""`` once they are handed to the system."""

    data: bytes


class Line(NamedTuple):
    """Wait for one line, ended by LF or CR LF and given without it; a line of more than ``max_bytes`` is a fault.

    ``awaited`` names it in details: "closed the connection before its greeting".
    """

    max_bytes: int
    awaited: str


class Exactly(NamedTuple):
    """Wait for exactly so many bytes."""

    size: int
    awaited: str


class Rest(NamedTuple):
    """Wait until the peer closes, or ``max_bytes`` came; what came is the answer."""

    max_bytes: int
    awaited: str


class Echo(NamedTuple):
    """One ICMP (or ICMPv6) echo; ``size`` counts header and payload (C10). Answered with ``b""`` when the reply came."""

    address: str
    size: int = 64


class Ask(NamedTuple):
    """Send one datagram (UDP), and wait for one from that address and port; what came is the answer. Whether it answers what was
    asked is the dialogue's to judge; where it does not, ``Hear`` waits on. Datagrams are lost at times: it is sent again every few
    seconds, and may be answered more than once. ``silence``: what else than a peer that is gone no answer may mean."""

    address: str
    port: int
    data: bytes
    awaited: str
    silence: str = ""


class Hear(NamedTuple):
    """Wait for one more datagram from whom was asked last."""

    awaited: str


class PeerCertificate(NamedTuple):
    """The certificate that the peer showed in the handshake, whether it is valid or not: DER (X.509), empty if it showed none."""


class Now(NamedTuple):
    """What time it is, by the watcher's wall clock: seconds since the epoch, in decimal digits (``b"1767225600.125"``)."""


Read = Line | Exactly | Rest
Given = PeerCertificate | Now
"""What the driver has already: answered at once."""
Wish = Connect | StartTls | Send | Echo | Ask | Hear | Read | Given
Dialogue = Generator[Wish, bytes, Observation]


class SecretMissing(Exception):  # noqa: N818 - what is the matter, in the words of the inventory
    """A secret's reference leads nowhere; the text says which and why, for the operator. The look can't be judged."""


Secrets = Callable[[Secret], str]
"""Resolves a reference when a look begins; raises ``SecretMissing``."""


class Target(NamedTuple):
    """What a dialogue is started with: the address to look at, all the options of its Spec (as their ``parse`` returns them), and
    its secrets; ``name``: what led to the address, where a name did (C50)."""

    address: str
    options: Mapping[str, Any]
    secrets: Secrets
    timeout_s: float = 10.0
    """Of the whole look: for a library that has to end by itself before it is cancelled."""
    name: str = ""

    @property
    def called(self) -> str:
        """Whom a certificate or a web server is asked for, unless an option says otherwise."""
        return self.name or self.address


class Talk(NamedTuple):
    """The first shape of looking: ``start`` begins the dialogue."""

    start: Callable[[Target], Dialogue]


class Call(NamedTuple):
    """The third shape: a library of its own speaks, and is awaited in a pool. What it raises as ``OSError`` is told as the
    driver's; cancelled, it has to end."""

    look: Callable[[Target], Awaitable[Observation]]


class Choice(NamedTuple):
    """One of these shapes, by the word that an option has."""

    option: str
    ways: Mapping[str, Talk | Call]


class Heard(NamedTuple):
    """What somebody said of a check; ``about`` tells apart what may be said of several things at a time (an alert's
    fingerprint), ``state`` is the kind's own word."""

    about: str
    at_s: float
    state: str
    detail: str


class Listen(NamedTuple):
    """The fourth shape: others speak, and ``judge`` says what that means by now, with the options and what was heard last."""

    judge: Callable[[Mapping[str, Any], Sequence[Heard], float], Observation]


@dataclass(frozen=True, slots=True)
class Spec:
    """A kind of check. ``timeout_s`` bounds the whole look, whatever the peer does; ``source`` is its number in the catalogue;
    ``at_once``: its first failing look is a fault already (C1)."""

    name: str
    source: str
    doc: str
    way: Talk | Reading | Call | Listen | Choice
    level: Level
    fault_class: FaultClass
    timeout_s: float = 10.0
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    by_profile: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: MappingProxyType({}))
    """Defaults of options that are others under a shipped profile."""
    either: tuple[str, ...] = ()
    """Options of which one is given; the others have no value then, not even their default."""
    at_once: bool = False
    with_snmp: bool = False
    """Beside all readings: it needs the host's ``snmp``."""
    unit: str = ""
    """Unit of ``Observation.value``; empty where the kind measures nothing but its response time."""

    def shape(self, options: Mapping[str, Any]) -> Talk | Reading | Call | Listen:
        """How a check with these (complete) options looks."""
        return self.way.ways[options[self.way.option]] if isinstance(self.way, Choice) else self.way

    def complete(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """All options of this kind: the given (already parsed) ones, and defaults for the rest."""
        chosen = any(name in given for name in self.either)
        defaults = {name: None if chosen and name in self.either else option.default for name, option in self.options.items()}
        return MappingProxyType({**defaults, **given})

    def in_profile(self, profile: str, given: Mapping[str, object]) -> dict[str, object]:
        """The given options, and what the profile says instead of the defaults."""
        said = self.by_profile.get(profile, {})
        if any(name in given for name in self.either):
            said = {name: value for name, value in said.items() if name not in self.either}
        return {**said, **given}
