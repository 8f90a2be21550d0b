"""R26, R51: what the gate refuses, and what for first."""

from dataclasses import replace

import pytest
from sample_policy import CUSTOMER, HOST, policy

from domain.gate import Circumstances, PowerUse, judge
from domain.model import Mode, PowerLimit, effective_mode
from domain.reasons import Code
from domain.trust import Standing

CLEAR = Circumstances(mode=Mode.ON, procedure="restart-service", standing=Standing.APPROVED, limit=2)

IN_ORDER: list[tuple[Code, dict[str, object]]] = [
    (Code.GATE_STOP_FILE, {"stop_file": True}),
    (Code.GATE_HOLD_ALL, {"held_all": True}),
    (Code.GATE_HOLD, {"held": True}),
    (Code.GATE_PAUSE, {"pause": ("maintenance", 1800.0)}),
    (Code.GATE_CLAIM_LOST, {"claimed": False}),
    (Code.GATE_ATTEMPTED, {"attempted": True}),
    (Code.GATE_TARGET_CHANGED, {"moved": True}),
    (Code.GATE_POWER_SPENT, {"power_done": 1, "power_max": 1}),
    (Code.GATE_NO_TIME_BACK, {"no_time_back": True}),
    (Code.GATE_FAULT_GONE, {"fault": False}),
    (Code.GATE_NOT_COVERED, {"covered": False}),
    (Code.GATE_SERVER_NOT_COVERED, {"server_covered": False}),
    (Code.GATE_PARENT_DOWN, {"parent": "switch"}),
    (Code.GATE_MASS_OUTAGE_LONG, {"outage_until_s": 1800.0, "outage_long": True}),
    (Code.GATE_MASS_OUTAGE, {"outage_until_s": 1800.0}),
    (Code.GATE_NO_PROCEDURE, {"procedure": None}),
    (Code.GATE_UNKNOWN, {"evidence": False}),
    (Code.GATE_FLAPPING, {"flapping": True}),
    (Code.GATE_TRIED, {"tried": True}),
    (Code.GATE_MODE_OFF, {"mode": Mode.OFF}),
    (Code.GATE_MODE_SHADOW, {"mode": Mode.SHADOW}),
    (Code.GATE_RUNBOOK_UNAPPROVED, {"standing": Standing.UNAPPROVED}),
    (Code.GATE_RUNBOOK_LOWERED, {"standing": Standing.LOWERED}),
    (Code.GATE_WAIT, {"due_s": 900.0}),
    (Code.GATE_BUSY, {"busy": True}),
    (Code.GATE_LIMIT, {"running": 2}),
    (Code.GATE_POWER_AT_ONCE, {"power": (PowerUse("all_hosts", 2, 2, PowerLimit(2, 5)),)}),
    (Code.GATE_POWER_RATE, {"power": (PowerUse("all_hosts", 0, 5, PowerLimit(2, 5)),)}),
]
OF_A_PERSONS_JUDGEMENT = {
    Code.GATE_FAULT_GONE,
    Code.GATE_UNKNOWN,
    Code.GATE_NOT_COVERED,
    Code.GATE_FLAPPING,
    Code.GATE_NO_PROCEDURE,
    Code.GATE_PARENT_DOWN,
    Code.GATE_MASS_OUTAGE,
    Code.GATE_MASS_OUTAGE_LONG,
    Code.GATE_SERVER_NOT_COVERED,
    Code.GATE_WAIT,
    Code.GATE_TRIED,
    Code.GATE_MODE_OFF,
    Code.GATE_MODE_SHADOW,
    Code.GATE_RUNBOOK_UNAPPROVED,
    Code.GATE_RUNBOOK_LOWERED,
}


def seen(*circumstances: dict[str, object], requested: bool = False) -> Circumstances:
    merged: dict[str, object] = {"requested": requested}
    for item in reversed(circumstances):
        merged |= item
    return replace(CLEAR, **merged)  # type: ignore[arg-type]  # each is one of its fields


def test_with_nothing_against_it_an_act_is_admitted() -> None:
    assert judge(CLEAR).allowed
    assert judge(CLEAR).code is Code.ADMITTED


def test_every_refusal_is_in_the_table() -> None:
    assert {code for code, _ in IN_ORDER} == {code for code in Code if code.startswith("gate_")}


@pytest.mark.parametrize(("code", "circumstance"), IN_ORDER, ids=[str(code) for code, _ in IN_ORDER])
def test_each_circumstance_alone_is_refused(code: Code, circumstance: dict[str, object]) -> None:
    verdict = judge(seen(circumstance))
    assert verdict.code is code
    assert not verdict.allowed


@pytest.mark.parametrize("place", range(len(IN_ORDER) - 1), ids=[str(code) for code, _ in IN_ORDER[:-1]])
def test_of_all_that_applies_the_most_general_is_said(place: int) -> None:
    assert judge(seen(*(circumstance for _, circumstance in IN_ORDER[place:]))).code is IN_ORDER[place][0]


