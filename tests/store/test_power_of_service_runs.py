"""A run for a service that goes on to switch the power is judged as one for the server then (R20, R22)."""

from dataclasses import replace
from typing import Any

import pytest
from hand_clock import HandClock
from store_samples import NOW_S, accept, ask, boots, policy, put_state, state, working

from domain.commands import Run
from domain.model import Contract, FaultClass, Level
from domain.procedure import Effect, Step
from domain.reasons import Code
from domain.state import Fault, HostState
from store.db import Store

BOTH = frozenset({FaultClass.SERVER, FaultClass.SERVICE})
CYCLE = Step("cycle", "power", effect=Effect.POWER)


def covers(store: Store, recovers: frozenset[FaultClass], wait_s: float = 900.0) -> None:
    found = policy(1, f"{sorted(recovers)} {wait_s}")
    accept(store, replace(found, customers={"acme": replace(found.customers["acme"], contract=Contract(recovers, wait_s))}))


def switch(store: Store, command: Run) -> Code:
    return ask(store, command, step=CYCLE, max_power_actions=1).code


def with_server(found: HostState, **of_server: Any) -> HostState:
    assert found.incident is not None
    server = Fault("web01/ping", Level.UNREACHABLE, FaultClass.SERVER, None, NOW_S, NOW_S, NOW_S, **of_server)
    return replace(found, incident=found.incident.with_fault(server))


def test_the_contract_has_to_cover_the_server(store: Store) -> None:
    (command,) = working(store)
    put_state(store, state(command, clock_from_s=NOW_S - 900))
    covers(store, frozenset({FaultClass.SERVICE}))
    assert switch(store, command) is Code.GATE_SERVER_NOT_COVERED
    assert ask(store, command).code is Code.ADMITTED, "the restart is covered"


def test_it_waits_as_long_as_the_contract_says(store: Store, clock: HandClock) -> None:
    (command,) = working(store)
    put_state(store, state(command, clock_from_s=NOW_S - 880))
    covers(store, BOTH)
    assert switch(store, command) is Code.GATE_WAIT
    clock.sleep(20)
    assert switch(store, command) is Code.ADMITTED


@pytest.mark.parametrize(
    ("clock_from_s", "code"), [(NOW_S - 900, Code.ADMITTED), (NOW_S - 899, Code.GATE_WAIT), (None, Code.GATE_WAIT)]
)
def test_the_servers_own_fault_counts_where_there_is_one(store: Store, clock_from_s: float | None, code: Code) -> None:
    (command,) = working(store)
    put_state(store, with_server(state(command, clock_from_s=NOW_S - 7200), clock_from_s=clock_from_s))
    covers(store, BOTH)
    assert switch(store, command) is code


def test_a_run_waits_once(store: Store) -> None:
    """What it has restarted fails by that: the wait of such a server is not waited for again within the run."""
    (command,) = working(store)
    put_state(store, with_server(state(command, clock_from_s=NOW_S - 880), clock_from_s=None))
    covers(store, BOTH)
    boots(store, command, "disk", "not_done")
    assert ask(store, command, step=CYCLE, max_power_actions=2).code is Code.GATE_WAIT, "nothing was switched yet"
    boots(store, command, "disk")
    assert ask(store, command, step=CYCLE, max_power_actions=2).code is Code.ADMITTED


def test_a_person_who_asks_for_it_waits_for_nothing(store: Store) -> None:
    (command,) = working(store, requested_by="hanako")
    put_state(store, state(command))
    covers(store, frozenset())
    assert switch(store, command) is Code.ADMITTED
