"""How a runbook proceeds (R20, R22, R26)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import RunOutcome
from domain.procedure import ANNOUNCE, LOOK, Procedure, Step, StepOutcome
from domain.proceed import Done, Next, Past, proceed

LOOK_FIRST = Step("look-first", LOOK)
TELL = Step("tell", ANNOUNCE)
LOOK_AGAIN = Step("look-again", LOOK)
RESTART = Step("restart", "service")
VERIFY = Step("verify", LOOK, until_s=20.0, every_s=5.0)
RESTART_SERVICE = Procedure("restart-service", "1", {"en": "Restart"}, 3600.0, (LOOK_FIRST, TELL, LOOK_AGAIN, RESTART, VERIFY))
BEFORE = (("look-first", "down"), ("tell", "done"), ("look-again", "down"))
RESTARTED = (*BEFORE, ("restart", "done"))
ACTED = set(StepOutcome) - {StepOutcome.NOT_DONE, StepOutcome.UNREACHED, StepOutcome.REFUSED, StepOutcome.LATE}
"""Ends of an acting step after which something was done to the host, or may have been."""


def past(*steps: tuple[str, str], every_s: float = 1.0) -> list[Past]:
    return [Past(step, StepOutcome(outcome), number * every_s) for number, (step, outcome) in enumerate(steps)]


def after(*steps: tuple[str, str], asked: bool = False) -> Next | Done:
    return proceed(RESTART_SERVICE, past(*steps), 0.0, 10.0, asked=asked)


def test_it_begins_with_its_first_step() -> None:
    assert after() == Next(LOOK_FIRST)


@pytest.mark.parametrize(
    ("so_far", "expected"),
    [
        (BEFORE[:1], TELL),
        (BEFORE[:2], LOOK_AGAIN),
        (BEFORE, RESTART),
        (RESTARTED, VERIFY),
        ((*BEFORE, ("restart", "failed")), VERIFY),
        ((*BEFORE, ("restart", "not_done")), VERIFY),
        ((BEFORE[0], ("tell", "failed")), LOOK_AGAIN),
    ],
)
def test_while_the_fault_stands_it_goes_on(so_far: tuple[tuple[str, str], ...], expected: Step) -> None:
    assert after(*so_far) == Next(expected)


@pytest.mark.parametrize(
    ("so_far", "expected"),
    [
        ((("look-first", "up"),), Done(RunOutcome.GONE, False)),
        ((*BEFORE[:2], ("look-again", "up")), Done(RunOutcome.GONE, False)),
        ((("look-first", "unknown"),), Done(RunOutcome.REFUSED, False, "gate_unknown")),
        ((("look-first", "failed"),), Done(RunOutcome.REFUSED, False, "gate_unknown")),
        ((*BEFORE[:2], ("look-again", "late")), Done(RunOutcome.REFUSED, False, "gate_unknown")),
        ((*BEFORE, ("restart", "unknown")), Done(RunOutcome.UNKNOWN, True)),
        ((*BEFORE, ("restart", "late")), Done(RunOutcome.NOT_FIXED, False)),
        ((*BEFORE, ("restart", "not_done"), ("verify", "up")), Done(RunOutcome.GONE, False)),
        ((*BEFORE, ("restart", "not_done"), ("verify", "unknown")), Done(RunOutcome.REFUSED, False, "gate_unknown")),
        ((*RESTARTED, ("verify", "up")), Done(RunOutcome.FIXED, True)),
        ((*BEFORE, ("restart", "failed"), ("verify", "up")), Done(RunOutcome.FIXED, True)),
        ((*RESTARTED, ("verify", "unknown")), Done(RunOutcome.UNKNOWN, True)),
        ((*RESTARTED, ("verify", "failed")), Done(RunOutcome.UNKNOWN, True)),
    ],
)
def test_it_ends(so_far: tuple[tuple[str, str], ...], expected: Done) -> None:
    assert after(*so_far) == expected


def test_a_refusal_ends_it_and_says_whose_it_was() -> None:
    refused = [*past(*BEFORE), Past("restart", StepOutcome.REFUSED, 3.0, "gate_hold")]
    assert proceed(RESTART_SERVICE, refused, 0.0, 4.0) == Done(RunOutcome.REFUSED, False, "gate_hold")


def test_a_refusal_after_something_was_done_says_so() -> None:
    twice = replace(RESTART_SERVICE, steps=(RESTART, Step("reboot", "power")))
    refused = [*past(("restart", "failed")), Past("reboot", StepOutcome.REFUSED, 3.0, "gate_limit")]
    assert proceed(twice, refused, 0.0, 4.0) == Done(RunOutcome.REFUSED, True, "gate_limit")


def test_what_could_not_be_begun_was_no_work() -> None:  # R25: a host that lets nobody in was not worked on
    assert after(*BEFORE, ("restart", "not_done"), ("verify", "down")) == Done(RunOutcome.NOT_FIXED, False)


def test_what_may_have_been_done_is_waited_for() -> None:
    for outcome in sorted(ACTED - {StepOutcome.UNKNOWN, StepOutcome.UP}):
        assert after(*BEFORE, ("restart", outcome), ("verify", "down")) == Next(VERIFY, 9.0)
    twice = replace(RESTART_SERVICE, steps=(RESTART, Step("reboot", "power"), VERIFY))
    seen = past(("restart", "done"), ("reboot", "not_done"), ("verify", "down"))
    assert proceed(twice, seen, 0.0, 4.0) == Next(VERIFY, 7.0)


def test_a_look_that_waits_before_anything_was_tried_waits() -> None:
    patient = replace(RESTART_SERVICE, steps=(VERIFY, RESTART))
    assert proceed(patient, past(("verify", "down")), 0.0, 1.0) == Next(VERIFY, 5.0)


def test_where_nothing_was_done_the_next_step_comes_at_once() -> None:
    twice = replace(RESTART_SERVICE, steps=(RESTART, VERIFY, Step("reboot", "power")))
    assert proceed(twice, past(("restart", "not_done"), ("verify", "down")), 0.0, 4.0) == Next(Step("reboot", "power"))


def test_a_look_is_repeated_until_its_time_is_over() -> None:
    seen = list(past(*RESTARTED))
    for number in range(5):
        seen.append(Past("verify", StepOutcome.DOWN, 10.0 + number * 5))
        due = proceed(RESTART_SERVICE, seen, 0.0, 40.0)
        assert due == (Next(VERIFY, 15.0 + number * 5) if number < 4 else Done(RunOutcome.NOT_FIXED, True))


def test_a_runbook_that_ran_out_of_steps_has_not_fixed_it() -> None:
    once = replace(RESTART_SERVICE, steps=(LOOK_FIRST, RESTART))
    assert proceed(once, past(("look-first", "down"), ("restart", "done")), 0.0, 3.0) == Done(RunOutcome.NOT_FIXED, True)


def test_a_runbook_stops_at_the_end_of_its_budget() -> None:  # R22
    assert proceed(RESTART_SERVICE, past(*BEFORE), 0.0, 3600.0) == Next(RESTART)
    assert proceed(RESTART_SERVICE, past(*BEFORE), 0.0, 3600.1) == Done(RunOutcome.NOT_FIXED, False)


LATE_S = 4000.0
"""The budget is over: the restart waited long for its turn."""


@pytest.mark.parametrize("outcome", ["done", "failed"])
def test_what_was_done_is_looked_at_though_the_budget_is_over(outcome: str) -> None:  # R24
    seen = [*past(*BEFORE), Past("restart", StepOutcome(outcome), LATE_S)]
    assert proceed(RESTART_SERVICE, seen, 0.0, LATE_S) == Next(VERIFY)
    seen.append(Past("verify", StepOutcome.DOWN, LATE_S))
    assert proceed(RESTART_SERVICE, seen, 0.0, LATE_S) == Next(VERIFY, LATE_S + 5), "for as long as it looks in time"
    cured = [*seen, Past("verify", StepOutcome.UP, LATE_S + 5)]
    assert proceed(RESTART_SERVICE, cured, 0.0, LATE_S + 5) == Done(RunOutcome.FIXED, True)
    in_vain = [*seen, Past("verify", StepOutcome.DOWN, LATE_S + 20)]
    assert proceed(RESTART_SERVICE, in_vain, 0.0, LATE_S + 20) == Done(RunOutcome.NOT_FIXED, True)


@pytest.mark.parametrize("outcome", ["not_done", "unreached"])
def test_where_nothing_was_done_there_is_nothing_more_to_see(outcome: str) -> None:
    seen = [*past(*BEFORE), Past("restart", StepOutcome(outcome), LATE_S)]
    assert proceed(RESTART_SERVICE, seen, 0.0, LATE_S) == Done(RunOutcome.NOT_FIXED, False)


def test_after_the_budget_nothing_else_is_done_and_only_a_look_that_is_meant_to_follow() -> None:
    more, elsewhere = Step("more", "service"), replace(VERIFY, id="elsewhere", when={"restart": ("unreached",)})
    seen = [*past(*BEFORE), Past("restart", StepOutcome.DONE, LATE_S)]
    going_on = replace(RESTART_SERVICE, steps=(*RESTART_SERVICE.steps[:-1], more, elsewhere, VERIFY))
    assert proceed(going_on, seen, 0.0, LATE_S) == Next(VERIFY)
    none = replace(RESTART_SERVICE, steps=(*RESTART_SERVICE.steps[:-1], more, elsewhere))
    assert proceed(none, seen, 0.0, LATE_S) == Done(RunOutcome.NOT_FIXED, True)


def test_what_a_person_asked_for_is_done_though_nothing_fails() -> None:
    assert after(("look-first", "up"), asked=True) == Next(TELL)
    assert after(("look-first", "up"), ("tell", "done"), ("look-again", "up"), asked=True) == Next(RESTART)
    assert after(*RESTARTED, ("verify", "up"), asked=True) == Done(RunOutcome.FIXED, True)
    assert after(("look-first", "unknown"), asked=True) == Done(RunOutcome.REFUSED, False, "gate_unknown")


STEPS = st.lists(
    st.builds(
        Step,
        id=st.just(""),
        action=st.sampled_from([LOOK, ANNOUNCE, "service", "power"]),
        until_s=st.sampled_from([0.0, 30.0]),
    ),
    min_size=1,
    max_size=6,
)


@given(STEPS, st.data(), st.booleans())
def test_it_always_ends_and_an_acting_step_never_comes_twice(steps: list[Step], data: st.DataObject, asked: bool) -> None:  # R26
    named = tuple(replace(step, id=f"s{number}") for number, step in enumerate(steps))
    procedure, seen, now_s = Procedure("p", "1", {}, 600.0, named), list[Past](), 0.0
    for _ in range(60):
        due = proceed(procedure, seen, 0.0, now_s, asked=asked)
        if isinstance(due, Done):
            break
        assert not (due.step.acts and due.step.id in {item.step for item in seen}), f"{due.step.id} comes twice"
        now_s = max(now_s, due.not_before_s) + data.draw(st.sampled_from([0.0, 1.0, 200.0]))
        seen.append(Past(due.step.id, data.draw(st.sampled_from(list(StepOutcome))), now_s))
    else:
        raise AssertionError("it never ends")
    acting = {step.id for step in named if step.acts}
    assert due.acted is any(item.step in acting and item.outcome in ACTED for item in seen)
    if due.outcome in (RunOutcome.FIXED, RunOutcome.GONE):
        assert seen[-1].outcome is StepOutcome.UP
        assert due.acted is (due.outcome is RunOutcome.FIXED)


def test_an_acting_step_is_not_repeated_like_a_look() -> None:  # R26: whatever it claims to have seen
    patient = replace(RESTART_SERVICE, steps=(replace(RESTART, until_s=60.0), VERIFY))
    assert proceed(patient, past(("restart", "down")), 0.0, 1.0) == Next(VERIFY)
