"""What people say of runbooks, asked and answered: approve, revoke, raise again; and how each runbook stands."""

import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from domain import events as ev
from domain.model import Policy, effective_mode
from domain.procedure import Procedure
from domain.trust import ON_REQUEST, Rate, Standing, Trust, standing
from engine.context import Context
from engine.requests import (
    REASON_MAX,
    Answer,
    RefusedError,
    RequestError,
    ask,
    bounded,
    current_policy,
    known_customer,
    known_operator,
)
from runbooks.approvals import Shipped, shipped
from store import policies, trust
from store.tables import Approval, Lowering, Rehearsal

SHORT = 12
"""Characters of a version that people are shown."""


def request_approval(context: Context, *, runbook: str, by: str, reason: str) -> Answer:
    """Let the runbook act on its own, as the accepted inventory holds it now. Refused unless that very version has passed a
    rehearsal that is recorded here, or is the one the project rehearsed."""
    policy, procedure = _asked(context, runbook, by, reason)
    with context.store.read() as session:
        if (runbook, procedure.version) in trust.approved(session):
            raise RefusedError(f"{runbook} is approved already, in its version {procedure.version[:SHORT]}")
        made = trust.rehearsals(session, runbook, procedure.version)
    if not any(item.passed for item in made) and not _is_shipped(procedure):
        found = "its last rehearsal failed" if made else "it was never rehearsed"
        raise RefusedError(
            f"{runbook} as it is now ({procedure.version[:SHORT]}): {found}; rehearse it first: hikeshi rehearse {runbook}"
        )
    event = ev.RunbookApproved(
        id=f"approve-{uuid.uuid4()}",
        at_s=context.clock.now_s(),
        runbook=runbook,
        version=procedure.version,
        by=known_operator(policy, by),
        reason=reason,
    )
    return ask(context, event)


def request_revocation(context: Context, *, runbook: str, by: str, reason: str) -> Answer:
    """Take the approval of the version that the accepted inventory holds back, whoever gave it."""
    _, procedure = _asked(context, runbook, by, reason)
    with context.store.read() as session:
        if (runbook, procedure.version) not in trust.approved(session):
            raise RefusedError(f"{runbook} is not approved in its version {procedure.version[:SHORT]}, so nothing was revoked")
    now_s = context.clock.now_s()
    return ask(
        context,
        ev.RunbookRevoked(
            id=f"revoke-{uuid.uuid4()}", at_s=now_s, runbook=runbook, version=procedure.version, by=by, reason=reason
        ),
    )


def request_raise(context: Context, *, runbook: str, customer: str, by: str, reason: str) -> Answer:
    """Let a runbook that was lowered for a customer act on its own there again."""
    policy, _ = _asked(context, runbook, by, reason)
    known_customer(policy, customer)
    with context.store.read() as session:
        if not any((row.runbook, row.customer) == (runbook, customer) for row in trust.lowered(session)):
            raise RefusedError(f"{runbook} was not lowered for {customer}, so there is nothing to raise")
    now_s = context.clock.now_s()
    return ask(
        context,
        ev.RunbookRaised(id=f"raise-{uuid.uuid4()}", at_s=now_s, runbook=runbook, customer=customer, by=by, reason=reason),
    )


def never_rehearsed(context: Context, runbook: str) -> tuple[str, ...]:
    """The steps that an approval of the runbook, as it is now, covers although none of its rehearsals has reached them."""
    version = known_procedure(current_policy(context), runbook).version
    with context.store.read() as session:
        return trust.never_rehearsed(session, runbook, version)


def passed_with(context: Context, runbook: str) -> tuple[str, ...]:
    """The faults that the runbook, as it is now, has passed a rehearsal with."""
    version = known_procedure(current_policy(context), runbook).version
    with context.store.read() as session:
        return trust.passed_with(session, runbook, version)


def record_rehearsal(context: Context, event: ev.RunbookRehearsed) -> Answer:
    """Keep how a rehearsal ended; the event gets an id of its own."""
    return ask(context, replace(event, id=f"rehearsal-{uuid.uuid4()}"))


