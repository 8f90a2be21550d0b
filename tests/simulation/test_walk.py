"""The machine, walked over every order of events; prints what it saw (``pytest -rP`` shows it)."""

from collections import Counter
from dataclasses import replace

import pytest
from sample_policy import CONTACTS, CPU, HOST, HTTP, OPERATORS, OTHER, PING, POWER, RESTART, SWAP, TRUST, WEB, policy

from domain import events as ev
from domain.commands import Notify
from domain.events import RunOutcome
from domain.model import Contract, Flapping, Level, Mode, OnCall, Policy
from domain.observation import Limit, Verdict
from domain.reasons import Code
from domain.state import Phase, Situation
from domain.trust import Trust
from simulation.invariants import run_timers, survives_the_store
from simulation.walk import (
    ABOVE,
    Letter,
    Walk,
    acknowledged,
    evidence_is_lost,
    hold_or_release,
    inventory_changes,
    outage_begins_or_ends,
    own_system_runs,
    parent_falls_or_returns,
    passes,
    pause_begins_or_ends,
    power_is_switched,
    recorded,
    run_ends,
    run_ends_after_a_boot,
    run_is_requested,
    something_happens,
    verdict,
    work_is_announced,
)

DEPTHS = (6, pytest.param(7, marks=(pytest.mark.proof, pytest.mark.timeout(900))))
FEWEST = {6: 40_000, 7: 100_000}
"""States that a walk of this depth sees, or it has lost its way."""
DAY_S = 86_400.0
MOST_IN_A_DAY = 90
"""Messages that time alone may bring forth in a day: pages that slow down to one an hour, one operator with two channels."""

RARELY = Flapping(changes=99)
TWO_CHECKS = policy(checks=(PING, HTTP), contacts=CONTACTS[:1], flapping=RARELY)
WITHOUT_HTTP = policy(version="2", checks=(PING,), contacts=CONTACTS[:1], flapping=RARELY)
WITHOUT_THE_HOST = policy(version="3", checks=None, contacts=CONTACTS[:1], flapping=RARELY)
OF_ANOTHER = policy(version="4", checks=(PING, HTTP), owner=OTHER, mode=Mode.OFF, flapping=RARELY)
WITHOUT_FIRST = replace(
    policy(version="5", checks=(PING, HTTP), owner=OTHER, mode=Mode.OFF, on_call=OnCall(("second",)), flapping=RARELY),
    operators={"second": OPERATORS["second"]},
)

MAIN: dict[str, Letter] = {
    "ping-down": verdict(PING.id, Verdict.DOWN),
    "ping-up": verdict(PING.id, Verdict.UP),
    "ping-unknown": verdict(PING.id, Verdict.UNKNOWN),
    "http-down": verdict(HTTP.id, Verdict.DOWN),
    "http-up": verdict(HTTP.id, Verdict.UP),
    "http-unknown": verdict(HTTP.id, Verdict.UNKNOWN),
    "a-minute": passes(1),
    "a-quarter": passes(15),
    "pause": pause_begins_or_ends,
    "hold": hold_or_release,
    "announced": work_is_announced,
    "fixed": run_ends(RunOutcome.FIXED, acted=True),
    "not-fixed": run_ends(RunOutcome.NOT_FIXED, acted=True),
    "refused": run_ends(RunOutcome.REFUSED, acted=False),
    "acknowledged": acknowledged,
    "inventory": inventory_changes((TWO_CHECKS, WITHOUT_HTTP, WITHOUT_THE_HOST)),
}
RARE: dict[str, Letter] = {
    "effect-unknown": run_ends(RunOutcome.UNKNOWN, acted=True),
    "in-rescue": run_ends_after_a_boot(RunOutcome.UNKNOWN, rescue=True),
    "own-system": own_system_runs,
    "power": power_is_switched,
    "disk-booted": run_ends_after_a_boot(RunOutcome.UNKNOWN, rescue=False),
    "evidence-lost": evidence_is_lost,
    "happens": something_happens,
    "http-minor": verdict(HTTP.id, Verdict.DOWN, Limit(Level.MINOR, ">", 80, "%")),
    "outage": outage_begins_or_ends,
    "parent": parent_falls_or_returns,
    "requested": run_is_requested(POWER),
    "requested-long-ago": run_is_requested(POWER, ago_s=61),
    "moved": run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_TARGET_CHANGED),
    "gone": run_ends(RunOutcome.GONE, acted=False),
    "an-hour": passes(65),
    **recorded(),
}
OF_FLAPPING = ("http-down", "http-up", "http-unknown", "a-minute", "a-quarter", "pause", "evidence-lost", "acknowledged", "fixed")
OF_RESCUE = (
    "ping-down", "ping-up", "a-minute", "a-quarter", "pause", "fixed", "in-rescue", "own-system", "disk-booted", "requested",
)  # fmt: skip
OF_POWER = ("ping-down", "ping-up", "http-down", "http-up", "a-minute", "pause", "fixed", "not-fixed", "power", "requested")
OF_A_VALUE = (
    ("silent", Verdict.DOWN, None),
    ("full", Verdict.DOWN, Limit(Level.WARNING, ">", 90, "%")),
    ("up", Verdict.UP, None),
)
BEHIND_A_SWITCH = (
    "ping-down", "ping-up", "http-down", "http-up", "http-unknown", "http-minor", "parent", "a-minute", "a-quarter", "pause",
    "acknowledged", "fixed",
)  # fmt: skip
BRIEF = ("ping-down", "http-down", "http-up", "a-quarter", "requested", "pause")

