"""Every order of events from a small alphabet, to a given depth: each state once, all invariants at every step.

Two places count as one when nothing that is decided later can tell them apart: times are taken relative to now, and what only
texts and keys speak of is left out (``essence``).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from sample_policy import HOST, HTTP

from domain import events as ev
from domain.behind import noticed_s
from domain.commands import Message
from domain.gate import MASS_OUTAGE, SHADOW
from domain.incident import step
from domain.model import Policy
from domain.observation import Limit, Verdict
from domain.pauses import Pause, active_until
from domain.reasons import Code
from domain.state import NOWHERE, Above, Fault, HostState, Incident, Phase, RunRef, Situation, Whereabouts
from simulation.invariants import Taken, hold_for_state, hold_for_step, run_timers

START_S = 1_772_413_200.0  # 2026-03-02 10:00 in Tokyo
PAUSE_S = 1800.0
OUTAGE_S = 3600.0
ABOVE = Above(confirm_s=180.0, again_s=90.0)
"""A switch that is watched like the host."""
LOOKED_AGAIN_S = 120.0
"""By then the watcher has looked again after a run, at whatever check."""


class Place(NamedTuple):
    """Where a walk stands: what is remembered, what holds (``policy`` counts the inventories), and when."""

    state: HostState
    situation: Situation
    policy: int
    now_s: float


Letter = Callable[[Place], "Place | tuple[ev.Event, Place]"]
"""What may happen: an event with what holds then, or time that passes."""


@dataclass(repr=False)
class Walk:
    """``go`` walks; the rest is what was found on the way."""

    alphabet: Mapping[str, Letter]
    depth: int
    visited: int = 0
    transitions: int = 0
    codes: Counter[Code] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: list[Place] = field(default_factory=list)
    """Those of the last depth."""

    def go(self, situation: Situation) -> None:
        start = Place(HostState(HOST), situation, 0, START_S)
        seen, level = {essence(start)}, [(start, "")]
        for _ in range(self.depth):
            following = []
            for place, way in level:
                for name, letter in self.alphabet.items():
                    found = self._go_one(letter, place, seen, f"{way} {name}")
                    self.transitions += 1
                    if found is not None:
                        following.append((found, f"{way} {name}"))
            level = following
        self.visited, self.places = len(seen), [place for place, _ in level]

    def _go_one(self, letter: Letter, place: Place, seen: set[object], way: str) -> Place | None:
        """Where it leads, if nothing led there before."""
        happens = letter(place)
        try:
            if isinstance(happens, Place):
                for taken in run_timers(place.state, place.situation, place.now_s, happens.now_s):
                    self._look_at(taken)
                    hold_for_state(taken)
                    happens = happens._replace(state=taken.after)
                return _if_new(_with_new_id(happens), seen)
            event, after = happens
            taken = Taken(place.state, event, after.situation, after.now_s, step(place.state, event, after.situation, after.now_s))
            self._look_at(taken)
            found = _if_new(_with_new_id(after._replace(state=taken.after)), seen)
            if found is not None:
                hold_for_state(taken)
            return found
        except AssertionError as error:
            error.add_note(f"after{way}")
            raise

    def _look_at(self, taken: Taken) -> None:
        phase = str(taken.before.incident.phase) if taken.before.incident is not None else "none"
        self.pairs[phase, type(taken.event).__name__] += 1
        self.codes.update(reason.code for reason in taken.decision.reasons)
        hold_for_step(taken)


def _if_new(place: Place, seen: set[object]) -> Place | None:
    key = essence(place)
    if key in seen:
        return None
    seen.add(key)
    return place


def _with_new_id(place: Place) -> Place:
    """An incident that was opened has taken the number; of a run that is over, its attempts are asked no more."""
    incident = place.state.incident
    if place.state.out is None and place.situation.of_run != NOWHERE:
        place = place._replace(situation=replace(place.situation, of_run=NOWHERE))
    if incident is None or incident.id != place.situation.new_id:
        return place
    return place._replace(situation=replace(place.situation, new_id=f"INC-{int(incident.id[4:]) + 1:06d}"))


# the alphabet


def verdict(check: str, seen: Verdict, limit: Limit | None = None) -> Letter:
    def happen(place: Place) -> tuple[ev.Event, Place]:
        now_s = place.now_s
        since_s = now_s if seen is Verdict.DOWN else None
        event = ev.VerdictChanged(
            id="v",
            at_s=now_s,
            host=HOST,
            check=check,
            verdict=seen,
            fault_at_s=since_s,
            evidence_since_s=since_s,
            detail=str(seen),
            limit=limit,
        )
        return event, place

    return happen


def passes(minutes: float) -> Letter:
    return lambda place: place._replace(now_s=place.now_s + minutes * 60)


def pause_begins_or_ends(place: Place) -> tuple[ev.Event, Place]:
    now_s, situation = place.now_s, place.situation
    if any(active_until(pause, now_s) is not None for pause in situation.pauses):
        return ev.PauseCancelled(id="p", at_s=now_s, pause="p", by="first"), place._replace(situation=replace(situation, pauses=()))
    start = f"{_utc(now_s)}"
    pause = Pause("p", start, PAUSE_S, "UTC", host=HOST)
    return ev.PauseSet(id="p", at_s=now_s, pause=pause, by="first"), place._replace(situation=replace(situation, pauses=(pause,)))


def hold_or_release(place: Place) -> tuple[ev.Event, Place]:
    situation = replace(place.situation, held=not place.situation.held)
    kind = ev.HoldSet if situation.held else ev.HoldReleased
    return kind(id="h", at_s=place.now_s, host=HOST, by="first"), place._replace(situation=situation)


def outage_begins_or_ends(place: Place) -> tuple[ev.Event, Place]:
    """Of the host's segment, which many other hosts are in."""
    now_s, on = place.now_s, place.situation.outage_until_s is not None
    kind = ev.MassOutageEnded if on else ev.MassOutageBegan
    event = kind(id=f"o{now_s}", at_s=now_s, host=HOST, unreachable=9, hosts=40)
    return event, place._replace(situation=replace(place.situation, outage_until_s=None if on else now_s + OUTAGE_S))


