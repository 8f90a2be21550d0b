"""Whom to tell what: turns a decision about an incident into Notify commands that carry all their facts (R2, R3, R5)."""

from domain.commands import Fact, Facts, Message, Notify
from domain.events import Occurred
from domain.facts import Next
from domain.gate import HELD, MASS_OUTAGE
from domain.model import Check, Customer, FaultClass, Operator
from domain.reasons import Code
from domain.state import Draft, Fault, Phase, worst_of
from domain.wording import number
from domain.work import covered, live_faults, look_ahead, verifying, wait_s

_OF_THE_WORK = frozenset({Message.WORK_STARTED, Message.RECOVERED})
"""Sent by the flow run that does the work, where there is one."""


def tell_customer(draft: Draft, message: Message, faults: tuple[Fault, ...], **facts: Fact) -> None:
    """One mail to each of the customer's contacts, all at once (R5)."""
    customer = _customer(draft)
    if customer is None:
        return
    keys = _take_keys(draft, "customer", str(message), [("mail", contact.id) for contact in customer.contacts])
    about = _about(draft, faults, customer.zone)
    for contact, (key, first_key) in zip(customer.contacts, keys, strict=True):
        draft.commands.append(
            _notify(
                draft,
                key=key,
                message=message,
                audience="customer",
                recipient=contact.id,
                channel="mail",
                facts={**about, "first_key": first_key, **facts},
            )
        )


def tell_occurrence(draft: Draft, check: Check, event: Occurred) -> None:
    """One mail to each contact of the host's customer; it belongs to no incident."""
    customer, host = draft.customer, draft.situation.host
    if customer is None or host is None:
        return
    message, found = Message.OCCURRED, dict[str, Fact]()
    if event.pattern is not None:
        message, found = Message.FINDING, {"finding": event.pattern, "proposal": event.proposal}
    for contact in customer.contacts:
        draft.commands.append(
            Notify(
                key=f"{host.id}/{draft.cause}/{message}/mail/{contact.id}",
                incident=None,
                host=host.id,
                message=message,
                audience="customer",
                recipient=contact.id,
                channel="mail",
                facts={
                    "incident": None,
                    "host": host.id,
                    "label": host.label,
                    "address": host.address,
                    "fqdn": host.fqdn,
                    "device_type": host.device_type,
                    "os": host.os,
                    "customer": customer.id,
                    "customer_name": customer.name,
                    "zone": customer.zone,
                    "at_s": draft.now_s,
                    "confirmed_at_s": event.at_s,
                    "level": int(check.level),
                    "check": check.id,
                    "kind": check.kind,
                    "item": f"{check.kind} {check.address}",
                    "detail": event.what,
                    "first_key": None,
                    **found,
                },
            )
        )


def page_operator(draft: Draft, operator_id: str, told_before: int) -> None:
    """Wake one operator by every channel it has; carries a link to acknowledge."""
    incident = draft.incident
    faults = incident.faults or ((incident.worst,) if incident.worst is not None else ())
    reason = incident.page.code if incident.page is not None else Code.HANDED_OVER
    extra: dict[str, Fact] = {
        "acted": incident.acted,
        "outcome": incident.outcome,
        "outcome_detail": incident.outcome_detail,
        "reason": str(reason),
        "round": told_before,
    }
    _tell_operator(draft, operator_id, Message.PAGE, faults, extra)


def notice_operators(draft: Draft, code: Code, only: tuple[str, ...] | None = None, **facts: Fact) -> None:
    """Something the operators should know, told once to each on the on-call order (or ``only`` these), with nothing to
    acknowledge."""
    incident = draft.open_incident
    for operator_id in draft.situation.policy.on_call.order if only is None else only:
        ways = [(channel, operator_id) for channel in channels_of(draft.situation.policy.operators[operator_id])]
        stem = f"{Message.NOTICE}/{code}"
        apart = f"{draft.host or 'system'}/{draft.cause}/{stem}"
        if incident is not None:
            keys = _take_keys(draft, "operator", stem, ways)
        else:
            keys = [(f"{apart}/{channel}/{operator_id}", None) for channel, _ in ways]
        for (channel, _), (key, first_key) in zip(ways, keys, strict=True):
            about = {
                "incident": incident.id if incident is not None else None,
                "host": draft.host or None,
                "zone": _operators_zone(draft),
                "at_s": draft.now_s,
                "reason": str(code),
                "first_key": first_key,
            }
            draft.commands.append(
                _notify(
                    draft,
                    key=key,
                    message=Message.NOTICE,
                    audience="operator",
                    recipient=operator_id,
                    channel=channel,
                    facts={**about, **facts},
                )
            )


def all_clear(draft: Draft, only: tuple[str, ...]) -> None:
    """To these operators, who know of the fault: what has recovered, after how long, and how."""
    if not only:
        return
    incident = draft.incident
    about = _about(draft, (incident.worst,) if incident.worst is not None else (), _operators_zone(draft))
    notice_operators(draft, Code.RECOVERED, only=only, **about, acted=incident.acted, outcome=incident.outcome)


def channels_of(operator: Operator) -> tuple[str, ...]:
    """The channels an operator can be reached by."""
    return (("mail",) if operator.mail else ()) + (("webhook",) if operator.webhook else ())


