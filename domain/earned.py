"""What runs teach about their runbooks, as the machine sees it: cures are remembered, and one that does not last lowers its
runbook for the customer at once (R26)."""

from domain import events as ev
from domain import own_work
from domain.messages import notice_operators
from domain.reasons import Code
from domain.state import Draft, RunRef
from domain.trust import Cure, End, Learnt, end_of


def learn(draft: Draft, run: RunRef, outcome: ev.RunOutcome, *, acted: bool) -> None:
    """A run for the open incident has ended. One that did nothing to the host says nothing about its runbook."""
    if not acted:
        return
    end, incident = end_of(outcome), draft.incident
    draft.learnt.append(
        Learnt(
            run=run.key,
            runbook=run.runbook,
            version=run.version,
            customer=incident.customer,
            host=draft.host,
            incident=incident.id,
            end=end,
            at_s=draft.now_s,
        )
    )
    if end is End.FIXED:
        cure = Cure(run.key, run.runbook, run.version, incident.customer, incident.id, run.checks, draft.now_s)
        draft.cures = (*_remembered(draft), cure)


def heed(draft: Draft, check: str) -> None:
    """This check fails in the open incident. Where a run had cured it, that cure did not last: its runbook acts on its own no more
    for this customer, and operators are told. A fault in a pause is somebody's work (R51), one of our own doing is ours, and one
    in a mass outage is its network's: neither it nor what comes after it says anything about a cure before."""
    incident, cool_down_s = draft.incident, draft.situation.policy.limits.cool_down_s
    back = [cure for cure in draft.cures if cure.refailed(check, incident.id, draft.now_s, cool_down_s)]
    draft.cures = tuple([cure for cure in draft.cures if cure not in back])
    fault = incident.fault(check)
    if draft.pause_of(check) is not None or draft.situation.outage_until_s is not None:
        return
    if fault is not None and own_work.ours(draft, fault):
        return
    for cure in back:
        if cure.customer != incident.customer:
            continue
        draft.learnt.append(
            Learnt(
                run=cure.run,
                runbook=cure.runbook,
                version=cure.version,
                customer=cure.customer,
                host=draft.host,
                incident=incident.id,
                end=End.REFAILED,
                at_s=draft.now_s,
                check=check,
            )
        )
        if cure.runbook not in draft.trust.lowered:
            draft.lower(cure.runbook)
            draft.because(Code.RUNBOOK_LOWERED, runbook=cure.runbook, customer=cure.customer, check=check, run=cure.run)
            notice_operators(draft, Code.RUNBOOK_LOWERED, runbook=cure.runbook, customer=cure.customer, check=check, run=cure.run)


def _remembered(draft: Draft) -> tuple[Cure, ...]:
    """Those that may still turn out not to last."""
    since_s = draft.now_s - draft.situation.policy.limits.cool_down_s
    return tuple([cure for cure in draft.cures if cure.cured_s > since_s or cure.incident == draft.incident.id])
