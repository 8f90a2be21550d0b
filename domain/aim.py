"""What a run is aimed at: which checks, and which service of which machine."""

from collections.abc import Collection
from dataclasses import dataclass

from domain.commands import Run
from domain.model import FaultClass, Host
from domain.procedure import Procedure
from domain.state import Incident
from domain.work import worked_on


@dataclass(frozen=True, slots=True)
class Aim:
    """``checks`` are what the run looks at, ``service`` what its actions are about; without checks there is nothing to run for."""

    fault_class: FaultClass
    checks: tuple[str, ...]
    service: str | None

    @property
    def target(self) -> str:
        """As ``Fault.target``."""
        return f"{self.fault_class}:{self.service or ''}"


def aim(host: Host, incident: Incident | None, runbook: Procedure, service: str | None = None) -> Aim:
    """What an operator's run of ``runbook`` is for: the ``service`` that was named (a unit's full name), else what fails now, else
    all that the runbook may be for. A dry run asks this as the real one does, so that both aim at the same."""
    if service is not None:
        return Aim(FaultClass.SERVICE, tuple(check.id for check in host.checks if check.service == service), service)
    meant, of = _fault_class(host, incident, runbook), _may_be_for(host, incident)
    first = next((name for _, name in of if name is not None), None) if meant is FaultClass.SERVICE else None
    return Aim(meant, tuple(check for check, name in of if first is None or name == first), first)


def fault_class(host: Host, checks: Collection[str]) -> FaultClass:
    """What a run that looks at these checks is for: the server before its services (R22)."""
    servers = (check for check in host.checks if check.id in checks and check.fault_class is FaultClass.SERVER)
    return FaultClass.SERVICE if next(servers, None) is None else FaultClass.SERVER


def services(host: Host, incident: Incident | None, runbook: Procedure) -> tuple[str, ...]:
    """The services that a run may be meant for where none is named. Of several ``aim`` takes the first, so a person is asked."""
    if _fault_class(host, incident, runbook) is not FaultClass.SERVICE:
        return ()
    return tuple(dict.fromkeys(name for _, name in _may_be_for(host, incident) if name is not None))


def _fault_class(host: Host, incident: Incident | None, runbook: Procedure) -> FaultClass:
    """What the host has this runbook for; where it is for both classes, what fails decides. One that acts on no service in
    particular is for the server."""
    if not runbook.of_service:
        return FaultClass.SERVER
    named = [item for item, name in host.procedures.items() if name == runbook.id]
    if len(named) > 1:
        return fault_class(host, [check for check, _ in _may_be_for(host, incident)])
    return named[0] if named else FaultClass.SERVICE


def _may_be_for(host: Host, incident: Incident | None) -> list[tuple[str, str | None]]:
    """Checks and their services: those that fail, else all. A pause, or a clock that was set, may keep a fault in the incident
    whose check has left the inventory: that one is no aim."""
    watched = {check.id for check in host.checks}
    faults = worked_on(incident.faults) if incident is not None else ()
    return [(fault.check, fault.service) for fault in faults if fault.check in watched] or [
        (check.id, check.service) for check in host.checks
    ]


def moved(run: Run, then: Host, now: Host) -> bool:
    """Is the host that a run was decided for another one under the inventory that holds now: another machine, another login,
    another power control or disks, another owner, or another service behind the run's checks? Then nothing that was seen of it
    justifies an action."""
    return _identity(run, then) != _identity(run, now)


def _identity(run: Run, host: Host) -> tuple[object, ...]:
    services = {check.id: check.service for check in host.checks if check.id in run.checks}
    return host.customer, host.address, host.ssh, host.power, host.rescue, host.filesystems, services
