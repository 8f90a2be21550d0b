"""Runs that people ask for, from the command line and the Prefect forms alike; and what one would do."""

import uuid

from sqlmodel import col, select

from domain import events as ev
from domain.aim import Aim, aim, services
from domain.model import Host, Policy
from domain.observation import Verdict
from domain.procedure import Procedure, Step
from domain.runs import REQUEST_FRESH_S
from domain.unit import service_unit
from engine import knowing
from engine.acting import describe
from engine.context import Context
from engine.requests import (
    REASON_MAX,
    Answer,
    RequestError,
    answer_to,
    ask,
    asked_before,
    bounded,
    current_policy,
    known_host,
    known_operator,
    some,
)
from engine.situation import state_of
from store.tables import VerdictRow

RUN_UNANSWERED = (
    "written down; no engine answered yet. "
    f"One that is back within {REQUEST_FRESH_S:g} s of the request decides it; later it is refused"
)


def request_run(
    context: Context,
    *,
    runbook: str,
    host: str,
    by: str,
    reason: str,
    service: str | None = None,
    prefer: str | None = None,
    once: str | None = None,
) -> Answer:
    """Ask for a runbook on a host, for the ``service`` that is named or the only one that may be meant. The gate answers; the Run
    command's key is the answer's only command.

    ``once`` names the request: asked again under the same name, it is the same request with the same answer.
    """
    event_id = f"run-{once or uuid.uuid4()}"
    if asked_before(context, event_id):
        return answer_to(context, event_id)
    policy = current_policy(context)
    found = known_host(policy, host)
    procedure = known_runbook(policy, runbook)
    bounded("reason", reason, REASON_MAX)
    return ask(
        context,
        ev.RunRequested(
            id=event_id,
            at_s=context.clock.now_s(),
            host=host,
            runbook=runbook,
            by=known_operator(policy, by),
            reason=reason,
            prefer=prefer,
            service=_meant(context, found, procedure, service),
        ),
    )


def dry_run(context: Context, *, runbook: str, host: str, service: str | None = None) -> list[str]:
    """What each step would do if the run were asked for now, as the very command lines that it would send."""
    found, procedure, aimed = _aimed(context, runbook, host, service)
    known = knowing.known(context, found)
    lines = []
    changing = False
    for number, step in enumerate(procedure.steps, 1):
        match step.action:
            case "look":
                checks = ", ".join(aimed.checks) or "no checks"
                until = f", every {step.every_s:g} s for up to {step.until_s:g} s" if step.until_s else ""
                onward = "" if changing else "; where it sees them up the run goes on all the same, as a person asked for it"
                what = f"the watcher looks at {checks}{until}{onward}"
            case "announce":
                what = "mail that work starts, in an open incident"
            case _:
                what = f"on {found.address}: {' && '.join(describe(step, found, aimed.service, known))}"
        changing = changing or step.changes
        lines.append(f"{number}. {step.id}: {only_when(step, 'only when {}: ')}{what}")
    return lines


def all_up(context: Context, *, runbook: str, host: str, service: str | None = None) -> bool:
    """Are all the checks up that a run which was asked for now would be for? It is done all the same: a person asked."""
    _, _, aimed = _aimed(context, runbook, host, service)
    with context.store.read() as session:
        verdicts = session.exec(select(VerdictRow.verdict).where(col(VerdictRow.check).in_(aimed.checks))).all()
    return len(verdicts) == len(aimed.checks) > 0 and set(verdicts) == {Verdict.UP}


def _aimed(context: Context, runbook: str, host: str, service: str | None) -> tuple[Host, Procedure, Aim]:
    """What a run would be aimed at if it were asked for now."""
    policy = current_policy(context)
    found = known_host(policy, host)
    procedure = known_runbook(policy, runbook)
    meant = _meant(context, found, procedure, service)
    with context.store.read() as session:
        incident = state_of(session, host).incident
    return found, procedure, aim(found, incident, procedure, meant)


def only_when(step: Step, text: str = "{}") -> str:
    """On what a step depends that is not done in every run; empty where it is."""
    said = [f"{name} is {' or '.join(item.replace('_', ' ') for item in wanted)}" for name, wanted in step.when.items()]
    return text.format(" and ".join(said)) if said else ""


def _meant(context: Context, host: Host, runbook: Procedure, service: str | None) -> str | None:
    """The service that was named. Where the runbook acts on one, and several may be meant, no choice is made for the person who
    asks."""
    if service is not None:
        return known_service(host, service)
    with context.store.read() as session:
        may_be = services(host, state_of(session, host.id).incident, runbook)
    if len(may_be) > 1:
        raise RequestError(f"{runbook.id} on {host.id} may be meant for several services; name one of: {', '.join(may_be)}")
    return may_be[0] if may_be else None


def known_runbook(policy: Policy, name: str) -> Procedure:
    found = policy.procedures.get(name)
    if found is None:
        raise RequestError(f"runbook {name!r} does not exist; would be right: {some(policy.procedures)}")
    return found


def known_service(host: Host, name: str) -> str:
    """The full name of a service that the host's checks name."""
    known = {check.service for check in host.checks if check.service is not None}
    try:
        unit = service_unit(name)
    except ValueError as error:
        raise RequestError(f"service {name!r} is not {error}") from error
    if unit not in known:
        raise RequestError(f"service {name!r} is none that a check of {host.id} names; would be right: {some(known)}")
    return unit