NOT_OF_STEP = {
    Code.GATE_FAULT_GONE,
    Code.GATE_LIMIT,
    Code.GATE_POWER_AT_ONCE,
    Code.GATE_SERVER_NOT_COVERED,
    Code.GATE_WAIT,
    Code.GATE_POWER_RATE,
    Code.GATE_CLAIM_LOST,
    Code.GATE_ATTEMPTED,
    Code.GATE_TARGET_CHANGED,
    Code.GATE_POWER_SPENT,
    Code.GATE_NO_TIME_BACK,
    Code.DELIVERED,
    Code.NOT_NEEDED,
    Code.EVENT_SET_ASIDE,
}
"""Said at admission only, as ``step`` never asks the gate about what it knows to be so; or of what never comes before it."""

BEGINNINGS: dict[str, Situation] = {
    "automation off": Situation(policy=policy(mode=Mode.OFF), host=None, trust=TRUST),
    "automation in shadow": Situation(policy=policy(mode=Mode.SHADOW), host=None, trust=TRUST),
    "nothing covered": Situation(policy=policy(contract=Contract()), host=None, trust=TRUST),
    "no procedures": Situation(policy=policy(procedures={}), host=None, trust=TRUST),
    "no runbook approved": Situation(policy=policy(), host=None),
    "a runbook lowered": Situation(policy=policy(), host=None, trust=Trust(TRUST.approved, frozenset({RESTART}))),
    "a stop file": Situation(policy=policy(), host=None, stop_file=True, trust=TRUST),
    "a hold of all": Situation(policy=policy(), host=None, held_all=True, trust=TRUST),
    "nobody to tell": Situation(policy=policy(contacts=(), on_call=replace(policy().on_call, order=())), host=None, trust=TRUST),
}


def beginning(inventory: Policy) -> Situation:
    return Situation(policy=inventory, host=inventory.hosts.get(HOST), new_id="INC-000001", trust=TRUST)


def letters(names: tuple[str, ...]) -> dict[str, Letter]:
    return {name: (MAIN | RARE)[name] for name in names}


