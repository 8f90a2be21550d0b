"""Performs a Run command: ``domain.procedure`` says what comes next, this does it and writes down how it went.

Whoever performs a run (a flow run, or hands) claims its command first. Steps that ended are in the journal, so a run that
was cut off goes on where it stood; an action whose end nobody wrote down is settled by looking, never done again.
"""

import json
import threading
from dataclasses import dataclass

from sqlmodel import select

from domain import events as ev
from domain.aim import fault_class
from domain.commands import ENGINE, Look, Run
from domain.model import Host
from domain.observation import Verdict
from domain.procedure import LOOK, Procedure, Step, StepOutcome
from domain.proceed import Done, Next, Past, proceed
from domain.reasons import Code
from engine import knowing
from engine.acting import Acting, StepResult, act, settle
from engine.claim import LeaseKeeper, LostError, StoppedError, Taken, taken
from engine.context import Context
from engine.run_record import RunRecord
from remediation import Target
from store import inbox, journal, outbox, policies
from store.circumstances import moved_since
from store.codec import decode
from store.tables import CommandRow, Inbox

POLL_S = 0.1
STOP_POLL_S = 5.0
"""How long a run that waits until its next step is due may take to notice that it is to end."""
DECIDED_WITHIN_S = 15.0
"""How long the engine may take to decide what a run told it before the run goes on."""


def begin(context: Context, key: str, claimer: str, stop: threading.Event | None = None) -> "RunSession | Taken":
    """Claim the Run command ``key``. What an earlier holder left open is settled before anything else is done. When ``stop`` is
    set, the run raises ``StoppedError`` before its next step, or while it waits for a look; an action is never cut off."""
    asked_boot_s = context.clock.boottime_s()
    row = outbox.claim(context.store, key, claimer, context.settings.lease_s)
    if row is None:
        return taken(context, key)
    found = RunSession(context, row, claimer, asked_boot_s, stop or threading.Event())
    try:
        found.settle_open_attempts()
    except BaseException:
        found.close()
        raise
    return found


@dataclass(frozen=True, slots=True)
class Titled:
    """A step with the name people see."""

    step: Step
    title: str


