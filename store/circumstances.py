"""What the gate looks at when an action is about to be done, read from the store under the writer's lock."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import and_, func, literal_column, or_
from sqlmodel import Session, col, select

from domain import behind
from domain.aim import fault_class, moved
from domain.commands import ENGINE, Run
from domain.gate import POWER_WINDOW_S, Circumstances, PowerUse, Verdict, judge
from domain.model import FaultClass, Host, Policy, PowerLimits, effective_mode
from domain.pauses import Pause, paused_until
from domain.procedure import DISK, LEFT_ALONE, RESCUE, Effect, Step, back_in_s
from domain.reasons import Code
from domain.state import Fault, HostState, Incident, RunRef
from domain.trust import standing_of
from store import overlay, policies, segments, trust, whereabouts
from store.codec import decode
from store.db import store_of
from store.outbox import held_by
from store.tables import Attempt, CommandRow, HostRow


def judge_step(
    session: Session,
    run: Run,
    step: Step,
    who: str,
    *,
    max_power_actions: int,
    policy: Policy,
    host: Host,
    stop_file: Path,
    now_s: float,
) -> Verdict:
    """The gate's verdict on one step of a run. One fault that still justifies it is enough; with none, the first one's
    refusal is the answer."""
    state = _state(session, run.host)
    held = overlay.holds(session) | overlay.holds_asked(session)
    switched = _switched(session, run) if step.effect is Effect.POWER else []
    done, out = whereabouts.of_run(session, run.key), _awaited(state, run)
    seen = Circumstances(
        mode=effective_mode(policy, host),
        stop_file=stop_file.exists(),
        held_all=overlay.EVERY_HOST in held,
        held=run.host in held,
        requested=run.requested_by != ENGINE,
        busy=_running(session, run.host) > 0,
        running=_running(session),
        limit=policy.limits.actions_at_once,
        claimed=held_by(session, run.key, who) is not None and out is not None,
        attempted=_attempted(session, run, step, switched),
        moved=moved_since(session, run, host),
        parent=_parent(session, policy, host, state, now_s),
        outage_until_s=segments.outage_until_s(session, policy, host.segment) if step.effect is Effect.POWER else None,
        power=_power(session, policy.limits.power, host, now_s) if step.effect is Effect.POWER else (),
        power_done=len(switched),
        power_max=max_power_actions if step.effect is Effect.POWER else None,
        power_needed=step.power_needed(rescue=done.rescue is True),
        no_time_back=step.boots == RESCUE and out is not None and out.deadline_s - now_s < _back_in_s(session, policy, run, step),
        rescue=done.rescue is True,
        back=step.boots == DISK,
    )
    pauses = (*policy.pauses, *overlay.pauses(session), *overlay.pauses_asked(session))
    paused = (found for check in run.checks if (found := _pause(pauses, host, check, now_s)) is not None)
    if seen.requested:
        return judge(replace(seen, pause=next(paused, None)))
    decided = policies.get(session, run.policy) or policy
    trusted = trust.trust_for(session, host.customer)
    trusted = replace(trusted, approved=trusted.approved - trust.revoked_asked(session))
    standing = standing_of(trusted, decided.procedures, run.runbook)
    contract = policy.customers[host.customer].contract

    def of(fault: FaultClass) -> Circumstances:
        return replace(
            seen,
            covered=fault in contract.recovers,
            server_covered=step.effect is not Effect.POWER or FaultClass.SERVER in contract.recovers,
            procedure=run.runbook if host.procedures.get(fault) == run.runbook else None,
            standing=standing,
        )

    incident = state.incident if state is not None else None
    faults = [fault for fault in incident.faults if fault.check in run.checks and not fault.up] if incident is not None else []
    if incident is None or not faults:
        return judge(replace(of(fault_class(host, run.checks)), fault=False, pause=next(paused, None)))
    waits = step.effect is Effect.POWER and not done.power  # once in a run: what fails since then fails by its own work, too
    verdicts = [
        judge(
            replace(
                of(fault.fault_class),
                pause=_pause(pauses, host, fault.check, now_s),
                parent=seen.parent if fault.limit is None else "",
                evidence=fault.evidence_since_s is not None,
                flapping=fault.flapping,
                due_s=_due_s(incident, faults, contract.wait_s, now_s) if waits else None,
                tried=fault.target in incident.tried,
            )
        )
        for fault in faults
    ]
    return next((verdict for verdict in verdicts if verdict.allowed), verdicts[0])


def _parent(session: Session, policy: Policy, host: Host, state: HostState | None, now_s: float) -> str:
    """The parent that keeps the host from being reached, if one does (C53)."""
    over, own = behind.above(policy, host, lambda parent: _state(session, parent) or HostState(parent)), state or HostState(host.id)
    faults = [fault for kept in (own.incident, own.behind) if kept is not None for fault in kept.faults]
    return over.down if over is not None and behind.hides(over, host, own.checks, faults, now_s) else ""


def _due_s(incident: Incident, of_run: Sequence[Fault], wait_s: float, now_s: float) -> float | None:
    """When the contract's wait is over, if it is not: of the server's own faults, else of those that the run is for (R20, R22)."""
    servers = [fault for fault in incident.faults if fault.fault_class is FaultClass.SERVER and not fault.up]
    since_s = [fault.clock_from_s if fault.clock_from_s is not None else now_s for fault in servers or of_run]
    due_s = min(since_s) + wait_s
    return due_s if due_s > now_s else None


def moved_since(session: Session, run: Run, host: Host) -> bool:
    """Is ``host`` no longer what the run was decided for? (A run of an earlier version does not say what that was.)"""
    if not run.policy:
        return False
    policy = policies.get(session, run.policy)
    then = policy.hosts.get(run.host) if policy is not None else None
    return then is None or moved(run, then, host)


def _state(session: Session, host: str) -> HostState | None:
    text = session.exec(select(HostRow.state).where(HostRow.host == host)).first()
    return decode(HostState, text) if text is not None else None


def _awaited(state: HostState | None, run: Run) -> RunRef | None:
    """What the engine knows of this run while it may still act. One that the engine has given up for lost is over, and so is one
    whose incident was closed, though its end is waited for."""
    if state is None:
        return None
    of_incident = state.incident.run if state.incident is not None else None
    out = state.asked if run.incident is None else of_incident
    return out if out is not None and out.key == run.key else None


def _back_in_s(session: Session, policy: Policy, run: Run, step: Step) -> float:
    procedure = (policies.get(session, run.policy) or policy).procedures.get(run.runbook)
    return back_in_s(procedure, step.id) if procedure is not None else 0.0


def _running(session: Session, host: str | None = None) -> int:
    """Actions admitted and not known to have ended, over all hosts or on one."""
    query = select(func.count()).select_from(Attempt).where(Attempt.code == Code.ADMITTED, col(Attempt.outcome).is_(None))
    return session.exec(query if host is None else query.where(Attempt.host == host)).one()


def _power(session: Session, limits: PowerLimits, host: Host, now_s: float) -> tuple[PowerUse, ...]:
    """What one more power action on this host would count with. What certainly did nothing does not count."""
    boot_s = store_of(session).clock.boottime_s()
    # whichever clock was set or began anew meanwhile, by the other it is recent
    recent = or_(
        and_(col(Attempt.intent_s) > now_s - POWER_WINDOW_S, col(Attempt.intent_s) < now_s + POWER_WINDOW_S),
        and_(col(Attempt.intent_boot_s) > boot_s - POWER_WINDOW_S, col(Attempt.intent_boot_s) <= boot_s),
    )
    ended = col(Attempt.outcome).not_in(sorted(LEFT_ALONE))
    query = select(Attempt.customer, Attempt.parent, col(Attempt.outcome).is_(None)).where(
        literal_column("attempt.effect = 'power'"),  # as the index has it
        Attempt.code == Code.ADMITTED,
        or_(col(Attempt.outcome).is_(None), and_(ended, recent)),
    )
    found = session.exec(query).all()
    scopes = [
        ("all_hosts", limits.overall, [running for _, _, running in found]),
        ("customer", limits.customer, [running for customer, _, running in found if customer == host.customer]),
    ]
    if host.parent is not None:
        scopes.append(("parent", limits.parent, [running for _, parent, running in found if parent == host.parent]))
    return tuple(PowerUse(scope, sum(counted), len(counted), limit) for scope, limit, counted in scopes)


def _attempted(session: Session, run: Run, step: Step, switched: Sequence[Run]) -> bool:
    """Was this very step admitted before, however it ended, as often as it may be tried? Of what switches the power: or has another
    run for the same incident switched it? A reboot happens once for one cause, whatever a run is for (R26)."""
    if run.requested_by == ENGINE and any(other.key != run.key and other.requested_by == ENGINE for other in switched):
        return True
    query = select(func.count()).select_from(Attempt)
    admitted = query.where(Attempt.command == run.key, Attempt.step == step.id, Attempt.code == Code.ADMITTED)
    return session.exec(admitted).one() >= step.tries


def _switched(session: Session, run: Run) -> list[Run]:
    """The run of each action that switched the host's power in this incident, or may have. Of a run that a person asked for, it is
    what that run did: more is that person's judgement."""
    query = select(CommandRow.payload).join(Attempt, col(CommandRow.key) == col(Attempt.command))
    whole = run.incident is not None and run.requested_by == ENGINE
    found = session.exec(
        query.where(
            CommandRow.incident == run.incident if whole else CommandRow.key == run.key,
            Attempt.effect == Effect.POWER,
            Attempt.code == Code.ADMITTED,
            or_(col(Attempt.outcome).is_(None), col(Attempt.outcome).not_in(sorted(LEFT_ALONE))),
        )
    ).all()
    return [decode(Run, payload) for payload in found]


def _pause(pauses: tuple[Pause, ...], host: Host, check: str, now_s: float) -> tuple[str, float] | None:
    return paused_until(pauses, host.customer, host.id, check, now_s)
