"""What a run has booted on its host, as its attempts say at this moment of the transaction."""

from sqlmodel import Session

from domain.procedure import BOOT, LEFT_ALONE, Effect, StepOutcome, whereabouts
from domain.state import Whereabouts
from store import journal
from store.tables import Attempt


def of_run(session: Session, key: str) -> Whereabouts:
    """Of the run of this command; of an attempt whose end nobody wrote down it counts that it may have been done."""
    rows = [row for row in journal.attempts(session, key) if row.effect != Effect.NONE]
    done = [(row, StepOutcome(row.outcome or StepOutcome.UNKNOWN)) for row in rows]
    effects = [row.effect for row, outcome in done if outcome not in LEFT_ALONE]
    booted = whereabouts((_boots(row), outcome) for row, outcome in done if row.effect == Effect.POWER)
    return Whereabouts(Effect.POWER in effects, booted, acted=bool(effects))


def _boots(row: Attempt) -> str:
    """What it has booted, where it was done: what was on already is not switched on, and what is switched off boots nothing."""
    order, was = row.before.get("order"), row.before.get("state")
    return "" if order == "off" or (order == "on" and was == "on") else str(row.before.get(BOOT, ""))
