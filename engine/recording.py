"""Keeps what the watcher sees (P10, P40), in a thread of its own, so that no disk keeps a look waiting.

A second's looks are one row and one commit. While samples can't be written they wait, so many at most; then the oldest are lost,
counted, and told.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from domain.observation import Verdict
from domain.ports import Clock
from store.db import StoreError
from store.looks import Look, Watched
from store.samples import Samples
from watch.desk import Seen

log = logging.getLogger(__name__)

EVERY_S = 0.7
"""With the time between two visits to the desk, and what a commit takes, a crash loses a second."""
WAITING_MAX = 200_000
"""Looks; some ten megabytes. At 100 hosts a day's worth, at the most that one watcher can do some minutes'."""
AT_ONCE = 20_000
GRACE_S = 5.0
"""How long the last ones have when the process ends."""
DAY_S = 86_400


class Recorder:
    """``keep`` from one thread, ``flush`` from another. ``lost`` counts since the process began."""

    def __init__(self, samples: Samples, clock: Clock, waiting_max: int = WAITING_MAX) -> None:
        self._samples, self._clock, self._waiting_max = samples, clock, waiting_max
        self._lock = threading.Lock()
        self._arrived: list[tuple[Sequence[Seen], Mapping[str, str]]] = []
        self._arrived_looks = 0
        self._ready: list[Look] = []
        self._of: dict[str, Watched] = {}
        self._stop = threading.Event()
        self._away = False
        self.lost = 0

    @property
    def unkept(self) -> int:
        """Looks that are not on the disk yet."""
        return self._arrived_looks + len(self._ready)

    @property
    def held_up(self) -> int:
        """How many of these wait longer than until the next flush."""
        return self.unkept if self._away or self.unkept > AT_ONCE else 0

    def keep(self, seen: Sequence[Seen], owners: Mapping[str, str]) -> None:
        """Takes no time. ``owners``: each check's customer; a check without one has left the inventory, and is left out."""
        with self._lock:
            self._arrived.append((seen, owners))
            self._arrived_looks += len(seen)
            while self._arrived_looks > self._waiting_max:  # flushing hangs
                oldest, _ = self._arrived.pop(0)
                self._arrived_looks -= len(oldest)
                self.lost += len(oldest)

    def flush(self) -> None:
        """Write what waits, or let it go on waiting."""
        with self._lock:
            arrived, self._arrived, self._arrived_looks = self._arrived, [], 0
        self._ready += [look for seen, owners in arrived for one in seen if (look := self._look(one, owners)) is not None]
        self._drop_oldest()
        today = int(self._clock.now_s() // DAY_S)
        while self._ready:
            some = self._ready[:AT_ONCE]
            try:
                self._samples.append(some, today)
            except (SQLAlchemyError, sqlite3.Error, StoreError, OSError) as error:
                self._note_away(error)
                return
            del self._ready[: len(some)]
        if self._away:
            self._away = False
            log.warning("samples are kept again; lost since the beginning: %d looks", self.lost)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Flush in the background; what is there at the end is written before it ends, if that can be."""
        thread = threading.Thread(target=self._run, name="samples", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(GRACE_S)
            self.close()

    def close(self) -> None:
        self._samples.close()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._flush_whatever_happens()
        self._flush_whatever_happens()

    def _flush_whatever_happens(self) -> None:
        try:
            self.flush()
        except Exception:
            self.lost += len(self._ready)
            log.exception("%d looks could not be kept and are lost", len(self._ready))
            self._ready = []

    def _look(self, seen: Seen, owners: Mapping[str, str]) -> Look | None:
        check, at_s, saw = seen
        customer = owners.get(check)
        if customer is None:
            return None
        of = self._of.get(check)
        if of is None or of.customer != customer:
            of = self._of[check] = Watched(check, customer)
        if saw.verdict is Verdict.UNKNOWN:
            return Look(of, int(at_s), saw.verdict)
        return Look(of, int(at_s), saw.verdict, saw.value, saw.latency_ms)

    def _drop_oldest(self) -> None:
        if (over := len(self._ready) - self._waiting_max) > 0:
            del self._ready[:over]
            self.lost += over

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            why = str(error.__cause__ or error)[:200]
            log.warning("samples can't be kept, %d looks wait, the oldest go beyond %d: %s", self.unkept, self._waiting_max, why)
