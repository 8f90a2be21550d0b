"""What fails because something that it depends on does (C53): a host names its parent (a switch, a hypervisor), and while that
can't be reached, nobody is told of the host's own faults, and nothing is done about them one by one.

A new fault of such a host is kept aside until the watcher would have confirmed that a parent fails, which it looks at as soon as
the host does. It stays aside while one is down, and afterwards for as long as the watcher needs to see the host up again; what
still fails then is a fault as any other. A value that passes a threshold was answered by the host itself, so it is told at once;
and a host that answers all the while, as it is reached some other way, is not behind anything.
"""

from collections.abc import Callable, Iterable

from domain.changed import changed
from domain.model import Check, FaultClass, Host, Policy
from domain.observation import Verdict
from domain.reasons import Code
from domain.state import Above, Behind, CheckState, Draft, Fault, HostState, Situation

SLACK_S = 5.0
"""What an observation may take until it is decided about."""
MOST_PARENTS = 10
"""A chain of parents is followed no further."""


def parents_of(policy: Policy, host: Host) -> tuple[Host, ...]:
    """What it hangs on, the nearest first, as far as that is watched for whether it can be reached."""
    found: list[Host] = []
    parent = policy.hosts.get(host.parent or "")
    while parent is not None and parent.id != host.id and parent not in found and len(found) < MOST_PARENTS:
        found.append(parent)
        parent = policy.hosts.get(parent.parent or "")
    return tuple([parent for parent in found if servers(parent)])


def servers(host: Host) -> list[Check]:
    """The checks that tell whether a host can be reached."""
    return [check for check in host.checks if check.fault_class is FaultClass.SERVER]


def lost_since_s(host: Host, state: HostState) -> float | None:
    """Since when the host can't be reached, for whatever reason, told or not; ``None``: it can. One of which anything
    that tells so is up, be it ping or a login, can be."""
    faults = state.incident.faults if state.incident is not None else ()
    lost = [fault for fault in faults if _tells(fault)]
    return max(map(_since_s, lost)) if lost and not answers(host, state.checks) else None


def _tells(fault: Fault) -> bool:
    """Does it say that the host can't be reached?"""
    return fault.fault_class is FaultClass.SERVER and not fault.up


def _fell_at_s(faults: Iterable[Fault]) -> float | None:
    return min((fault.fault_at_s for fault in faults if _tells(fault)), default=None)


def is_back(host: Host, before: HostState, after: HostState) -> bool:
    """Could it not be reached, and can be now?"""
    return lost_since_s(host, before) is not None and lost_since_s(host, after) is None


def answers(host: Host, checks: Iterable[CheckState]) -> bool:
    """Was any of what tells whether the host can be reached last heard to be up?"""
    known = {item.check: item.verdict for item in checks}
    return any(known.get(check.id) is Verdict.UP for check in servers(host))


def above(policy: Policy, host: Host, state_of: Callable[[str], HostState]) -> Above | None:
    """How the host's parents stand; ``None`` where it has none."""
    parents = parents_of(policy, host)
    if not parents:
        return None
    states = {parent.id: state_of(parent.id) for parent in parents}
    looked_at = [check for parent in parents for check in servers(parent)]
    at_once = {parent.id: policy.watcher_of(parent.id) == policy.watcher_of(host.id) for parent in parents}
    lost = {parent.id: since_s for parent in parents if (since_s := lost_since_s(parent, states[parent.id])) is not None}
    down = next(iter(lost), "")
    incident = states[down].incident if down else None
    returned = [(state.back_s, state.host) for state in states.values() if state.back_s is not None]
    back_s, back = max(returned, default=(None, ""))
    return Above(
        confirm_s=max(_confirmed_s(check, begun=at_once[check.host]) for check in looked_at) + SLACK_S,
        again_s=max(check.interval_s + check.timeout_s for check in looked_at) + SLACK_S,
        down=down,
        incident=incident.id if incident is not None else "",
        since_s=lost.get(down, 0.0),
        fell_at_s=_fell_at_s(incident.faults if incident is not None else ()) or 0.0,
        back=back,
        back_s=back_s,
    )


def _confirmed_s(check: Check, *, begun: bool) -> float:
    """How long until a failure is confirmed; ``begun``: the first look is made at once, and not when its turn comes."""
    rule = check.confirmation
    between_s = rule.retry_s if rule.retry_s is not None else check.interval_s
    return rule.failures * check.timeout_s + (rule.failures - 1) * between_s + (0.0 if begun else check.interval_s)


def hides(over: Above | None, host: Host, checks: Iterable[CheckState], faults: Iterable[Fault], now_s: float) -> bool:
    """Can't the host be reached because a parent can't? Not where it answers though it had the time to be seen failing, nor where
    it did so and fell later. ``faults``: all that is known of it."""
    if over is None or not over.down:
        return False
    fell_at_s = _fell_at_s(faults)
    if fell_at_s is not None and fell_at_s > over.fell_at_s + noticed_s(host):
        return False
    return now_s < over.since_s + noticed_s(host) or not answers(host, checks)


def noticed_s(host: Host) -> float:
    """How long after the fall of a parent the host has been seen failing with it."""
    return max((_confirmed_s(check, begun=False) for check in servers(host)), default=0.0) + SLACK_S


