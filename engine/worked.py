"""What was done to a host in an incident, in plain words for its report (P3): each power action and repair, and its end."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlmodel import Session, col, or_, select

from domain.model import Language
from domain.procedure import BOOT, DISK, LEFT_ALONE, RESCUE, Effect, StepOutcome
from domain.reasons import Code
from domain.state import Incident
from domain.wording import plain, shown
from engine.history import Line
from remediation.checked import Checked, checked
from remediation.fsck import FSCK, OUTPUT, found_before, well
from reports import Work
from reports.words import WORK_WORDS
from store import findings
from store.tables import RECORDED, Attempt, CommandRow, Decision, FindingRow, Inbox


def of_incident(session: Session, incident: Incident, zone: str, language: Language) -> tuple[Work, ...]:
    """For the fault that the report is about, oldest first. What the gate refused, or what certainly did nothing, is no work."""
    rows = session.exec(
        select(Attempt)
        .join(CommandRow, col(CommandRow.key) == col(Attempt.command))
        .where(CommandRow.incident == incident.id, Attempt.code == Code.ADMITTED, col(Attempt.intent_s) >= incident.fault_at_s)
        .where(Attempt.effect != Effect.NONE)
        .where(or_(col(Attempt.outcome).is_(None), col(Attempt.outcome).not_in(LEFT_ALONE)))
        .order_by(col(Attempt.intent_s), col(Attempt.number))
    ).all()
    kept = findings.of_incident(session, incident.id)
    return tuple(work for row in rows for work in _work(row, kept, zone, language))


def by_begin(session: Session, incident_id: str, lines: Sequence[Line], *, sort: bool) -> list[Line]:
    """The lines with each step at the time when it began, as everywhere else in the report: it is recorded when it has ended.
    ``sort``: in the order of these times, which is none where the clock was set."""
    rows = session.exec(
        select(Decision.seq, Attempt.intent_s)
        .join(Inbox, col(Inbox.seq) == col(Decision.event_seq))
        .join(Attempt, col(Attempt.id) + RECORDED == col(Inbox.event_id))
        .where(Decision.incident == incident_id)
    ).all()
    begun = {seq: began_s for seq, began_s in rows if seq is not None}
    found = [replace(line, at_s=begun.get(line.decision, line.at_s)) if line.code is Code.STEP_DONE else line for line in lines]
    return sorted(found, key=lambda line: line.at_s) if sort else found


def in_rescue(session: Session, host: str, incident: Incident, seen: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """From when until when the host was in its rescue system, or may have been, each time: from the order to boot it until the one
    that has booted its own disk, or until a person had ``seen`` its own system. What answers meanwhile is no recovery (R24)."""
    rows = session.exec(
        select(Attempt)
        .where(Attempt.host == host, Attempt.effect == Effect.POWER, Attempt.code == Code.ADMITTED)
        .where(col(Attempt.intent_s) >= incident.fault_at_s)
        .order_by(col(Attempt.intent_s), col(Attempt.number))
    ).all()
    spans: list[tuple[float, float]] = []
    for row in rows:
        boots = row.before.get(BOOT) if row.before.get("order") != "off" else None
        inside = bool(spans) and spans[-1][1] == math.inf
        if boots == RESCUE and row.outcome not in LEFT_ALONE and not inside:
            spans.append((row.intent_s, min((at_s for at_s in seen if at_s >= row.intent_s), default=math.inf)))
        elif boots == DISK and row.outcome == StepOutcome.DONE and spans:
            spans[-1] = (spans[-1][0], min(spans[-1][1], row.intent_s))
    return tuple(spans)


def _work(row: Attempt, kept: Sequence[FindingRow], zone: str, language: Language) -> Iterator[Work]:
    said = [item.text for item in kept if item.attempt == row.id and item.name == OUTPUT]
    if row.action == FSCK.name and said:
        kinds = {item.device: item.type for item in found_before(row.before)}
        yield from (_repair(row.intent_s, item, kinds.get(item.device, ""), language) for item in checked(said[-1]))
        return
    result = shown("outcome", row.outcome or "unknown", zone, language)
    yield Work(row.intent_s, _what(row, zone, language), result, power=row.effect == Effect.POWER)


def _what(row: Attempt, zone: str, language: Language) -> str:
    """An action that switched the power in the words of what was ordered; others by their names."""
    words = WORK_WORDS[language]
    order = words.get(f"order_{row.before.get('order')}")
    if row.effect != Effect.POWER or order is None:
        return shown("action", row.action, zone, language)
    boots = words.get(f"boots_{row.before.get('boot')}", "") if row.before.get("order") != "off" else ""
    return order + boots


def _repair(at_s: float, item: Checked, kind: str, language: Language) -> Work:
    words = WORK_WORDS[language]
    what = words["checked"].format(device=plain(item.device))
    return Work(at_s, what, _result(item, kind, language), lost=tuple(map(plain, item.lost)))


def _result(item: Checked, kind: str, language: Language) -> str:
    words = WORK_WORDS[language]
    if item.status is None:
        return words["left_alone"]
    counts = (("corrected", item.corrected), ("lost", len(item.lost)), ("found", item.found))
    said = [words[name].format(count=count) for name, count in counts if count]
    if not well(item, kind):
        said.append(words["errors_left"])
    elif not said:
        said.append(words["clean" if item.status == 0 else "repaired"])
    return words["joint"].join(said)
