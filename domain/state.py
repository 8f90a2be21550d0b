"""What the engine remembers of a host, and what one decision brings forth."""

from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from domain import gate
from domain.changed import changed
from domain.commands import Command, Fact
from domain.escalation import Page
from domain.model import Check, Customer, FaultClass, Host, Level, Policy
from domain.observation import Limit, Verdict
from domain.pauses import Pause, paused_until
from domain.reasons import Code, Reason
from domain.trust import NO_TRUST, Cure, Learnt, Trust


class Phase(StrEnum):
    """Where an incident stands. ``OPEN``: watched, perhaps waiting for its clock; ``WORKING``: a runbook runs;
    ``HANDED``: people have it (R25)."""

    OPEN = "open"
    WORKING = "working"
    HANDED = "handed"
    CLOSED = "closed"


@dataclass(frozen=True)
class Fault:
    """One check that is down in an incident.

    ``fault_at_s`` is its first failing observation, for reports; ``evidence_since_s`` the start of evidence without a gap,
    ``None`` while the watcher cannot judge; ``clock_from_s`` since when it counts towards acting, ``None`` while it is in a
    pause or out of sight (R20, R51); ``told`` whether a message spoke of it; ``up``: it is up at the moment, which counts
    once it has settled (C54), or once the run is over that has switched the host's power (``domain.own_work``). ``told_only``:
    nothing is worked on for it, and it is a ``RESOURCE`` whatever its check is (C50).
    """

    check: str
    level: Level
    fault_class: FaultClass
    service: str | None
    fault_at_s: float
    confirmed_at_s: float
    evidence_since_s: float | None
    clock_from_s: float | None = None
    detail: str = ""
    value: float | None = None
    limit: Limit | None = None
    told: bool = False
    flapping: bool = False
    flapping_told: bool = False
    up: bool = False
    told_only: bool = False

    @property
    def known(self) -> bool:
        """Down without doubt: neither flapping nor out of the watcher's sight."""
        return self.evidence_since_s is not None and not self.flapping

    @property
    def target(self) -> str:
        """What a procedure would be tried on, at most once per incident (R26)."""
        return f"{self.fault_class}:{self.service or ''}"


SERVER = f"{FaultClass.SERVER}:"
"""``Fault.target`` of a server."""

_by_check = attrgetter("check")


def worst_of(faults: tuple[Fault, ...]) -> Fault:
    """The one that sets the level; of several the first that was confirmed."""
    return faults[0] if len(faults) == 1 else max(faults, key=lambda fault: (fault.level, -fault.confirmed_at_s))


@dataclass(frozen=True)
class RunRef:
    """A Run command that is out. ``deadline_s``: nothing heard by then is a lost run (R22)."""

    key: str
    runbook: str
    target: str
    deadline_s: float
    announced: bool = False
    """Has the customer been told that this work starts?"""
    version: str = ""
    """The runbook's content hash."""
    checks: tuple[str, ...] = ()
    """What it is to cure."""


@dataclass(frozen=True)
class Incident:
    """One trouble of one host, from fault to recovery. Every check of the host that fails meanwhile belongs to it."""

    id: str
    customer: str
    label: str
    fault_at_s: float
    opened_at_s: float
    faults: tuple[Fault, ...] = ()
    phase: Phase = Phase.OPEN
    seen: tuple[str, ...] = ()
    """Every check that took part since it was (re)opened, but for what is put down to our own work (``domain.own_work``)."""
    worst: Fault | None = None
    """The last fault that set the level, so that its recovery can speak of it."""
    told_level: Level | None = None
    told_at_s: float | None = None
    ever_told: bool = False
    """Did any message speak of it, before it was reopened too? The last level told since then is ``told_level``."""
    run: RunRef | None = None
    runs: int = 0
    tried: tuple[str, ...] = ()
    acted: bool = False
    refused: Code | None = None
    """The gate's refusal that stands, so that it is recorded once."""
    held_level: Level | None = None
    """The level at which operators were told that a hold or the stop file keeps everybody from working on it."""
    unseen_notice_s: float | None = None
    """When operators are told that what is to be worked on is out of the watcher's sight; ``None``: it is not, or they were."""
    rehearsed: bool = False
    """In shadow mode: was it recorded what would have been done?"""
    failed: Code | None = None
    """Why the first line ended without success, until the customer has been told."""
    outcome: str | None = None
    outcome_detail: str = ""
    verify_until_s: float | None = None
    performer: str | None = None
    """The flow run that works on this incident; it also sends what follows from its work."""
    page: Page | None = None
    acknowledged_by: str | None = None
    recovered_at_s: float | None = None
    clock_set: bool = False
    """Was the machine's clock set while it was open? Then the time between two of its moments is no length (``domain.stepped``)."""
    held_back: bool = False
    settled: bool = False
    serial: int = 0
    first_keys: tuple[tuple[str, str], ...] = ()

    @property
    def announced(self) -> bool:
        """Does the customer know that it is open?"""
        return self.told_level is not None

    def faults_with(self, fault: Fault) -> tuple[Fault, ...]:
        others = [item for item in self.faults if item.check != fault.check]
        return tuple(sorted([*others, fault], key=_by_check)) if others else (fault,)

    def with_fault(self, fault: Fault) -> "Incident":
        return changed(self, faults=self.faults_with(fault))

    def without_fault(self, check: str) -> "Incident":
        return changed(self, faults=tuple(item for item in self.faults if item.check != check))

    def fault(self, check: str) -> Fault | None:
        for item in self.faults:
            if item.check == check:
                return item
        return None


