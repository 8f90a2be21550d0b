"""From sections to one ``Policy``."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from domain.checks import PROFILES
from domain.mistake import shown
from domain.model import Brand, Customer, Flapping, Limits, MassOutage, Mode, OnCall, Policy, PowerLimit, PowerLimits
from inventory import keys
from inventory.checks import profile
from inventory.fields import Fields
from inventory.hosts import Around, ReadHost, group, host, refuse_circular_parents, refuse_shared_power
from inventory.mistakes import Code, Report
from inventory.pauses import Scopes, pause
from inventory.people import brand, customer, mode, on_call, operator
from inventory.registries import MailExchangers, Registries
from inventory.segments import MAIN, segment
from inventory.tree import Map
from inventory.values import DAY_S, duration, whole

T = TypeVar("T")


def policy(root: Map, registries: Registries, mx_of: MailExchangers | None, report: Report) -> Policy:
    """The policy, still without its version. Worth something only if nothing was reported."""
    sections = Fields(root, keys.SECTIONS, report)
    for needed in ("brand", "customers", "operators", "on_call", "hosts"):
        sections.require(needed)
    profiles = PROFILES | {id_: profile(id_, node, PROFILES, report) for id_, node in sections.named("profiles")}
    customers = _by_id((id_, customer(id_, node, report)) for id_, node in sections.named("customers"))
    operators = _by_id((id_, operator(id_, node, report)) for id_, node in sections.named("operators"))
    segments = _by_id((id_, segment(id_, node, report)) for id_, node in sections.named("segments"))
    around = Around(registries, customers, dict(sections.named("groups")), profiles, {*segments, MAIN} if segments else None)
    for id_, node in around.groups.items():
        group(id_, node, around, report)
    read = [host(id_, node, around, report) for id_, node in sections.named("hosts")]
    refuse_shared_power(read, registries.power, report)
    refuse_circular_parents(read, report)
    hosts = _by_id((one.host.id, one.host) for one in read)
    scopes = Scopes(customers, hosts, {check for one in read for check in one.check_ids})
    pauses = {id_: pause(id_, node, scopes, report) for id_, node in sections.named("pauses")}
    _refuse_mail_on_hosts(sections, customers, read, mx_of)
    return Policy(
        version="",
        brand=brand(sections.map.entries["brand"], report) if sections.has("brand") else Brand("", ""),
        customers=customers,
        hosts=hosts,
        operators=operators,
        on_call=on_call(sections.map.entries["on_call"], operators, report) if sections.has("on_call") else OnCall(()),
        pauses=tuple(pauses[id_] for id_ in sorted(pauses)),
        mode=sections.get("automation", mode, Mode.SHADOW),
        limits=_limits(sections.below("limits", keys.LIMITS)),
        segments=segments,
    )


def _limits(fields: Fields) -> Limits:
    default = Limits()
    flapping = fields.below("flapping", keys.FLAPPING)
    return Limits(
        actions_at_once=fields.get("actions_at_once", whole(1, 100), default.actions_at_once),
        power=_power(fields.below("power", keys.POWER_LIMITS)),
        mass_outage=_mass_outage(fields.below("mass_outage", keys.MASS_OUTAGE)),
        cool_down_s=fields.get("cool_down", duration(0, 7 * DAY_S), default.cool_down_s),
        alerts_per_minute=fields.get("alerts_per_minute", whole(1, 1000), default.alerts_per_minute),
        flapping=Flapping(
            changes=flapping.get("changes", whole(2, 100), default.flapping.changes),
            window_s=flapping.get("window", duration(1, DAY_S), default.flapping.window_s),
        ),
    )


def _power(fields: Fields) -> PowerLimits:
    default = PowerLimits()
    return PowerLimits(
        overall=_power_limit(fields, default.overall),
        customer=_power_limit(fields.below("per_customer", keys.PER_CUSTOMER), default.customer),
        parent=_power_limit(fields.below("per_parent", keys.PER_PARENT), default.parent),
    )


def _power_limit(fields: Fields, default: PowerLimit) -> PowerLimit:
    return PowerLimit(
        at_once=fields.get("at_once", whole(1, 100), default.at_once),
        per_10min=fields.get("per_10min", whole(1, 1000), default.per_10min),
    )


def _mass_outage(fields: Fields) -> MassOutage:
    default = MassOutage()
    return MassOutage(
        share=fields.get("share", whole(1, 100), default.share),
        hosts=fields.get("hosts", whole(2, 1000), default.hosts),
        within_s=fields.get("within", duration(60, DAY_S), default.within_s),
        patience_s=fields.get("patience", duration(60, 7 * DAY_S), default.patience_s),
    )


def _refuse_mail_on_hosts(
    sections: Fields, customers: Mapping[str, Customer], read: Iterable[ReadHost], mx_of: MailExchangers | None
) -> None:
    """R5: an alert about a host must not have to pass that host. Asked of names only, and of DNS where ``mx_of`` is given."""
    served = {(one.host.customer, name): one.host.id for one in read for name in sorted(one.mail_domains)}
    for owner in customers.values():
        for contact in owner.contacts:
            domain = contact.mail.rpartition("@")[2]
            exchangers = [name.lower().removesuffix(".") for name in (mx_of(domain) if mx_of and domain else ())]
            name = next((name for name in (domain, *sorted(exchangers)) if (owner.id, name) in served), None)
            if name is not None:
                place = sections.place_of("customers", owner.id, "contacts", contact.id, "mail")
                sections.report.add(place, Code.MAIL_ON_HOST, got=shown(contact.mail), host=served[owner.id, name], by=name)


def _by_id(found: Iterable[tuple[str, T]]) -> Mapping[str, T]:
    return MappingProxyType(dict(sorted(found, key=lambda item: item[0])))
