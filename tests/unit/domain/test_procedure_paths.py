"""Which steps a run takes: what is passed over, what follows a failure, what is tried again, how often the power is switched."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import RunOutcome
from domain.procedure import (
    ANNOUNCE,
    CONTINUE,
    FAILURES,
    FAULT,
    LEFT_ALONE,
    LOOK,
    PASSED_OVER,
    STOP,
    Effect,
    Parameter,
    Procedure,
    Step,
    StepOutcome,
    back_in_s,
    whereabouts,
)
from domain.proceed import Done, Next, Past, in_rescue, proceed
from domain.reasons import Code

LOOKED = Step("look", LOOK)
DIAGNOSE = Step("diagnose", "diagnose", effect=Effect.NONE, attempts=2, every_s=7.0)
RESTART = Step("restart", "restart_service", when={FAULT: ("service",)})
RESTART_VERIFY = Step("restart-verify", LOOK, until_s=30.0, when={"restart": ("done", "failed")})
REBOOT = Step("reboot", "reboot", effect=Effect.POWER, when={"restart": ("unreached", PASSED_OVER)})
REBOOT_VERIFY = Step("reboot-verify", LOOK, until_s=60.0, when={"reboot": ("done", "failed")})
RESCUE = Step("rescue", "power", effect=Effect.POWER, when={"reboot-verify": ("down",)}, on_failure=STOP)
FSCK = Step("fsck", "fsck", when={"rescue": ("done",)})
BACK = Step("back", "power", effect=Effect.POWER, when={"rescue": ("done",)})
LAST = Step("last", LOOK, when={"back": ("done",)})
FIRST_LINE = Procedure(
    "first-line",
    "1",
    {},
    3600.0,
    (LOOKED, DIAGNOSE, RESTART, RESTART_VERIFY, REBOOT, REBOOT_VERIFY, RESCUE, FSCK, BACK, LAST),
    max_power_actions=3,
)


def walked(fault: str, outcomes: dict[str, list[str]], procedure: Procedure = FIRST_LINE) -> tuple[list[str], Done]:
    """The steps that came, one look each, and the end. Steps that ``outcomes`` doesn't name are done, looks see the fault."""
    past: list[Past] = []
    left = {step: list(ends) for step, ends in outcomes.items()}
    now_s = 0.0
    while isinstance(due := proceed(procedure, past, 0.0, now_s, fault=fault), Next):
        usual = "down" if due.step.action == LOOK else "done"
        given_ = left.get(due.step.id)
        now_s = max(now_s + 1.0, due.not_before_s)
        past.append(Past(due.step.id, StepOutcome(given_.pop(0) if given_ else usual), now_s))
        assert len(past) < 200
    came = [
        item.step for index, item in enumerate(past) if index == 0 or past[index - 1].step != item.step or item.step == "diagnose"
    ]
    return came, due


def test_a_service_is_restarted_and_the_power_left_alone() -> None:  # R22
    assert walked("service", {"restart-verify": ["up"]}) == (
        ["look", "diagnose", "restart", "restart-verify"],
        Done(RunOutcome.FIXED, True),
    )
    came, ended = walked("service", {})
    assert came == ["look", "diagnose", "restart", "restart-verify"]
    assert ended == Done(RunOutcome.NOT_FIXED, True)


def test_where_no_login_is_possible_it_goes_on_as_for_a_server() -> None:  # R22, R21
    came, _ = walked("service", {"restart": ["unreached"], "reboot-verify": ["up"]})
    assert came == ["look", "diagnose", "restart", "reboot", "reboot-verify"]


def test_a_server_is_rebooted_and_checked_when_that_did_not_help() -> None:  # R21
    assert walked("server", {"last": ["up"]}) == (
        ["look", "diagnose", "reboot", "reboot-verify", "rescue", "fsck", "back", "last"],
        Done(RunOutcome.FIXED, True),
    )


def test_where_the_fault_is_not_known_what_is_for_one_class_is_passed_over() -> None:
    assert "restart" not in walked("", {})[0]


