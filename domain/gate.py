"""May this act now? Asked twice: when the engine decides to run a procedure, and again, in one transaction with the
intent, when an action is about to be done (R26, R51)."""

from dataclasses import dataclass, field

from domain.commands import NO_FACTS, Facts
from domain.model import Mode, PowerLimit
from domain.reasons import Code
from domain.trust import Standing

HELD = frozenset({Code.GATE_STOP_FILE, Code.GATE_HOLD_ALL, Code.GATE_HOLD})
"""Refusals by a person's hand, which lasts until it is lifted."""
SHADOW = frozenset({Code.GATE_MODE_SHADOW, Code.GATE_RUNBOOK_UNAPPROVED, Code.GATE_RUNBOOK_LOWERED})
"""Refusals after which it is recorded what would have been done: the strictest of engine, customer, host and runbook counts."""
MASS_OUTAGE = frozenset({Code.GATE_MASS_OUTAGE, Code.GATE_MASS_OUTAGE_LONG})
PASSING = frozenset({Code.GATE_LIMIT, Code.GATE_WAIT, Code.GATE_POWER_AT_ONCE, Code.GATE_POWER_RATE})
"""Refusals at admission that time alone ends: they are waited for, and where that was in vain people take over."""
POWER_WINDOW_S = 600.0
"""Within which power actions are counted against ``PowerLimit.per_10min``."""


@dataclass(frozen=True, slots=True)
class PowerUse:
    """What counts against one limit of power actions: those ``running``, and those ``begun`` within ``POWER_WINDOW_S``.
    ``scope``: ``all_hosts``, ``customer`` or ``parent``."""

    scope: str
    running: int
    begun: int
    limit: PowerLimit


@dataclass(slots=True, kw_only=True)  # not frozen: made in every decision, and that costs five times as much
class Circumstances:
    """All that the gate looks at.

    ``requested``: an operator asked for it by name; then mode, approval, coverage and evidence are that person's judgement, while
    stop file, holds, pauses and limits count all the same. ``standing`` is the runbook's, for the host's customer. ``running``
    counts actions admitted and not yet ended, over all hosts, against ``limit``. ``pause`` is ``(id, end)``. ``moved``: the host
    is no longer the one that was decided for. ``outage_until_s``: its segment is in a mass outage, of which what is held back waits
    so long for the end; ``outage_long``: it has. ``parent``: of what it depends on, which is down or may not be seen through again
    yet. ``server_covered``, ``due_s``: of a power action, whether the contract
    covers the server too, and until when it waits. ``power``: what it counts with. ``power_done`` is how often the
    host's power was, or may have been, switched in this incident, ``power_max`` how often its procedure may at most (``None``:
    this step doesn't), ``power_needed`` how many of these must be left (``Step.power_needed``).
    ``no_time_back``: it would boot the rescue system, and the run might be given up for lost before it has come back from there.
    ``rescue``: this very run has put the host into its rescue system. What is seen there says nothing of the fault, and no limit
    keeps it there. ``back``: this step boots the disk; to leave the host in its rescue system would be worse than whatever makes
    work unwanted by now, so the way back from there is only refused by a person's hand, or because it would be done twice, by
    another or to another host. ``running``, ``limit``, ``claimed``, ``attempted``, ``moved``, ``rescue`` and power's are known at
    admission only.
    """

    mode: Mode
    stop_file: bool = False
    held_all: bool = False
    held: bool = False
    pause: tuple[str, float] | None = None
    requested: bool = False
    fault: bool = True
    evidence: bool = True
    flapping: bool = False
    covered: bool = True
    procedure: str | None = None
    standing: Standing = Standing.UNAPPROVED
    tried: bool = False
    busy: bool = False
    running: int = 0
    limit: int = 1
    claimed: bool = True
    attempted: bool = False
    moved: bool = False
    server_covered: bool = True
    due_s: float | None = None
    parent: str = ""
    outage_until_s: float | None = None
    outage_long: bool = False
    power: tuple[PowerUse, ...] = ()
    power_done: int = 0
    power_max: int | None = None
    power_needed: int = 1
    no_time_back: bool = False
    rescue: bool = False
    back: bool = False

    @property
    def homeward(self) -> bool:
        """Is it the way back from the rescue system?"""
        return self.rescue and self.back


@dataclass(frozen=True, slots=True)
class Verdict:
    code: Code
    facts: Facts = field(default_factory=lambda: NO_FACTS)

    @property
    def allowed(self) -> bool:
        return self.code is Code.ADMITTED


ADMITTED = Verdict(Code.ADMITTED)


