"""What flow runs need of the records beside their work."""

from sqlmodel import select

from domain.model import Customer, Policy
from engine.context import Context
from store.tables import CommandRow


def command_row(context: Context, key: str) -> CommandRow | None:
    """The command of that key as it stands."""
    with context.store.read() as session:
        return session.exec(select(CommandRow).where(CommandRow.key == key)).first()


def performed_by(context: Context, key: str, flow_run: str) -> None:
    """Write down which flow run performs a command that was asked for there, so that cancelling that run is a hold too."""
    with context.store.write() as session:
        row = session.exec(select(CommandRow).where(CommandRow.key == key)).one()
        row.flow_run = flow_run
        session.add(row)


def tags(policy: Policy, host: str, incident: str | None = None) -> list[str]:
    """The tags of runs about a host; ``host`` need not be in the inventory."""
    found = [f"incident:{incident}"] if incident is not None else []
    found.append(f"host:{host}")
    if host in policy.hosts:
        found.append(f"customer:{policy.hosts[host].customer}")
    return found


def customer_of(policy: Policy, host: str) -> Customer:
    return policy.customers[policy.hosts[host].customer]