def test_a_failure_stops_it() -> None:
    for outcome in ("failed", "not_done", "unreached"):
        came, ended = walked("server", {"rescue": [outcome]})
        assert came[-1] == "rescue"
        assert ended == Done(RunOutcome.NOT_FIXED, True)


def test_a_failure_goes_on_elsewhere() -> None:
    free = {step.id: replace(step, when={}) for step in (FSCK, DIAGNOSE, BACK, LAST)}
    steps = (replace(free["fsck"], on_failure="back"), free["diagnose"], free["back"], free["last"])
    jumping = replace(FIRST_LINE, steps=(LOOKED, *steps))
    assert walked("server", {"fsck": ["failed"]}, jumping)[0] == ["look", "fsck", "back", "last"]
    assert walked("server", {}, jumping)[0] == ["look", "fsck", "diagnose", "back", "last"]


@pytest.mark.parametrize("wanted", ["look", "fsck", "nowhere"])
def test_a_failure_never_leads_back(wanted: str) -> None:
    looping = replace(FIRST_LINE, steps=(LOOKED, replace(FSCK, when={}, on_failure=wanted), LAST))
    assert walked("server", {"fsck": ["failed"]}, looping) == (["look", "fsck"], Done(RunOutcome.NOT_FIXED, True))


def test_what_is_safe_to_repeat_is_tried_again_after_a_while() -> None:
    past = [Past("look", StepOutcome.DOWN, 1.0), Past("diagnose", StepOutcome.UNREACHED, 2.0)]
    assert proceed(FIRST_LINE, past, 0.0, 3.0, fault="server") == Next(DIAGNOSE, 9.0)
    assert proceed(FIRST_LINE, [*past, Past("diagnose", StepOutcome.FAILED, 9.0)], 0.0, 9.0, fault="server") == Next(REBOOT)


def test_what_switches_the_power_is_never_tried_again() -> None:  # R26
    eager = replace(FIRST_LINE, steps=(LOOKED, replace(REBOOT, attempts=5), REBOOT_VERIFY))
    assert walked("server", {"reboot": ["unreached"]}, eager)[0] == ["look", "reboot"]


def test_what_changes_nothing_keeps_nobody_from_going_on() -> None:
    came, _ = walked("server", {"diagnose": ["unknown", "late"]})
    assert came[:4] == ["look", "diagnose", "diagnose", "reboot"]


def test_what_nobody_knows_the_end_of_goes_to_a_person() -> None:
    assert walked("server", {"reboot": ["unknown"]})[1] == Done(RunOutcome.UNKNOWN, True)


def test_the_power_is_not_switched_more_often_than_the_procedure_says() -> None:  # R26
    came, ended = walked("server", {}, replace(FIRST_LINE, max_power_actions=1))
    assert [step for step in came if step in {"reboot", "rescue", "back"}] == ["reboot"]
    assert ended == Done(RunOutcome.NOT_FIXED, True)
    assert walked("server", {}, replace(FIRST_LINE, max_power_actions=0))[1] == Done(RunOutcome.NOT_FIXED, False)


def test_a_power_action_that_never_began_is_not_counted() -> None:
    steps = tuple(replace(step, when={}) for step in (LOOKED, RESCUE, BACK, LAST))
    once = replace(FIRST_LINE, steps=(steps[0], replace(steps[1], on_failure=CONTINUE), *steps[2:]), max_power_actions=1)
    assert walked("server", {"rescue": ["unreached"]}, once)[0] == ["look", "rescue", "back", "last"]


def test_a_look_does_not_wait_for_what_an_earlier_look_saw_fail() -> None:
    """The reboot was waited for; that the rescue system could not be booted is no reason to wait once more."""
    steps = (LOOKED, REBOOT, REBOOT_VERIFY, replace(RESCUE, on_failure=CONTINUE), replace(LAST, when={}, until_s=60.0))
    past = [
        Past("look", StepOutcome.DOWN, 1.0),
        Past("reboot", StepOutcome.DONE, 2.0),
        Past("reboot-verify", StepOutcome.DOWN, 63.0),
    ]
    past += [Past("rescue", StepOutcome.UNREACHED, 64.0), Past("last", StepOutcome.DOWN, 65.0)]
    assert proceed(replace(FIRST_LINE, steps=steps), past, 0.0, 66.0, fault="server") == Done(RunOutcome.NOT_FIXED, True)


