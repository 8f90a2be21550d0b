"""What the operator wrote down: customers, contracts, hosts, checks. Frozen; an accepted inventory is one ``Policy``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Literal

from domain.pauses import Pause
from domain.procedure import Procedure

Language = Literal["ja", "en"]
"""Languages of every text a person reads (R7)."""


class Level(IntEnum):
    """How bad a fault is (R1): 5 unreachable, 4 service down, 3 minor fault, 2 warning."""

    WARNING = 2
    MINOR = 3
    SERVICE_DOWN = 4
    UNREACHABLE = 5


class Mode(StrEnum):
    """What automation may do. The strictest of engine, customer and host counts; the default is ``SHADOW``."""

    OFF = "off"
    SHADOW = "shadow"
    ON = "on"


class FaultClass(StrEnum):
    """What a check's failure means for recovery: ``SERVER`` waits for the R20 clock, ``SERVICE`` is restarted once
    confirmed (R22), ``RESOURCE`` is told and never recovered (R4)."""

    SERVER = "server"
    SERVICE = "service"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is kept, never the secret itself: an environment variable or a file."""

    kind: Literal["env", "file"]
    name: str


@dataclass(frozen=True, slots=True)
class Brand:
    """Who speaks in mails (R2, R3): name in subjects, sender address, domain of Message-IDs."""

    name: str
    sender: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer's mail recipient (R5: at most three), with its language (R7)."""

    id: str
    name: str
    mail: str
    language: Language = "ja"


@dataclass(frozen=True, slots=True)
class Operator:
    """One of us: reached by mail, by webhook, or both."""

    id: str
    name: str
    mail: str | None = None
    webhook: Secret | str | None = None
    language: Language = "ja"


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is told first (operator ids), and after how many seconds without acknowledgement the next one is."""

    order: tuple[str, ...]
    escalate_after_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Contract:
    """What automatic recovery the customer's contract covers, and the wait of R20 before a server is recovered."""

    recovers: frozenset[FaultClass] = frozenset()
    wait_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Customer:
    """One legal entity; ``zone`` is an IANA time zone for every time it reads (R7)."""

    id: str
    name: str
    contacts: tuple[Contact, ...]
    contract: Contract = Contract()
    zone: str = "Asia/Tokyo"
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """When failing becomes a fault (C1-C3): after ``failures`` in a row; ``retry_s`` is the delay of the repetition
    after a first failure, ``None`` the ordinary interval."""

    failures: int
    retry_s: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """How often checks look, and how a failure is confirmed (C1-C3)."""

    id: str
    interval_s: float
    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class SnmpKey:
    """What an SNMPv3 user's messages are signed or encrypted with: ``protocol`` is a word of ``probes.snmp_words``."""

    protocol: str
    password: Secret


@dataclass(frozen=True, slots=True)
class SnmpUser:
    """Whom an agent knows (SNMPv3), without ``auth`` or ``privacy`` where these are ``None``."""

    name: str
    auth: SnmpKey | None = None
    privacy: SnmpKey | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class SnmpAccess:
    """How a host's SNMP agent is asked, at the address that is looked at: with a community, or (``3``) as a user."""

    version: Literal["1", "2c", "3"]
    community: Secret | None
    port: int = 161
    user: SnmpUser | None = None


