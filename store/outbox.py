"""What the engine asks for. A command is committed, claimed by one, and done once (or, after a crash, found unfinished).

``created_s`` and ``not_before_s`` are of the steady clock (``store.steady``).
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from domain.commands import Command, Notify, Run
from store import steady
from store.codec import encode
from store.db import LEASE_MAX_S, Store, lease_now_s
from store.rows import insert_new
from store.tables import CommandRow

SENT = "sent"
"""Outcome of a message that the next server took."""
NOT_NEEDED = "not_needed"
"""Outcome of a page whose incident needed nobody any more when its turn came."""
FLOW = "flow:"
"""Whoever claims or is preferred under this prefix is the Prefect flow run whose id follows."""


def put(session: Session, command: Command) -> None:
    """Write a command down; one whose key is there already is left as it is."""
    now_s = steady.now_s(session)
    insert_new(
        session,
        CommandRow(
            key=command.key,
            kind=type(command).__name__,
            incident=command.incident,
            host=command.host,
            queue=_queue(command),
            to=command.to if isinstance(command, Notify) else None,
            payload=encode(command),
            created_s=now_s,
            not_before_s=now_s,
            prefer=command.prefer,
            flow_run=_flow_run(command),
        ),
    )


def _flow_run(command: Command) -> str | None:
    """A run that a flow run asked for is performed there, so cancelling that one stops it from its first moment."""
    prefer = command.prefer or ""
    return prefer.removeprefix(FLOW) if isinstance(command, Run) and prefer.startswith(FLOW) else None


def _queue(command: Command) -> str:
    """Messages of one incident to one recipient keep their order: a recovery never precedes its fault. All else is on its own."""
    if isinstance(command, Notify) and command.incident is not None:
        return f"{command.incident}/{command.to}"
    return command.key


def claimable(session: Session, kinds: Collection[str], orphan_s: float, limit: int = 100) -> list[CommandRow]:
    """Commands of these kinds that anybody may claim now, oldest first.

    One that somebody is preferred for (``prefer``) is offered when it has been waiting for ``orphan_s``; with 0 at once.
    """
    offered = col(CommandRow.kind).in_(kinds), *_offered(session, orphan_s)
    return list(session.exec(select(CommandRow).where(*offered).order_by(col(CommandRow.seq)).limit(limit)))


def messages(session: Session, channel: str, orphan_s: float, limit: int) -> dict[str, list[str]]:
    """Keys of the messages that anybody may send by this channel now, oldest first, by ``Notify.to``."""
    wanted = col(CommandRow.kind) == Notify.__name__, col(CommandRow.to).startswith(f"{channel}/", autoescape=True)
    offered = *wanted, *_offered(session, orphan_s)
    found: dict[str, list[str]] = {}
    for key, to in session.exec(select(CommandRow.key, CommandRow.to).where(*offered).order_by(col(CommandRow.seq)).limit(limit)):
        found.setdefault(str(to), []).append(key)
    return found


def sent_s(session: Session, to: str, since_s: float) -> list[float]:
    """When something was sent to this recipient after ``since_s``. What went out together, as one digest, counts once."""
    sent = col(CommandRow.to) == to, col(CommandRow.done_s) > since_s, col(CommandRow.outcome) == SENT
    return [
        at_s for at_s, _ in session.exec(select(CommandRow.done_s, CommandRow.detail).where(*sent).distinct()) if at_s is not None
    ]


def claim(store: Store, key: str, who: str, lease_s: float) -> CommandRow | None:
    """Take a command for ``lease_s`` (at most ``LEASE_MAX_S``); ``None``: somebody else has it, it is done, or its turn has not
    come. Whoever holds it may take it again. ``who`` names one life of one process (or one flow run), never two at a time."""
    return next(iter(claim_all(store, [key], who, lease_s)), None)


def claim_all(store: Store, keys: Collection[str], who: str, lease_s: float) -> list[CommandRow]:
    """Take these commands, as ``claim`` does, or those of them that are to be had; in the order in which they were written."""
    with store.write() as session:
        now = lease_now_s(session)
        free = or_(col(CommandRow.claimed_by) == who, _unclaimed(now))
        ready = select(CommandRow.seq).where(col(CommandRow.key).in_(keys), free, *_ready(steady.now_s(session)))
        seqs = session.exec(ready).all()
        session.exec(
            update(CommandRow)
            .where(col(CommandRow.seq).in_(seqs))
            .values(claimed_by=who, lease_until_s=now + lease_s, tries=CommandRow.tries + 1)
        )
        return list(session.exec(select(CommandRow).where(col(CommandRow.seq).in_(seqs)).order_by(col(CommandRow.seq))))


def renew(store: Store, key: str, who: str, lease_s: float) -> bool:
    """Hold on for ``lease_s`` from now. ``False``: the claim has lapsed or is another's; whoever hears this stops at once."""
    with store.write() as session:
        now = lease_now_s(session)
        return _update(session, key, who, col(CommandRow.lease_until_s) > now, lease_until_s=now + lease_s)


