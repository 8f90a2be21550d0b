"""Power actions at once and within ten minutes: over all, per customer and per parent, however many ask (R26)."""

from collections import Counter
from dataclasses import replace

import pytest
from fleet import NO_LIMITS, PLENTY, ask_for_power, fleet, out, run_of
from hand_clock import HandClock
from sqlmodel import select
from store_samples import NOW_S, ask, opened, race

from domain.gate import POWER_WINDOW_S
from domain.model import Limits, PowerLimit, PowerLimits
from domain.procedure import LEFT_ALONE, StepOutcome
from domain.reasons import Code
from store import journal
from store.db import Store
from store.tables import Attempt

CROWD = 20


def limits(overall: PowerLimit = PLENTY, customer: PowerLimit = PLENTY, parent: PowerLimit = PLENTY) -> Limits:
    return replace(NO_LIMITS, power=PowerLimits(overall, customer, parent))


def settle(store: Store, attempt_id: str | None, outcome: StepOutcome = StepOutcome.DONE) -> None:
    with store.write() as session:
        assert journal.settle(session, attempt_id or "", str(outcome), "", NOW_S)


def admitted(store: Store) -> list[Attempt]:
    with store.read() as session:
        return [row for row in session.exec(select(Attempt)).all() if row.code == Code.ADMITTED]


def test_so_many_at_once(store: Store) -> None:
    one, two, three = out(store, fleet(3, limits=limits(PowerLimit(2, 9))))
    first = ask_for_power(store, one)
    assert ask_for_power(store, two).code is Code.ADMITTED
    refused = ask_for_power(store, three)
    assert (refused.code, dict(refused.facts)) == (Code.GATE_POWER_AT_ONCE, {"scope": "all_hosts", "running": 2, "limit": 2})
    assert ask(store, three, step="restart").code is Code.ADMITTED, "what switches nothing is not counted with it"
    settle(store, first.attempt_id)
    assert ask_for_power(store, run_of("srv001"), step="again").code is Code.ADMITTED


def test_so_many_in_any_ten_minutes(store: Store, clock: HandClock) -> None:
    runs = out(store, fleet(4, limits=limits(PowerLimit(9, 2))))
    for run in runs[:2]:
        settle(store, ask_for_power(store, run).attempt_id)
        clock.sleep(200)
    refused = ask_for_power(store, runs[2])
    assert refused.code is Code.GATE_POWER_RATE
    assert dict(refused.facts) == {"scope": "all_hosts", "running": 2, "limit": 2, "window_s": POWER_WINDOW_S}
    clock.sleep(200)  # the first was ten minutes ago
    assert ask_for_power(store, runs[2]).code is Code.ADMITTED
    assert ask_for_power(store, runs[3]).code is Code.GATE_POWER_RATE


@pytest.mark.parametrize("by_s", [-86_400.0, -90.0, 90.0, 86_400.0])
def test_no_clock_that_is_set_makes_room(store: Store, clock: HandClock, by_s: float) -> None:
    one, two = out(store, fleet(2, limits=limits(PowerLimit(9, 1))))
    settle(store, ask_for_power(store, one).attempt_id)
    clock.at_s += by_s
    assert ask_for_power(store, two).code is Code.GATE_POWER_RATE


def test_a_machine_that_begins_anew_makes_no_room(store: Store, clock: HandClock) -> None:
    one, two = out(store, fleet(2, limits=limits(PowerLimit(9, 1))))
    settle(store, ask_for_power(store, one).attempt_id)
    clock.at_s, clock.boot_s = clock.at_s + 60, 20.0
    assert ask_for_power(store, two).code is Code.GATE_POWER_RATE


@pytest.mark.parametrize("outcome", [outcome for outcome in StepOutcome if outcome is not StepOutcome.REFUSED])
def test_what_certainly_did_nothing_does_not_count(store: Store, outcome: StepOutcome) -> None:
    one, two = out(store, fleet(2, limits=limits(PowerLimit(1, 1))))
    settle(store, ask_for_power(store, one).attempt_id, outcome)
    expected = Code.ADMITTED if outcome in LEFT_ALONE else Code.GATE_POWER_RATE
    assert ask_for_power(store, two).code is expected


def test_each_customer_and_each_parent_has_its_own(store: Store) -> None:
    """srv001 and srv003 are c1's, srv001 and srv004 hang on p1."""
    one, two, three, four, *_ = out(
        store, fleet(6, customers=2, parents=3, limits=limits(customer=PowerLimit(1, 9), parent=PowerLimit(9, 1)))
    )
    assert ask_for_power(store, one).code is Code.ADMITTED
    assert ask_for_power(store, three).facts["scope"] == "customer"
    refused = ask_for_power(store, four)
    assert (refused.code, refused.facts["scope"]) == (Code.GATE_POWER_RATE, "parent")
    assert ask_for_power(store, two).code is Code.ADMITTED


def test_hosts_without_a_parent_share_none(store: Store) -> None:
    one, two = out(store, fleet(2, limits=limits(parent=PowerLimit(1, 1))))
    assert [ask_for_power(store, run).code for run in (one, two)] == [Code.ADMITTED] * 2


def test_what_waits_for_its_turn_is_no_attempt(store: Store) -> None:
    one, two = out(store, fleet(2, limits=limits(PowerLimit(1, 9))))
    ask_for_power(store, one)
    for patient in (True, False):
        assert ask_for_power(store, two, patient=patient).code is Code.GATE_POWER_AT_ONCE
        with store.read() as session:
            assert len(journal.attempts(session, two.key)) == (0 if patient else 1)


def _switch(number: int, url: str) -> str:
    store = opened(url)
    code = ask_for_power(store, run_of(f"srv{number + 1:03}")).code
    store.close()
    return str(code)


@pytest.mark.parametrize(
    ("chosen", "most", "most_of_one"),
    [
        pytest.param(
            limits(PowerLimit(3, 99), PowerLimit(2, 9), PowerLimit(1, 9)), 3, {"customer": 2, "parent": 1}, id="all of them"
        ),
        pytest.param(limits(PowerLimit(99, 5)), 5, {}, id="rate", marks=pytest.mark.proof),
        pytest.param(limits(customer=PowerLimit(1, 99)), 2, {"customer": 1}, id="per customer", marks=pytest.mark.proof),
        pytest.param(limits(parent=PowerLimit(99, 2)), 8, {"parent": 2}, id="per parent", marks=pytest.mark.proof),
    ],
)
def test_of_twenty_processes_no_more_are_admitted_than_the_limits_allow(
    real_store: Store, store_url: str, chosen: Limits, most: int, most_of_one: dict[str, int]
) -> None:
    """Two customers; four parents, each with hosts of one customer."""
    out(real_store, fleet(CROWD, customers=2, parents=4, limits=chosen))
    codes = Counter(race(CROWD, _switch, store_url))
    found = admitted(real_store)
    assert codes["admitted"] == len(found) == most
    assert codes[Code.GATE_POWER_AT_ONCE] + codes[Code.GATE_POWER_RATE] == CROWD - most
    for column, limit in most_of_one.items():
        assert max(Counter(getattr(row, column) for row in found).values()) <= limit