def holds_back(draft: Draft, fault: Fault) -> bool:
    """Is nothing done about it, as a parent is down or was until a moment ago?"""
    over, host, aside, incident = draft.situation.above, draft.situation.host, draft.behind, draft.open_incident
    if over is None or host is None:
        return False
    known = (fault, *(aside.faults if aside is not None else ()), *(incident.faults if incident is not None else ()))
    return hides(over, host, draft.checks, known, draft.now_s) or _returning(over, host, fault.evidence_since_s, draft.now_s)


def _returning(over: Above, host: Host, since_s: float | None, now_s: float) -> bool:
    """Is a parent back, but may the host not have been seen again?"""
    if over.down or over.back_s is None or (since_s is not None and since_s >= over.back_s):
        return False
    return now_s < _seen_again_s(over, host, over.back_s)


def _seen_again_s(over: Above, host: Host, back_s: float) -> float:
    return back_s + max(over.again_s, max((check.interval_s + check.timeout_s for check in host.checks), default=0.0) + SLACK_S)


def by_itself(fault: Fault) -> bool:
    """What passes a threshold was told by the host itself; and a name that does not resolve says nothing of any host."""
    return fault.limit is not None or fault.told_only


def blocks(draft: Draft, fault: Fault) -> bool:
    """Is nothing done about this fault for now?"""
    return draft.situation.above is not None and not by_itself(fault) and holds_back(draft, fault)


def not_behind(draft: Draft, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Of the faults of an incident, those that somebody may be told of, or was."""
    if draft.situation.above is None:
        return faults
    return tuple([fault for fault in faults if fault.told or not blocks(draft, fault)])


def doubted(draft: Draft, fault: Fault) -> bool:
    """May a fault that nobody knows of be a parent's doing, as far as can be known by now?"""
    over = draft.situation.above
    if over is None or by_itself(fault):
        return False
    if blocks(draft, fault):
        return True
    return not over.down and not _after(over, fault) and draft.now_s < _since_s(fault) + over.confirm_s


def _after(over: Above, fault: Fault) -> bool:
    """Did it outlast the return of a parent?"""
    return over.back_s is not None and _since_s(fault) < over.back_s


def _since_s(fault: Fault) -> float:
    return fault.evidence_since_s if fault.evidence_since_s is not None else fault.confirmed_at_s


def fault_of(draft: Draft, check: str) -> Fault | None:
    """What is kept aside of a check."""
    faults = draft.behind.faults if draft.behind is not None else ()
    return next((fault for fault in faults if fault.check == check), None)


def keep(draft: Draft, fault: Fault) -> None:
    """Put a fault aside, or what is newly heard of one that is."""
    over, customer = draft.situation.above, draft.customer.id if draft.customer is not None else ""
    if over is not None and fault_of(draft, fault.check) is None:
        if over.down:
            draft.because(Code.BEHIND_PARENT, check=fault.check, parent=over.down, incident=over.incident, detail=fault.detail)
        else:
            draft.because(Code.PARENT_ASKED, check=fault.check, detail=fault.detail)
    others = [item for item in (draft.behind.faults if draft.behind is not None else ()) if item.check != fault.check]
    draft.behind = Behind(customer, tuple(sorted([*others, fault], key=lambda item: item.check)))


def forget(draft: Draft, check: str) -> None:
    """It is no longer kept aside."""
    if draft.behind is not None and fault_of(draft, check) is not None:
        _leave(draft, tuple([fault for fault in draft.behind.faults if fault.check != check]))


def lose_evidence(draft: Draft, check: str | None = None) -> None:
    """The watcher can't judge it (``None``: any of them) any more."""
    if draft.behind is not None:
        concerned = [check is None or fault.check == check for fault in draft.behind.faults]
        faults = [
            changed(fault, evidence_since_s=None) if it else fault for fault, it in zip(draft.behind.faults, concerned, strict=True)
        ]
        _leave(draft, tuple(faults))


def released(draft: Draft) -> tuple[Fault, ...]:
    """Those that can't be a parent's doing any more: from now on they are faults as any other. What is not watched any more, or is
    another customer's now, is none at all."""
    if draft.behind is None:
        return ()
    watched, situation = draft.situation.check, draft.situation
    owner = draft.customer.id if draft.customer is not None else ""
    faults = [fault for fault in draft.behind.faults if watched(fault.check) is not None and draft.behind.customer == owner]
    kept = tuple([fault for fault in faults if situation.above is not None and doubted(draft, fault)])
    _leave(draft, kept)
    return tuple([fault for fault in faults if fault not in kept])


def _leave(draft: Draft, faults: tuple[Fault, ...]) -> None:
    draft.behind = changed(draft.behind, faults=faults) if draft.behind is not None and faults else None


def dues_s(state: HostState, situation: Situation) -> list[float]:
    """When time alone may change what is put down to a parent."""
    over, host = situation.above, situation.host
    if over is None or host is None or (state.behind is None and state.incident is None):
        return []
    faults = state.behind.faults if state.behind is not None else ()
    found = [_since_s(fault) + over.confirm_s for fault in faults] if not over.down else [over.since_s + noticed_s(host)]
    return [*found, _seen_again_s(over, host, over.back_s)] if over.back_s is not None else found
