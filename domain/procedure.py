"""What a runbook is: its steps, what each may do, and where its boots leave a host."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import dropwhile
from types import MappingProxyType

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
