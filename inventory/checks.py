"""Reads checks, and the profiles they take their pace from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Literal

from domain.mistake import listed, meant
from domain.model import ByName, Check, Confirmation, FaultClass, Level, Profile, SnmpAccess
from inventory import keys
from inventory.fields import Fields, empty, names_secret
from inventory.mistakes import Code, Place, Report
from inventory.tree import Map, Node, Scalar, named, plain
from inventory.values import DAY_S, domain, duration, reference, unit, whole, word
from probes.reading import Reading
from probes.spec import Call, Choice, Spec, Talk


@dataclass(frozen=True, slots=True)
class Written:
    """A check, and where its service stands."""

    check: Check
    service_place: Place | None


def is_off(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text == "off"


def profile(id_: str, node: Node, shipped: Mapping[str, Profile], report: Report) -> Profile:
    fields = Fields(node, keys.PROFILE, report)
    if id_ in shipped:
        report.add(fields.place, Code.SHIPPED_PROFILE, got=id_)
    fields.require("confirmation")
    return Profile(id_, fields.need("interval", duration(1, DAY_S), DAY_S), _confirmation(fields, Confirmation(1)))


@dataclass(frozen=True, slots=True)
class Base:
    """What a host's checks stand on: its id, its addresses (``""`` and ``None`` where it says none), its profile, its agent."""

    host: str
    address: str
    address6: str | None
    pace: Profile
    snmp: SnmpAccess | None


def checks(base: Base, fields: Fields, probes: Mapping[str, Spec]) -> tuple[Written, ...]:
    """The checks of a host (or, partly, of a group), by name. ``fields`` are the host's."""
    entries = fields.map.entries.get("checks")
    if not fields.partial and (entries is None or (isinstance(entries, Map) and all(map(is_off, entries.entries.values())))):
        fields.refuse("checks", Code.NO_CHECKS)
    wanted = sorted(((name, node) for name, node in fields.named("checks") if not is_off(node)), key=lambda item: item[0])
    found = []
    for name, node in wanted:
        spec = _spec(name, node, probes)
        allowed = {**keys.CHECK, **_options_of([spec] if spec else list(probes.values()))}
        found.append(_check(base, name, spec, Fields(node, allowed, fields.report, partial=fields.partial), probes))
    return tuple(one for one in found if one is not None)


def _check(base: Base, name: str, spec: Spec | None, fields: Fields, probes: Mapping[str, Spec]) -> Written | None:
    """``None`` where nothing tells what kind of check it is: then that is reported, or the node is a group's."""
    fields.get("kind", reference("kind of check", probes), "")
    if spec is None and not fields.has("kind") and not fields.partial:
        hint = meant(name, probes) or f"would be right: kind: one of {listed(probes)}"
        fields.report.add(fields.place, Code.CHECK_NAME, hint=hint)
    level = fields.get("level", whole(min(Level), max(Level)), int(spec.level if spec else max(Level)))
    interval_s = fields.get("interval", duration(1, DAY_S), base.pace.interval_s)
    timeout_s = fields.get("timeout", duration(0.1, 30), spec.timeout_s if spec else 30.0)
    at_once = spec is not None and spec.at_once
    confirmation = _confirmation(fields, Confirmation(1) if at_once else base.pace.confirmation)
    at = fields.get("at", domain, None)
    address = _address(fields, base) if at is None else base.address
    service = fields.get("service", unit, None)
    if spec is None:
        return None
    if service is not None and spec.fault_class is not FaultClass.SERVICE:
        code = Code.UNIT_FOR_SERVER if spec.fault_class is FaultClass.SERVER else Code.UNIT_FOR_RESOURCE
        fields.refuse("service", code, kind=spec.name)
    if at is not None and (not isinstance(spec.way, Talk | Call | Choice) or "bmc" in spec.options):
        fields.refuse("at", Code.NO_NAME_HERE, kind=spec.name)
    reading = isinstance(spec.way, Reading)
    if (reading or spec.with_snmp) and base.snmp is None and not fields.partial:
        fields.report.add(fields.place, Code.CHECK_NEEDS_SNMP, kind=spec.name)
    check = Check(
        id=f"{base.host}/{name}",
        host=base.host,
        kind=spec.name,
        address=address,
        level=Level(level),
        fault_class=spec.fault_class,
        interval_s=interval_s,
        timeout_s=timeout_s,
        confirmation=confirmation,
        service=service,
        snmp=base.snmp if reading else None,
        options=MappingProxyType(_options(fields, spec, base.pace.id)),
        by_name=_by_name(at, fields, base) if at is not None else None,
    )
    return Written(check, fields.map.entries["service"].place if service else None)


def _spec(name: str, node: Node, probes: Mapping[str, Spec]) -> Spec | None:
    kind = node.entries.get("kind") if isinstance(node, Map) else None
    if kind is None:
        return probes.get(name)
    return probes.get(kind.text) if isinstance(kind, Scalar) else None


def _options_of(specs: Sequence[Spec]) -> dict[str, str]:
    """Where the kind is unknown the options of all kinds pass, so that only what can't be one is told."""
    return {name: option.doc for spec in specs for name, option in spec.options.items()}


def _options(fields: Fields, spec: Spec, profile: str) -> dict[str, object]:
    """Those that differ from their defaults: a default written out is the same as none, and makes no new version."""
    given = spec.in_profile(profile, _given(fields, spec))
    return {name: value for name, value in given.items() if value != spec.options[name].default}


def _given(fields: Fields, spec: Spec) -> dict[str, object]:
    found: dict[str, object] = {}
    for spare in [name for name in spec.either if fields.has(name)][1:]:
        fields.refuse(spare, Code.EITHER, right=listed(spec.either))
    for name, option in spec.options.items():
        node = fields.map.entries.get(name)
        if node is None:
            if option.required:
                fields.require(name)
            continue
        if empty(node):
            fields.refuse(name, Code.EMPTY_VALUE, right=option.doc)
            continue
        try:
            found[name] = option.parse(plain(node))
        except ValueError as error:
            got = "something not shown" if names_secret(name) else named(node)
            fields.refuse(name, Code.OPTION, kind=spec.name, got=got, right=error)
    return found


def _confirmation(above: Fields, default: Confirmation) -> Confirmation:
    """A confirmation is replaced as a whole: half of one profile's and half of another's would be nobody's intention."""
    if not above.has("confirmation"):
        return default
    fields = above.below("confirmation", keys.CONFIRMATION)
    return Confirmation(
        failures=fields.need("failures", whole(1, 10), 1),
        retry_s=fields.get("retry", duration(1, DAY_S), None),
    )


def _by_name(name: str, fields: Fields, base: Base) -> ByName:
    own = tuple(address for address in (base.address, base.address6) if address)
    return ByName(name, fields.get("ip", word(_version, ("4", "6")), None), own)


def _version(written: str) -> Literal[4, 6]:
    return 6 if written == "6" else 4


def _address(fields: Fields, base: Base) -> str:
    version = fields.get("ip", word(int, ("4", "6")), None)
    if version is None or not base.address:
        return base.address
    for address in (base.address, base.address6):
        if address is not None and ip_address(address).version == version:
            return address
    right = "address6 on the host, or no ip here" if version == 6 else "an IPv4 address on the host, or no ip here"
    fields.refuse("ip", Code.NO_SUCH_ADDRESS, got=version, right=right)
    return base.address
