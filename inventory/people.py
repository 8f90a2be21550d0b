"""Reads who speaks, who is told, and who is on call: brand, customers, operators, on_call."""

from collections.abc import Collection

from domain.model import Brand, Contact, Contract, Customer, FaultClass, Language, Mode, OnCall, Operator, Secret
from inventory import keys
from inventory.fields import Fields, Parse
from inventory.mistakes import Code, Report
from inventory.tree import Node
from inventory.values import DAY_S, duration, mail, reference, text, webhook, word, zone

mode: Parse[Mode] = word(Mode, tuple(Mode))
language: Parse[Language] = word(lambda written: "en" if written == "en" else "ja", ("ja", "en"))

MAX_CONTACTS = 3
"""R5."""


def brand(node: Node, report: Report) -> Brand:
    fields = Fields(node, keys.BRAND, report)
    return Brand(name=fields.need("name", text(40), ""), sender=fields.need("sender", mail, ""))


def customer(id_: str, node: Node, report: Report) -> Customer:
    fields = Fields(node, keys.CUSTOMER, report)
    default: Language = fields.get("language", language, "ja")
    return Customer(
        id=id_,
        name=fields.need("name", text(100), ""),
        contacts=_contacts(fields, default),
        contract=_contract(fields.below("contract", keys.CONTRACT)),
        zone=fields.get("zone", zone, "Asia/Tokyo"),
        mode=fields.get("automation", mode, None),
    )


def operator(id_: str, node: Node, report: Report) -> Operator:
    fields = Fields(node, keys.OPERATOR, report)
    if not fields.has("mail") and not fields.has("webhook"):
        report.add(fields.place, Code.NO_CHANNEL)
    hook: Secret | str | None = fields.get("webhook", webhook, None)
    return Operator(
        id=id_,
        name=fields.need("name", text(100), ""),
        mail=fields.get("mail", mail, None),
        webhook=hook,
        language=fields.get("language", language, "ja"),
    )


def on_call(node: Node, operators: Collection[str], report: Report) -> OnCall:
    fields = Fields(node, keys.ON_CALL, report)
    fields.require("order")
    order = fields.list_of("order", reference("operator", operators))
    return OnCall(order, fields.get("escalate_after", duration(1, DAY_S), OnCall(()).escalate_after_s))


def _contacts(fields: Fields, default: Language) -> tuple[Contact, ...]:
    fields.require("contacts")
    count = fields.count("contacts")
    if count is not None and not 1 <= count <= MAX_CONTACTS:
        fields.refuse("contacts", Code.CONTACTS, got=count)
    # by id, so that the order in the file has no meaning: all are told at once
    return tuple(
        _contact(id_, node, default, fields.report) for id_, node in sorted(fields.named("contacts"), key=lambda item: item[0])
    )


def _contact(id_: str, node: Node, default: Language, report: Report) -> Contact:
    fields = Fields(node, keys.CONTACT, report)
    return Contact(
        id=id_,
        name=fields.need("name", text(100), ""),
        mail=fields.need("mail", mail, ""),
        language=fields.get("language", language, default),
    )


def _contract(fields: Fields) -> Contract:
    covered = word(FaultClass, ("server", "service"))  # resource faults are told, never recovered (R4)
    return Contract(frozenset(fields.list_of("recovers", covered)), fields.get("wait", duration(0, DAY_S), Contract().wait_s))
