"""What the runbooks that a host names could not do there, as the inventory stands: said before the night in which it is needed."""

from collections.abc import Iterator

from domain.model import FaultClass, Host, Policy
from domain.procedure import FAULT, Procedure, Step
from remediation import ACTIONS, NothingDone


def not_possible(policy: Policy) -> list[str]:
    """In words, the steps of one runbook that lack the same thing on a host together."""
    return [
        f"hosts.{host.id}: {runbook}: {', '.join(dict.fromkeys(steps))}: {why}"
        for host in policy.hosts.values()
        for (runbook, why), steps in _lacking(policy, host).items()
    ]


def without_anchors(policy: Policy) -> list[str]:
    """Segments whose watcher could not tell its own outage from theirs (C52)."""
    used = sorted({host.segment for host in policy.hosts.values()})
    return [
        f"segments.{id_}: no anchors: when the watcher's own network fails, every host there seems to (C52)"
        for id_ in used
        if id_ not in policy.segments or not policy.segments[id_].anchors
    ]


def _lacking(policy: Policy, host: Host) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for fault, name in host.procedures.items():
        for step in _steps(policy.procedures.get(name), fault):
            for why in _why_not(step, host):
                found.setdefault((name, why), []).append(step.id)
    return found


def _steps(procedure: Procedure | None, fault: FaultClass) -> Iterator[Step]:
    """Those that act, where the runbook is for this class of fault."""
    if procedure is not None:
        yield from (step for step in procedure.steps if step.acts and str(fault) in step.when.get(FAULT, (str(fault),)))


def _why_not(step: Step, host: Host) -> Iterator[str]:
    """As a dry run says it; and what only an outage would show: a way in over the network that has to be restored."""
    services: list[str | None] = [*sorted({check.service for check in host.checks if check.service is not None})]
    for service in services or [None]:
        try:
            ACTIONS[step.action].describe(host, step.parameters, service)
        except NothingDone as error:
            yield f"not possible: {error}"
            return
    if step.action == "restart_network":
        if host.ssh is None:
            yield "not possible: the inventory says nothing about ssh on this host"
        elif host.ssh.address in (None, host.address):
            yield "no second way in: where the network is gone nobody can log in; would be right: ssh.address, one that is apart"
