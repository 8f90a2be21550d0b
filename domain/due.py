"""When a host's state wants to be looked at again, if nothing happens before."""

from domain import behind, flapping, own_work
from domain.gate import SHADOW
from domain.pauses import boundary_s, covers
from domain.reasons import Code
from domain.state import Draft, HostState, Incident, Phase, Situation
from domain.work import due_s, in_sight, live_faults, worked_on

STOP_FILE_EVERY_S = 60.0
"""No event tells that the stop file is gone, as it works without any part of the engine: it is looked for again."""


def next_due_s(state: HostState, situation: Situation, now_s: float) -> float | None:
    """The earliest time later than ``now_s`` at which time alone changes something; ``None`` while nothing can.

    Only a host with an open incident, with faults that are kept aside, or with a run that an operator asked for, has such a time.
    """
    found = [state.asked.deadline_s] if state.asked is not None else []
    found += behind.dues_s(state, situation)
    if state.incident is not None:
        found += _of_incident(state, state.incident, situation, now_s)
    return min((at_s for at_s in found if at_s > now_s), default=None)


def _of_incident(state: HostState, incident: Incident, situation: Situation, now_s: float) -> list[float]:
    found = _pause_boundaries(incident, state.host, situation, now_s)
    if incident.run is not None:
        found.append(incident.run.deadline_s)
    if incident.verify_until_s is not None:
        found.append(incident.verify_until_s)
    if incident.page is not None and incident.acknowledged_by is None:
        found.append(incident.page.next_at_s)
    if incident.unseen_notice_s is not None:
        found.append(incident.unseen_notice_s)
    found += own_work.dues_s(state, situation)
    if incident.refused is Code.GATE_STOP_FILE and incident.phase is Phase.OPEN:
        found.append(now_s + STOP_FILE_EVERY_S)
    if incident.refused is Code.GATE_MASS_OUTAGE and situation.outage_until_s is not None:
        found.append(situation.outage_until_s)
    rule = situation.policy.limits.flapping
    found += [flapping.settles_at_s(rule, check.changes) for check in state.checks if check.flapping]
    rehearses = incident.refused in SHADOW and not incident.rehearsed
    if incident.run is None and (incident.phase is Phase.OPEN or rehearses) and worked_on(incident.faults):
        draft = Draft(state, situation, now_s)
        seen = tuple([fault for fault in in_sight(worked_on(live_faults(draft))) if not behind.blocks(draft, fault)])
        if seen:
            found.append(due_s(draft, seen))
    return found


def _pause_boundaries(incident: Incident, host: str, situation: Situation, now_s: float) -> list[float]:
    applying = [
        pause for pause in situation.pauses if any(covers(pause, incident.customer, host, check) for check in incident.seen)
    ]
    return [at_s for pause in applying if (at_s := boundary_s(pause, now_s)) is not None]
