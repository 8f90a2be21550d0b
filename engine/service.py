"""The engine process: holds the lease, decides, keeps the inventory, looks after watchers, and shows the work in Prefect."""

import logging
import os
import threading
import uuid
from contextlib import closing

from engine.context import Context
from engine.dispatch import Dispatcher
from engine.heartbeat import beat
from engine.inventory_source import InventorySource
from engine.own_secret import read as read_own_secret
from engine.prefect_api import PrefectApi
from engine.stepping import follow
from engine.tick import LEASE, LeaseLostError, Ticker
from engine.watchers import WatcherGuard
from store import lease

log = logging.getLogger(__name__)

POLL_S = 0.1
EVERY_S = 1.0
"""How often the inventory's folder, the watchers and the timers are looked at when nothing was written."""

STUCK_S = 30.0
"""An engine that has not come around for so long is not well, whatever it does."""
DISPATCHER_BACKOFF_S = 30.0


def run_engine(context: Context, stop: threading.Event, reload: threading.Event) -> None:
    """Decide until ``stop``; ``reload`` asks for the inventory to be read again. Waits while another engine holds the lease.

    Raises ``InventoryError`` when there is no good inventory to begin with, and ``LeaseLostError`` when another engine took
    over meanwhile (this one was stopped for too long).
    """
    context.store.migrate()
    holder = f"engine:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    if not _await_lease(context, holder, stop):
        return
    try:
        folder = context.settings.inventory
        Engine(context, holder, InventorySource(context, folder, holder) if folder is not None else None).run(stop, reload)
    finally:
        stop.set()
        lease.drop(context.store, LEASE, holder)


def _await_lease(context: Context, holder: str, stop: threading.Event) -> bool:
    while not lease.take(context.store, LEASE, holder, context.settings.lease_s):
        log.info("another engine decides; waiting for its lease to end")
        if stop.wait(0.5):
            return False
    return not stop.is_set()


class Engine:
    """The loop of one process that holds the lease. ``source`` is where inventories come from, if they do."""

    def __init__(self, context: Context, holder: str, source: InventorySource | None) -> None:
        self._context = context
        self._holder = holder
        self._ticker = Ticker(context, holder)
        self._guard = WatcherGuard(context, holder)
        self._source = source
        self._around_at_s = 0.0
        self._timer_at_s: float | None = 0.0
        self._turned_s = context.clock.boottime_s()

    def well(self) -> bool:
        """Does it decide, and is every watcher heard of? Asked by another thread."""
        return self._context.clock.boottime_s() - self._turned_s <= STUCK_S and not self._guard.silent

    def run(self, stop: threading.Event, reload: threading.Event) -> None:
        """Until ``stop``. Raises ``LeaseLostError``, and the store's errors: a fresh process does better than this one."""
        if self._source is not None:
            self._source.begin()
        if self._context.settings.prefect:
            threading.Thread(target=_dispatch, args=(self._context, stop), name="dispatch", daemon=True).start()
        if url := self._context.settings.heartbeat_url:
            threading.Thread(target=beat, args=(url, self.well, stop), name="heartbeat", daemon=True).start()
        while not stop.is_set():
            self._turned_s = self._context.clock.boottime_s()
            self._look_around(reload)
            due = self._timer_at_s is not None and self._context.clock.boottime_s() >= self._timer_at_s
            if self._context.store.changed() or due:
                follow(self._context, self._holder)  # rung at least as often as the lease is prolonged
                while self._ticker.once():
                    self._keep_lease()
                self._timer_at_s = self._ticker.next_timer_boot_s()
            stop.wait(POLL_S)

    def _look_around(self, reload: threading.Event) -> None:
        """What is looked at every so often: the lease, the inventory's folder, the watchers."""
        boot_s = self._context.clock.boottime_s()
        if boot_s < self._around_at_s and not reload.is_set():
            return
        self._around_at_s = boot_s + EVERY_S
        self._keep_lease()
        asked = reload.is_set()
        reload.clear()
        if self._source is not None:
            self._source.poll(force=asked)
        self._guard.once()

    def _keep_lease(self) -> None:
        if not lease.take(self._context.store, LEASE, self._holder, self._context.settings.lease_s):
            raise LeaseLostError(f"{self._holder} lost the engine's lease to another engine")


def _dispatch(context: Context, stop: threading.Event) -> None:
    """The dispatcher's thread: HTTP must never delay a decision, and no fault in showing the work may end it: the dispatcher
    begins anew, and the engine goes on deciding."""
    while not stop.is_set():
        try:
            _show_work(context, stop)
        except Exception:
            log.exception("the dispatcher failed; hands does the work meanwhile, it begins anew in %g s", DISPATCHER_BACKOFF_S)
            stop.wait(DISPATCHER_BACKOFF_S)


def _show_work(context: Context, stop: threading.Event) -> None:
    """One life of the dispatcher, until ``stop``."""
    credential = read_own_secret(context.settings.prefect_credential)
    recheck_at_s = 0.0
    with closing(context.fork()) as own, PrefectApi(f"{context.settings.prefect_url}/api", credential) as api:
        dispatcher = Dispatcher(own, api)
        while not stop.wait(POLL_S):
            boot_s = own.clock.boottime_s()
            if own.store.changed() or boot_s >= recheck_at_s:
                recheck_at_s = boot_s + EVERY_S
                dispatcher.once()
