"""May a runbook act on its own for a customer? Only in a version that was approved, and not where a cure of it did not last, until
a person raises it again (R26)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.events import RunOutcome
from domain.procedure import LEFT_ALONE, Procedure

PROJECT = "project"
"""Who has approved the runbooks that are shipped, as they are shipped."""
ON_REQUEST = frozenset({"leave-rescue"})
"""Runbooks that only people run, by name: nobody is asked to approve them, and a person who runs one need not be warned."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of runbooks when something is decided for a host: the approved versions, as ``(id, version)``, and those (ids)
    that were lowered for its customer."""

    approved: frozenset[tuple[str, str]] = frozenset()
    lowered: frozenset[str] = frozenset()


NO_TRUST = Trust()


class Standing(StrEnum):
    """How a runbook stands for one customer. All but ``APPROVED`` are shadow: what it would do is recorded, and people have it."""

    APPROVED = "approved"
    UNAPPROVED = "unapproved"
    LOWERED = "lowered"


def standing(trust: Trust, procedure: Procedure | None) -> Standing:
    """Of the runbook as it is now; ``None``: the accepted inventory holds none of that name."""
    if procedure is None or (procedure.id, procedure.version) not in trust.approved:
        return Standing.UNAPPROVED
    return Standing.LOWERED if procedure.id in trust.lowered else Standing.APPROVED


def standing_of(trust: Trust, procedures: Mapping[str, Procedure], runbook: str | None) -> Standing:
    """The same, by its id."""
    return standing(trust, procedures.get(runbook) if runbook is not None else None)


def unreached(procedure: Procedure, tried: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The ids of those steps that act which a rehearsal has left undone. ``tried``: its attempts, as step and outcome."""
    done = {step for step, outcome in tried if outcome not in LEFT_ALONE}
    return tuple(step.id for step in procedure.steps if step.acts and step.id not in done)


class End(StrEnum):
    """What a run that acted has brought, as it counts towards a runbook's rate. ``REFAILED``: what it had cured failed again within
    the cool-down."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    UNKNOWN = "unknown"
    REFAILED = "refailed"


_ENDS = {RunOutcome.FIXED: End.FIXED, RunOutcome.NOT_FIXED: End.NOT_FIXED}


def end_of(outcome: RunOutcome) -> End:
    """Of a run that acted, or may have: what was not verified either way is ``UNKNOWN``."""
    return _ENDS.get(outcome, End.UNKNOWN)


@dataclass(frozen=True)
class Cure:
    """A run that brought recovery, as its host remembers it: will it last? ``cured_s`` is when the run's end was decided."""

    run: str
    runbook: str
    version: str
    customer: str
    incident: str
    checks: tuple[str, ...]
    cured_s: float

    def refailed(self, check: str, incident: str, now_s: float, cool_down_s: float) -> bool:
        """Is a new fault of this check the same trouble again: within the cool-down, or in the incident that it belongs to?"""
        return check in self.checks and (incident == self.incident or now_s - self.cured_s < cool_down_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What one decision adds to what is known of a runbook: how a run of it ended, or (``REFAILED``) that its cure did not last,
    which lowers the runbook for the customer."""

    run: str
    runbook: str
    version: str
    customer: str
    host: str
    incident: str
    end: End
    at_s: float
    check: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often runs of a runbook that acted have brought a cure that lasted."""

    fixed: int = 0
    not_fixed: int = 0
    unknown: int = 0
    refailed: int = 0

    @property
    def runs(self) -> int:
        return self.fixed + self.not_fixed + self.unknown + self.refailed

    @property
    def verified(self) -> float | None:
        """The part of them that did, 0 to 1; ``None`` before the first."""
        return self.fixed / self.runs if self.runs else None


def rate(ends: Mapping[End, int]) -> Rate:
    """From how often each end was counted."""
    return Rate(**{str(end): ends.get(end, 0) for end in End})