def judge(seen: Circumstances) -> Verdict:
    """The first refusal that applies, most general first; else ``ADMITTED``."""
    if (refused := _judge_always(seen)) is not None:
        return refused
    if not seen.homeward and not seen.requested and (refused := _judge_unasked(seen)) is not None:
        return refused
    if not seen.rescue and not seen.requested and seen.due_s is not None:
        return Verdict(Code.GATE_WAIT, {"due_s": seen.due_s})
    if seen.busy:
        return Verdict(Code.GATE_BUSY)
    return ADMITTED if seen.rescue else _judge_limits(seen)


def _judge_always(seen: Circumstances) -> Verdict | None:
    """What counts whoever asked, and in the rescue system too; but no pause keeps a host there."""
    if seen.stop_file:
        return Verdict(Code.GATE_STOP_FILE)
    if seen.held_all:
        return Verdict(Code.GATE_HOLD_ALL)
    if seen.held:
        return Verdict(Code.GATE_HOLD)
    if seen.pause is not None and not seen.homeward:
        return Verdict(Code.GATE_PAUSE, {"pause": seen.pause[0], "until_s": seen.pause[1]})
    if not seen.claimed:
        return Verdict(Code.GATE_CLAIM_LOST)
    if seen.attempted:
        return Verdict(Code.GATE_ATTEMPTED)
    if seen.moved:
        return Verdict(Code.GATE_TARGET_CHANGED)
    if seen.power_max is not None and seen.power_done + seen.power_needed > seen.power_max:
        return Verdict(Code.GATE_POWER_SPENT, {"limit": seen.power_max})
    return Verdict(Code.GATE_NO_TIME_BACK) if seen.no_time_back else None


def _judge_limits(seen: Circumstances) -> Verdict:
    """What time alone changes."""
    if seen.running >= seen.limit:
        return Verdict(Code.GATE_LIMIT, {"running": seen.running, "limit": seen.limit})
    return next((refused for use in seen.power if (refused := _judge_power(use)) is not None), ADMITTED)


def _judge_power(use: PowerUse) -> Verdict | None:
    if use.running >= use.limit.at_once:
        return Verdict(Code.GATE_POWER_AT_ONCE, {"scope": use.scope, "running": use.running, "limit": use.limit.at_once})
    if use.begun >= use.limit.per_10min:
        facts: Facts = {"scope": use.scope, "running": use.begun, "limit": use.limit.per_10min, "window_s": POWER_WINDOW_S}
        return Verdict(Code.GATE_POWER_RATE, facts)
    return None


def _judge_unasked(seen: Circumstances) -> Verdict | None:
    """What only matters when the engine acts of its own accord. Mode and approval come last, so that a shadow run stands for
    an action that would really have been done."""
    if not seen.fault and not seen.rescue:
        return Verdict(Code.GATE_FAULT_GONE)
    if not seen.covered:
        return Verdict(Code.GATE_NOT_COVERED)
    if not seen.server_covered:
        return Verdict(Code.GATE_SERVER_NOT_COVERED)
    return _judge_surroundings(seen) or _judge_procedure(seen)


def _judge_surroundings(seen: Circumstances) -> Verdict | None:
    """Does the cause lie elsewhere? Asked before all that is handed to people one by one: they have been called for the whole."""
    if seen.parent:
        return Verdict(Code.GATE_PARENT_DOWN, {"parent": seen.parent})
    if seen.outage_until_s is None:
        return None
    return (
        Verdict(Code.GATE_MASS_OUTAGE_LONG)
        if seen.outage_long
        else Verdict(Code.GATE_MASS_OUTAGE, {"until_s": seen.outage_until_s})
    )


def _judge_procedure(seen: Circumstances) -> Verdict | None:
    if seen.procedure is None:
        return Verdict(Code.GATE_NO_PROCEDURE)
    if not seen.evidence and not seen.rescue:
        return Verdict(Code.GATE_UNKNOWN)
    if seen.flapping and not seen.rescue:
        return Verdict(Code.GATE_FLAPPING)
    if seen.tried:
        return Verdict(Code.GATE_TRIED)
    if seen.mode is Mode.OFF:
        return Verdict(Code.GATE_MODE_OFF)
    if seen.mode is Mode.SHADOW:
        return Verdict(Code.GATE_MODE_SHADOW, {"runbook": seen.procedure})
    if seen.standing is Standing.UNAPPROVED:
        return Verdict(Code.GATE_RUNBOOK_UNAPPROVED, {"runbook": seen.procedure})
    if seen.standing is Standing.LOWERED:
        return Verdict(Code.GATE_RUNBOOK_LOWERED, {"runbook": seen.procedure})
    return None
