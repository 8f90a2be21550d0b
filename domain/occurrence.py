"""What happens and is over when it is told, such as the restart of a device (C15): told once, and nothing follows from it."""

from domain import events as ev
from domain import flapping, own_work
from domain.changed import changed
from domain.messages import notice_operators, tell_occurrence
from domain.observation import Verdict
from domain.reasons import Code
from domain.state import CheckState, Draft

_UNHEARD = CheckState("", Verdict.UP)


def on_occurred(draft: Draft, event: ev.Occurred) -> None:
    """Told at once, unless in a pause (R51), where it comes of our own work (R24), or where its check has had too much to say of
    late (C54)."""
    check = draft.situation.check(event.check)
    if check is None:
        draft.because(Code.NOT_WATCHED, check=event.check)
        return
    pause = draft.pause_of(check.id)
    if pause is not None:
        draft.because(Code.OCCURRED_IN_PAUSE, check=check.id, detail=event.what, pause=pause[0], until_s=pause[1])
    elif own_work.occurred_by_us(draft, check.id):
        draft.because(Code.OCCURRED_IN_WORK, check=check.id, detail=event.what)
    elif _too_often(draft, check.id):
        draft.because(Code.OCCURRED_TOO_OFTEN, check=check.id, detail=event.what)
    else:
        tell_occurrence(draft, check, event)
        draft.because(Code.OCCURRED, check=check.id, level=int(check.level), detail=event.what)


def _too_often(draft: Draft, check: str) -> bool:
    """As many as a check may change, within as long; the operators hear when it begins to be too much."""
    rule, known = draft.situation.policy.limits.flapping, draft.before.check(check) or _UNHEARD
    before = flapping.remembered(rule, known.occurred, draft.now_s)
    draft.remember(changed(known, check=check, occurred=flapping.remembered(rule, (*before, draft.now_s), draft.now_s)))
    flaps = len(before) >= rule.changes
    if flaps and not flapping.flaps(rule, before):
        notice_operators(draft, Code.OCCURRED_TOO_OFTEN, check=check)
    return flaps