@dataclass(frozen=True)
class CheckState:
    """The last verdict that was heard of a check. ``order`` grows with every event of its watcher; ``changes`` are the
    times it changed of late (C54); ``occurred`` those at which it told what only happened (C15)."""

    check: str
    verdict: Verdict
    order: int | None = None
    changes: tuple[float, ...] = ()
    flapping: bool = False
    occurred: tuple[float, ...] = ()


@dataclass(frozen=True)
class Behind:
    """Faults that are kept aside, as a parent of the host fails or may be found to (C53, ``domain.behind``). ``customer``: whose
    host it was then."""

    customer: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class HostState:
    """All that ``step`` remembers. ``last`` is the last closed incident, which a return within the cool-down reopens; ``asked`` is
    a run outside any incident: an operator asked for it, or its incident was closed under it because the host or its checks left;
    ``cures`` are runs that brought recovery of late. ``rescue``: a run has left it in its rescue system, or may have, and
    since then no other has booted its disk, nor has a person said that its own system runs. ``worked_s``: when it was
    heard that the last run was over that had switched its power. ``back_s``: when it was last heard that it can be reached
    again."""

    host: str
    checks: tuple[CheckState, ...] = ()
    incident: Incident | None = None
    last: Incident | None = None
    last_closed_s: float = 0.0
    asked: RunRef | None = None
    cures: tuple[Cure, ...] = ()
    rescue: bool = False
    worked_s: float | None = None
    behind: Behind | None = None
    back_s: float | None = None

    @property
    def out(self) -> RunRef | None:
        """The run that is out."""
        return self.asked or (self.incident.run if self.incident is not None else None)

    def check(self, name: str) -> CheckState | None:
        for item in self.checks:
            if item.check == name:
                return item
        return None


class Whereabouts(NamedTuple):
    """What the run that is out has done to its host by now: has it switched its power, or may it have; what has it booted
    (``domain.procedure.whereabouts``); and has it done anything at all to it, or may it have."""

    power: bool = False
    rescue: bool | None = None
    acted: bool = False


NOWHERE = Whereabouts()