INTO = replace(RESCUE, parameters={"do": "cycle", "boot": "rescue"}, when={}, on_failure="disk")
DISK = replace(BACK, id="disk", parameters={"do": "cycle", "boot": "disk"}, when={"rescue": ("done", "failed")})
SEEN = Step("seen", LOOK, until_s=60.0)
REPAIR = Procedure("repair", "1", {}, 600.0, (LOOKED, INTO, FSCK, DISK, SEEN), max_power_actions=2)


@pytest.mark.parametrize("refused", [None, Code.GATE_BUSY, Code.GATE_LIMIT, Code.GATE_PAUSE])
@pytest.mark.parametrize("outcome", ["done", "failed", "not_done", "unreached", "late", "refused"])
def test_from_the_rescue_system_the_way_leads_back_to_the_disk(outcome: str, refused: Code | None) -> None:
    for stopping in (CONTINUE, STOP):
        steps = tuple(replace(step, on_failure=stopping) if step.id == "fsck" else step for step in REPAIR.steps)
        past = [Past("look", StepOutcome.DOWN, 1.0), Past("rescue", StepOutcome.DONE, 2.0)]
        past.append(Past("fsck", StepOutcome(outcome), 3.0, refused))
        for now_s in (4.0, 5000.0):  # the budget spent
            assert proceed(replace(REPAIR, steps=steps), past, 0.0, now_s) == Next(DISK)


@pytest.mark.parametrize("hand", ["gate_stop_file", "gate_hold_all", "gate_hold", "gate_claim_lost", "gate_target_changed"])
def test_a_persons_hand_stops_also_the_way_back(hand: str) -> None:  # R26
    past = [
        Past("look", StepOutcome.DOWN, 1.0),
        Past("rescue", StepOutcome.DONE, 2.0),
        Past("fsck", StepOutcome.REFUSED, 3.0, hand),
    ]
    assert proceed(REPAIR, past, 0.0, 4.0) == Done(RunOutcome.REFUSED, True, hand)


def test_the_power_is_not_switched_while_a_check_may_be_running() -> None:
    past = [Past("look", StepOutcome.DOWN, 1.0), Past("rescue", StepOutcome.DONE, 2.0), Past("fsck", StepOutcome.UNKNOWN, 3.0)]
    assert proceed(REPAIR, past, 0.0, 4.0) == Done(RunOutcome.UNKNOWN, True)


def test_into_the_rescue_system_only_where_the_way_back_is_left() -> None:  # R26
    for step in (INTO, RESCUE, replace(DISK, parameters={"do": "off"})):
        assert step.power_needed(rescue=True) == 2
    assert [step.power_needed(rescue=False) for step in (INTO, DISK, REBOOT)] == [2, 1, 1]
    assert DISK.power_needed(rescue=True) == 1
    past = [Past("look", StepOutcome.DOWN, 1.0)]
    assert proceed(REPAIR, past, 0.0, 2.0) == Next(INTO)
    assert proceed(replace(REPAIR, max_power_actions=1), past, 0.0, 2.0) == Done(RunOutcome.NOT_FIXED, False)


def test_how_long_the_way_back_may_take() -> None:
    assert back_in_s(REPAIR, "rescue") == 180.0
    tried = replace(FSCK, attempts=2, every_s=5.0, timeout_s=100.0, reach_s=40.0)
    assert back_in_s(replace(REPAIR, steps=(LOOKED, INTO, tried, DISK, SEEN)), "rescue") == 60.0 + 140.0 + 145.0 + 60.0
    assert back_in_s(REPAIR, "none") == 0.0


def test_after_the_budget_the_way_back_comes_before_the_last_look() -> None:
    late_s = REPAIR.budget_s + 1
    past = [Past("look", StepOutcome.DOWN, 1.0), Past("rescue", StepOutcome.DONE, 2.0), Past("fsck", StepOutcome.DONE, late_s)]
    assert proceed(REPAIR, past, 0.0, late_s) == Next(DISK)
    past.append(Past("disk", StepOutcome.DONE, late_s))
    assert proceed(REPAIR, past, 0.0, late_s) == Next(SEEN)


