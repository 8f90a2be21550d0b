"""Flow ``run-runbook``: an operator runs a procedure on a host."""

import asyncio
from typing import Annotated

from prefect import flow, runtime
from pydantic import Field

import runbooks
from engine import run_requests
from engine.context import Context
from engine.flow_runs import customer_of, tags
from engine.requests import RequestError, current_policy, known_host, known_operator
from flows.asking import Name, Reason, answered, not_possible
from flows.performing import perform
from flows.showing import AnyState, Told, call_this_run, claimer, opened, show_lines
from remediation import ACTIONS

Runbook = Annotated[str, Field(max_length=63, json_schema_extra={"enum": sorted(runbooks.load(ACTIONS))})]
Own = Annotated[str, Field(max_length=63)]
Service = Annotated[str, Field(max_length=255)]


@flow(name="run-runbook", persist_result=False)
async def run_runbook(  # noqa: PLR0917 - the fields of a form, in their order
    runbook: Runbook,
    host: Name,
    operator: Name,
    reason: Reason,
    service: Service | None = None,
    dry_run: bool = True,
    own: Own | None = None,
) -> AnyState:
    """Run a procedure on a host, or show what it would do. Holds, pauses and the stop file count; mode and contract don't.

    Args:
        runbook: The procedure, where it is one that is shipped.
        host: The host's name in the inventory.
        operator: You: your id in the inventory. It is recorded as claimed.
        reason: Why, for the record and your colleagues.
        service: The service it is for. May be empty where it acts on none, or one can be meant: that fails, or is the only one.
        dry_run: Only show what would be done, as the very command lines. Untick it to do it.
        own: Instead: a procedure of your own inventory, by its name.
    """
    runbook = own or runbook
    with opened() as context:
        try:
            policy = await asyncio.to_thread(current_policy, context)
            known_host(policy, host)
            known_operator(policy, operator)
            await call_this_run(f"{runbook} {host}", tags(policy, host))
            if dry_run:
                return await _show(context, runbook, host, service or None)
            run_id = runtime.flow_run.id
            answer = await asyncio.to_thread(
                run_requests.request_run,
                context,
                runbook=runbook,
                host=host,
                by=operator,
                reason=reason,
                service=service or None,
                prefer=claimer(),
                once=run_id,
            )
        except RequestError as error:
            return not_possible(error)
        if not answer.commands:
            return answered(answer, customer_of(policy, host).zone, run_requests.RUN_UNANSWERED)
        [key] = answer.commands
        return await perform(context, key)


async def _show(context: Context, runbook: str, host: str, service: str | None) -> AnyState:
    lines = await asyncio.to_thread(run_requests.dry_run, context, runbook=runbook, host=host, service=service)
    await show_lines(f"would-{runbook}-{host}", f"What {runbook} would do on {host}", lines)
    return Told("shown", "nothing was done; what would be done is the artifact").state
