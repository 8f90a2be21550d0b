"""What fails because we are at work: a run that switches a host's power takes down all that runs there, and brings it back.

A fault that begins while such a run is out is put down to it: nobody is told, it starts no clock, and it is no relapse, no flapping
and no lost host. When the run is over the watcher gets the time for one more look; what lasts longer is told as any other fault. A
fault that was told before may come and go meanwhile, and stays the same one until the run is over (R24).
"""

from domain import events as ev
from domain.observation import Verdict
from domain.state import Draft, Fault, HostState, Situation


def ours(draft: Draft, fault: Fault) -> bool:
    """Is this fault put down to our own work, as far as can be known by now?"""
    return draft.power_counts and not fault.told and _in_our_work(draft, fault.check, fault.evidence_since_s)


def not_ours(draft: Draft, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Those that somebody may be told of."""
    return tuple([fault for fault in faults if not ours(draft, fault)]) if draft.power_counts else faults


def turned_by_us(draft: Draft, event: ev.VerdictChanged) -> bool:
    """Is this change of a check's verdict our own doing?"""
    if not draft.power_counts:
        return False
    if event.verdict is Verdict.DOWN:
        return _in_our_work(draft, event.check, event.evidence_since_s if event.evidence_since_s is not None else event.at_s)
    fault = draft.open_incident.fault(event.check) if draft.open_incident is not None else None
    return draft.at_work or (fault is not None and ours(draft, fault))


def occurred_by_us(draft: Draft, check: str) -> bool:
    """May what a host says of itself now, such as that it has started, come of our work?"""
    worked_s = draft.worked_s
    return draft.at_work or (worked_s is not None and draft.now_s < _looked_again_s(draft.situation, check, worked_s))


def end(draft: Draft) -> None:
    """The run that is out is over: what is up by now has recovered."""
    if draft.at_work:
        draft.worked_s = draft.now_s
    incident = draft.open_incident
    if incident is not None and any(_came_up(fault) for fault in incident.faults):
        draft.update(faults=tuple([fault for fault in incident.faults if not _came_up(fault)]))


def dues_s(state: HostState, situation: Situation) -> list[float]:
    """When faults are no longer put down to our work."""
    worked_s, incident = state.worked_s, state.incident
    if worked_s is None or incident is None:
        return []
    return [_looked_again_s(situation, fault.check, worked_s) for fault in incident.faults if not fault.told]


def _came_up(fault: Fault) -> bool:
    return fault.up and not fault.flapping


def _in_our_work(draft: Draft, check: str, since_s: float | None) -> bool:
    if draft.at_work:
        return True
    worked_s = draft.worked_s
    if worked_s is None or since_s is None or since_s >= worked_s:
        return False
    return draft.now_s < _looked_again_s(draft.situation, check, worked_s)


def _looked_again_s(situation: Situation, check: str, worked_s: float) -> float:
    """When the watcher must have seen a check that is up again after the work."""
    watched = situation.check(check)
    return worked_s + watched.interval_s + watched.timeout_s if watched is not None else worked_s
