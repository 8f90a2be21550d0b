"""Signals as something to wait for.

A handler may interrupt anything, also a ``threading.Event`` that holds its own lock; setting it there can stop a process for
ever. So a handler only writes a byte, and who reads it acts.
"""

import os
import select
import signal
import threading
from types import FrameType

ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """SIGTERM, SIGINT and SIGHUP of this process from now on. Made in the main thread."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        for number in (*ENDING, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        os.write(self._write, bytes([number]))

    def wait(self, timeout_s: float | None = None) -> set[int]:
        """The signals that came; empty when none did in time. With ``None`` it waits for one."""
        ready, _, _ = select.select([self._read], [], [], timeout_s)
        return set(os.read(self._read, 100)) if ready else set()

    def into(self, stop: threading.Event, reload: threading.Event) -> None:
        """Hand them on from a thread: ``stop`` for SIGTERM and SIGINT, ``reload`` for SIGHUP."""

        def hand_on() -> None:
            while not stop.is_set():
                came = self.wait()
                if signal.SIGHUP in came:
                    reload.set()
                if came & ENDING:
                    stop.set()

        threading.Thread(target=hand_on, name="signals", daemon=True).start()
