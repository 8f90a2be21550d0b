"""What flow runs need of the records beside their work, and what happens to a run's host when people cancel it."""

from sqlmodel import col, or_, select

from domain import events as ev
from domain.model import Customer, Policy
from engine.context import Context
from store import inbox
from store.outbox import FLOW
from store.tables import CommandRow


def command_row(context: Context, key: str) -> CommandRow | None:
    """The command of that key as it stands."""
    with context.store.read() as session:
        return session.exec(select(CommandRow).where(CommandRow.key == key)).first()


def hold_cancelled(context: Context, flow_run: str) -> bool:
    """A flow run cancelled in the UI is a hold on its host (R26): the operator wants it to stop, not to start again by itself.
    Whoever sees it first says so, and however many do, it is one hold. ``False``: it performs no run that is still open."""
    with context.store.write() as session:
        row = session.exec(
            select(CommandRow).where(
                CommandRow.kind == "Run",
                col(CommandRow.done_s).is_(None),
                or_(CommandRow.flow_run == flow_run, CommandRow.claimed_by == f"{FLOW}{flow_run}"),
            )
        ).first()
        if row is None:
            return False
        event = ev.HoldSet(
            id=f"cancelled/{flow_run}",
            at_s=context.clock.now_s(),
            host=row.host,
            by="prefect-ui",
            reason=f"flow run of {row.key} was cancelled",
        )
        inbox.insert(session, event)
    return True


def tags(policy: Policy | None, host: str, incident: str | None = None, level: int | None = None) -> list[str]:
    """The tags of runs about a host, by which a search finds them; ``host`` need not be in the inventory."""
    found = [f"incident:{incident}"] if incident is not None else []
    found.append(f"host:{host}")
    if policy is not None and host in policy.hosts:
        found.append(f"customer:{policy.hosts[host].customer}")
    if level is not None:
        found.append(f"level:{level}")
    return found


def customer_of(policy: Policy, host: str) -> Customer:
    return policy.customers[policy.hosts[host].customer]
