"""A mass outage: so many hosts of a segment can't be reached that the cause lies in none of them (R26).

It is an incident of its own, of the segment: it stands under a name that no host can have, is handed to people as it opens, and
pages them as any incident does. As long as it is open, nobody's power is switched there without a person's request.
"""

from domain.changed import changed
from domain.escalation import Page
from domain.events import MassOutageBegan, MassOutageEnded
from domain.messages import notice_operators
from domain.model import FaultClass, Level, MassOutage
from domain.reasons import Code
from domain.state import Draft, Fault, HostState, Incident, Phase

SEGMENT = "segment:"


def of_segment(segment: str) -> str:
    """The name under which a segment's outage stands among the hosts."""
    return f"{SEGMENT}{segment}"


def is_segment(host: str) -> bool:
    return host.startswith(SEGMENT)


def segment_of(host: str) -> str:
    """The other way round."""
    return host.removeprefix(SEGMENT)


def unreachable(state: HostState) -> bool | None:
    """Can the host not be reached? ``None``: it could not, and is out of the watcher's sight by now, or up while we are at work on
    it, so it counts as before. What is in a pause is meant to be so, as is what we do ourselves, and does not count."""
    incident = state.incident
    faults = [fault for fault in incident.faults if fault.fault_class is FaultClass.SERVER] if incident is not None else []
    if any(fault.clock_from_s is not None and not fault.up for fault in faults):
        return True
    return None if any(fault.evidence_since_s is None or (fault.up and not fault.flapping) for fault in faults) else False


def threshold(rule: MassOutage, hosts: int) -> int:
    """How many of a segment's ``hosts`` have to be lost: more than the rule's share of them, and at least its number."""
    return max(rule.hosts, hosts * rule.share // 100 + 1)


def begins(rule: MassOutage, hosts: int, lost_of_late: int) -> bool:
    """``lost_of_late``: how many are lost now that were there ``rule.within_s`` ago."""
    return lost_of_late >= threshold(rule, hosts)


def ends(rule: MassOutage, hosts: int, lost: int) -> bool:
    """``lost``: how many can't be reached now, since whenever. Half of what makes an outage is none any more: so one that begins
    again has lost as many anew, and none comes and goes with a single host."""
    begins_at = threshold(rule, hosts)
    return lost <= min(begins_at // 2, begins_at - 2)  # of two, both have to be back


def until_s(outage: HostState, rule: MassOutage) -> float | None:
    """Until when what is held back waits for the end of this outage, before it is left to people; ``None``: there is none."""
    incident = outage.incident
    since_s = [fault.evidence_since_s for fault in incident.faults if fault.evidence_since_s is not None] if incident else []
    return min(since_s) + rule.patience_s if since_s else None


def on_began(draft: Draft, event: MassOutageBegan) -> None:
    """The segment's incident opens, and people have it: they are paged until one acknowledges."""
    draft.because(Code.MASS_OUTAGE, label=segment_of(event.host), detail=_of(event))
    if draft.open_incident is not None or not is_segment(draft.host):
        return
    fault = Fault(
        check=event.host,
        level=Level.UNREACHABLE,
        fault_class=FaultClass.SERVER,
        service=None,
        fault_at_s=event.at_s,
        confirmed_at_s=event.at_s,
        evidence_since_s=draft.now_s,
        detail=_of(event),
        told=True,
    )
    draft.open_incident = Incident(
        id=draft.situation.new_id,
        customer="",
        label=segment_of(event.host),
        fault_at_s=event.at_s,
        opened_at_s=draft.now_s,
        faults=(fault,),
        phase=Phase.HANDED,
        seen=(event.host,),
        worst=fault,
        page=Page(str(Code.MASS_OUTAGE), next_at_s=draft.now_s),
    )


def on_ended(draft: Draft, event: MassOutageEnded) -> None:
    """Everybody on call hears that the engine acts again."""
    label, detail = segment_of(event.host), _of(event)
    draft.because(Code.MASS_OUTAGE_OVER, label=label, detail=detail)
    if draft.open_incident is None or not is_segment(draft.host):
        return
    notice_operators(draft, Code.MASS_OUTAGE_OVER, label=label, detail=detail)
    draft.last = changed(draft.incident, phase=Phase.CLOSED, page=None, recovered_at_s=event.at_s)
    draft.last_closed_s = draft.now_s
    draft.open_incident = None


def _of(event: MassOutageBegan | MassOutageEnded) -> str:
    """So many of so many, without language."""
    return f"{event.unreachable}/{event.hosts}"
