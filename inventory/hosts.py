"""Reads hosts, with what their groups say for them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from domain.mistake import hint
from domain.model import Customer, FaultClass, Host, Profile
from inventory import keys
from inventory.access import filesystems, power, rescue, snmp, ssh
from inventory.checks import Base, Written, checks, is_off
from inventory.fields import Fields
from inventory.mistakes import Code, Place, Report
from inventory.people import mode
from inventory.registries import PowerSpec, Registries
from inventory.segments import MAIN
from inventory.tree import Map, Node, merge
from inventory.values import address, address6, an_id, domain, reference, text, word

PANELS = ("plesk",)


@dataclass(frozen=True, slots=True)
class Around:
    """What a host may refer to. ``groups`` are as written; ``customers`` as read; ``segments`` are known
    by id where the inventory describes any."""

    registries: Registries
    customers: Mapping[str, Customer]
    groups: Mapping[str, Node]
    profiles: Mapping[str, Profile]
    segments: Collection[str] | None


@dataclass(frozen=True, slots=True)
class ReadHost:
    """A host, the ids of all its checks (of those with mistakes too), the domains whose mail it receives, and where it is written
    how its power is switched and what it hangs on."""

    host: Host
    check_ids: frozenset[str]
    mail_domains: frozenset[str]
    power_place: Place
    parent_place: Place


def group(id_: str, node: Node, around: Around, report: Report) -> None:
    """Finds the mistakes of a group that hold for any host, and for a group that no host names."""
    _read(id_, Fields(node, keys.GROUP, report, partial=True), around)


def host(id_: str, node: Node, around: Around, report: Report) -> ReadHost:
    """The host over its groups, in their order: mappings merge key by key, everything else is replaced."""
    own = Fields(node, keys.HOST, report)
    names = own.list_of("groups", reference("group", around.groups))
    layers = [_shared(entry) for name in names if isinstance(entry := around.groups[name], Map)]
    _refuse_idle_drops(own, layers)
    return _read(id_, Fields(merge([*layers, own.map], own.place), keys.HOST, report, partial=own.partial), around)


def refuse_shared_power(read: Iterable[ReadHost], drivers: Mapping[str, PowerSpec], report: Report) -> None:
    """Whoever cycles one of two hosts that are one machine there also takes the other down, unseen by any limit."""
    first: dict[object, ReadHost] = {}
    for one in read:
        control = one.host.power
        spec = drivers.get(control.driver) if control is not None else None
        if control is None or spec is None or not control.address:
            continue  # a mistake of its own
        login = control.ssh
        address, port = (login.address, login.port) if login is not None else (None, control.port)
        other = first.setdefault((control.driver, address or control.address, port or spec.port, control.system), one)
        if other is not one:
            at = f"{other.power_place.file}:{other.power_place.line}"
            report.add(one.power_place, Code.SHARED_POWER, host=one.host.id, other=other.host.id, at=at)


def refuse_circular_parents(read: Sequence[ReadHost], report: Report) -> None:
    """What hangs on itself would never be anybody's fault."""
    parents = {one.host.id: one.host.parent for one in read}
    for one in read:
        chain = [one.host.id]
        while (parent := parents.get(chain[-1])) in parents and parent not in chain:
            chain.append(parent)
        if parent == one.host.id:
            report.add(one.parent_place, Code.CIRCULAR_PARENTS, got=" -> ".join([*chain, parent]))


def _shared(node: Map) -> Map:
    """The part of a group that hosts take over; anything else is reported where the group itself is read."""
    entries = {key: entry for key, entry in node.entries.items() if key in keys.GROUP}
    return Map(node.place, entries, {key: node.keys[key] for key in entries})


def _refuse_idle_drops(own: Fields, layers: Sequence[Map]) -> None:
    offered = [layer.entries.get("checks") for layer in layers]
    names = {name for node in offered if isinstance(node, Map) for name in node.entries}
    for name, node in own.named("checks"):
        if is_off(node) and name not in names:
            own.report.add(node.place, Code.NOTHING_TO_DROP, hint=hint(name, names))


def _read(id_: str, fields: Fields, around: Around) -> ReadHost:
    at = fields.need("address", address, "")
    at6 = fields.get("address6", address6, None)
    login = ssh(fields.below("ssh", keys.SSH)) if fields.has("ssh") else None
    agent = snmp(fields.below("snmp", keys.SNMP)) if fields.has("snmp") else None
    drivers = around.registries.power
    control = power(fields.below("power", keys.POWER), drivers) if fields.has("power") else None
    customer = fields.need("customer", reference("customer", around.customers), "")
    profile = fields.get("profile", reference("profile", around.profiles), "standard")
    written = checks(Base(id_, at, at6, around.profiles[profile], agent), fields, around.registries.probes)
    fqdn = fields.get("fqdn", domain, "")
    read = Host(
        id=id_,
        label=fields.need("label", text(100), ""),
        customer=customer,
        address=at,
        checks=tuple(one.check for one in written),
        fqdn=fqdn,
        device_type=fields.get("device_type", text(100), "server"),
        os=fields.get("os", text(100), ""),
        address6=at6,
        ssh=login,
        procedures=_procedures(fields.below("procedures", keys.PROCEDURES), around.registries.runbooks),
        mode=fields.get("automation", mode, None),
        power=control,
        rescue=rescue(fields.below("rescue", keys.RESCUE), control, drivers) if fields.has("rescue") else None,
        filesystems=filesystems(fields),
        parent=fields.get("parent", an_id, None),
        segment=fields.get("segment", an_id if around.segments is None else reference("segment", around.segments), MAIN),
        panel=fields.get("panel", word(str, PANELS), None),
        snmp=agent,
    )
    if not fields.partial:
        _refuse_restarts_without_ssh(fields, read, written, around.customers.get(customer))
    received = frozenset(fields.list_of("mail_domains", domain)) | ({fqdn} if fqdn else set())
    named = frozenset(f"{id_}/{name}" for name, node in fields.named("checks") if not is_off(node))
    return ReadHost(read, named, received, fields.place_of("power"), fields.place_of("parent"))


def _refuse_restarts_without_ssh(fields: Fields, read: Host, written: Sequence[Written], customer: Customer | None) -> None:
    if fields.has("ssh"):
        return
    for one in written:
        if one.service_place is not None:
            fields.report.add(one.service_place, Code.UNIT_NEEDS_SSH, host=read.id)
    services = any(check.fault_class is FaultClass.SERVICE for check in read.checks)
    if services and customer is not None and FaultClass.SERVICE in customer.contract.recovers:
        fields.report.add(fields.place, Code.CONTRACT_NEEDS_SSH, customer=customer.id)


def _procedures(fields: Fields, runbooks: Collection[str]) -> Mapping[FaultClass, str]:
    named = {kind: fields.get(kind.value, reference("runbook", runbooks), "") for kind in (FaultClass.SERVER, FaultClass.SERVICE)}
    return MappingProxyType({kind: runbook for kind, runbook in named.items() if runbook})