def parent_falls_or_returns(place: Place) -> tuple[ev.Event, Place]:
    """What the host depends on; the engine asks the host again."""
    now_s, over = place.now_s, place.situation.above or ABOVE
    if over.down:
        after = over._replace(down="", back="switch", back_s=now_s)
    else:
        after = over._replace(down="switch", since_s=now_s, fell_at_s=now_s)
    return ev.TimerFired(id=f"t{now_s}", at_s=now_s, host=HOST), place._replace(situation=replace(place.situation, above=after))


def work_is_announced(place: Place) -> tuple[ev.Event, Place]:
    return ev.WorkAnnounced(id="w", at_s=place.now_s, host=HOST, run=_run(place), by="flow:1"), place


def run_ends(outcome: ev.RunOutcome, *, acted: bool, code: Code | None = None) -> Letter:
    return lambda place: (
        ev.RunEnded(id="r", at_s=place.now_s, host=HOST, run=_run(place), outcome=outcome, acted=acted, by="hands:1", code=code),
        place,
    )


def run_ends_after_a_boot(outcome: ev.RunOutcome, *, rescue: bool) -> Letter:
    """Its attempts say that it has booted the rescue system, or the disk again."""

    def happen(place: Place) -> tuple[ev.Event, Place]:
        event = ev.RunEnded(id="r", at_s=place.now_s, host=HOST, run=_run(place), outcome=outcome, acted=True, by="hands:1")
        booted = Whereabouts(power=True, rescue=rescue, acted=True) if place.state.out is not None else NOWHERE
        return event, place._replace(situation=replace(place.situation, of_run=booted))

    return happen


def power_is_switched(place: Place) -> tuple[ev.Event, Place]:
    """By the run that is out; its record of that arrives."""
    event = ev.ActionRecorded(id="b", at_s=place.now_s, host=HOST, run=_run(place), step="reboot", action="reboot", outcome="done")
    switched = Whereabouts(power=True, acted=True) if place.state.out is not None else NOWHERE
    return event, place._replace(situation=replace(place.situation, of_run=switched))


def own_system_runs(place: Place) -> tuple[ev.Event, Place]:
    return ev.OwnSystemRuns(id="o", at_s=place.now_s, host=HOST, by="first", reason="seen"), place


def run_is_requested(runbook: str, ago_s: float = 0.0) -> Letter:
    """Each request has an id of its own, as its key is made of it."""
    return lambda place: (
        ev.RunRequested(
            id=f"q{place.now_s}/{place.situation.new_id}", at_s=place.now_s - ago_s, host=HOST, runbook=runbook, by="first"
        ),
        place,
    )


def acknowledged(place: Place) -> tuple[ev.Event, Place]:
    incident = place.state.incident
    return ev.Acknowledged(
        id="a", at_s=place.now_s, incident=incident.id if incident is not None else "INC-000000", host=HOST, by="first"
    ), place


def evidence_is_lost(place: Place) -> tuple[ev.Event, Place]:
    return ev.EvidenceLost(id="l", at_s=place.now_s, host=HOST), place


