"""Flow ``first-line``: first-line recovery as the engine decided it (R20-R25)."""

from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.performing import perform
from flows.showing import AnyState, opened

Command = Annotated[str, Field(max_length=300)]


@flow(name="first-line", persist_result=False)
async def first_line(command: Command) -> AnyState:
    """Recover a host by its runbook, as the engine has decided it. Cancelling a run holds its host.

    Args:
        command: Key of the engine's command. The engine starts these runs; by hand there is `run-runbook`.
    """
    with opened() as context:
        return await perform(context, command)
