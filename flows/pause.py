"""Flow ``pause``: an operator sets a maintenance window (R50, R51)."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from prefect import flow, runtime
from pydantic import Field

from domain.model import Policy
from domain.pauses import Pause, Repeat
from engine.flow_runs import customer_of, tags
from engine.requests import RequestError, current_policy, known_host, request_pause
from flows.asking import Name, Reason, answered, not_possible
from flows.showing import AnyState, call_this_run, opened

Minutes = Annotated[int, Field(ge=1, le=7 * 24 * 60)]


@flow(name="pause", persist_result=False)
async def pause(
    *,
    scope: Literal["host", "customer"],
    name: Name,
    operator: Name,
    reason: Reason,
    minutes: Minutes = 60,
    start: datetime | None = None,
    repeat: Literal["once", "daily", "weekly", "monthly"] = "once",
) -> AnyState:
    """Set a maintenance pause: nothing is alerted and nothing is done while it lasts; measuring goes on.

    Args:
        scope: Whether the pause is for one host, or for all hosts of a customer.
        name: The host's or the customer's name in the inventory.
        operator: You: your id in the inventory. It is recorded as claimed.
        reason: Why, for the record and your colleagues.
        minutes: How long it lasts, in minutes.
        start: When it begins; empty: now. Without a time zone it is the customer's local time.
        repeat: Whether it comes again at the same local time.
    """
    with opened() as context:
        try:
            policy = await asyncio.to_thread(current_policy, context)
            zone = _zone(policy, scope, name)
            wanted = Pause(
                id=f"pause-{uuid.uuid4().hex[:6]}",
                start=local_start(start, zone, context.clock.now_s()),
                duration_s=minutes * 60.0,
                zone=zone,
                repeat=Repeat(repeat),
                customer=name if scope == "customer" else None,
                host=name if scope == "host" else None,
                reason=reason,
                by=operator,
            )
            await call_this_run(f"pause {name}", tags(policy, name) if scope == "host" else [f"customer:{name}"])
            # A run that is retried is the same request.
            once = runtime.flow_run.id
            return answered(await asyncio.to_thread(request_pause, context, pause=wanted, by=operator, once=once), zone)
        except RequestError as error:
            return not_possible(error)


def local_start(start: datetime | None, zone: str, now_s: float) -> str:
    """The first local wall time of the window, as ``Pause.start`` wants it."""
    when = datetime.fromtimestamp(now_s, UTC) if start is None else start
    local = when if when.tzinfo is None else when.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return local.isoformat(timespec="seconds")


def _zone(policy: Policy, scope: str, name: str) -> str:
    if scope == "host":
        known_host(policy, name)
        return customer_of(policy, name).zone
    if name not in policy.customers:
        some = ", ".join(sorted(policy.customers)[:10])
        raise RequestError(f"customer {name!r} is not in the inventory; would be right: {some}")
    return policy.customers[name].zone
