"""Flow ``hold``: an operator stops every action on a host, or on all (R26), or lets go again."""

import asyncio
from typing import Annotated

from prefect import flow, runtime
from pydantic import Field

from engine.flow_runs import tags
from engine.holds import request_hold
from engine.requests import RequestError, current_policy, known_operator
from flows.asking import NAME, Name, Reason, answered, not_possible
from flows.showing import AnyState, call_this_run, opened

ALL = "ALL"
"""No host can be called so: names are lower-case."""

Target = Annotated[str, Field(pattern=rf"{NAME}|^{ALL}$")]


@flow(name="hold", persist_result=False)
async def hold(host: Target, operator: Name, reason: Reason, release: bool = False) -> AnyState:
    """Hold a host or all: nothing is done there until the hold is released. Messages go on.

    Args:
        host: The host's name in the inventory; ALL for every host.
        operator: You: your id in the inventory. It is recorded as claimed.
        reason: Why, for the record and your colleagues.
        release: End a hold instead of setting one.
    """
    one = None if host == ALL else host
    with opened() as context:
        try:
            policy = await asyncio.to_thread(current_policy, context)
            known_operator(policy, operator)
            await call_this_run(f"{'release' if release else 'hold'} {host}", tags(policy, one) if one is not None else [])
            answer = await asyncio.to_thread(
                request_hold,
                context,
                host=one,
                by=operator,
                reason=reason,
                release=release,
                once=runtime.flow_run.id,  # a run that is retried is the same request
            )
            zone = policy.customers[policy.hosts[one].customer].zone if one is not None else "UTC"
            return answered(answer, zone)
        except RequestError as error:
            return not_possible(error)