def test_a_bound_that_something_else_met_leaves_the_way_back() -> None:
    past = [Past("look", StepOutcome.DOWN, 1.0), Past("rescue", StepOutcome.DONE, 2.0)]
    past.append(Past("fsck", StepOutcome.REFUSED, 3.0, Code.GATE_POWER_SPENT))
    assert proceed(REPAIR, past, 0.0, 4.0) == Next(DISK)


def test_a_rescue_system_that_answers_is_no_recovery() -> None:  # R24
    early = replace(REPAIR, steps=(LOOKED, INTO, SEEN, replace(DISK, when={"seen": ("down",)}), replace(SEEN, id="last")))
    past = [Past("look", StepOutcome.DOWN, 1.0), Past("rescue", StepOutcome.DONE, 2.0), Past("seen", StepOutcome.UP, 3.0)]
    assert proceed(early, past, 0.0, 4.0) == Next(replace(SEEN, id="last"))
    past = [*past[:2], Past("seen", StepOutcome.UNKNOWN, 3.0)]
    assert proceed(early, past, 0.0, 4.0) == Next(early.steps[3]), "also where nobody could look"
    past = [*past[:2], Past("disk", StepOutcome.FAILED, 4.0), Past("last", StepOutcome.UP, 5.0)]
    assert proceed(early, past, 0.0, 6.0) == Done(RunOutcome.NOT_FIXED, True), "its power control says that it was not switched"
    past = [*past[:2], Past("disk", StepOutcome.DONE, 4.0), Past("last", StepOutcome.UP, 5.0)]
    assert proceed(early, past, 0.0, 6.0) == Done(RunOutcome.FIXED, True)


def test_where_boots_have_left_a_host() -> None:
    done = StepOutcome.DONE
    assert whereabouts([]) is None
    assert whereabouts([("", done), ("rescue", StepOutcome.LATE), ("disk", StepOutcome.FAILED)]) is None
    for maybe in (done, StepOutcome.FAILED, StepOutcome.UNKNOWN):
        assert whereabouts([("rescue", maybe)]) is True
    for unsure in (StepOutcome.FAILED, StepOutcome.UNKNOWN, StepOutcome.UNREACHED):
        assert whereabouts([("rescue", done), ("disk", unsure)]) is True
    assert whereabouts([("rescue", done), ("disk", done)]) is False
    assert whereabouts([("disk", done), ("rescue", done)]) is True


def test_only_what_restarts_a_host_in_any_case_boots_it() -> None:
    assert [step.boots for step in (INTO, DISK, REBOOT, FSCK)] == ["rescue", "disk", "", ""]
    assert replace(DISK, parameters={"do": "reset"}).boots == "disk"
    assert replace(DISK, parameters={"do": "on", "boot": "disk"}).boots == "", "of what is on, it does nothing"
    assert replace(DISK, parameters={"do": "on", "boot": "rescue"}).boots == "rescue", "what was off is there then"
    assert replace(DISK, parameters={"do": "off", "boot": "rescue"}).boots == ""


def test_what_was_switched_on_into_the_rescue_system_has_not_recovered() -> None:
    on = Step("on", "power", {"do": "on", "boot": "rescue"}, effect=Effect.POWER)
    procedure = replace(FIRST_LINE, steps=(LOOKED, on, replace(LAST, when={})))
    past = [Past(LOOKED.id, StepOutcome.DOWN, 1), Past("on", StepOutcome.DONE, 2), Past(LAST.id, StepOutcome.UP, 3)]
    assert in_rescue(procedure, past)
    assert proceed(procedure, past, 0, 4) == Done(RunOutcome.NOT_FIXED, acted=True)


ENDS = [*(str(outcome) for outcome in StepOutcome), PASSED_OVER]
ACTIONS = {
    LOOK: Effect.NONE,
    ANNOUNCE: Effect.NONE,
    "diagnose": Effect.NONE,
    "restart_service": Effect.CHANGE,
    "power": Effect.POWER,
}


