"""Reads maintenance pauses (R50)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from domain.model import Customer, Host
from domain.pauses import Pause, Repeat
from inventory import keys
from inventory.fields import Fields
from inventory.mistakes import Code, Report
from inventory.tree import Node, named
from inventory.values import DAY_S, duration, reference, spoken, start, text, word, zone

PERIODS_S = {Repeat.DAILY: DAY_S, Repeat.WEEKLY: 7 * DAY_S, Repeat.MONTHLY: 28 * DAY_S}
"""The shortest time between two windows."""

BY = "inventory"
"""Who is named as having asked for a pause that stands in the inventory."""


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a pause may be for. ``checks`` are the ids of all checks, of those with mistakes too."""

    customers: Mapping[str, Customer]
    hosts: Mapping[str, Host]
    checks: Collection[str]


def pause(id_: str, node: Node, scopes: Scopes, report: Report) -> Pause:
    fields = Fields(node, keys.PAUSE, report)
    customer = fields.get("customer", reference("customer", scopes.customers), None)
    host = fields.get("host", reference("host", scopes.hosts), None)
    check = fields.get("check", reference("check", scopes.checks), None)
    said = [key for key in ("customer", "host", "check") if fields.has(key)]
    if len(said) != 1:
        report.add(fields.place, Code.PAUSE_SCOPE, got=" and ".join(said) or "none")
    if check is not None:
        host = check.partition("/")[0]
    repeat = fields.get("repeat", word(Repeat, tuple(Repeat)), Repeat.ONCE)
    duration_s = fields.need("duration", duration(1, 366 * DAY_S), 0.0)
    if repeat in PERIODS_S and duration_s >= PERIODS_S[repeat]:
        fields.refuse("duration", Code.PAUSE_ENDLESS, got=named(fields.map.entries["duration"]), right=spoken(PERIODS_S[repeat]))
    owner = scopes.customers.get(customer or (scopes.hosts[host].customer if host else ""))
    return Pause(
        id=id_,
        start=fields.need("start", start, ""),
        duration_s=duration_s,
        zone=fields.get("zone", zone, owner.zone if owner else "Asia/Tokyo"),
        repeat=repeat,
        customer=customer,
        host=host,
        check=check,
        reason=fields.get("reason", text(200), ""),
        by=BY,
    )