class RunSession:
    """One claimed run. Used from one thread at a time; ``close`` it in the end.

    ``host`` is the host that the run was decided for, and ``procedure`` the runbook, as the inventory described them then: whether
    it still is that host is asked before anything is done to it, and before it is looked at for what was done.
    """

    def __init__(self, context: Context, row: CommandRow, claimer: str, asked_boot_s: float, stop: threading.Event) -> None:
        self.run = decode(Run, row.payload)
        self.claimer = claimer
        self._context = context
        self._stop = stop
        with context.store.read() as session:
            policy = policies.get(session, self.run.policy) or policies.current(session)
        self.host: Host | None = policy.hosts.get(self.run.host) if policy is not None else None
        self.procedure: Procedure | None = policy.procedures.get(self.run.runbook) if policy is not None else None
        self._record = RunRecord(context, self.run, self.host, claimer)
        self._lease = LeaseKeeper(context, claimer, self.run.key, asked_boot_s=asked_boot_s)

    def close(self) -> None:
        self._lease.close()

    def _check(self) -> None:
        self._lease.check()
        if self._stop.is_set():
            raise StoppedError(f"{self.claimer} is to end")

    def settle_open_attempts(self) -> None:
        """Intents without an end were somebody's who was killed: look at the host what came of them."""
        for attempt in self._record.attempts():
            if attempt.outcome is None:
                target = None if self._moved() else self._target(attempt.step)
                result = settle(attempt, target, self._step(attempt.step))
                self._record.write_ended(attempt.id, attempt.step, attempt.action, result)

    def next(self) -> Titled | None:
        """The step to perform now; ``None`` when the run is over. Waits until a repeated look is due."""
        self._lease.check()
        verdict = self._proceed()
        if isinstance(verdict, Done):
            return None
        self._check()
        self._wait(min(verdict.not_before_s, self._context.clock.boottime_s() + verdict.step.every_s))
        return Titled(verdict.step, self._title(verdict.step))

    def _wait(self, until_s: float) -> None:
        """Until that time (CLOCK_BOOTTIME), or until this run must not go on."""
        while (wait_s := until_s - self._context.clock.boottime_s()) > 0:
            self._context.clock.sleep(min(wait_s, STOP_POLL_S))
            self._check()

    def perform(self, titled: Titled) -> StepResult:
        """Do one step and write down how it went. Raises ``LostError`` when the claim was lost meanwhile."""
        step = titled.step
        if step.acts:
            return self._act(step)
        result = self._look(step) if step.action == LOOK else self._announce()
        self._lease.check()
        self._record.write_whole(step, result)
        return result

    def finish(self) -> ev.RunEnded:
        """Tell the engine how the run ended, and give the command back as done; one transaction."""
        self._lease.check()
        done = self._proceed()
        if isinstance(done, Next):
            raise LostError(f"{self.run.key} is not over: {done.step.id} comes next")
        ended = self._ended(done)
        with self._context.store.write() as session:
            now_s = self._context.clock.now_s()
            if not outbox.complete(session, self.run.key, self.claimer, str(ended.outcome), ended.detail, now_s):
                raise LostError(f"{self.claimer} no longer holds {self.run.key}")
            inbox.insert(session, ended)
        return ended

    def wait_decided(self, event_id: str) -> None:
        """Wait until the engine has decided an event of ours, so that what follows from it is there; gives up quietly, since
        a stopped engine decides it later."""
        give_up_s = self._context.clock.boottime_s() + DECIDED_WITHIN_S
        while self._context.clock.boottime_s() < give_up_s:
            with self._context.store.read() as session:
                if session.exec(select(Inbox.decided).where(Inbox.event_id == event_id)).first():
                    return
            self._context.clock.sleep(POLL_S)

    # how the run stands

    def _proceed(self) -> Next | Done:
        if self.procedure is None:
            return Done(ev.RunOutcome.REFUSED, acted=False, code=str(Code.GATE_NO_PROCEDURE))
        if self.host is None or not self.run.checks:
            return Done(ev.RunOutcome.REFUSED, acted=False, code=str(Code.NOT_WATCHED))
        with self._context.store.read() as session:
            attempts = journal.attempts(session, self.run.key)
            now_s = self._context.clock.boottime_s()
            started_s = now_s - outbox.waited_s(session, self.run.key)
        past = [
            Past(attempt.step, StepOutcome(attempt.outcome or "unknown"), attempt.intent_boot_s, attempt.code)
            for attempt in attempts
        ]
        fault = fault_class(self.host, self.run.checks)
        return proceed(self.procedure, past, started_s, now_s, asked=self.run.requested_by != ENGINE, fault=fault)

    def _ended(self, done: Done) -> ev.RunEnded:
        return ev.RunEnded(
            id=f"{self.run.key}/ended",
            at_s=self._context.clock.now_s(),
            host=self.run.host,
            run=self.run.key,
            outcome=done.outcome,
            acted=done.acted,
            by=self.claimer,
            detail=self._record.account(),
            code=done.code,
        )

    def _step(self, name: str) -> Step | None:
        return next((step for step in self.procedure.steps if step.id == name), None) if self.procedure is not None else None

    def _title(self, step: Step) -> str:
        match step.action:
            case "look":
                return f"look: {', '.join(self.run.checks)}"
            case "announce":
                return "announce: work starts"
            case _:
                return f"{step.action}: {self.run.service or self.run.host}"

    # doing

    def _moved(self) -> bool:
        with self._context.store.read() as session:
            policy = policies.current(session)
            now = policy.hosts.get(self.run.host) if policy is not None else None
            return now is None or moved_since(session, self.run, now)

    def _target(self, step: str) -> Target | None:
        if self.host is None:
            return None
        return knowing.target(self._context, self.run, self.host, step, self._record.check_claim)

    def _act(self, step: Step) -> StepResult:
        target = self._target(step.id)
        if target is None:
            result = StepResult(StepOutcome.NOT_DONE, f"{self.run.host} is not in the inventory")
            self._record.write_whole(step, result)
            return result
        acting = Acting(
            context=self._context,
            run=self.run,
            claimer=self.claimer,
            lease=self._lease,
            check=self._check,
            step=step,
            target=target,
            max_power_actions=self.procedure.max_power_actions if self.procedure is not None else 0,
        )
        return act(
            acting,
            ended=lambda attempt_id, result: self._record.write_ended(attempt_id, step.id, step.action, result),
            not_done=lambda result: self._record.write_whole(step, result),
        )

    def _look(self, step: Step) -> StepResult:
        """Have the watcher look at what failed: only it stands in the host's segment."""
        key = f"{self.run.key}/look/{len(self._record.attempts()) + 1}"
        look = Look(key=key, incident=self.run.incident, host=self.run.host, checks=self.run.checks)
        with self._context.store.write() as session:
            outbox.put(session, look)
        give_up_s = self._context.clock.boottime_s() + step.timeout_s
        while self._context.clock.boottime_s() < give_up_s:
            with self._context.store.read() as session:
                row = session.exec(select(CommandRow).where(CommandRow.key == key)).one()
            if row.done_s is not None:
                return _seen(row)
            self._check()
            self._context.clock.sleep(POLL_S)
        return StepResult(StepOutcome.UNKNOWN, f"the watcher did not look within {step.timeout_s:g} s")

    def _announce(self) -> StepResult:
        event_id = f"{self.run.key}/announced"
        event = ev.WorkAnnounced(
            id=event_id, at_s=self._context.clock.now_s(), host=self.run.host, run=self.run.key, by=self.claimer
        )
        with self._context.store.write() as session:
            inbox.insert(session, event)
        self.wait_decided(event_id)
        return StepResult(StepOutcome.DONE)


def _seen(row: CommandRow) -> StepResult:
    """What the watcher saw: up only when every check is; unknown when any could not be judged and none is down."""
    verdicts: dict[str, dict[str, object]] = json.loads(row.detail or "{}")
    found = {Verdict(str(item["verdict"])) for item in verdicts.values()}
    detail = "; ".join(f"{check} {item['verdict']} {item.get('detail', '')}".strip() for check, item in sorted(verdicts.items()))
    if found == {Verdict.UP}:
        return StepResult(StepOutcome.UP, detail)
    if Verdict.DOWN in found:
        return StepResult(StepOutcome.DOWN, detail)
    return StepResult(StepOutcome.UNKNOWN, detail or "the watcher does not know these checks")