def next_of(draft: Draft) -> tuple[Next, float | None]:
    """What happens next, as a promise: only what the contract covers and automation may do (R3, R20, R22, R4)."""
    incident, ahead = draft.incident, draft.ahead
    live = ahead.faults if ahead is not None else live_faults(draft)
    if draft.stranded and draft.customer is not None:
        return Next.PEOPLE, None
    if draft.customer is None or not live:
        return Next.WATCH, None
    if incident.phase is Phase.HANDED or incident.failed is not None:
        return Next.PEOPLE, None
    if incident.phase is Phase.WORKING or verifying(incident, draft.now_s):
        return Next.WORKING, None
    if ahead is None:
        ahead = look_ahead(draft, live)
    if ahead is None and any(fault.told_only for fault in live):
        return Next.TOLD_ONLY, None
    if ahead is None or not covered(draft, ahead.fault):
        return Next.MAIL_ONLY, None
    code = ahead.verdict.code
    if code in HELD:
        return Next.HELD, None
    if code in MASS_OUTAGE:
        return Next.MASS_OUTAGE, None
    if code in (Code.GATE_UNKNOWN, Code.GATE_PARENT_DOWN):
        return Next.WATCH, None
    # a promise of work that automation is not allowed to do would be a lie
    if code not in (Code.ADMITTED, Code.GATE_BUSY):
        return (Next.PEOPLE_AFTER_WAIT, wait_s(draft)) if ahead.waits else (Next.PEOPLE, None)
    if ahead.fault.fault_class is FaultClass.SERVER:
        return Next.RECOVER_AFTER_WAIT, wait_s(draft)
    return Next.RESTART_NOW, None


def _customer(draft: Draft) -> Customer | None:
    """Whose incident it is, wherever its host is now; ``None`` where that customer has left the inventory."""
    return draft.situation.policy.customers.get(draft.incident.customer)


def _tell_operator(draft: Draft, operator_id: str, message: Message, faults: tuple[Fault, ...], extra: dict[str, Fact]) -> None:
    ways = [(channel, operator_id) for channel in channels_of(draft.situation.policy.operators[operator_id])]
    keys = _take_keys(draft, "operator", str(message), ways)
    about = _about(draft, faults, _operators_zone(draft))
    for (channel, _), (key, first_key) in zip(ways, keys, strict=True):
        draft.commands.append(
            _notify(
                draft,
                key=key,
                message=message,
                audience="operator",
                recipient=operator_id,
                channel=channel,
                facts={**about, "first_key": first_key, **extra},
            )
        )


def _notify(draft: Draft, *, key: str, message: Message, audience: str, recipient: str, channel: str, facts: Facts) -> Notify:
    incident = draft.open_incident
    return Notify(
        key=key,
        incident=incident.id if incident is not None else None,
        host=draft.host or None,
        message=message,
        audience=audience,
        recipient=recipient,
        channel=channel,
        facts=facts,
        prefer=incident.performer if incident is not None and message in _OF_THE_WORK else None,
    )


def _about(draft: Draft, faults: tuple[Fault, ...], zone: str) -> dict[str, Fact]:
    """Every fact that R3 asks for; the mail thread is the recipient's own."""
    incident, situation, now_s = draft.incident, draft.situation, draft.now_s
    host, customer = situation.host if not draft.moved else None, _customer(draft)
    worst = worst_of(faults) if faults else incident.worst
    check = situation.check(worst.check) if worst is not None and host is not None else None
    limit = worst.limit if worst is not None else None
    follows, wait = next_of(draft)
    ended_s = incident.recovered_at_s if not incident.faults else None
    return {
        "incident": incident.id,
        "host": draft.host,
        "label": host.label if host is not None else incident.label,
        "address": host.address if host is not None else "",
        "fqdn": host.fqdn if host is not None else "",
        "device_type": host.device_type if host is not None else "",
        "os": host.os if host is not None else "",
        "customer": incident.customer,
        "customer_name": customer.name if customer is not None else incident.customer,
        "zone": zone,
        "at_s": now_s,
        "fault_at_s": incident.fault_at_s,
        "confirmed_at_s": worst.confirmed_at_s if worst is not None else incident.opened_at_s,
        "recovered_at_s": ended_s,
        "down_s": max(0.0, (ended_s if ended_s is not None else now_s) - incident.fault_at_s) if not incident.clock_set else None,
        "level": int(worst.level) if worst is not None else 2,
        "faults": tuple([fault.check for fault in faults]) if incident.faults and faults else incident.seen,
        "check": worst.check if worst is not None else "",
        "kind": check.kind if check is not None else "",
        "service": worst.service if worst is not None else None,
        "item": f"{check.kind} {check.by_name.name if check.by_name else check.address}" if check is not None else "",
        "value": worst.value if worst is not None else None,
        "unit": limit.unit if limit is not None else "",
        "threshold": f"{limit.sign} {number(limit.value)}{limit.unit}" if limit is not None else None,
        "trigger_failures": check.confirmation.failures if check is not None else 1,
        "detail": worst.detail if worst is not None else "",
        "next": str(follows),
        "wait_s": wait,
    }


def _take_keys(draft: Draft, audience: str, stem: str, ways: list[tuple[str, str]]) -> list[tuple[str, str | None]]:
    """A new key for a message by each of these ways, ``(channel, recipient)``, and the key of the first message of this incident
    by that way: the root of its mail thread, which is remembered (R9)."""
    incident = draft.incident
    serial = incident.serial + 1
    first_keys = dict(incident.first_keys)
    keys: list[tuple[str, str | None]] = []
    for channel, recipient in ways:
        key = f"{incident.id}/{serial}/{stem}/{channel}/{recipient}"
        keys.append((key, first_keys.setdefault(f"{audience}/{channel}/{recipient}", key)))
    draft.update(serial=serial, first_keys=tuple(first_keys.items()))
    return keys


def serial_of(key: str) -> int:
    """Which message of its incident it is, as ``_take_keys`` counts them."""
    return int(key.split("/")[1])


def _operators_zone(draft: Draft) -> str:
    return draft.customer.zone if draft.customer is not None else "Asia/Tokyo"
