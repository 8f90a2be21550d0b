"""Seals, sums up and ages samples, in a process that nobody waits for: the system runs it last, and it can be killed anywhere."""

import logging
import os
import sqlite3
import threading
from contextlib import closing

from sqlalchemy.exc import SQLAlchemyError

from domain.ports import Clock
from engine.context import Context
from store.db import StoreError
from store.samples import Samples
from store.sealing import LOOKS_MAX, age, roll_up, seal_recent, waiting
from store.series import DAY_S

log = logging.getLogger(__name__)

POLL_S = 20.0
EVERY_S = 3600.0
"""Each pass writes every series' day anew."""
_NICE = 10


class Sealer:
    def __init__(self, samples: Samples, clock: Clock) -> None:
        self._samples, self._clock = samples, clock
        self._seal_at_s = 0.0
        self._aged: int | None = None
        """The day on which was aged last."""

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``. What fails is tried again."""
        while not stop.wait(POLL_S):
            try:
                self.once()
            except (SQLAlchemyError, sqlite3.Error, StoreError, OSError) as error:
                log.warning("samples can't be sealed just now: %s", str(error.__cause__ or error)[:200])

    def once(self) -> None:
        """Whatever is due."""
        if not self._samples.begun:
            return
        boot_s, today = self._clock.boottime_s(), int(self._clock.now_s() // DAY_S)
        if boot_s >= self._seal_at_s or waiting(self._samples) >= LOOKS_MAX:
            sealed = seal_recent(self._samples)
            rolled = roll_up(self._samples, today)
            if sealed < LOOKS_MAX:
                self._seal_at_s = boot_s + EVERY_S
            log.info("sealed %d looks, summed up %d days", sealed, rolled)
        if today != self._aged:
            gone = age(self._samples, today)
            self._aged = today
            log.info("aged out %d days of series", gone)


def seal(context: Context, stop: threading.Event) -> None:
    """The sealer's process, until ``stop`` is set."""
    os.nice(_NICE)
    with closing(Samples(context.store, bulk=True)) as samples:
        Sealer(samples, context.clock).run(stop)
