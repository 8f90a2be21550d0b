"""Holding a claim while one works on a command."""

import threading
from dataclasses import dataclass
from typing import Self

from sqlmodel import select

from engine.context import Context
from store import outbox
from store.tables import CommandRow


class LostError(Exception):
    """The claim is somebody else's now: its former holder must not do anything more."""


class StoppedError(Exception):
    """This process is to end; what it had begun is somebody else's to go on with."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A command that is not to be had: who holds or did it, and how it ended (``None``: it is still being done)."""

    by: str
    outcome: str | None


def taken(context: Context, key: str) -> Taken:
    """Who has the command that could not be claimed."""
    with context.store.read() as session:
        row = session.exec(select(CommandRow).where(CommandRow.key == key)).first()
    if row is None:
        return Taken("nobody: there is no such command", "unknown")
    return Taken(row.claimed_by or "nobody", row.outcome)


class LeaseKeeper:
    """Renews claims (of one piece of work) from a thread of its own until it is closed.

    ``valid`` looks only at CLOCK_BOOTTIME, so that a process that was stopped and wakes too late knows it at once, without
    asking anybody. It counts from ``asked_boot_s``, before the claim was asked for: the store may have counted from any moment
    since, and must never be the first to think that the claim is over.
    """

    def __init__(self, context: Context, claimer: str, *keys: str, asked_boot_s: float) -> None:
        self._context = context
        self._keys = keys
        self._claimer = claimer
        self._lease_s = context.settings.lease_s
        self._until_boot_s = asked_boot_s + self._lease_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {keys[0]}", daemon=True)
        self._thread.start()

    @property
    def valid(self) -> bool:
        return self._context.clock.boottime_s() < self._until_boot_s

    def check(self) -> None:
        if not self.valid:
            raise LostError(f"{self._claimer} no longer holds {self._keys[0]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=self._lease_s)

    def _keep(self) -> None:
        while not self._stop.wait(self._lease_s / 4):
            asked_boot_s = self._context.clock.boottime_s()
            renewed = [outbox.renew(self._context.store, key, self._claimer, self._lease_s) for key in self._keys if self.valid]
            if not all(renewed) or len(renewed) < len(self._keys):
                self._until_boot_s = 0.0
                return
            self._until_boot_s = asked_boot_s + self._lease_s