def source_of(context: Context) -> Path | None:
    """The folder that the accepted inventory came from; ``None`` before the first."""
    with context.store.read() as session:
        found = policies.source(session)
    return Path(found) if found else None


def known_procedure(policy: Policy, runbook: str) -> Procedure:
    """As the accepted inventory holds it. Raises ``RequestError``."""
    procedure = policy.procedures.get(runbook)
    if procedure is None:
        raise RequestError(
            f"runbook {runbook!r} does not exist; would be right: {', '.join(sorted(policy.procedures)) or 'none there'}"
        )
    return procedure


def not_approved(context: Context, runbook: str, customer: str) -> str | None:
    """What a person who runs it by name should know first; ``None`` where it may act on its own, or is for people only."""
    procedure = known_procedure(current_policy(context), runbook)
    if runbook in ON_REQUEST:
        return None
    with context.store.read() as session:
        found = standing(trust.trust_for(session, customer), procedure)
    match found:
        case Standing.UNAPPROVED:
            return f"{runbook} is not approved in its version {procedure.version[:SHORT]}: a run of it is your own judgement"
        case Standing.LOWERED:
            return f"{runbook} is lowered for {customer}, as a cure of it did not last: a run of it is your own judgement"
        case Standing.APPROVED:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How one runbook stands. ``modes``: what it may do for each customer that has hosts which name it; ``rates`` by customer."""

    procedure: Procedure
    approved: bool
    shipped: Shipped | None
    approvals: tuple[Approval, ...]
    rehearsals: tuple[Rehearsal, ...]
    lowered: tuple[Lowering, ...]
    modes: dict[str, str]
    rates: dict[str, Rate]


def stands(context: Context) -> list[Stand]:
    """Of every runbook of the accepted inventory, by id."""
    policy = current_policy(context)
    with context.store.read() as session:
        versions, everywhere, rates = trust.approved(session), trust.lowered(session), trust.rates(session)
        found = []
        for _, procedure in sorted(policy.procedures.items()):
            lowered = tuple(row for row in everywhere if row.runbook == procedure.id)
            found.append(
                Stand(
                    procedure=procedure,
                    approved=(procedure.id, procedure.version) in versions,
                    shipped=_is_shipped(procedure),
                    approvals=tuple(trust.approvals(session, procedure.id)),
                    rehearsals=tuple(trust.rehearsals(session, procedure.id)),
                    lowered=lowered,
                    modes=_modes(policy, procedure, Trust(versions, frozenset()), {row.customer for row in lowered}),
                    rates={customer: rate for (runbook, customer), rate in rates.items() if runbook == procedure.id},
                )
            )
    return found


def _modes(policy: Policy, procedure: Procedure, known: Trust, lowered: set[str]) -> dict[str, str]:
    """The strictest that counts, for each customer; several where its hosts differ."""
    modes: dict[str, set[str]] = {}
    for host in policy.hosts.values():
        if procedure.id in host.procedures.values():
            here = Trust(known.approved, frozenset({procedure.id}) if host.customer in lowered else frozenset())
            mode = effective_mode(policy, host)
            free = mode == "on" and standing(here, procedure) is not Standing.APPROVED
            modes.setdefault(host.customer, set()).add("shadow" if free else str(mode))
    return {customer: ", ".join(sorted(found)) for customer, found in sorted(modes.items())}


def _is_shipped(procedure: Procedure) -> Shipped | None:
    """What the project says of this very version."""
    listed = shipped().get(procedure.id)
    return listed if listed is not None and listed.version == procedure.version else None


def _asked(context: Context, runbook: str, by: str, reason: str) -> tuple[Policy, Procedure]:
    policy = current_policy(context)
    procedure = known_procedure(policy, runbook)
    known_operator(policy, by)
    bounded("reason", reason, REASON_MAX)
    if not reason.strip():
        raise RequestError("say why, for the record: -m REASON")
    return policy, procedure