def something_happens(place: Place) -> tuple[ev.Event, Place]:
    return ev.Occurred(id=f"o/{place.now_s}", at_s=place.now_s, host=HOST, check=HTTP.id, what="coldStart"), place


def inventory_changes(inventories: tuple[Policy, ...]) -> Letter:
    """The next inventory of a ring."""

    def happen(place: Place) -> tuple[ev.Event, Place]:
        number = (place.policy + 1) % len(inventories)
        accepted = inventories[number]
        situation = replace(place.situation, policy=accepted, host=accepted.hosts.get(HOST))
        event = ev.PolicyChanged(id="i", at_s=place.now_s, host=HOST, version=accepted.version)
        return event, place._replace(situation=situation, policy=number)

    return happen


def sight(at_s: float, *, cut_off: bool) -> ev.WatcherCutOff:
    silent = 2 if cut_off else 0
    return ev.WatcherCutOff(id="c", at_s=at_s, watcher="here", segment="main", cut_off=cut_off, silent=silent, anchors=3, host=HOST)


def recorded() -> dict[str, Letter]:
    """Events that are recorded and change nothing but keys."""

    def letter(make: Callable[[float], ev.Event]) -> Letter:
        return lambda place: (make(place.now_s), place)

    def lost(at_s: float) -> ev.Event:
        return ev.DeliveryFailed(id="d", at_s=at_s, host=HOST, command="k", message=Message.FAULT, recipient="desk", error="550")

    def done(at_s: float) -> ev.Event:
        return ev.ActionRecorded(id="s", at_s=at_s, host=HOST, run="r", step="restart", action="service", outcome="done")

    return {
        "a-note": letter(lambda at_s: ev.NoteAdded(id="n", at_s=at_s, incident="INC-000001", host=HOST, by="first", text="seen")),
        "a-message-is-lost": letter(lost),
        "a-step-is-done": letter(done),
        "a-report-is-written": letter(
            lambda at_s: ev.ReportWritten(id="w", at_s=at_s, host=HOST, incident="INC-000001", path="INC-000001.pdf")
        ),
        "a-report-fails": letter(
            lambda at_s: ev.ReportFailed(id="f", at_s=at_s, host=HOST, incident="INC-000001", error="no space left")
        ),
        "an-inventory-is-refused": letter(lambda at_s: ev.InventoryRefused(id="i", at_s=at_s, error="web.yaml:3", host=HOST)),
        "a-clock-is-set": letter(lambda at_s: ev.ClockStepped(id="c", at_s=at_s, from_at_s=at_s - 9.0, to_at_s=at_s, host=HOST)),
        "a-runbook-is-approved": letter(
            lambda at_s: ev.RunbookApproved(id="a", at_s=at_s, host=HOST, runbook="r", version="v", by="first", reason="seen")
        ),
        "a-runbook-is-revoked": letter(
            lambda at_s: ev.RunbookRevoked(id="a", at_s=at_s, host=HOST, runbook="r", version="v", by="first", reason="late")
        ),
        "a-runbook-is-raised": letter(
            lambda at_s: ev.RunbookRaised(id="a", at_s=at_s, host=HOST, runbook="r", customer="aozora", by="first", reason="seen")
        ),
        "a-runbook-passes": letter(
            lambda at_s: ev.RunbookRehearsed(id="a", at_s=at_s, host=HOST, runbook="r", version="v", fault="f", passed=True)
        ),
        "a-runbook-does-not-pass": letter(
            lambda at_s: ev.RunbookRehearsed(id="a", at_s=at_s, host=HOST, runbook="r", version="v", fault="f", passed=False)
        ),
        "a-watcher-is-silent": letter(lambda at_s: ev.WatcherSilent(id="s", at_s=at_s, watcher="here", host=HOST)),
        "a-watcher-is-cut-off": letter(lambda at_s: sight(at_s, cut_off=True)),
        "traps-are-refused": letter(
            lambda at_s: ev.TrapsRefused(id="t", at_s=at_s, watcher="here", detail="1 from 192.0.2.9", host=HOST)
        ),
        "logs-are-refused": letter(
            lambda at_s: ev.SyslogRefused(id="y", at_s=at_s, watcher="here", detail="1 from 192.0.2.9", host=HOST)
        ),
        "logs-are-unheard": letter(
            lambda at_s: ev.SyslogUnheard(id="y", at_s=at_s, watcher="here", detail="Permission denied", host=HOST)
        ),
        "traps-are-unheard": letter(
            lambda at_s: ev.TrapsUnheard(id="t", at_s=at_s, watcher="here", detail="Permission denied", host=HOST)
        ),
        "a-watcher-sees-again": letter(lambda at_s: sight(at_s, cut_off=False)),
    }


