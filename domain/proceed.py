"""How a runbook proceeds, step by step, from what its steps brought so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, takewhile

from domain.events import RunOutcome
from domain.procedure import (
    CONTINUE,
    DISK,
    FAILURES,
    FAULT,
    LEFT_ALONE,
    LOOK,
    PASSED_OVER,
    Effect,
    Procedure,
    Step,
    StepOutcome,
    whereabouts,
)
from domain.reasons import Code

_NO_WAY_BACK = frozenset(
    {
        Code.GATE_STOP_FILE,
        Code.GATE_HOLD_ALL,
        Code.GATE_HOLD,
        Code.GATE_CLAIM_LOST,
        Code.GATE_ATTEMPTED,
        Code.GATE_TARGET_CHANGED,
        Code.NOT_WATCHED,
    }
)
"""Refusals that the way back to the disk would meet as well: a person's hand, another holder, another host."""


@dataclass(frozen=True, slots=True)
class Past:
    """One step that was tried: ``at_s`` its end, ``code`` the gate's refusal."""

    step: str
    outcome: StepOutcome
    at_s: float
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Next:
    step: Step
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """``acted``: something was done to the host, or may have been; ``code``: the gate's refusal."""

    outcome: RunOutcome
    acted: bool
    code: str | None = None


def proceed(
    procedure: Procedure, past: Sequence[Past], started_s: float, now_s: float, *, asked: bool = False, fault: str = ""
) -> Next | Done:
    """What comes next. ``past`` holds what was tried in order. An acting step comes at most ``tries`` times, the power is switched
    at most ``max_power_actions`` times (R26), and where nobody knows whether something was done to the host, people take over.
    A look that waits for an effect waits for none where it is certain that nothing was done: it is not repeated.
    All times count CLOCK_BOOTTIME, so that no clock that is set makes looks end early or go on for long.

    Where the host runs its rescue system, a look that sees it up proves nothing, and a run that would end goes on to the next step
    that boots the disk, whatever that step's ``when`` says; not where an action may still be at work in the rescue system.

    ``asked``: a person asked for this run, so that a fault that is gone before anything was done does not end it. ``fault``: the
    ``FaultClass`` it is for; where it is not known, what is for one class only is passed over.
    """
    if not past:
        return _onward(procedure, past, 0, fault)
    rescue = in_rescue(procedure, past)
    found = _follow(procedure, past, started_s, now_s, fault=fault, up_counts=not rescue and (not asked or _acted(procedure, past)))
    if rescue and isinstance(found, Done) and (back := _way_back(procedure, past)) is not None:
        return Next(back)
    return found


def in_rescue(procedure: Procedure, past: Sequence[Past]) -> bool:
    """Does the host run its rescue system after this, or may it?"""
    boots = {step.id: step.boots for step in procedure.steps}
    return whereabouts((boots.get(item.step, ""), item.outcome) for item in past) is True


def _way_back(procedure: Procedure, past: Sequence[Past]) -> Step | None:
    """The next step that boots the disk. None where a person has to look first: what is unknown may still be at work there."""
    steps = _by_id(procedure)
    if any(steps[item.step].changes and item.outcome is StepOutcome.UNKNOWN for item in past) or past[-1].code in _NO_WAY_BACK:
        return None
    if _switched(steps, past) >= procedure.max_power_actions:
        return None
    later = dropwhile(lambda step: step.id != past[-1].step, procedure.steps)
    return next((step for step in list(later)[1:] if step.boots == DISK), None)


def _follow(
    procedure: Procedure, past: Sequence[Past], started_s: float, now_s: float, *, fault: str, up_counts: bool
) -> Next | Done:
    """What comes next as the steps say. ``up_counts``: a look that sees no fault ends it."""
    acted = _acted(procedure, past)
    position = next(index for index, step in enumerate(procedure.steps) if step.id == past[-1].step)
    step, last = procedure.steps[position], _counted(procedure.steps[position], past[-1])
    ended = _ended(step, last, acted) if up_counts or last.outcome is not StepOutcome.UP else None
    if ended is not None:
        return ended
    if (look_s := _look_again_s(procedure, past, step)) is not None:
        return Next(step, look_s)
    failed = step.acts and last.outcome in FAILURES
    onward = _after_failure(procedure, position) if failed else position + 1
    if now_s - started_s > procedure.budget_s:
        return _out_of_time(procedure, past, onward, fault)
    if failed and sum(item.step == step.id for item in past) < step.tries:
        return Next(step, last.at_s + step.every_s)
    return _onward(procedure, past, onward, fault)


