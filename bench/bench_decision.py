"""A look that changes nothing, and decisions of the engine: CPU time of each, without the store."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench import Figure
from domain.checks import PROFILES, Memory, judge
from domain.due import next_due_s
from domain.events import Event, TimerFired, VerdictChanged
from domain.incident import step
from domain.model import (
    Brand,
    Check,
    Contact,
    Contract,
    Customer,
    FaultClass,
    Host,
    Level,
    Mode,
    OnCall,
    Operator,
    Policy,
)
from domain.observation import Observation, Verdict
from domain.pauses import Pause, Repeat
from domain.procedure import LOOK, Procedure, Step
from domain.state import HostState, Situation
from domain.trust import Trust

LOOK_LIMIT_US = 5.0
DECISION_LIMIT_US = 50.0
TIMES = 2000
ROUNDS = 15
NOW_S = 1_772_413_200.0


def figures() -> Iterator[Figure]:
    rule = PROFILES["rapid"].confirmation
    up = Memory(Verdict.UP)
    seen = Observation(Verdict.UP, "HTTP 200", None, 12.5)
    yield Figure("unchanged verdict", _cpu_us(lambda: judge(rule, up, seen, NOW_S)), LOOK_LIMIT_US, "µs", "judge of one look")

    situation = _situation()
    fresh = HostState("web01")
    first = _verdict(1, "disk", Verdict.DOWN)
    open_state = step(fresh, first, situation, NOW_S).state
    handed = step(fresh, _verdict(1, "http", Verdict.DOWN), replace(situation, held=True), NOW_S).state
    cases: dict[str, tuple[HostState, Event, str]] = {
        "verdict on a healthy host": (fresh, _verdict(2, "http", Verdict.UP), "nothing to do"),
        "verdict on an open incident": (open_state, _verdict(2, "disk", Verdict.DOWN), "evidence anew, no message"),
        "timer on an open incident": (handed, TimerFired(id="t", at_s=NOW_S, host="web01"), "nothing due"),
        "opening with a mail": (fresh, first, "one contact, one pause to look at"),
        "opening with a mail and a run": (fresh, _verdict(1, "http", Verdict.DOWN), "a service that is restarted at once"),
    }
    for name, (state, event, how) in cases.items():
        took_us = _cpu_us(lambda state=state, event=event: step(state, event, situation, NOW_S))  # type: ignore[misc]
        yield Figure(f"decision: {name}", took_us, DECISION_LIMIT_US, "µs", how)
    took_us = _cpu_us(lambda: next_due_s(open_state, situation, NOW_S))
    yield Figure("when to ask again", took_us, DECISION_LIMIT_US, "µs", "after each decision, of an open incident")


def _cpu_us(work: Callable[[], object]) -> float:
    """CPU time of one call: the best of several rounds, as others only ever make it slower."""
    best_s = float("inf")
    for _ in range(ROUNDS):
        started_s = time.process_time()
        for _ in range(TIMES):
            work()
        best_s = min(best_s, time.process_time() - started_s)
    return best_s / TIMES * 1e6


def _verdict(order: int, name: str, verdict: Verdict) -> VerdictChanged:
    return VerdictChanged(
        id=f"e{order}",
        at_s=NOW_S,
        host="web01",
        check=f"web01/{name}",
        verdict=verdict,
        fault_at_s=NOW_S - 120,
        evidence_since_s=NOW_S - 120,
        detail="connection refused",
        order=order,
    )


def _situation() -> Situation:
    """An ordinary host: five checks, a contract with all recovery, a nightly pause."""
    rapid = PROFILES["rapid"]

    def check(name: str, level: Level, fault_class: FaultClass, service: str | None = None) -> Check:
        return Check(f"web01/{name}", "web01", name, "192.0.2.10", level, fault_class, 60.0, 10.0, rapid.confirmation, service)

    checks = (
        check("ping", Level.UNREACHABLE, FaultClass.SERVER),
        check("ssh", Level.SERVICE_DOWN, FaultClass.SERVER),
        check("http", Level.SERVICE_DOWN, FaultClass.SERVICE, "nginx.service"),
        check("smtp", Level.SERVICE_DOWN, FaultClass.SERVICE, "postfix.service"),
        check("disk", Level.WARNING, FaultClass.RESOURCE),
    )
    procedures = {FaultClass.SERVICE: "restart-service", FaultClass.SERVER: "power-cycle"}
    contract = Contract(frozenset({FaultClass.SERVER, FaultClass.SERVICE}))
    host = Host("web01", "web01", "aozora", "192.0.2.10", checks, procedures=procedures)
    policy = Policy(
        version="1",
        brand=Brand("Monitoring", "alert@example.test"),
        customers={"aozora": Customer("aozora", "Aozora", (Contact("desk", "Desk", "desk@example.test"),), contract)},
        hosts={"web01": host},
        operators={"first": Operator("first", "First", "first@example.test")},
        on_call=OnCall(("first",)),
        mode=Mode.ON,
        procedures={name: Procedure(name, f"hash of {name}", {}, 600.0, (Step("look", LOOK),)) for name in procedures.values()},
    )
    trust = Trust(frozenset((runbook.id, runbook.version) for runbook in policy.procedures.values()))
    nightly = Pause("nightly", "2026-01-01T03:00", 1800.0, repeat=Repeat.DAILY, customer="aozora")
    return Situation(policy=policy, host=host, pauses=(nightly,), trust=trust)