POWERS: list[Mapping[str, Parameter]] = [{"do": "cycle", "boot": "rescue"}, {"do": "cycle", "boot": "disk"}, {"do": "off"}]


def any_procedure(drawn: Random) -> Procedure:
    """Any at all: also those that the linter would refuse."""
    names = [f"s{number}" for number in range(drawn.randint(1, 12))]
    steps = []
    for name in names:
        action = drawn.choice(list(ACTIONS))
        asked_of = drawn.sample([*names, FAULT], drawn.choice([0, 0, 1, 1, 2]) if len(names) > 1 else 0)
        steps.append(
            Step(
                name,
                action,
                until_s=drawn.choice([0.0, 30.0]),
                effect=ACTIONS[action],
                when=MappingProxyType({asked: tuple(drawn.sample(ENDS, drawn.randint(1, 8))) for asked in asked_of}),
                on_failure=drawn.choice([CONTINUE, STOP, *names]),
                attempts=drawn.randint(1, 3),
                parameters=drawn.choice(POWERS) if action == "power" else MappingProxyType({}),
            )
        )
    return Procedure("p", "1", {}, 600.0, tuple(steps), drawn.randint(0, 3))


@settings(max_examples=2000)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from(["", "server", "service"]))
def test_any_procedure_with_any_outcomes_ends_within_its_bounds(seed: int, asked: bool, fault: str) -> None:  # R26
    drawn = Random(seed)
    procedure = any_procedure(drawn)
    steps = {step.id: step for step in procedure.steps}
    order = list(steps)
    past: list[Past] = []
    now_s = 0.0
    while isinstance(due := proceed(procedure, past, 0.0, now_s, asked=asked, fault=fault), Next):
        step = due.step
        tried = sum(item.step == step.id for item in past)
        if past and past[-1].step != step.id:
            assert order.index(step.id) > order.index(past[-1].step), "it only ever goes forward"
        home = step.boots == "disk" and in_rescue(procedure, past)  # then it is passed over for nothing
        for name, wanted in step.when.items() if not tried and not home else ():
            ends = [item.outcome for item in past if item.step == name]
            found = fault if name == FAULT else str(ends[-1]) if ends else PASSED_OVER
            lost = name != FAULT and steps[name].acts and not steps[name].changes and found in {"unknown", "late"}
            assert ("failed" if lost else found) in wanted, f"{step.id} is to be passed over"
        if step.acts:
            assert tried < (1 if step.effect is Effect.POWER else step.attempts)
        if step.effect is Effect.POWER:
            switched = [item for item in past if steps[item.step].effect is Effect.POWER and item.outcome not in LEFT_ALONE]
            assert len(switched) < procedure.max_power_actions
        now_s = max(now_s, due.not_before_s) + drawn.choice([0.0, 1.0, 200.0])
        ends_so = [StepOutcome.DOWN] * 9 if step.action == LOOK else [StepOutcome.DONE, *FAILURES] * 3
        past.append(Past(step.id, drawn.choice([*ends_so, *StepOutcome]), now_s))
        assert len(past) <= sum(8 if item.action == LOOK else item.tries for item in procedure.steps), "it never ends"
    if past and past[-1].outcome is StepOutcome.UNKNOWN and steps[past[-1].step].changes:
        assert due == Done(RunOutcome.UNKNOWN, True)
    if in_rescue(procedure, past):
        assert due.outcome not in (RunOutcome.FIXED, RunOutcome.GONE), "what answers is the rescue system"
        switched = [item for item in past if steps[item.step].effect is Effect.POWER and item.outcome not in LEFT_ALONE]
        left = [step for step in procedure.steps[order.index(past[-1].step) + 1 :] if step.boots == "disk"]
        unknown = any(item.outcome is StepOutcome.UNKNOWN and steps[item.step].changes for item in past)
        tried_in_vain = any(steps[item.step].boots == "disk" for item in past) and len(switched) >= procedure.max_power_actions
        assert unknown or not left or tried_in_vain, "it is left in the rescue system"
    if due.outcome in (RunOutcome.FIXED, RunOutcome.GONE):
        assert past[-1].outcome is StepOutcome.UP
        assert due.acted is (due.outcome is RunOutcome.FIXED)