@pytest.fixture(scope="module", params=DEPTHS)
def walks(request: pytest.FixtureRequest) -> dict[str, Walk]:
    """All walks, walked once for each depth."""
    depth = request.param
    found = {
        "two checks": (Walk(MAIN, depth), beginning(TWO_CHECKS)),
        "everything": (Walk(MAIN | RARE, 4), beginning(TWO_CHECKS)),
        "flapping": (
            Walk(letters(OF_FLAPPING), depth),
            beginning(policy(checks=(PING, HTTP), contacts=CONTACTS[:1], flapping=Flapping(changes=2, window_s=1200))),
        ),
        "what only happens": (
            Walk(letters(("happens", "http-down", "http-up", "a-minute", "a-quarter", "pause")), 5),
            beginning(policy(checks=(PING, HTTP), contacts=CONTACTS[:1], flapping=Flapping(changes=2, window_s=1200))),
        ),
        "rescue": (Walk(letters(OF_RESCUE), depth), beginning(TWO_CHECKS)),
        "power": (Walk(letters(OF_POWER), depth), beginning(TWO_CHECKS)),
        "behind a switch": (Walk(letters(BEHIND_A_SWITCH), depth), replace(beginning(TWO_CHECKS), above=ABOVE)),
        "one agent": (
            Walk(
                letters(("a-minute", "pause", "ping-down"))
                | {
                    f"{check.kind}-{word}": verdict(check.id, seen, limit)
                    for check in (CPU, SWAP)
                    for word, seen, limit in OF_A_VALUE
                },
                5,
            ),
            beginning(policy(checks=(PING, CPU, SWAP))),
        ),
        "one service": (
            Walk(letters(BRIEF) | {"web-down": verdict(WEB.id, Verdict.DOWN), "web-up": verdict(WEB.id, Verdict.UP)}, 5),
            beginning(policy(checks=(PING, HTTP, WEB))),
        ),
        "another customer": (
            Walk(letters((*BRIEF, "acknowledged")) | {"inventory": inventory_changes((TWO_CHECKS, OF_ANOTHER, WITHOUT_FIRST))}, 5),
            beginning(TWO_CHECKS),
        ),
    }
    for name, situation in BEGINNINGS.items():
        found[name] = (
            Walk(letters(BRIEF), 5),
            replace(situation, host=situation.policy.hosts[HOST], new_id="INC-000001"),
        )
    for walk, situation in found.values():
        walk.go(situation)
    return {name: walk for name, (walk, _) in found.items()}


def test_all_invariants_hold_in_every_order_of_events(walks: dict[str, Walk]) -> None:
    """They are asked at every step of the walk: a broken one ends it, with the way that leads there."""
    for name, walk in walks.items():
        print(f"{name}: depth {walk.depth}, {walk.visited} states, {walk.transitions} transitions")
    assert walks["two checks"].visited > FEWEST[walks["two checks"].depth]


def test_every_event_was_seen_in_every_phase(walks: dict[str, Walk]) -> None:
    pairs = sum((walk.pairs for walk in walks.values()), Counter[tuple[str, str]]())
    phases = ["none", *(str(phase) for phase in Phase if phase is not Phase.CLOSED)]
    kinds = [kind.__name__ for kind in ev.Event.__args__]
    unseen = [(phase, kind) for phase in phases for kind in kinds if (phase, kind) not in pairs]
    assert unseen == []


def test_every_reason_was_given(walks: dict[str, Walk]) -> None:
    codes = sum((walk.codes for walk in walks.values()), Counter[Code]())
    for code in Code:
        print(f"{code:22} {codes[code]:9}")
    assert set(Code) - set(codes) == NOT_OF_STEP


def test_time_alone_comes_to_rest(walks: dict[str, Walk]) -> None:
    """From every place, a day without news brings a bounded number of messages, and of timers."""
    for place in walks["everything"].places:
        told = 0
        for timers, taken in enumerate(run_timers(place.state, place.situation, place.now_s, place.now_s + DAY_S)):
            told += sum(isinstance(command, Notify) for command in taken.decision.commands)
            assert timers <= MOST_IN_A_DAY, f"timers never stop: {taken.after}"
        assert told <= MOST_IN_A_DAY, f"{told} messages in a day"


def test_every_state_survives_the_store(walks: dict[str, Walk]) -> None:
    for name in ("everything", "flapping"):
        for place in walks[name].places:
            survives_the_store(place.state)
