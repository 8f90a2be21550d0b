"""How a runbook proceeds, step by step, from what its steps brought so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from domain.events import RunOutcome

Parameter = str | int | float | bool | tuple[str, ...]

LOOK = "look"
"""Step kind: have the watcher look at the checks that failed."""
ANNOUNCE = "announce"
"""Step kind: tell the customer that work starts (R20)."""


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
    the class of fault the run is for). ``on_failure``: what comes after ``FAILED``, ``NOT_DONE`` or ``UNREACHED``: ``continue``,
    ``stop``, or the id of a later step. ``attempts``: how often an action that is safe to repeat is tried until it is done."""

    id: str
    action: str
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: MappingProxyType({}))
    timeout_s: float = 60.0
    until_s: float = 0.0
    every_s: float = 5.0
    effect: Effect = Effect.CHANGE
    when: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    on_failure: str = "continue"
    attempts: int = 1

    @property
    def acts(self) -> bool:
        return self.action not in (LOOK, ANNOUNCE)

    @property
    def changes(self) -> bool:
        return self.acts and self.effect is not Effect.NONE


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


def proceed(procedure: Procedure, past: Sequence[Past], started_s: float, now_s: float, *, asked: bool = False) -> Next | Done:
    """What comes next. ``past`` holds what was tried in order; an acting step never comes twice (R26).
    A look that waits for an effect waits for none where it is certain that nothing was done: it is not repeated.
    All times count CLOCK_BOOTTIME, so that no clock that is set makes looks end early or go on for long.

    ``asked``: a person asked for this run, so that a fault that is gone before anything was done does not end it.
    """
    acting = {step.id for step in procedure.steps if step.changes}
    acted = any(item.step in acting and item.outcome not in LEFT_ALONE for item in past)
    if not past:
        return Next(procedure.steps[0])
    last = past[-1]
    position = next(index for index, step in enumerate(procedure.steps) if step.id == last.step)
    step = procedure.steps[position]
    ended = None if asked and not acted and last.outcome is StepOutcome.UP else _ended(step, last, acted)
    if ended is not None:
        return ended
    in_vain = not acted and any(item.step in acting for item in past)
    if step.action == LOOK and last.outcome is StepOutcome.DOWN and step.until_s > 0 and not in_vain:
        first_s = min(item.at_s for item in past if item.step == step.id)  # the first, or the first of this boot
        if last.at_s + step.every_s <= first_s + step.until_s:
            return Next(step, last.at_s + step.every_s)
    if now_s - started_s > procedure.budget_s or position + 1 == len(procedure.steps):
        return Done(RunOutcome.NOT_FIXED, acted)
    return Next(procedure.steps[position + 1])


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
