"""Looks by libraries that have an event loop of their own: one thread for all of them, so that none can stall ours."""

import asyncio
import logging
import os
import queue
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from domain.observation import Observation, down, unknown
from domain.ports import Clock
from probes.spec import SecretMissing
from watch import trouble

log = logging.getLogger(__name__)

AT_ONCE = 64
"""The others wait, and their time runs from when they begin."""

Start = Callable[[], Awaitable[Observation]]


class Called:
    """One look under way. ``turn`` grows when it begins anew, so that what the former attempt saw counts no more."""

    __slots__ = ("landed", "start", "task", "timeout_s", "turn")

    def __init__(self, start: Start, timeout_s: float, landed: Callable[[Observation], None]) -> None:
        self.start, self.timeout_s, self.landed = start, timeout_s, landed
        self.turn = 0
        self.task: asyncio.Future[None] | None = None
        """Of the thread's loop; only to be touched there."""


class _Seen(NamedTuple):
    called: Called
    turn: int
    observation: Observation


class Calls:
    """``look`` and ``give_up`` as the driver's; when ``descriptor`` can be read, ``came`` tells what has landed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._under_way: set[Called] = set()
        self._seen: queue.SimpleQueue[_Seen] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._thread = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._thread.start()

    def look(self, start: Start, timeout_s: float, landed: Callable[[Observation], None]) -> Called:
        """Begins as soon as there is a place; ``start`` is called in the thread."""
        called = Called(start, timeout_s, landed)
        self._under_way.add(called)
        self._loop.call_soon_threadsafe(self._begin, called, called.turn)
        return called

    def give_up(self, called: Called) -> None:
        """It will not land."""
        self._under_way.remove(called)
        self._loop.call_soon_threadsafe(_cancel, called)

    def begin_anew(self) -> None:
        """This process stood still: silence meanwhile says nothing about any peer."""
        for called in self._under_way:
            called.turn += 1
            self._loop.call_soon_threadsafe(_cancel, called)
            self._loop.call_soon_threadsafe(self._begin, called, called.turn)

    def came(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)
        while not self._seen.empty():
            seen = self._seen.get()
            if seen.called in self._under_way and seen.turn == seen.called.turn:
                self._under_way.remove(seen.called)
                seen.called.landed(seen.observation)

    def close(self) -> None:
        for called in list(self._under_way):
            self.give_up(called)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        os.close(self.descriptor)

    def _begin(self, called: Called, turn: int) -> None:
        called.task = self._loop.create_task(self._carry_out(called, turn))

    async def _carry_out(self, called: Called, turn: int) -> None:
        async with self._places:
            began_s = self._clock.boottime_s()
            seen = await _look(called)
            latency_ms = (self._clock.boottime_s() - began_s) * 1000
        self._seen.put(_Seen(called, turn, seen._replace(latency_ms=latency_ms)))
        os.eventfd_write(self.descriptor, 1)


async def _look(called: Called) -> Observation:
    """However it ends, it has seen something: a look that never landed would be one that is never repeated."""
    try:
        return await _told(called)
    except Exception as error:  # one probe's mistake must not blind the watcher for all others
        log.exception("a probe's own mistake")
        return unknown(f"the probe failed with {type(error).__name__}; the watcher's log says where")


async def _told(called: Called) -> Observation:
    try:
        async with asyncio.timeout(called.timeout_s):
            return await called.start()
    except TimeoutError:
        return down(f"no complete answer within {called.timeout_s:g} s")
    except ssl.SSLError as error:  # before OSError, of which it is one
        return trouble.of_tls(error)
    except OSError as error:
        return trouble.of_socket(error)
    except SecretMissing as error:
        return unknown(str(error))


def _cancel(called: Called) -> None:
    if called.task is not None:
        called.task.cancel()