def _out_of_time(procedure: Procedure, past: Sequence[Past], position: int, fault: str) -> Next | Done:
    """The budget is spent, perhaps by waiting at the gate. Whether what was done has helped is still looked at, by the next look
    from here: nobody is told that a server has not recovered which has (R24)."""
    steps, ends = _by_id(procedure), _ends(procedure, past, fault)
    unseen = takewhile(lambda item: steps[item.step].action != LOOK, reversed(past))
    if not in_rescue(procedure, past) and any(steps[item.step].changes and item.outcome not in LEFT_ALONE for item in unseen):
        for step in procedure.steps[position:]:
            if step.action == LOOK and _wanted(step, ends):
                return Next(step)
    return Done(RunOutcome.NOT_FIXED, _acted(procedure, past))


def _acted(procedure: Procedure, past: Sequence[Past]) -> bool:
    changing = {step.id for step in procedure.steps if step.changes}
    return any(item.step in changing and item.outcome not in LEFT_ALONE for item in past)


def _counted(step: Step, item: Past) -> Past:
    """What changes nothing can be left undone without harm: that nobody knows how it ended is only a failure."""
    lost = item.outcome in (StepOutcome.UNKNOWN, StepOutcome.LATE)
    return replace(item, outcome=StepOutcome.FAILED) if step.acts and not step.changes and lost else item


def _onward(procedure: Procedure, past: Sequence[Past], position: int, fault: str) -> Next | Done:
    """The first step from here that is not passed over."""
    steps, ends = _by_id(procedure), _ends(procedure, past, fault)
    for step in procedure.steps[position:]:
        if _wanted(step, ends):
            if step.effect is Effect.POWER:
                needed = step.power_needed(rescue=in_rescue(procedure, past))
                if _switched(steps, past) + needed > procedure.max_power_actions:
                    break
            return Next(step)
    return Done(RunOutcome.NOT_FIXED, _acted(procedure, past))


def _by_id(procedure: Procedure) -> dict[str, Step]:
    return {step.id: step for step in procedure.steps}


def _ends(procedure: Procedure, past: Sequence[Past], fault: str) -> dict[str, str]:
    """What ``Step.when`` asks for."""
    steps = _by_id(procedure)
    return {**{item.step: str(_counted(steps[item.step], item).outcome) for item in past}, FAULT: fault}


def _wanted(step: Step, ends: Mapping[str, str]) -> bool:
    return all(ends.get(name, PASSED_OVER) in wanted for name, wanted in step.when.items())


def _switched(steps: Mapping[str, Step], past: Sequence[Past]) -> int:
    """How often the power was switched, or may have been."""
    return sum(steps[item.step].effect is Effect.POWER and item.outcome not in LEFT_ALONE for item in past)


def _after_failure(procedure: Procedure, position: int) -> int:
    """The index of the step to go on with; behind the last one to stop."""
    wanted = procedure.steps[position].on_failure
    if wanted == CONTINUE:
        return position + 1
    later = (index for index, step in enumerate(procedure.steps) if step.id == wanted and index > position)
    return next(later, len(procedure.steps))


def _look_again_s(procedure: Procedure, past: Sequence[Past], step: Step) -> float | None:
    """When a look that has seen the fault is to be repeated; ``None`` where it is over."""
    last = past[-1]
    if step.action != LOOK or last.outcome is not StepOutcome.DOWN or step.until_s <= 0 or _in_vain(procedure, past):
        return None
    first_s = min(item.at_s for item in past if item.step == step.id)  # the first, or the first of this boot
    due_s = last.at_s + step.every_s
    return due_s if due_s <= first_s + step.until_s else None


def _in_vain(procedure: Procedure, past: Sequence[Past]) -> bool:
    """Is there no effect that this look could wait for, as what was tried since the look before certainly did nothing?"""
    steps = _by_id(procedure)
    since = dropwhile(lambda item: item.step == past[-1].step, reversed(past))
    tried = [item for item in takewhile(lambda item: steps[item.step].action != LOOK, since) if steps[item.step].changes]
    return bool(tried) and all(item.outcome in LEFT_ALONE for item in tried)


def _ended(step: Step, last: Past, acted: bool) -> Done | None:
    saw_nothing = step.action == LOOK and last.outcome not in (StepOutcome.UP, StepOutcome.DOWN, StepOutcome.REFUSED)
    match StepOutcome.UNKNOWN if saw_nothing else last.outcome:
        case StepOutcome.UP:
            return Done(RunOutcome.FIXED if acted else RunOutcome.GONE, acted)
        case StepOutcome.UNKNOWN:
            return Done(RunOutcome.UNKNOWN if acted else RunOutcome.REFUSED, acted, None if acted else "gate_unknown")
        case StepOutcome.REFUSED:
            return Done(RunOutcome.REFUSED, acted, last.code)
        case StepOutcome.LATE:
            return Done(RunOutcome.NOT_FIXED, acted)
        case StepOutcome.DONE | StepOutcome.FAILED | StepOutcome.NOT_DONE | StepOutcome.UNREACHED | StepOutcome.DOWN:
            return None
