"""What stands of a run in the journal: its attempts, each written down by whoever holds the claim."""

from sqlmodel import Session

from domain import events as ev
from domain.commands import Run
from domain.model import Host
from domain.procedure import ANNOUNCE, LOOK, Effect, Step, StepOutcome
from domain.reasons import Code
from domain.wording import shown
from engine.acting import StepResult
from engine.claim import LostError
from engine.context import Context
from store import inbox, journal, outbox, steady
from store.tables import RECORDED, Attempt


class RunRecord:
    """The record of ``run``, which ``claimer`` performs. ``host``: as the inventory described it then."""

    def __init__(self, context: Context, run: Run, host: Host | None, claimer: str) -> None:
        self._context = context
        self._run = run
        self._host = host
        self._claimer = claimer

    def attempts(self) -> list[Attempt]:
        """All that was tried so far, in order."""
        with self._context.store.read() as session:
            return journal.attempts(session, self._run.key)

    def write_whole(self, step: Step, result: StepResult) -> None:
        """A step that needs no leave, or never came to ask for it: its whole attempt in one transaction."""
        with self._context.store.write() as session:
            self.check_claim(session)
            number = journal.next_number(session, self._run.key)
            attempt = self._attempt(step, number, result, steady.now_s(session))
            session.add(attempt)
            inbox.insert(session, self._recorded(attempt.id, step.id, step.action, result))

    def write_ended(self, attempt_id: str, step: str, action: str, result: StepResult) -> None:
        """The journal's outcome and the event for the timeline, in one transaction."""
        with self._context.store.write() as session:
            self.check_claim(session)
            journal.settle(session, attempt_id, str(result.outcome), result.detail, steady.now_s(session))
            inbox.insert(session, self._recorded(attempt_id, step, action, result))

    def account(self) -> str:
        """What a person who takes over should know of the run, in one line: what was done to the host, what did not work and why,
        and what was seen last."""
        told = [item for item in self.attempts() if item.detail]
        acting = [item for item in told if item.action not in (LOOK, ANNOUNCE)]
        telling = [item for item in acting if item.outcome != StepOutcome.DONE or item.effect != Effect.NONE]
        said = [f"{item.step} {shown('outcome', item.outcome, 'UTC', 'en')}: {item.detail}" for item in telling]
        last = [f"{item.step}: {item.detail}" for item in told[-1:] if item not in telling]
        return "; ".join(said + last)

    def check_claim(self, session: Session) -> None:
        """Of what somebody else has gone on with, he has the word: the attempt that is open there may be his.
        Raises ``LostError``."""
        if not outbox.claimed_by(session, self._run.key, self._claimer):
            raise LostError(f"{self._claimer} no longer holds {self._run.key}")

    def _attempt(self, step: Step, number: int, result: StepResult, now_s: float) -> Attempt:
        return Attempt(
            id=f"{self._run.key}/{number:03d}",
            command=self._run.key,
            number=number,
            step=step.id,
            action=step.action,
            effect=str(step.effect if step.acts else Effect.NONE),
            host=self._run.host,
            customer=self._host.customer if self._host is not None else "",
            parent=self._host.parent if self._host is not None else None,
            claimer=self._claimer,
            intent_s=now_s,
            intent_boot_s=self._context.clock.boottime_s(),
            code=str(Code.ADMITTED),
            outcome=str(result.outcome),
            ended_s=now_s,
            detail=result.detail,
            command_line=result.command_line,
        )

    def _recorded(self, attempt_id: str, step: str, action: str, result: StepResult) -> ev.ActionRecorded:
        return ev.ActionRecorded(
            id=attempt_id + RECORDED,
            at_s=self._context.clock.now_s(),
            host=self._run.host,
            run=self._run.key,
            step=step,
            action=action,
            outcome=str(result.outcome),
            detail=result.detail,
            command_line=result.command_line,
        )
