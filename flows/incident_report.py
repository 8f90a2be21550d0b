"""Flow ``incident-report``: writes an incident's report (P2) that no recovery's own run wrote."""

import asyncio
from typing import Annotated

from prefect import flow
from pydantic import Field

from engine.flow_runs import command_row
from engine.reporting import write_report
from flows.performing import tell_outcome
from flows.showing import AnyState, Timeline, Told, claimer, opened, shown

Command = Annotated[str, Field(max_length=300)]


@flow(name="incident-report", persist_result=False)
async def incident_report(command: Command) -> AnyState:
    """Write an incident's report as PDF, in the languages of the customer's contacts.

    Args:
        command: Key of the engine's command. The engine starts these runs.
    """
    with opened() as context:
        row = await asyncio.to_thread(command_row, context, command)
        if row is None or row.kind != "Report":
            return Told("unknown", "there is no such command", bad=True).state
        by = claimer()
        timeline = Timeline(context, row.incident)
        outcome = await shown(f"report: {row.incident}", lambda: write_report(context, command, by), tell_outcome)
        await timeline.end()
        done = await asyncio.to_thread(command_row, context, command)
        told = tell_outcome(outcome)
        return Told(told.word, (done.detail if done is not None else None) or "", told.bad).state
