"""Performs Notify commands: one mail or webhook each, or in a storm one digest for many (R9)."""

import logging
import threading
import traceback
from collections import deque

from sqlmodel import select

from domain import events as ev
from domain import storm
from domain.commands import Message, Notify
from domain.messages import serial_of
from domain.model import Policy
from engine import secrets
from engine.claim import LeaseKeeper
from engine.context import Context
from engine.links import page_url
from engine.requests import no_longer_asks
from notify import CHANNELS
from notify.channel import Delivered, DeliveryError, Settings, SmtpSettings
from store import inbox, outbox, policies
from store.codec import decode
from store.tables import CommandRow, IncidentRow

log = logging.getLogger(__name__)

RETRY_S = (5.0, 15.0, 60.0, 300.0)
"""Waits after temporary refusals; the last one repeats."""
WAITING_MAX = 10_000
"""Messages that one pass looks at: those who wait in a storm must not hide those of everybody else."""
GIVE_UP_S = 86_400.0
"""After a day a message is given up, and the operators are told."""


class Counter:
    """Where the messages of one channel wait. Some threads serve it, each one recipient at a time, so that recipients wait for
    each other no longer than one try takes, and channels not at all: what hangs must not delay a page to somebody else."""

    def __init__(self, context: Context, claimer: str, channel: str, stop: threading.Event) -> None:
        self._context, self._claimer, self._channel, self._stop = context, claimer, channel, stop
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, list[str]]] = deque()
        self._served: set[str] = set()
        self._failed_boot_s: dict[str, float] = {}
        """When the last try failed, of recipients whom it keeps from being told for the time being."""

    def line_up(self) -> int:
        """Look again who waits; returns how many recipients. Those come first who can do something about it; after all others those
        whose last try failed, the least recent one first."""
        with self._lock:
            self._waiting.clear()  # so that nobody is begun with while we look, and found once more
            served, failed = set(self._served), dict(self._failed_boot_s)
        with self._context.store.read() as session:
            found = outbox.messages(session, self._channel, self._context.settings.orphan_s, WAITING_MAX)
        waiting = [(to, keys) for to, keys in found.items() if to not in served]
        waiting.sort(key=lambda item: (failed.get(item[0], 0.0), not _is_operator(item[0])))
        with self._lock:
            self._waiting.extend(waiting)
            return len(self._waiting)

    def serve(self) -> None:
        """Send to one recipient after the other, until nobody waits whom no other thread serves."""
        while not self._stop.is_set() and (following := self._next()) is not None:
            to, keys = following
            failed = False
            try:
                failed = _send_to_one(self._context, self._claimer, to, keys, self._stop)
            finally:
                with self._lock:
                    self._served.discard(to)
                    self._failed_boot_s.pop(to, None)
                    if failed:
                        self._failed_boot_s[to] = self._context.clock.boottime_s()

    def _next(self) -> tuple[str, list[str]] | None:
        with self._lock:
            if not self._waiting:
                return None
            to, keys = self._waiting.popleft()
            self._served.add(to)
            return to, keys


def send_one(context: Context, claimer: str, key: str) -> str:
    """Send one message by its key, unless its recipient's minute is full: then hands sends it with the others (R9). Says how it
    went, for the flow run that shows it."""
    with context.store.read() as session:
        policy = policies.current(session)
        row = session.exec(select(CommandRow).where(CommandRow.key == key)).first()
    if policy is None or row is None:
        return "no inventory" if policy is None else "taken"
    to = decode(Notify, row.payload).to
    if not _is_operator(to) and isinstance(_choose(context, policy, to, [key]), storm.WaitUntil):
        return "postponed"
    return _send(context, claimer, policy, [key])


def _is_operator(to: str) -> bool:
    return to.split("/")[1] == "operator"


def _send_to_one(context: Context, claimer: str, to: str, keys: list[str], stop: threading.Event) -> bool:
    """Send to one recipient what may be sent now, the oldest first, until a try fails for the time being: the next one would, too.
    True: one did."""
    with context.store.read() as session:
        policy = policies.current(session)
    while policy is not None and keys and not stop.is_set():
        if not (batch := _batch(context, policy, to, keys)):
            return False
        if _send(context, claimer, policy, batch) == "postponed":
            return True
        keys = keys[len(batch) :]
    return False


def _batch(context: Context, policy: Policy, to: str, keys: list[str]) -> list[str]:
    """The oldest of these, as many as go together now. Who is to be woken is woken for each; the storm rule (R9) is for
    customers."""
    if _is_operator(to):
        return keys[:1]
    match _choose(context, policy, to, keys):
        case storm.SendOne(key):
            return [key]
        case storm.Digest(together):
            return list(together)  # they are the oldest as well
        case _:
            return []