def release(store: Store, key: str, who: str) -> bool:
    """Give it back undone. ``False``: it was not ours (any more)."""
    with store.write() as session:
        return _update(session, key, who, claimed_by=None, lease_until_s=None)


def complete(  # noqa: PLR0917 - the order in which one says it: who did what, how it ended, when
    session: Session, key: str, who: str, outcome: str, detail: str, now_s: float
) -> bool:
    """It is done. ``False``, and nothing changed, when another has claimed it since or it was done before. A claim that has
    lapsed but that nobody took over still counts: what was done was done."""
    return _update(session, key, who, done_s=now_s, outcome=outcome, detail=detail, lease_until_s=None)


def postpone(session: Session, key: str, who: str, wait_s: float, detail: str) -> bool:
    """Give it back, to be tried in ``wait_s`` again. What stands behind it in its queue waits with it. ``False`` as in
    ``complete``."""
    not_before_s = steady.now_s(session) + wait_s
    return _update(session, key, who, claimed_by=None, lease_until_s=None, not_before_s=not_before_s, detail=detail)


def waited_s(session: Session, key: str) -> float:
    """How long ago a command was written down, or the machine began anew; not known (0.0) until the engine looked since."""
    created_s = session.exec(select(CommandRow.created_s).where(CommandRow.key == key)).one()
    return steady.now_s(session) - created_s if not steady.rebooted(session) else 0.0


def move(session: Session, by_s: float) -> None:
    """The steady clock was moved: what is not done waits as long as before."""
    session.exec(
        update(CommandRow)
        .where(col(CommandRow.done_s).is_(None))
        .values(created_s=CommandRow.created_s + by_s, not_before_s=CommandRow.not_before_s + by_s)
    )


def renew_waits(session: Session) -> None:
    """The machine began anew: what is not done is tried at once, and for as long as if it were written down now."""
    now_s = steady.now_s(session)
    session.exec(update(CommandRow).where(col(CommandRow.done_s).is_(None)).values(created_s=now_s, not_before_s=now_s))


def held_by(session: Session, key: str, who: str) -> CommandRow | None:
    """The command, if ``who`` has it now: claimed, live, and not done."""
    row = _get(session, key)
    if row is None or row.claimed_by != who or row.done_s is not None or row.lease_until_s is None:
        return None
    return row if row.lease_until_s > lease_now_s(session) else None


def claimed_by(session: Session, key: str, who: str) -> bool:
    """May ``who`` still say how its work on the command went? Yes as long as nobody took it over, even if the claim has lapsed:
    what was done was done."""
    row = _get(session, key)
    return row is not None and row.claimed_by == who and row.done_s is None


def _get(session: Session, key: str) -> CommandRow | None:
    return session.exec(select(CommandRow).where(CommandRow.key == key)).first()


def _update(session: Session, key: str, who: str, *further: ColumnElement[bool], **values: Any) -> bool:
    """Change a command that ``who`` claimed and that isn't done."""
    changed = session.exec(
        update(CommandRow)
        .where(col(CommandRow.key) == key, col(CommandRow.claimed_by) == who, col(CommandRow.done_s).is_(None), *further)
        .values(**values)
    )
    return changed.rowcount == 1


def _offered(session: Session, orphan_s: float) -> tuple[ColumnElement[bool], ...]:
    """Anybody may claim it now."""
    now_s = steady.now_s(session)
    left = or_(col(CommandRow.prefer).is_(None), col(CommandRow.created_s) <= now_s - orphan_s)
    return left, _unclaimed(lease_now_s(session)), *_ready(now_s)


def _unclaimed(lease_now: float) -> ColumnElement[bool]:
    until_s = col(CommandRow.lease_until_s)
    return or_(col(CommandRow.claimed_by).is_(None), until_s <= lease_now, until_s > lease_now + LEASE_MAX_S)


def _ready(now_s: float) -> tuple[ColumnElement[bool], ...]:
    """Not done, its time has come, and nothing undone stands before it in its queue."""
    earlier = aliased(CommandRow)
    first = ~exists().where(
        and_(
            col(earlier.queue) == CommandRow.queue,
            col(earlier.seq) < CommandRow.seq,
            col(earlier.done_s).is_(None),
        )
    )
    return col(CommandRow.done_s).is_(None), col(CommandRow.not_before_s) <= now_s, first