def _run(place: Place) -> str:
    incident = place.state.incident
    out = place.state.asked or (incident.run if incident is not None else None)
    return out.key if out is not None else "a run of long ago"


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat()


# what makes a place


def essence(place: Place) -> object:
    """All of a place that later decisions depend on."""
    state, situation, now_s = place.state, place.situation, place.now_s
    ends_s = [end for pause in situation.pauses if (end := active_until(pause, now_s)) is not None]
    return (
        place.policy,
        situation.held,
        max(0.0, situation.outage_until_s - now_s) if situation.outage_until_s is not None else None,
        tuple(end - now_s for end in ends_s),
        tuple(
            (item.check, item.verdict, item.flapping, _ago(item.changes, now_s), _ago(item.occurred, now_s))
            for item in state.checks
        ),
        _essence_of_incident(state.incident, state.worked_s, now_s) if state.incident is not None else None,
        _essence_of_last(place),
        _essence_of_run(state.asked, now_s),
        (state.rescue, situation.of_run),
        min(LOOKED_AGAIN_S, now_s - state.worked_s) if state.worked_s is not None else None,
        frozenset((cure.runbook, cure.checks) for cure in state.cures),
        _essence_of_parents(state, situation, now_s) if situation.above is not None else None,
    )


def _ago(times: tuple[float, ...], now_s: float) -> tuple[float, ...]:
    return tuple(now_s - at_s for at_s in times)


def _essence_of_parents(state: HostState, situation: Situation, now_s: float) -> object:
    over, long_s = situation.above, 600.0  # by then nothing is waited for any more
    if over is None:
        return None
    aside = state.behind.faults if state.behind is not None else ()
    faults = (*aside, *(state.incident.faults if state.incident is not None else ()))
    since = [(fault.check, fault.evidence_since_s or fault.confirmed_at_s) for fault in faults]
    later_s = over.fell_at_s + noticed_s(situation.host) if situation.host is not None else 0.0
    return (
        over.down,
        min(long_s, now_s - over.since_s),
        min(long_s, now_s - over.back_s) if over.back_s is not None else None,
        tuple((f.check, f.level, f.evidence_since_s is None, f.flapping) for f in aside),
        tuple((check, at_s < (over.back_s or 0.0), min(long_s, now_s - at_s)) for check, at_s in since),
        tuple(fault.fault_at_s > later_s for fault in faults),
        state.behind.customer if state.behind is not None else None,
    )


def _essence_of_incident(incident: Incident, worked_s: float | None, now_s: float) -> object:
    page, until_s = incident.page, incident.verify_until_s
    return (
        incident.phase,
        tuple(_essence_of_fault(fault, worked_s, now_s) for fault in incident.faults),
        incident.seen,
        (incident.told_level, incident.failed is not None, incident.outcome is not None),
        (incident.refused, incident.held_level) if incident.phase is not Phase.HANDED else None,
        page is not None and page.code in MASS_OUTAGE,
        incident.refused in SHADOW and not incident.rehearsed,
        incident.customer,
        max(0.0, incident.unseen_notice_s - now_s) if incident.unseen_notice_s is not None else None,
        _essence_of_run(incident.run, now_s),
        incident.runs,
        frozenset(incident.tried),
        max(0.0, until_s - now_s) if until_s is not None else 0.0,
        (page is not None, incident.acknowledged_by),
        (page.told, max(0.0, page.next_at_s - now_s)) if page is not None and incident.acknowledged_by is None else None,
        (incident.held_back, incident.settled),
    )


def _essence_of_fault(fault: Fault, worked_s: float | None, now_s: float) -> object:
    wait_s = 900.0
    return (
        fault.check,
        fault.level,
        fault.evidence_since_s is None,
        worked_s is not None and fault.evidence_since_s is not None and fault.evidence_since_s <= worked_s,
        min(wait_s, now_s - fault.clock_from_s) if fault.clock_from_s is not None else None,
        min(wait_s, now_s - fault.confirmed_at_s),
        (fault.told, fault.flapping, fault.flapping_told, fault.up),
    )


def _essence_of_last(place: Place) -> object:
    """The last incident counts only while what returns reopens it (R26)."""
    state = place.state
    left_s = state.last_closed_s + place.situation.policy.limits.cool_down_s - place.now_s
    if state.last is None or not state.last.ever_told or left_s <= 0:
        return None
    return frozenset(state.last.tried), state.last.runs, state.last.customer, left_s


def _essence_of_run(run: RunRef | None, now_s: float) -> object:
    return (run.target, run.announced, run.deadline_s - now_s) if run is not None else None
