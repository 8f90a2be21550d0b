"""Performs a Run command as a flow run: the engine's steps one after the other, each a task, and what follows from them."""

import asyncio

from domain.events import RunEnded, RunOutcome
from domain.procedure import StepOutcome
from domain.reasons import Code
from engine.acting import StepResult
from engine.claim import LostError, Taken
from engine.context import Context
from engine.executor import RunSession, begin
from engine.followups import Followup, followups
from flows.showing import AnyState, Timeline, Told, claimer, shown

FOLLOW_POLL_S = 0.2

_BAD_STEPS = frozenset(
    {
        StepOutcome.FAILED,
        StepOutcome.NOT_DONE,
        StepOutcome.UNREACHED,
        StepOutcome.UNKNOWN,
        StepOutcome.REFUSED,
        StepOutcome.LATE,
    }
)
_HELD = frozenset({Code.GATE_STOP_FILE, Code.GATE_HOLD_ALL, Code.GATE_HOLD})


async def perform(context: Context, key: str) -> AnyState:
    """Claim the Run command ``key`` and do all of it; returns the state in which the flow run ends."""
    session = await asyncio.to_thread(begin, context, key, claimer())
    if isinstance(session, Taken):
        return done_elsewhere(session)
    timeline = Timeline(context, session.run.incident)
    try:
        ended = await _steps(context, session)
    except LostError as error:
        return Told("lost", f"{error}; another goes on with it", bad=True).state
    finally:
        await asyncio.to_thread(session.close)
    await asyncio.to_thread(session.wait_decided, ended.id)
    await _follow_to_the_end(context, helped=ended.outcome in {RunOutcome.FIXED, RunOutcome.GONE})
    await timeline.end()
    return ending(ended).state


def done_elsewhere(taken: Taken) -> AnyState:
    """The end of a flow run that came too late, or again: a run retried in the UI does nothing twice."""
    if taken.by.startswith("nobody:"):
        return Told("unknown", taken.by, bad=True).state
    how = "is being done" if taken.outcome is None else f"was done ({taken.outcome})"
    return Told("done elsewhere", f"{how} by {taken.by}").state


async def _steps(context: Context, session: RunSession) -> RunEnded:
    while (titled := await asyncio.to_thread(session.next)) is not None:
        step = titled
        await shown(step.title, lambda step=step: session.perform(step), _tell)  # type: ignore[misc] # a lambda's default
        for followup in await asyncio.to_thread(_following, context):
            await _follow(followup)
    return await asyncio.to_thread(session.finish)


async def _follow_to_the_end(context: Context, *, helped: bool) -> None:
    """A run that helped waits until the recovery is told and the report is written, but no longer than hands waits for it."""
    give_up_s = context.clock.boottime_s() + (context.settings.orphan_s if helped else 0.0)
    done: set[str] = set()
    while True:
        for followup in await asyncio.to_thread(_following, context):
            if followup.key not in done:
                done.add(followup.key)
                await _follow(followup)
                if followup.kind == "Report":
                    return
        if context.clock.boottime_s() >= give_up_s:
            return
        await asyncio.sleep(FOLLOW_POLL_S)


def _following(context: Context) -> list[Followup]:
    return list(followups(context, claimer()))


async def _follow(followup: Followup) -> None:
    await shown(followup.title, followup.perform, tell_outcome)


def tell_outcome(outcome: str) -> Told:
    """How a message or a report went."""
    return Told(outcome, bad=outcome not in {"sent", "not_needed", "written", "taken"})


def _tell(result: StepResult) -> Told:
    detail = ": ".join(part for part in (result.command_line, result.detail) if part)
    return Told(str(result.outcome), detail, bad=result.outcome in _BAD_STEPS)


def ending(ended: RunEnded) -> Told:
    """The flow run's last state. Never a cancelled one: that would be taken for an operator's hold."""
    match ended.outcome:
        case RunOutcome.FIXED:
            return Told("recovered", ended.detail)
        case RunOutcome.GONE:
            return Told("gone", f"the fault was gone before anything was done: {ended.detail}")
        case RunOutcome.REFUSED:
            return Told("held" if ended.code in _HELD else "refused", ended.code or ended.detail)
        case RunOutcome.NOT_FIXED:
            return Told("not recovered", f"handed to people: {ended.detail}", bad=True)
        case _:
            return Told(str(ended.outcome), f"a person must look: {ended.detail}", bad=True)
