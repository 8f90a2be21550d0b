"""Holds, asked for and ended: on one host, or on all, where the stop file may be one too."""

import uuid

from sqlmodel import col, select

from domain import events as ev
from engine.context import Context
from engine.requests import REASON_MAX, Answer, RefusedError, ask, asked_before, bounded, current_policy, known_host, known_operator
from store import inbox, overlay
from store.tables import Inbox


def request_hold(
    context: Context, *, host: str | None, by: str, reason: str, release: bool = False, once: str | None = None
) -> Answer:
    """Set or release a hold on a host, or with ``None`` on all."""
    policy = current_policy(context)
    if host is not None:
        known_host(policy, host)
    known_operator(policy, by)
    bounded("reason", reason, REASON_MAX)
    event_id = f"hold-{once or uuid.uuid4()}"
    if release and not is_held(context, host) and not asked_before(context, event_id):
        raise RefusedError(_nothing_held(context, host))
    kind = ev.HoldReleased if release else ev.HoldSet
    return ask(context, kind(id=event_id, at_s=context.clock.now_s(), host=host, by=by, reason=reason))


def is_held(context: Context, host: str | None) -> bool:
    """Is there a hold on the host (or with ``None`` on all), one included that no engine has seen yet?"""
    with context.store.read() as session:
        waiting = select(Inbox.seq).where(Inbox.kind == ev.HoldSet.__name__, ~col(Inbox.decided), Inbox.host == (host or ""))
        return (host or overlay.EVERY_HOST) in overlay.holds(session) or session.exec(waiting).first() is not None


def _nothing_held(context: Context, host: str | None) -> str:
    if host is None and context.settings.stop_file.exists():
        return f"there is no hold on every host, but {context.settings.stop_file} stops all: hikeshi release --all"
    return f"there is no hold on {host or 'every host'}, so nothing was released"


def release_of_stop_file(context: Context, *, by: str, reason: str, said: str) -> str:
    """Write down who takes the stop file away, and what it said; ends a hold on all as well. Returns the event's id."""
    known_operator(current_policy(context), by)
    bounded("reason", reason, REASON_MAX)
    was = f"stop file: {said or 'made by hand, says nothing'}"
    why = f"{reason}; {was}" if reason else was
    event = ev.HoldReleased(id=f"hold-{uuid.uuid4()}", at_s=context.clock.now_s(), host=None, by=by, reason=why)
    with context.store.write() as session:
        inbox.insert(session, event)
    return event.id
