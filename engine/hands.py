"""Does what was decided and nobody else does: sends messages at once, and takes runs and reports that stayed unclaimed, so
that recovery never waits for the tool that displays it."""

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from sqlmodel import Session

from engine.claim import LostError, StoppedError, Taken
from engine.context import Context
from engine.executor import begin
from engine.reporting import write_report
from engine.sending import Counter
from notify import CHANNELS
from store import outbox, steady
from store.tables import CommandRow

log = logging.getLogger(__name__)

POLL_S = 0.2
RECHECK_S = 2.0
"""Even when nothing was written, time alone may make something claimable."""
RUNS_AT_ONCE = 8
"""Runs and reports; the channels have threads of their own beside them."""
SENT_AT_ONCE = 4
"""Recipients that one channel is sent to; who waits for a fifth that hangs waits for one try."""


class Hands:
    """One hands process. ``run`` returns when ``stop`` is set and what was begun has come to a safe point."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._name = f"hands:{uuid.uuid4().hex[:8]}"
        self._pool = ThreadPoolExecutor(RUNS_AT_ONCE + SENT_AT_ONCE * len(CHANNELS), thread_name_prefix="hands")
        self._busy: dict[str, Future[None]] = {}
        self._recheck_at_s = 0.0
        self._stop = threading.Event()
        self._counters = {channel: Counter(context, self._name, channel, self._stop) for channel in CHANNELS}
        self._clerks = {f"{channel} {place}": channel for channel in CHANNELS for place in range(SENT_AT_ONCE)}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            boot_s = self._context.clock.boottime_s()
            if self._context.store.changed() or boot_s >= self._recheck_at_s:
                self._recheck_at_s = boot_s + RECHECK_S
                self.once()
            stop.wait(POLL_S)
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def once(self) -> None:
        """One pass: whatever may be claimed is begun; at most one task per subject."""
        self._reap()
        waiting = {channel: counter.line_up() for channel, counter in self._counters.items()}
        for clerk, channel in self._clerks.items():
            if waiting[channel]:
                self._begin(clerk, self._counters[channel].serve)
        with self._context.store.read() as session:
            rows = self._orphans(session)
        for row in rows:
            if sum(name not in self._clerks for name in self._busy) >= RUNS_AT_ONCE:
                break  # the next passes take them; more in the pool would keep the messages waiting
            work = self._perform_run if row.kind == "Run" else self._perform_report
            self._begin(row.key, lambda key=row.key, work=work: work(key))  # type: ignore[misc]

    def _orphans(self, session: Session) -> list[CommandRow]:
        """Runs and reports that no flow run claimed in time."""
        settings, now_s = self._context.settings, steady.now_s(session)
        wait_s = settings.orphan_s if settings.prefect else 0.0
        found = outbox.claimable(session, ["Run", "Report"], wait_s)
        return [row for row in found if now_s - row.created_s >= wait_s]

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        if name not in self._busy:
            self._busy[name] = self._pool.submit(work)

    def _reap(self) -> None:
        for name, future in list(self._busy.items()):
            if future.done():
                del self._busy[name]
                if (error := future.exception()) is not None:
                    # the command stays open and its claim lapses, so it is tried again; what went wrong is for people to see
                    log.error("%s failed: %s", name, error, exc_info=error)

    def _perform_run(self, key: str) -> None:
        """Perform a run to its end. When this process is to stop, the run is given back at the next step, for another to go on."""
        session = begin(self._context, key, self._name, self._stop)
        if isinstance(session, Taken):
            return
        try:
            while (step := session.next()) is not None:
                result = session.perform(step)
                log.info("%s: %s: %s %s", key, step.title, result.outcome, result.detail)
            ended = session.finish()
            log.info("%s: %s", key, ended.outcome)
        except StoppedError:
            log.info("%s is given back", key)
            outbox.release(self._context.store, key, self._name)
        except LostError as error:
            log.warning("%s", error)
        finally:
            session.close()

    def _perform_report(self, key: str) -> None:
        write_report(self._context, key, self._name)
