"""May this action be done now, and the intent to do it: asked, answered and written down in one transaction (R26).

The gate itself is pure (``domain.gate``); here is only what it looks at, read under the writer's lock, so that of many who ask
at once each sees what the one before was allowed.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlmodel import select

from domain.commands import Facts, Run
from domain.gate import PASSING, Verdict
from domain.procedure import Step
from domain.reasons import Code
from store import journal, policies, steady
from store.circumstances import judge_step
from store.codec import decode
from store.db import Store, StoreError
from store.outbox import held_by
from store.tables import Attempt, CommandRow

REFUSED = "refused"
"""Outcome of an attempt that the gate did not admit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody (``who`` holds the claim) is about to do one step of a Run command (``command``: its key), whose procedure may
    switch the host's power ``max_power_actions`` times in an incident.

    ``before`` is what was seen of the host before, by which the effect is recognised afterwards; ``command_line`` what will
    be run there, as people read it, without secrets. ``patient``: what a limit refuses will be asked for again, so that is no
    attempt. ``only_asks``: what the gate would say now; whatever that is, nothing is admitted, and it is no attempt.
    """

    command: str
    who: str
    step: Step
    stop_file: Path
    max_power_actions: int = 0
    before: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    command_line: str = ""
    patient: bool = False
    only_asks: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate's answer. ``attempt_id`` (letters, digits and ``-``) only where admitted; the effect must begin within 5 s of
    ``intent_boot_s`` (CLOCK_BOOTTIME) or not at all. ``held``: whoever asked holds the claim."""

    code: Code
    attempt_id: str | None
    facts: Facts
    intent_boot_s: float
    held: bool = True


def admit(store: Store, request: Request) -> Admission:
    """Ask the gate and write its verdict and, where it admits, the intent. Nothing may be done that was not admitted, and what
    was admitted counts as running until ``journal.settle`` says how it ended. Of somebody who does not hold the claim nothing is
    written: by the journal whoever holds it goes on, and a refusal there would end his run.

    Raises ``StoreError`` when there is no such Run command.
    """
    with store.write() as session:
        now_s = steady.now_s(session)
        row = session.exec(select(CommandRow).where(CommandRow.key == request.command)).first()
        if row is None or row.kind != Run.__name__:
            raise StoreError(f"{request.command}: there is no run of this key to act for")
        run = decode(Run, row.payload)
        policy = policies.current(session)
        host = policy.hosts.get(run.host) if policy is not None else None
        if policy is None or host is None:
            verdict = Verdict(Code.NOT_WATCHED)
        else:
            verdict = judge_step(
                session,
                run,
                request.step,
                request.who,
                max_power_actions=request.max_power_actions,
                policy=policy,
                host=host,
                stop_file=request.stop_file,
                now_s=now_s,
            )
        attempt = Attempt(
            id=f"hikeshi-{secrets.token_hex(8)}",
            command=run.key,
            number=journal.next_number(session, run.key),
            step=request.step.id,
            action=request.step.action,
            effect=str(request.step.effect),
            host=run.host,
            customer=host.customer if host is not None else "",
            parent=host.parent if host is not None else None,
            claimer=request.who,
            intent_s=now_s,
            intent_boot_s=store.clock.boottime_s(),
            code=verdict.code,
            before=dict(request.before),
            outcome=None if verdict.allowed else REFUSED,
            ended_s=None if verdict.allowed else now_s,
            command_line=request.command_line,
        )
        held = held_by(session, request.command, request.who) is not None
        if held and not request.only_asks and not (request.patient and verdict.code in PASSING):
            session.add(attempt)
    admitted = verdict.allowed and not request.only_asks
    return Admission(verdict.code, attempt.id if admitted else None, verdict.facts, attempt.intent_boot_s, held)
