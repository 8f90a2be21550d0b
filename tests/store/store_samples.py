"""What the store's tests share: a clock that is moved by hand, sample values, and races of real processes."""

import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hand_clock import HandClock

import runbooks
from domain.commands import Message, Notify, Run
from domain.events import RunbookApproved, VerdictChanged
from domain.model import Brand, Check, Confirmation, Contract, Customer, FaultClass, Host, Level, Limits, Mode, OnCall, Policy
from domain.observation import Verdict
from domain.procedure import Procedure, Step
from domain.reasons import Code
from domain.state import Fault, HostState, Incident, Phase, RunRef
from remediation import ACTIONS
from store import journal, outbox, policies, trust
from store.admit import Admission, Request, admit
from store.clock import SystemClock
from store.codec import encode
from store.db import Store, void_leases
from store.tables import Attempt, HostRow

NOW_S = HandClock.at_s
WAIT_S = 60.0
"""How long a test waits for other processes before it fails."""


def lapse(store: Store) -> None:
    """As if every claim and lease had run out (PostgreSQL measures them by its own clock, which no test can move)."""
    with store.write() as session:
        void_leases(session)


def down(event_id: str, host: str = "web01") -> VerdictChanged:
    return VerdictChanged(id=event_id, at_s=NOW_S, host=host, check=f"{host}/http", verdict=Verdict.DOWN, fault_at_s=NOW_S - 60)


def notify(key: str, recipient: str = "taro", incident: str | None = "INC-000001") -> Notify:
    return Notify(
        key=key, incident=incident, host="web01", message=Message.FAULT, audience="customer", recipient=recipient, channel="mail"
    )


def run(host: str = "web01", **changes: Any) -> Run:
    made = Run(
        key=f"{host}/run", incident=f"INC-{host}", host=host, runbook="restart-service", checks=(f"{host}/http",),
        service="nginx", requested_by="engine",
    )  # fmt: skip
    return replace(made, **changes)


def approve(store: Store, *procedures: Procedure) -> None:
    """Somebody answers for them as they are."""
    with store.write() as session:
        for runbook in procedures:
            key, version = f"approved {runbook.id} {runbook.version}", runbook.version
            trust.apply(session, RunbookApproved(id=key, at_s=NOW_S, runbook=runbook.id, version=version, by="first", reason="-"))


def policy(hosts: int = 1, version: str = "v1", **changes: Any) -> Policy:
    """Hosts web01, web02 … of one customer whose contract covers all, without a wait; automation is on."""
    customer = Customer("acme", "ACME", (), Contract(frozenset({FaultClass.SERVER, FaultClass.SERVICE}), wait_s=0.0))
    made = Policy(
        version, Brand("Test", "alert@example.test"), {"acme": customer}, {}, {}, OnCall(()), mode=Mode.ON,
        limits=Limits(actions_at_once=2), procedures=runbooks.load(ACTIONS),
    )  # fmt: skip
    return replace(made, hosts={name: _host(name) for name in names(hosts)}, **changes)


def names(count: int) -> list[str]:
    return [f"web{number:02}" for number in range(1, count + 1)]


def _host(name: str) -> Host:
    check = Check(
        f"{name}/http", name, "http", "192.0.2.1", Level.SERVICE_DOWN, FaultClass.SERVICE, 60.0, 10.0, Confirmation(3), "nginx"
    )
    return Host(name, name, "acme", "192.0.2.1", (check,), procedures={FaultClass.SERVICE: "restart-service"})


def state(command: Run, **of_fault: Any) -> HostState:
    """The host's fault is open and the engine waits for this run."""
    fault = Fault(command.checks[0], Level.SERVICE_DOWN, FaultClass.SERVICE, "nginx", NOW_S - 60, NOW_S, NOW_S - 60)
    reference = RunRef(command.key, command.runbook, fault.target, NOW_S + 3600)
    incident = Incident(
        command.incident or "", "acme", command.host, NOW_S - 60, NOW_S, (replace(fault, **of_fault),), Phase.WORKING, run=reference
    )
    return HostState(command.host, incident=incident)


def put_state(store: Store, host_state: HostState) -> None:
    with store.write() as session:
        session.merge(HostRow(host=host_state.host, state=encode(host_state)))


def accept(store: Store, accepted: Policy) -> None:
    with store.write() as session:
        policies.accept(session, accepted.version, encode(accepted), "test", NOW_S)


def working(store: Store, hosts: int = 1, *, who: str | None = "us", **changes: Any) -> list[Run]:
    """Runs that are out, one on each host, claimed by ``who``; what the engine leaves behind when it starts them."""
    accept(store, policy(hosts))
    commands = [run(name, **changes) for name in names(hosts)]
    for command in commands:
        put_state(store, state(command))
        with store.write() as session:
            outbox.put(session, command)
        if who is not None:
            assert outbox.claim(store, command.key, who, WAIT_S) is not None
    return commands


def ask(
    store: Store,
    command: Run,
    *,
    who: str = "us",
    step: str | Step = "restart",
    max_power_actions: int = 0,
    stop_file: Path = Path("/nonexistent/STOP"),
    before: Mapping[str, str] = MappingProxyType({}),
) -> Admission:
    asked = step if isinstance(step, Step) else Step(step, "service")
    request = Request(
        command=command.key, who=who, step=asked, stop_file=stop_file, max_power_actions=max_power_actions, before=before
    )
    return admit(store, request)


def race(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """``work(number, *arguments)`` in as many processes of their own, all let go at the same moment; their results in any order."""
    context = multiprocessing.get_context("forkserver")
    # the server doesn't see tests/ (Python 3.11 gives it no sys.path), so it loads what is slow to import from elsewhere
    context.set_forkserver_preload(["pytest", "store.admit", "store.migrations.runner", "sqlalchemy.dialects.sqlite", "psycopg"])
    barrier, results = context.Barrier(count), context.Queue()
    runners = [context.Process(target=_racer, args=(barrier, results, work, number, *arguments)) for number in range(count)]
    for runner in runners:
        runner.start()
    found = [results.get(timeout=WAIT_S) for _ in runners]
    for runner in runners:
        runner.join(WAIT_S)
    failed = [result for result in found if isinstance(result, BaseException)]
    if failed:
        raise ExceptionGroup("in other processes", [error for error in failed if isinstance(error, Exception)])
    return found


def _racer(barrier: Any, results: Any, work: Callable[..., Any], number: int, *arguments: Any) -> None:
    try:
        barrier.wait(WAIT_S)
        results.put(work(number, *arguments))
    except Exception as error:  # noqa: BLE001 - the parent raises it
        results.put(RuntimeError(f"{type(error).__name__}: {error}"))


def boots(store: Store, command: Run, what: str, outcome: str | None = "done") -> None:
    """The run has switched the host's power, so that it boots this."""
    with store.write() as session:
        number = journal.next_number(session, command.key)
        session.add(
            Attempt(
                id=f"boots-{number}", command=command.key, number=number, step=f"to-{what}", action="power", effect="power",
                host=command.host, customer="acme", claimer="us", intent_s=NOW_S, intent_boot_s=1.0,
                code=Code.ADMITTED, outcome=outcome, before={"order": "cycle", "boot": what},
            )
        )  # fmt: skip


def opened(url: str) -> Store:
    return Store(url, SystemClock())
