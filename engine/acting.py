"""One action on a real machine: prepared, admitted, done within seconds or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from domain.commands import Run
from domain.gate import PASSING
from domain.model import Host
from domain.procedure import Step, StepOutcome
from domain.reasons import Code
from domain.secrecy import without_secrets
from engine.claim import LeaseKeeper, LostError
from engine.context import Context
from remediation import ACTIONS, Attempted, CannotReach, Leave, NothingDone, NoWay, Prepared, Target, TooLate, open_connection
from store.admit import Admission, Request, admit
from store.tables import Attempt

INTENT_FRESH_S = 5.0
"""An effect starts within so many seconds (CLOCK_BOOTTIME) of its intent, or not at all."""
REACH_RETRY_S = 3.0
LIMIT_RETRY_S = 5.0
LIMIT_PATIENCE_S = 840.0
"""How often, and for how long, an action that only a limit refused is asked for again: longer than power actions are counted."""
WAIT_PATIENCE_S = 1800.0
"""For how long a power action waits for the contract's wait to be over; one that takes longer is for people."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended; ``code`` is the gate's refusal. What the host said goes from ``detail`` to the journal, to logs and mails:
    what looks like a secret is struck out."""

    outcome: StepOutcome
    detail: str = ""
    command_line: str = ""
    code: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", without_secrets(self.detail))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What one action is done for, by whom, and on what. ``check`` raises where this process must not go on."""

    context: Context
    run: Run
    claimer: str
    lease: LeaseKeeper
    check: Callable[[], None]
    step: Step
    target: Target
    max_power_actions: int = 0

    @property
    def command_line(self) -> str:
        return " && ".join(describe(self.step, self.target.host, self.target.service, self.target.known))


def describe(step: Step, host: Host, service: str | None, known: Mapping[str, str]) -> tuple[str, ...]:
    """What the step would have the host carry out; where it can't be done at all, why."""
    try:
        return ACTIONS[step.action].describe(host, step.parameters, service, known)
    except NothingDone as error:
        return (f"# not possible: {error}",)


def act(acting: Acting, ended: Callable[[str, StepResult], None], not_done: Callable[[StepResult], None]) -> StepResult:
    """Perform an acting step. ``ended`` writes down the end of an attempt (by id) whose intent is in the journal,
    ``not_done`` one that never came so far.

    The connection is made before the intent, so that intent and effect lie within milliseconds. Raises ``LostError`` where the
    claim was lost meanwhile.
    """
    try:
        prepared, admission = _admitted(acting)
    except NothingDone as error:
        outcome = StepOutcome.UNREACHED if isinstance(error, CannotReach) else StepOutcome.NOT_DONE
        result = StepResult(outcome, str(error), acting.command_line)
        not_done(result)
        return result
    try:
        if not admission.held:
            raise LostError(f"{acting.claimer} no longer holds {acting.run.key}")
        if admission.attempt_id is None:
            # the refusal is in the journal already, written with the gate's verdict
            return StepResult(StepOutcome.REFUSED, str(admission.code), acting.command_line, str(admission.code))
        result = _start(acting, prepared, admission.attempt_id, admission.intent_boot_s)
    finally:
        prepared.close()
    ended(admission.attempt_id, result)
    return result


def _prepare(acting: Acting) -> Prepared:
    """Log in and look; a host that is not reached is tried again for the step's ``reach_s``, unless there is no way to it."""
    clock, step = acting.context.clock, acting.step
    give_up_s = clock.boottime_s() + step.reach_s
    while True:
        try:
            return ACTIONS[step.action].prepare(acting.target, step.parameters, open_connection)
        except CannotReach as error:
            if isinstance(error, NoWay) or clock.boottime_s() + REACH_RETRY_S > give_up_s:
                raise
        clock.sleep(REACH_RETRY_S)
        acting.check()


def _admitted(acting: Acting) -> tuple[Prepared, Admission]:
    """Prepare, and ask the gate. What only a limit or the contract's wait refuses is asked for again for a while, and prepared anew
    before it is: by then a login may be dead, and a host that was off be on. Only the last answer counts as an attempt. Raises
    ``NothingDone``."""
    waiting = _Waiting(acting)
    prepared = _prepare(acting)
    try:
        patient = True
        while True:
            request = waiting.request(prepared)
            admission = admit(acting.context.store, replace(request, patient=patient))
            if not patient or admission.code not in PASSING:
                return prepared, admission
            prepared.close()
            patient = waiting.let_through(request, admission.code)
            prepared = _prepare(acting)
    except BaseException:
        prepared.close()
        raise


class _Waiting:
    """The wait for what will pass, in one step: however often it is prepared anew, its patience is one."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting
        self._clock = acting.context.clock
        self._began_s = self._limited_s = self._clock.boottime_s()

    def request(self, prepared: Prepared) -> Request:
        acting = self._acting
        return Request(
            command=acting.run.key,
            who=acting.claimer,
            step=acting.step,
            max_power_actions=acting.max_power_actions,
            stop_file=acting.context.settings.stop_file,
            before=dict(prepared.before),
            command_line=acting.command_line,
        )

    def let_through(self, request: Request, code: Code) -> bool:
        """Wait until it would not be refused for what passes; false where that takes too long."""
        while code in PASSING:
            now_s = self._clock.boottime_s()
            if code is Code.GATE_WAIT:
                self._limited_s, remaining_s = now_s, self._began_s + WAIT_PATIENCE_S - now_s
            else:
                remaining_s = self._limited_s + LIMIT_PATIENCE_S - now_s
            if remaining_s <= 0:
                return False
            self._clock.sleep(min(LIMIT_RETRY_S, remaining_s))
            self._acting.check()
            code = admit(self._acting.context.store, replace(request, only_asks=True)).code
        return True


def _start(acting: Acting, prepared: Prepared, attempt_id: str, intent_boot_s: float) -> StepResult:
    """The effect, if it is not too late: the process may have been stopped since the intent, or the way to the host be slow."""

    def guard() -> None:
        age_s = acting.context.clock.boottime_s() - intent_boot_s
        if age_s > INTENT_FRESH_S or not acting.lease.valid:
            raise TooLate(f"not done: {age_s:.1f} s passed since the intent")

    try:
        result = prepared.start(Leave(attempt_id, acting.step.timeout_s, guard))
    except TooLate as error:
        return StepResult(StepOutcome.LATE, str(error), acting.command_line)
    if result.outcome is StepOutcome.UNKNOWN:
        # the connection was lost, or no end came in time: what became of it can be seen on the host
        action = ACTIONS[acting.step.action]
        attempt = Attempted(attempt_id, acting.context.clock.boottime_s() - intent_boot_s, acting.step.timeout_s)
        seen = action.settle(acting.target, acting.step.parameters, prepared.before, open_connection, attempt)
        return StepResult(seen.outcome, f"{result.detail}; {seen.detail}", result.command_line)
    return StepResult(result.outcome, result.detail, result.command_line)


def settle(attempt: Attempt, target: Target | None, step: Step | None) -> StepResult:
    """What became of an intent whose end nobody wrote down; by looking only, never by doing it again."""
    if target is None or step is None or step.action not in ACTIONS:
        return StepResult(StepOutcome.UNKNOWN, "the host or the runbook has changed since; a person must look")
    age_s = max(0.0, target.clock.boottime_s() - attempt.intent_boot_s)
    unsettled = Attempted(attempt.id, age_s, step.timeout_s)
    result = ACTIONS[step.action].settle(target, step.parameters, attempt.before, open_connection, unsettled)
    return StepResult(result.outcome, result.detail, result.command_line)
