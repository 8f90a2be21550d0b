"""What would be worked on, when, and whether the gate lets it: asked before acting, and before anything is promised."""

from domain import gate
from domain.behind import blocks, not_behind
from domain.gate import HELD, SHADOW, Circumstances
from domain.model import FaultClass, effective_mode
from domain.observation import Verdict
from domain.own_work import not_ours, ours
from domain.reasons import Code
from domain.state import Ahead, Draft, Fault, Incident, Phase
from domain.trust import standing_of

MAX_RUNS = 5
"""Runs of one incident, counting those that ended before they acted; then people."""
VERIFY_GRACE_S = 60.0
"""How long after a run's end the watcher's own verdict may take, or a passing refusal may last, before going on."""
UNSEEN_NOTICE_S = 600.0
"""How long what was announced may be out of the watcher's sight, and so be left alone, before operators are told (C52)."""
KNOWN_AT_ONCE = HELD | SHADOW | {Code.GATE_NOT_COVERED, Code.GATE_NO_PROCEDURE, Code.GATE_UNKNOWN, Code.GATE_MODE_OFF}
"""Refusals that no waiting changes: people get to know of them at once, not only when the contract's wait is over."""


def live_faults(draft: Draft) -> tuple[Fault, ...]:
    """The faults that may be spoken of and acted on: those neither in a pause, nor of our own doing, nor of a parent's while nobody
    knows of them (R51, R24, C53)."""
    faults = not_behind(draft, not_ours(draft, draft.incident.faults))
    if not draft.situation.pauses:
        return faults
    return tuple([fault for fault in faults if draft.pause_of(fault.check) is None])


