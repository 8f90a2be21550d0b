"""One customer with one watched host, as stories, simulation, walk and bench use it."""

from collections.abc import Mapping
from dataclasses import replace

from domain.checks import PROFILES
from domain.model import (
    Brand,
    Check,
    Contact,
    Contract,
    Customer,
    FaultClass,
    Flapping,
    Host,
    Level,
    Limits,
    Mode,
    OnCall,
    Operator,
    Policy,
    Secret,
    SnmpAccess,
)
from domain.pauses import Pause
from domain.procedure import LOOK, Effect, Procedure, Step
from domain.trust import Trust

CUSTOMER = "aozora"
HOST = "web01"
OTHER = "midori"
"""Another customer, to whom the host may come."""
CONTACTS = (Contact("desk", "Service desk", "desk@example.test"), Contact("boss", "Head of IT", "boss@example.test", "en"))
OPERATORS = {
    "first": Operator("first", "First on call", mail="first@example.test"),
    "second": Operator("second", "Second on call", mail="second@example.test", webhook=Secret("env", "HOOK")),
}
ON_CALL = OnCall(("first", "second"))
SLOW_TO_CALL_IT_FLAPPING = Flapping()
RESTART, POWER = "restart-service", "power-cycle"
PROCEDURES = {FaultClass.SERVICE: RESTART, FaultClass.SERVER: POWER}
_ACTS = {
    RESTART: Step("restart", "restart_service", of_service=True),
    POWER: Step("reboot", "reboot", effect=Effect.POWER),
    "leave-rescue": Step("disk", "power", {"do": "cycle"}, effect=Effect.POWER),
}
RUNBOOKS = {
    name: Procedure(name, f"hash of {name}", {}, 600.0, (Step("look", LOOK), step), max_power_actions=1)
    for name, step in _ACTS.items()
}
TRUST = Trust(frozenset((runbook.id, runbook.version) for runbook in RUNBOOKS.values()))
"""All are approved as they are."""
WHOLE_CONTRACT = Contract(frozenset({FaultClass.SERVER, FaultClass.SERVICE}))


def check(name: str, level: Level, fault_class: FaultClass, service: str | None = None) -> Check:
    rapid = PROFILES["rapid"]
    kind = {"web": "tcp", "disk": "disk"}.get(name, name)
    return Check(
        f"{HOST}/{name}", HOST, kind, "192.0.2.10", level, fault_class, rapid.interval_s, 10.0, rapid.confirmation, service
    )


PING = check("ping", Level.UNREACHABLE, FaultClass.SERVER)
SSH = check("ssh", Level.SERVICE_DOWN, FaultClass.SERVER)
HTTP = check("http", Level.SERVICE_DOWN, FaultClass.SERVICE, "nginx.service")
WEB = check("web", Level.SERVICE_DOWN, FaultClass.SERVICE, "nginx.service")
SMTP = check("smtp", Level.SERVICE_DOWN, FaultClass.SERVICE, "postfix.service")
DISK = check("disk", Level.WARNING, FaultClass.RESOURCE)
AGENT = SnmpAccess("2c", Secret("env", "COMMUNITY"))
CPU, SWAP = (replace(DISK, id=f"{HOST}/{kind}", kind=kind, snmp=AGENT) for kind in ("cpu", "swap"))
"""Both are read of one agent."""
CHECKS = (PING, SSH, HTTP, WEB, SMTP, DISK)


def policy(
    *,
    version: str = "1",
    checks: tuple[Check, ...] | None = CHECKS,
    contract: Contract = WHOLE_CONTRACT,
    contacts: tuple[Contact, ...] = CONTACTS,
    procedures: Mapping[FaultClass, str] = PROCEDURES,
    mode: Mode = Mode.ON,
    on_call: OnCall = ON_CALL,
    pauses: tuple[Pause, ...] = (),
    flapping: Flapping = SLOW_TO_CALL_IT_FLAPPING,
    owner: str = CUSTOMER,
) -> Policy:
    """``checks`` of ``None``: the host is not in the inventory; ``owner``: whose it is."""
    host = Host(
        HOST,
        "web01.example",
        owner,
        "192.0.2.10",
        checks or (),
        fqdn="web01.example.test",
        os="Debian 12",
        procedures=procedures,
    )
    return Policy(
        version=version,
        brand=Brand("Monitoring", "alert@example.test"),
        customers={
            CUSTOMER: Customer(CUSTOMER, "Aozora Ltd.", contacts, contract),
            OTHER: Customer(OTHER, "Midori Ltd.", (Contact("lab", "Laboratory", "lab@example.test"),), contract),
        },
        hosts={HOST: host} if checks is not None else {},
        operators=OPERATORS,
        on_call=on_call,
        pauses=pauses,
        mode=mode,
        limits=Limits(flapping=flapping),
        procedures=RUNBOOKS,
    )