def _choose(context: Context, policy: Policy, to: str, keys: list[str]) -> storm.SendOne | storm.Digest | storm.WaitUntil | None:
    """What the storm rule says of these, after what went out to this recipient in the last minute."""
    now_s = context.clock.now_s()
    with context.store.read() as session:
        lately = outbox.sent_s(session, to, now_s - storm.MINUTE_S)
    return storm.decide(keys, lately, policy.limits.alerts_per_minute, now_s)


def _send(context: Context, claimer: str, policy: Policy, keys: list[str]) -> str:
    """Claim, deliver, and write down the end: ``sent``, ``not_needed``, ``postponed``, ``failed`` or ``taken``."""
    asked_boot_s = context.clock.boottime_s()
    rows = outbox.claim_all(context.store, keys, claimer, context.settings.lease_s)
    if not rows:
        return "taken"
    notifies = [decode(Notify, row.payload) for row in rows]
    if (why := _not_needed(context, notifies)) is not None:
        _finish(context, claimer, rows, outbox.NOT_NEEDED, why)
        return outbox.NOT_NEEDED
    try:
        with LeaseKeeper(context, claimer, *(row.key for row in rows), asked_boot_s=asked_boot_s):
            delivered = _deliver(context, policy, notifies)
    except DeliveryError as error:
        if error.permanent and not error.of_recipient and len(rows) > 1:
            # one message that can't be sent must not take the others with it; halves, for a mail of each would be the storm again
            half = len(rows) // 2
            outcomes = {_send(context, claimer, policy, [row.key for row in part]) for part in (rows[:half], rows[half:])}
            return outbox.SENT if outcomes == {outbox.SENT} else "failed"
        return _refused(context, claimer, rows, notifies, error)
    _finish(context, claimer, rows, outbox.SENT, delivered.detail)
    return outbox.SENT


def _not_needed(context: Context, notifies: list[Notify]) -> str | None:
    """Why this page wakes nobody any more: it waited until its incident was over, taken, or another. Pages never go together with
    other messages. ``None``: send."""
    notify = notifies[0]
    if notify.message is not Message.PAGE:
        return None
    with context.store.read() as session:
        row = session.get(IncidentRow, notify.incident)
    return no_longer_asks(context, row, serial_of(notify.key)) if row is not None else None


def _deliver(context: Context, policy: Policy, notifies: list[Notify]) -> Delivered:
    """Whatever goes wrong with a message is its own failure, told to the operators: it must not stop those behind it."""
    try:
        return CHANNELS[notifies[0].channel](notifies, policy, _settings(context))
    except DeliveryError:
        raise
    except OSError as error:
        raise DeliveryError(f"{type(error).__name__}: {error.strerror}", permanent=False) from error
    except Exception as error:  # noqa: BLE001  # a fault of ours in one message; it ends as a DeliveryError that operators hear of
        # where, but not what it says: that may quote what was to be sent, or a webhook's address
        log.error("%s: %s\n%s", notifies[0].key, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        raise DeliveryError(f"cannot send: {type(error).__name__}", permanent=True) from None


def _finish(context: Context, claimer: str, rows: list[CommandRow], outcome: str, detail: str) -> None:
    with context.store.write() as session:
        now_s = context.clock.now_s()
        for row in rows:
            outbox.complete(session, row.key, claimer, outcome, detail, now_s)


def _refused(context: Context, claimer: str, rows: list[CommandRow], notifies: list[Notify], error: DeliveryError) -> str:
    """Try again later, or give it up and have the operators told."""
    with context.store.write() as session:
        now_s = context.clock.now_s()
        for row, notify in zip(rows, notifies, strict=True):
            if not error.permanent and outbox.waited_s(session, row.key) < GIVE_UP_S:
                wait_s = RETRY_S[min(row.tries - 1, len(RETRY_S) - 1)]
                outbox.postpone(session, row.key, claimer, wait_s, str(error))
                log.warning("%s: %s; tried again in %g s", row.key, error, wait_s)
                continue
            log.error("%s: given up: %s", row.key, error)
            if outbox.complete(session, row.key, claimer, "failed", str(error), now_s):
                inbox.insert(session, _failed(row, notify, error, now_s))
    return "failed" if error.permanent else "postponed"


def _failed(row: CommandRow, notify: Notify, error: DeliveryError, now_s: float) -> ev.DeliveryFailed:
    return ev.DeliveryFailed(
        id=f"{row.key}/failed",
        at_s=now_s,
        host=notify.host or "",
        command=row.key,
        message=notify.message,
        recipient=notify.recipient,
        error=str(error),
    )


def _settings(context: Context) -> Settings:
    settings = context.settings
    return Settings(
        resolve=secrets.resolve,
        ack_url=lambda page: page_url(settings, page),
        smtp=SmtpSettings(host=settings.smtp_host, port=settings.smtp_port, starttls=settings.smtp_starttls),
    )