@pytest.mark.parametrize(("code", "circumstance"), IN_ORDER, ids=[str(code) for code, _ in IN_ORDER])
def test_what_a_person_asked_for_is_stopped_by_guard_rails_only(code: Code, circumstance: dict[str, object]) -> None:
    expected = Code.ADMITTED if code in OF_A_PERSONS_JUDGEMENT else code
    assert judge(seen(circumstance, requested=True)).code is expected


def test_refusals_say_what_texts_speak_of() -> None:
    assert judge(seen({"pause": ("maintenance", 1800.0)})).facts == {"pause": "maintenance", "until_s": 1800.0}
    assert judge(seen({"running": 3})).facts == {"running": 3, "limit": 2}
    assert judge(seen({"mode": Mode.SHADOW})).facts == {"runbook": "restart-service"}
    assert judge(seen({"standing": Standing.UNAPPROVED})).facts == {"runbook": "restart-service"}
    assert judge(seen({"standing": Standing.LOWERED})).facts == {"runbook": "restart-service"}


def test_as_many_actions_as_are_allowed_may_run() -> None:
    assert judge(seen({"running": 1})).allowed
    assert not judge(seen({"running": 2})).allowed


@pytest.mark.parametrize(("done", "needed", "expected"), [(1, 1, True), (2, 1, False), (0, 2, True), (1, 2, False)])
def test_what_is_needed_for_the_way_back_must_be_left(done: int, needed: int, expected: bool) -> None:
    for rescue in (True, False):
        verdict = judge(seen({"power_done": done, "power_max": 2, "power_needed": needed, "rescue": rescue}))
        assert verdict.code is (Code.ADMITTED if expected else Code.GATE_POWER_SPENT)


OF_ITS_OWN_SYSTEM = {Code.GATE_FAULT_GONE, Code.GATE_UNKNOWN, Code.GATE_FLAPPING, Code.GATE_WAIT, Code.GATE_LIMIT}
OF_ITS_OWN_SYSTEM |= {Code.GATE_POWER_AT_ONCE, Code.GATE_POWER_RATE}
ALWAYS = {code for code, _ in IN_ORDER} - OF_A_PERSONS_JUDGEMENT - OF_ITS_OWN_SYSTEM


@pytest.mark.parametrize(("code", "circumstance"), IN_ORDER, ids=[str(code) for code, _ in IN_ORDER])
def test_in_the_rescue_system_what_is_seen_and_limits_stop_nothing_and_but_few_the_way_back(
    code: Code, circumstance: dict[str, object]
) -> None:
    there: dict[str, object] = {"rescue": True}
    back: dict[str, object] = {"rescue": True, "back": True}
    assert judge(seen(circumstance, there)).code is (Code.ADMITTED if code in OF_ITS_OWN_SYSTEM else code)
    assert judge(seen(circumstance, back)).code is (code if code in ALWAYS - {Code.GATE_PAUSE} else Code.ADMITTED)
    assert judge(seen(circumstance, {"back": True})).code is code, "from its own system it leads nowhere"


def test_of_the_limits_of_power_actions_the_first_that_is_reached_is_said() -> None:
    limit = PowerLimit(2, 3)
    free, full, spent = PowerUse("all_hosts", 1, 2, limit), PowerUse("customer", 2, 2, limit), PowerUse("parent", 0, 3, limit)
    assert judge(seen({"power": (free, free)})).allowed
    refused = judge(seen({"power": (free, full, spent)}))
    assert (refused.code, refused.facts) == (Code.GATE_POWER_AT_ONCE, {"scope": "customer", "running": 2, "limit": 2})
    refused = judge(seen({"power": (free, spent, full)}))
    assert refused.code is Code.GATE_POWER_RATE
    assert refused.facts == {"scope": "parent", "running": 3, "limit": 3, "window_s": 600.0}


@pytest.mark.parametrize(
    ("engine", "customer", "host", "expected"),
    [
        (Mode.ON, None, None, Mode.ON),
        (Mode.ON, Mode.ON, Mode.ON, Mode.ON),
        (Mode.ON, Mode.SHADOW, None, Mode.SHADOW),
        (Mode.ON, Mode.SHADOW, Mode.ON, Mode.SHADOW),
        (Mode.ON, None, Mode.OFF, Mode.OFF),
        (Mode.SHADOW, Mode.ON, Mode.ON, Mode.SHADOW),
        (Mode.SHADOW, None, Mode.OFF, Mode.OFF),
        (Mode.OFF, Mode.ON, Mode.SHADOW, Mode.OFF),
    ],
)
def test_the_strictest_mode_counts_and_silence_inherits(
    engine: Mode, customer: Mode | None, host: Mode | None, expected: Mode
) -> None:
    inventory = policy(mode=engine)
    inventory = replace(inventory, customers={CUSTOMER: replace(inventory.customers[CUSTOMER], mode=customer)})
    assert effective_mode(inventory, replace(inventory.hosts[HOST], mode=host)) is expected