@dataclass(frozen=True, slots=True)
class ByName:
    """A check that looks where its ``name`` leads, resolved anew (C50). ``version``: which addresses are asked for; ``None``: IPv4
    ones, and IPv6 where there are none. ``own`` are the host's: what is seen at another one is no ground for work on it."""

    name: str
    version: Literal[4, 6] | None
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A configured probe. ``id`` is ``host/name``; ``kind`` a key of PROBES; ``options`` are typed by its Spec.

    ``service`` is the systemd unit whose restart may cure it, where there is one; ``snmp`` is the host's, for a reading;
    ``by_name``: it looks where a name leads instead of at ``address``."""

    id: str
    host: str
    kind: str
    address: str
    level: Level
    fault_class: FaultClass
    interval_s: float
    timeout_s: float
    confirmation: Confirmation
    service: str | None = None
    snmp: SnmpAccess | None = None
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    by_name: ByName | None = None


@dataclass(frozen=True, slots=True)
class SshAccess:
    """How recovery logs in: pinned host keys (``ssh-ed25519 AAAA…``), a dedicated user, a private key by reference; at ``address``
    where that is another one than the host is watched at."""

    user: str
    host_keys: tuple[str, ...]
    identity: Secret
    port: int = 22
    address: str | None = None


@dataclass(frozen=True, slots=True)
class PowerControl:
    """How a host's power is switched from outside (R21). ``driver`` is a key of POWER_DRIVERS; ``system`` names the machine there
    (a Redfish system, a hypervisor's domain). Drivers of hypervisors log in by ``ssh`` at ``address``, the others with ``user`` and
    ``password``; ``ca_file`` verifies a Redfish service's certificate."""

    driver: str
    address: str
    port: int | None = None
    user: str = ""
    password: Secret | None = None
    system: str = ""
    ssh: SshAccess | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Rescue:
    """A rescue system that can be booted in the host's place: from which device (a word of the host's power driver: ``pxe``,
    ``cdrom`` …), and how it is logged in to."""

    boot: str
    ssh: SshAccess
    address: str | None = None


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One that may be checked and repaired while it is not mounted: ``device`` as the rescue system names it (``/dev/sda1``,
    ``/dev/disk/by-uuid/…``), ``type`` as blkid does (ext4, xfs …)."""

    device: str
    type: str


@dataclass(frozen=True, slots=True)
class Host:
    """A watched machine. ``procedures`` names the runbook for each class of fault; a class without one goes to people.

    ``parent`` is what many hosts depend on together (a rack, a switch, a hypervisor), ``segment`` the network they are seen in:
    both bound how many of them are acted on (R26). ``panel``: a panel whose watchdog may restart services itself (R23)."""

    id: str
    label: str
    customer: str
    address: str
    checks: tuple[Check, ...]
    fqdn: str = ""
    device_type: str = "server"
    os: str = ""
    address6: str | None = None
    ssh: SshAccess | None = None
    procedures: Mapping[FaultClass, str] = field(default_factory=lambda: MappingProxyType({}))
    mode: Mode | None = None
    power: PowerControl | None = None
    rescue: Rescue | None = None
    filesystems: tuple[FileSystem, ...] = ()
    parent: str | None = None
    segment: str = "main"
    panel: str | None = None
    snmp: SnmpAccess | None = None


DEFAULT_WATCHER = "watcher"


@dataclass(frozen=True, slots=True)
class Segment:
    """A network as it is seen from one place (C51). ``anchors``: addresses that prove, where most of them answer ping, that it is
    seen at all (C52); ``watcher``: the name of the watcher that stands there."""

    id: str
    anchors: tuple[str, ...] = ()
    watcher: str = DEFAULT_WATCHER


@dataclass(frozen=True, slots=True)
class Flapping:
    """C54: more than ``changes`` verdict changes of a check within ``window_s`` is flapping; quiet for as long settles."""

    changes: int = 6
    window_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """How many power actions may be under way at once, and begin within ten minutes (R26)."""

    at_once: int
    per_10min: int


@dataclass(frozen=True, slots=True)
class PowerLimits:
    """Of all hosts together, of one customer's, and of those that hang on one parent (a hypervisor, a power bar)."""

    overall: PowerLimit = PowerLimit(2, 5)
    customer: PowerLimit = PowerLimit(1, 3)
    parent: PowerLimit = PowerLimit(1, 2)


@dataclass(frozen=True, slots=True)
class MassOutage:
    """R26: more than ``share`` percent of a segment's hosts, and at least ``hosts``, became unreachable within ``within_s``.
    What is held back for it is left to people after ``patience_s``."""

    share: int = 20
    hosts: int = 5
    within_s: float = 600.0
    patience_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Guard-rails (R26) and bounds; safe defaults."""

    actions_at_once: int = 2
    power: PowerLimits = PowerLimits()
    mass_outage: MassOutage = MassOutage()
    cool_down_s: float = 3600.0
    alerts_per_minute: int = 10
    flapping: Flapping = Flapping()


@dataclass(frozen=True, slots=True)
class Policy:
    """One accepted inventory. ``version`` is its content hash; ``procedures`` are the runbooks, the shipped ones too, as they were
    when it was accepted: a run follows these, whatever becomes of their files."""

    version: str
    brand: Brand
    customers: Mapping[str, Customer]
    hosts: Mapping[str, Host]
    operators: Mapping[str, Operator]
    on_call: OnCall
    pauses: tuple[Pause, ...] = ()
    mode: Mode = Mode.SHADOW
    limits: Limits = Limits()
    procedures: Mapping[str, Procedure] = field(default_factory=lambda: MappingProxyType({}))
    segments: Mapping[str, Segment] = field(default_factory=lambda: MappingProxyType({}))

    def owners(self) -> dict[str, str]:
        """Each check's customer, by ids."""
        return {check.id: host.customer for host in self.hosts.values() for check in host.checks}

    def watcher_of(self, host: str) -> str:
        """Who looks at a host (C51). What no segment says, and what the inventory does not know any more, is the default's."""
        known = self.hosts.get(host)
        segment = self.segments.get(known.segment) if known is not None else None
        return segment.watcher if segment is not None else DEFAULT_WATCHER

    def watchers(self) -> frozenset[str]:
        """All that have something to look at."""
        return frozenset(map(self.watcher_of, self.hosts))


def effective_mode(policy: Policy, host: Host) -> Mode:
    """The strictest of what engine, customer and host say; silence inherits."""
    said = (policy.mode, policy.customers[host.customer].mode, host.mode)
    return Mode.OFF if Mode.OFF in said else Mode.SHADOW if Mode.SHADOW in said else Mode.ON