class Above(NamedTuple):
    """What a host hangs on (C53). ``down``: the nearest parent that can't be reached, since ``since_s`` (its first failing look was
    at ``fell_at_s``), with its ``incident``; empty: none. ``back_s``: when one (``back``) could last be reached again.
    ``confirm_s``: how long after a first failing look at the host the watcher would have confirmed that a parent fails;
    ``again_s``: how long it needs to see that all are up."""

    confirm_s: float
    again_s: float
    down: str = ""
    incident: str = ""
    since_s: float = 0.0
    fell_at_s: float = 0.0
    back: str = ""
    back_s: float | None = None

    @property
    def named(self) -> str:
        """Which parent is spoken of."""
        return self.down or self.back


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What holds while a decision is made: the accepted inventory and the operators' overlay.

    ``pauses`` are the inventory's and the overlay's; ``new_id`` is the id that an incident opened now would get;
    ``outage_until_s``: the host's segment is in a mass outage (``domain.mass.until_s``). ``of_run``: what the run
    that is out, of an incident or of none, has done. ``above``: how its parents stand, where it has any.
    """

    policy: Policy
    host: Host | None
    pauses: tuple[Pause, ...] = ()
    held: bool = False
    held_all: bool = False
    stop_file: bool = False
    outage_until_s: float | None = None
    new_id: str = "INC-000000"
    trust: Trust = NO_TRUST
    of_run: Whereabouts = NOWHERE
    above: Above | None = None

    @property
    def customer(self) -> Customer | None:
        return self.policy.customers.get(self.host.customer) if self.host is not None else None

    def check(self, name: str) -> Check | None:
        for item in self.host.checks if self.host is not None else ():
            if item.id == name:
                return item
        return None


class Decision(NamedTuple):
    """What one event brings: the new state, why, what to do, and what it tells of runbooks; ``at_s`` is when it was decided."""

    at_s: float
    state: HostState
    reasons: tuple[Reason, ...]
    commands: tuple[Command, ...] = ()
    learnt: tuple[Learnt, ...] = ()


class Ahead(NamedTuple):
    """What is worked on next, and whether the gate lets it.

    ``faults`` are all that could be worked on, ``seen`` those of them in the watcher's sight (C52), ``fault`` the one that comes
    first; ``waits``: its time has not come yet, and that is what it waits for (R20).
    """

    fault: Fault
    faults: tuple[Fault, ...]
    seen: tuple[Fault, ...]
    verdict: gate.Verdict
    waits: bool


class Draft:
    """A decision while it is being made; local to one ``step``. ``cause`` is the id of the event that is decided."""

    def __init__(self, state: HostState, situation: Situation, now_s: float, cause: str = "") -> None:
        self.before = state
        self.host = state.host
        self.checks = state.checks
        self.open_incident = state.incident
        self.last = state.last
        self.last_closed_s = state.last_closed_s
        self.asked = state.asked
        self.cures = state.cures
        self.rescue = state.rescue if state.out is None or situation.of_run.rescue is None else situation.of_run.rescue
        self.worked_s = state.worked_s
        self.behind = state.behind
        self.power_counts = state.worked_s is not None or situation.of_run.power  # else nothing can be our own doing
        self.learnt: list[Learnt] = []
        self.trust = situation.trust
        self.situation = situation
        self.customer = situation.customer
        self.now_s = now_s
        self.cause = cause
        self.reasons: list[Reason] = []
        self.commands: list[Command] = []
        self.ahead: Ahead | None = None  # asked once by ``progress``, for what is promised and for what is done
        self._pauses: dict[str, tuple[str, float] | None] = {}

    def because(self, code: Code, **facts: Fact) -> None:
        self.reasons.append(Reason(code, facts))

    @property
    def incident(self) -> Incident:
        assert self.open_incident is not None, "asked for the incident of a host that has none"  # noqa: S101  # a programming error
        return self.open_incident

    @property
    def at_work(self) -> bool:
        """Is a run out that has switched the host's power, or may have?"""
        return self.situation.of_run.power and (
            self.asked is not None or (self.open_incident is not None and self.open_incident.run is not None)
        )

    @property
    def stranded(self) -> bool:
        """Is the host in its rescue system, and nobody at work there? What answers is not its own (R24)."""
        return self.rescue and self.asked is None and (self.open_incident is None or self.open_incident.run is None)

    @property
    def moved(self) -> bool:
        """Does the host of the open incident belong to another customer now?"""
        host, incident = self.situation.host, self.open_incident
        return host is not None and incident is not None and host.customer != incident.customer

    def pause_of(self, check: str) -> tuple[str, float] | None:
        """The pause in which this check is now, as ``(id, end)``; also where its host has left the inventory."""
        if not self.situation.pauses:
            return None
        if check not in self._pauses:
            host, incident = self.situation.host, self.open_incident
            customer = host.customer if host is not None else incident.customer if incident is not None else ""
            self._pauses[check] = paused_until(self.situation.pauses, customer, self.host, check, self.now_s)
        return self._pauses[check]

    def update(self, **changes: object) -> Incident:
        """Change the open incident."""
        self.open_incident = incident = changed(self.incident, **changes)  # type: ignore[arg-type]  # changed refuses what is no field
        return incident

    def lower(self, runbook: str) -> None:
        """From this very decision on the runbook does not act on its own for the host's customer."""
        self.trust = Trust(self.trust.approved, self.trust.lowered | {runbook})

    def remember(self, heard: CheckState) -> None:
        """What was heard of a check, instead of what was known of it."""
        others = [item for item in self.checks if item.check != heard.check]
        self.checks = tuple(sorted([*others, heard], key=_by_check)) if others else (heard,)

    def decision(self) -> Decision:
        state = changed(
            self.before,
            checks=self.checks,
            incident=self.open_incident,
            last=self.last,
            last_closed_s=self.last_closed_s,
            asked=self.asked,
            cures=self.cures,
            rescue=self.rescue,
            worked_s=self.worked_s,
            behind=self.behind,
        )
        return Decision(self.now_s, state, tuple(self.reasons), tuple(self.commands), tuple(self.learnt))
