"""How a runbook proceeds, step by step, from what its steps brought so far."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import dropwhile, takewhile
from types import MappingProxyType

from domain.events import RunOutcome
from domain.reasons import Code

Parameter = str | int | float | bool | tuple[str, ...]

LOOK = "look"
"""Step kind: have the watcher look at the checks that failed."""
ANNOUNCE = "announce"
"""Step kind: tell the customer that work starts (R20)."""
CONTINUE, STOP = "continue", "stop"
"""Words of ``Step.on_failure``."""
FAULT = "fault"
"""In ``Step.when``: the class of fault that the run is for, where else a step is named."""
PASSED_OVER = "passed_over"
"""In ``Step.when``: that step was not done at all in this run."""


DISK, RESCUE = "disk", "rescue"
"""What a power step has the host boot: its own system, or the rescue system in its place."""
BOOT = "boot"
"""What says so: a power step's parameter, and what its attempt has noted before."""
_RESTARTS = ("cycle", "reset")


class Effect(StrEnum):
    """What a step does to the host. ``POWER`` counts against a procedure's ``max_power_actions`` and the limits of R26."""

    NONE = "none"
    """It looks, tells or collects, and changes nothing."""
    CHANGE = "change"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a runbook. ``action`` is ``look``, ``announce`` or a key of ACTIONS. A look with ``until_s`` is repeated
    every ``every_s`` for so long, until it sees the fault gone.

    ``when``: it is passed over unless each of these earlier steps ended in one of these outcomes (``fault`` in the place of a step:
    the class of fault the run is for; ``passed_over`` in the place of an outcome: it was not done). ``on_failure``: what comes
    after ``FAILED``, ``NOT_DONE`` or ``UNREACHED``: ``continue``, ``stop``, or the id of a later step. ``attempts``: how often an
    action that is safe to repeat is tried, ``every_s`` apart, until it is done. ``reach_s``: for how long a host that is not
    reached is tried again before the step counts as ``UNREACHED``. ``of_service``: it acts on the service that the run is for."""

    id: str
    action: str
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: MappingProxyType({}))
    timeout_s: float = 60.0
    until_s: float = 0.0
    every_s: float = 5.0
    effect: Effect = Effect.CHANGE
    when: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    on_failure: str = CONTINUE
    attempts: int = 1
    reach_s: float = 0.0
    of_service: bool = False

    @property
    def acts(self) -> bool:
        return self.action not in (LOOK, ANNOUNCE)

    @property
    def changes(self) -> bool:
        return self.acts and self.effect is not Effect.NONE

    @property
    def boots(self) -> str:
        """``rescue``, where a host may be left there; ``disk``, where that is booted in any case, also by a host that runs; else
        empty."""
        order, boot = self.parameters.get("do"), str(self.parameters.get(BOOT, DISK))
        boots = self.effect is Effect.POWER and (order in _RESTARTS or (order == "on" and boot == RESCUE))
        return boot if boots else ""

    @property
    def tries(self) -> int:
        """How often it may be tried: what switches the power never comes twice (R26)."""
        return 1 if self.effect is Effect.POWER else self.attempts

    @property
    def longest_s(self) -> float:
        """How long it may take, all its tries together; what it waits for at the gate comes on top."""
        once_s = self.timeout_s + self.reach_s
        return once_s + self.until_s + (self.tries - 1) * (once_s + self.every_s)

    def power_needed(self, *, rescue: bool) -> int:
        """How many power actions must be left for this one: into the rescue system, or in it, another has to be left for the way
        back to the disk."""
        return 2 if self.boots != DISK and (rescue or self.boots == RESCUE) else 1


@dataclass(frozen=True, slots=True)
class Procedure:
    """A runbook. ``version`` is its content hash; ``budget_s`` bounds a whole run (R22: one hour of work), ``max_power_actions``
    how often it may switch a host's power in one incident (R26)."""

    id: str
    version: str
    title: Mapping[str, str]
    budget_s: float
    steps: tuple[Step, ...]
    max_power_actions: int = 0

    @property
    def of_service(self) -> bool:
        """Whether it matters which service a run is for."""
        return any(step.of_service for step in self.steps)


class StepOutcome(StrEnum):
    """How one step ended. ``UP`` and ``DOWN`` are what a look saw. ``FAILED``: it was done, and did not work; ``NOT_DONE``: it
    could not even be begun (no such unit); ``UNREACHED``: nor the host be reached for it (no login, no answer of its power
    control); ``REFUSED`` by the gate; ``LATE``: its intent went stale before the effect."""

    DONE = "done"
    FAILED = "failed"
    NOT_DONE = "not_done"
    UNREACHED = "unreached"
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    LATE = "late"


LEFT_ALONE = frozenset({StepOutcome.NOT_DONE, StepOutcome.UNREACHED, StepOutcome.REFUSED, StepOutcome.LATE})
"""Ends of an acting step after which it is certain that it did nothing to the host."""
FAILURES = frozenset({StepOutcome.FAILED, StepOutcome.NOT_DONE, StepOutcome.UNREACHED})
"""Ends of an acting step that ``Step.on_failure`` is about."""


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


def whereabouts(booted: Iterable[tuple[str, StepOutcome]]) -> bool | None:
    """Where these boots (``disk``, ``rescue``), in order, have left the host: ``True``, in its rescue system, as far as is known;
    ``False``, in its own, by the word of its power control; ``None``: they booted neither."""
    found: bool | None = None
    for boots, outcome in booted:
        if boots == RESCUE and outcome not in LEFT_ALONE:
            found = True
        elif boots == DISK and outcome is StepOutcome.DONE:
            found = False
    return found


def back_in_s(procedure: Procedure, into: str) -> float:
    """How long it may take from the step of this id, which boots the rescue system, until the disk has been ordered again. In the
    rescue system no step waits for a limit."""
    steps = list(dropwhile(lambda step: step.id != into, procedure.steps))
    back = next((index for index, step in enumerate(steps) if step.boots == DISK), len(steps) - 1)
    return sum(step.longest_s for step in steps[: back + 1])


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