def worked_on(live: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Of these, what recovery is for: a resource fault is told and never recovered (R4)."""
    return tuple([fault for fault in live if fault.fault_class is not FaultClass.RESOURCE])


def in_sight(worked: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Of these, what may be acted on: what the watcher cannot judge is left out, and keeps nobody from the others (C52)."""
    return tuple([fault for fault in worked if fault.evidence_since_s is not None])


def covered(draft: Draft, fault: Fault) -> bool:
    """Does the contract cover the recovery of this fault (R20)?"""
    customer = draft.customer
    return customer is not None and fault.fault_class in customer.contract.recovers


def choose(incident: Incident, worked: tuple[Fault, ...]) -> Fault:
    """The server before its services (R22: without a login no service can be restarted); what can be acted on before what
    flaps or was tried."""
    if len(worked) == 1:
        return worked[0]
    return min(worked, key=lambda f: (f.fault_class is not FaultClass.SERVER, f.flapping, f.target in incident.tried, f.check))


def cured_with(draft: Draft, fault: Fault, worked: tuple[Fault, ...]) -> tuple[str, ...]:
    """The checks that say whether the procedure for this fault has helped: those that it may cure, this one's with it; what flaps
    proves nothing about it (C54). Of a server all that can be judged: it is back when the network reaches it *and* a login works
    (R24), whichever of them was seen to fail first."""
    target = fault.target
    cured = [item.check for item in worked if item.target == target and item.known]
    if fault.fault_class is not FaultClass.SERVER or draft.situation.host is None:
        return tuple(cured)
    others = [check.id for check in draft.situation.host.checks if check.fault_class is FaultClass.SERVER and check.id not in cured]
    return tuple(sorted([*cured, *(check for check in others if _can_be_judged(draft, check))]))


def _can_be_judged(draft: Draft, check: str) -> bool:
    """Is the watcher able to say of it, in no pause, and steadily, whether it is up?"""
    heard = next((item for item in draft.checks if item.check == check), None)
    unsteady = heard is not None and (heard.verdict is Verdict.UNKNOWN or heard.flapping)
    fault = draft.incident.fault(check)  # of which the watcher may have fallen silent since it was heard
    judged = fault is None or (fault.known and not fault.told_only)
    return not unsteady and judged and draft.pause_of(check) is None


def wait_s(draft: Draft) -> float:
    """The contract's wait before a server is recovered (R20)."""
    customer = draft.customer
    return customer.contract.wait_s if customer is not None else 0.0


def due_s(draft: Draft, worked: tuple[Fault, ...]) -> float:
    """When the procedure may start: a server when one of its faults has lasted the contract's wait, one that does not flap
    where there is one; a service at once, but not before the server that it runs on (R20, R22)."""
    servers = [fault for fault in worked if fault.fault_class is FaultClass.SERVER]
    if not servers:
        return draft.now_s
    steady = [fault for fault in servers if not fault.flapping] or servers
    return min(_counts_from_s(fault, draft.now_s) for fault in steady) + wait_s(draft)


def _counts_from_s(fault: Fault, now_s: float) -> float:
    """From when its clock began: a gap in the evidence and a pause restart it (R20, R51)."""
    return fault.clock_from_s if fault.clock_from_s is not None else now_s


def verifying(incident: Incident, now_s: float) -> bool:
    """Is the watcher's own verdict still waited for after a run?"""
    until_s = incident.verify_until_s
    return until_s is not None and now_s < until_s


def confirmed_s(draft: Draft) -> float:
    """How long the watcher may take until it has confirmed that any of the host's checks fails."""
    checks = draft.situation.host.checks if draft.situation.host is not None else ()
    return max((check.confirmation.failures * check.interval_s + check.timeout_s for check in checks), default=VERIFY_GRACE_S)


def look_ahead(draft: Draft, live: tuple[Fault, ...]) -> Ahead | None:
    """What would be worked on next of these faults; ``None`` where recovery is for none of them."""
    worked = worked_on(live)
    if not worked:
        return None
    seen = in_sight(worked)
    faults = seen or worked
    fault = choose(draft.incident, faults)
    verdict = judge(draft, fault)
    waits = verdict.code not in KNOWN_AT_ONCE and (draft.now_s < due_s(draft, seen) or _server_is_coming_back(draft))
    return Ahead(fault, faults, seen, verdict, waits)


def _server_is_coming_back(draft: Draft) -> bool:
    """From our own work: no service is worked on before the server that it runs on (R22)."""
    if not draft.power_counts:
        return False
    servers = [fault for fault in draft.incident.faults if fault.fault_class is FaultClass.SERVER and ours(draft, fault)]
    return any(draft.pause_of(fault.check) is None for fault in servers)


def judge(draft: Draft, fault: Fault) -> gate.Verdict:
    """Would the gate let the procedure for this fault start now?"""
    return gate.judge(_circumstances(draft, fault))


def _circumstances(draft: Draft, fault: Fault) -> Circumstances:
    situation, incident = draft.situation, draft.incident
    host, outage_until_s = situation.host, situation.outage_until_s
    if fault.fault_class is not FaultClass.SERVER:
        outage_until_s = None
    if host is None or draft.customer is None:
        return Circumstances(mode=situation.policy.mode, fault=False)
    runbook = host.procedures.get(fault.fault_class)
    return Circumstances(
        mode=effective_mode(situation.policy, host),
        stop_file=situation.stop_file,
        held_all=situation.held_all,
        held=situation.held,
        pause=draft.pause_of(fault.check),
        evidence=fault.evidence_since_s is not None,
        flapping=fault.flapping,
        covered=covered(draft, fault),
        procedure=runbook,
        standing=standing_of(draft.trust, situation.policy.procedures, runbook),
        tried=fault.target in incident.tried or incident.runs >= MAX_RUNS,
        busy=draft.asked is not None,
        parent=_parent(draft, fault),
        outage_until_s=outage_until_s,
        outage_long=outage_until_s is not None and draft.now_s >= outage_until_s,
    )


def _parent(draft: Draft, fault: Fault) -> str:
    """What keeps the host from being reached, if something else does (C53)."""
    over = draft.situation.above
    return over.named if over is not None and blocks(draft, fault) else ""


def after_run(incident: Incident) -> Phase:
    """Where an incident stands once its run is over: what people have stays theirs."""
    return Phase.HANDED if incident.page is not None else Phase.OPEN
