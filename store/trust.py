"""What is known of runbooks: approvals, rehearsals, how runs ended, and where one was lowered. Rows are ended, never deleted."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from domain.events import Event, RunbookApproved, RunbookRaised, RunbookRehearsed, RunbookRevoked
from domain.trust import PROJECT, End, Learnt, Rate, Trust, rate
from runbooks.approvals import shipped
from store import inbox
from store.tables import Approval, Lowering, OutcomeRow, Rehearsal

_APPROVED = select(Approval.runbook, Approval.version).where(col(Approval.revoked_s).is_(None))
_PROJECTS_REVOKED = select(Approval.runbook, Approval.version).where(Approval.approved_by == PROJECT)
_LOWERED = select(Lowering).where(col(Lowering.raised_s).is_(None)).order_by(col(Lowering.lowered_s))


def apply(session: Session, event: Event) -> None:
    """Write down what people say of a runbook; other events change nothing, and the same one twice is once."""
    match event:
        case RunbookApproved() if session.get(Approval, event.id) is None:
            session.add(
                Approval(
                    event_id=event.id,
                    runbook=event.runbook,
                    version=event.version,
                    approved_by=event.by,
                    approved_s=event.at_s,
                    reason=event.reason,
                )
            )
        case RunbookRevoked():
            _revoke(session, event)
        case RunbookRaised():
            session.exec(
                update(Lowering)
                .where(
                    col(Lowering.runbook) == event.runbook,
                    col(Lowering.customer) == event.customer,
                    col(Lowering.raised_s).is_(None),
                )
                .values(raised_by=event.by, raised_s=event.at_s, raise_reason=event.reason)
            )
        case RunbookRehearsed() if session.get(Rehearsal, event.id) is None:
            session.add(
                Rehearsal(
                    event_id=event.id,
                    runbook=event.runbook,
                    version=event.version,
                    fault=event.fault,
                    passed=event.passed,
                    at_s=event.at_s,
                    by=event.by,
                    path=event.path,
                    unreached=",".join(event.unreached),
                )
            )


def _revoke(session: Session, event: RunbookRevoked) -> None:
    """Every approval of this version; the project's is a row from now on, so that it stays revoked."""
    session.exec(
        update(Approval)
        .where(col(Approval.runbook) == event.runbook, col(Approval.version) == event.version, col(Approval.revoked_s).is_(None))
        .values(revoked_by=event.by, revoked_s=event.at_s, revoke_reason=event.reason)
    )
    this = (event.runbook, event.version)
    if this in _by_project() and this not in set(session.exec(_PROJECTS_REVOKED).all()):
        session.add(
            Approval(
                event_id=event.id,
                runbook=event.runbook,
                version=event.version,
                approved_by=PROJECT,
                revoked_by=event.by,
                revoked_s=event.at_s,
                revoke_reason=event.reason,
            )
        )


def learn(session: Session, learnt: Iterable[Learnt]) -> None:
    """What a decision found out, in its own transaction. A run ends once; that its cure did not last is written beside its end."""
    for item in learnt:
        row = session.get(OutcomeRow, item.run)
        if row is None:
            row = OutcomeRow(
                run=item.run,
                runbook=item.runbook,
                version=item.version,
                customer=item.customer,
                host=item.host,
                incident=item.incident,
                end=str(item.end),
                at_s=item.at_s,
            )
            session.add(row)
        if item.end is End.REFAILED:
            row.end, row.refailed_s = str(End.REFAILED), item.at_s
            _lower(session, item)


def _lower(session: Session, item: Learnt) -> None:
    if session.get(Lowering, item.run) is None:
        session.add(
            Lowering(
                run=item.run,
                runbook=item.runbook,
                customer=item.customer,
                incident=item.incident,
                check=item.check,
                lowered_s=item.at_s,
            )
        )


def trust_for(session: Session, customer: str | None) -> Trust:
    """What counts for a host of this customer now."""
    lowered = session.exec(select(Lowering.runbook).where(Lowering.customer == customer, col(Lowering.raised_s).is_(None))).all()
    return Trust(approved(session), frozenset(lowered))


def approved(session: Session) -> frozenset[tuple[str, str]]:
    """Every version that may act on its own, as ``(id, version)``: what people approved, and the shipped ones unless revoked."""
    return frozenset(session.exec(_APPROVED).all()) | (_by_project() - set(session.exec(_PROJECTS_REVOKED).all()))


def revoked_asked(session: Session) -> frozenset[tuple[str, str]]:
    """Versions, as ``(id, version)``, whose approval was revoked where no engine has taken it in yet: to stop, nobody need wait."""
    return frozenset((event.runbook, event.version) for event in inbox.undecided(session, RunbookRevoked))


def _by_project() -> frozenset[tuple[str, str]]:
    return frozenset((item.runbook, item.version) for item in shipped().values())


def approvals(session: Session, runbook: str | None = None) -> list[Approval]:
    """Everybody's word on it, revoked ones too, oldest first."""
    query = select(Approval).order_by(col(Approval.approved_s), col(Approval.event_id))
    return list(session.exec(query if runbook is None else query.where(Approval.runbook == runbook)))


def never_rehearsed(session: Session, runbook: str, version: str) -> tuple[str, ...]:
    """The steps that act and that none of the rehearsals on record of this version has reached; none where there is no record."""
    left = [row.unreached.split(",") if row.unreached else [] for row in rehearsals(session, runbook, version)]
    return tuple(step for step in left[0] if all(step in other for other in left)) if left else ()


def passed_with(session: Session, runbook: str, version: str) -> tuple[str, ...]:
    """The faults that this version has passed a rehearsal with, the project's included."""
    faults = {row.fault for row in rehearsals(session, runbook, version) if row.passed}
    return tuple(sorted(faults | {item.fault for item in shipped().values() if (item.runbook, item.version) == (runbook, version)}))


def rehearsals(session: Session, runbook: str, version: str | None = None) -> list[Rehearsal]:
    """Rehearsals of a runbook, or of one version of it; oldest first."""
    query = select(Rehearsal).where(Rehearsal.runbook == runbook).order_by(col(Rehearsal.at_s))
    return list(session.exec(query if version is None else query.where(Rehearsal.version == version)))


def lowered(session: Session) -> list[Lowering]:
    """Where a runbook was lowered and not raised again; oldest first."""
    return list(session.exec(_LOWERED))


def rates(session: Session) -> dict[tuple[str, str], Rate]:
    """By runbook and customer, over all versions."""
    counts: dict[tuple[str, str], Counter[End]] = {}
    query = select(OutcomeRow.runbook, OutcomeRow.customer, OutcomeRow.end, func.count())
    for runbook, customer, end, count in session.exec(query.group_by(OutcomeRow.runbook, OutcomeRow.customer, OutcomeRow.end)):
        counts.setdefault((runbook, customer), Counter())[End(end)] = count
    return {of: rate(ends) for of, ends in sorted(counts.items())}
