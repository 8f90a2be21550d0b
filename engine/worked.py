"""What was done to a host in an incident, in plain words for its report (P3): each power action and repair, and its end."""

from collections.abc import Iterator, Sequence

from sqlmodel import Session, col, or_, select

from domain.model import Language
from domain.procedure import LEFT_ALONE, Effect
from domain.reasons import Code
from domain.state import Incident
from domain.wording import plain, shown
from remediation.checked import Checked, checked
from remediation.fsck import FSCK, OUTPUT, found_before, well
from reports import Work
from reports.words import WORK_WORDS
from store import findings
from store.tables import Attempt, CommandRow, FindingRow


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
