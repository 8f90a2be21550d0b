"""Many hosts that only a ping watches, and what the engine and an executor make of them, without a socket."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from store_samples import NOW_S, accept, approve, put_state

from domain.commands import Run
from domain.model import (
    Brand,
    Check,
    Confirmation,
    Contact,
    Contract,
    Customer,
    FaultClass,
    Host,
    Level,
    Limits,
    Mode,
    OnCall,
    Operator,
    Policy,
    PowerLimit,
    PowerLimits,
)
from domain.procedure import Effect, Procedure, Step
from domain.state import Fault, HostState, Incident, Phase, RunRef
from store import outbox
from store.admit import Admission, Request, admit
from store.db import Store

WAIT_OF_CONTRACT_S = 900.0
PLENTY = PowerLimit(100, 1000)
NO_LIMITS = Limits(actions_at_once=100, power=PowerLimits(PLENTY, PLENTY, PLENTY))
POWER_CYCLE = "power-cycle"
RUNBOOK = Procedure(POWER_CYCLE, "hash", {}, 3600.0, (Step("cycle", "power", effect=Effect.POWER),), max_power_actions=1)
LEASE_S = 900.0


def fleet(hosts: int, *, customers: int = 1, parents: int = 0, limits: Limits = NO_LIMITS, **changes: Any) -> Policy:
    """Hosts srv001, srv002 … go round the customers c1, c2 … and the parents p1, p2 …"""
    contract = Contract(frozenset({FaultClass.SERVER, FaultClass.SERVICE}), WAIT_OF_CONTRACT_S)
    owners = [f"c{number}" for number in range(1, customers + 1)]
    policy = Policy(
        version=f"{hosts} {customers} {parents} {limits}",
        brand=Brand("Test", "alert@example.test"),
        customers={name: Customer(name, name, (Contact("desk", "Desk", f"desk@{name}.test"),), contract) for name in owners},
        hosts={
            name: _host(name, owners[number % customers], f"p{number % parents + 1}" if parents else None)
            for number, name in enumerate(names(hosts))
        },
        operators={name: Operator(name, name, mail=f"{name}@example.test") for name in ("first", "second")},
        on_call=OnCall(("first", "second")),
        mode=Mode.ON,
        limits=limits,
        procedures={POWER_CYCLE: RUNBOOK},
    )
    return replace(policy, **changes)


def names(hosts: int) -> list[str]:
    return [f"srv{number:03}" for number in range(1, hosts + 1)]


def _host(name: str, customer: str, parent: str | None) -> Host:
    ping = Check(f"{name}/ping", name, "ping", "192.0.2.1", Level.UNREACHABLE, FaultClass.SERVER, 60.0, 10.0, Confirmation(3, 30.0))
    return Host(name, name, customer, "192.0.2.1", (ping,), procedures={FaultClass.SERVER: POWER_CYCLE}, parent=parent)


def run_of(name: str) -> Run:
    return Run(
        key=f"{name}/run",
        incident=f"INC-{name}",
        host=name,
        runbook=POWER_CYCLE,
        checks=(f"{name}/ping",),
        service=None,
        requested_by="engine",
    )


def out(store: Store, policy: Policy, who: str = "us") -> list[Run]:
    """A run is out on every host, claimed by ``who``: its server has been down for days."""
    accept(store, policy)
    approve(store, RUNBOOK)
    runs = [run_of(name) for name in policy.hosts]
    for run in runs:
        put_state(store, _down(run, policy.hosts[run.host].customer))
        with store.write() as session:
            outbox.put(session, run)
        assert outbox.claim(store, run.key, who, LEASE_S) is not None
    return runs


def _down(run: Run, customer: str) -> HostState:
    since_s = NOW_S - 7 * 86_400.0
    fault = Fault(
        run.checks[0], Level.UNREACHABLE, FaultClass.SERVER, None, since_s, since_s, since_s, clock_from_s=since_s, told=True
    )
    reference = RunRef(run.key, run.runbook, fault.target, NOW_S + 3600)
    incident = Incident(run.incident or "", customer, run.host, since_s, since_s, (fault,), Phase.WORKING, run=reference)
    return HostState(run.host, incident=incident)


def ask_for_power(store: Store, run: Run, *, who: str = "us", step: str = "cycle", patient: bool = False) -> Admission:
    nowhere = Path("/nonexistent/STOP")
    switch = Step(step, "power", effect=Effect.POWER)
    request = Request(command=run.key, who=who, step=switch, max_power_actions=9, stop_file=nowhere, patient=patient)
    return admit(store, request)
