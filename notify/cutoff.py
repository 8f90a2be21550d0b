"""An end to a conversation that goes on and on: timeouts of libraries are for one read, and who says a byte now and then would keep
everything behind it waiting for ever."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

AGAIN_S = 1.0
"""A connection that was not there yet when it should have been cut off is looked for again."""


@contextlib.contextmanager
def cut_off(after_s: float, line: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Whoever waits on ``line`` for longer than ``after_s`` in all finds it closed by the other side."""
    over = threading.Event()

    def cut() -> None:
        wait_s = after_s
        while not over.wait(wait_s):
            wait_s = AGAIN_S
            if (found := line()) is not None:
                with contextlib.suppress(OSError):  # closed by itself meanwhile
                    socket.socket.shutdown(found, socket.SHUT_RDWR)  # not TLS's own, which would converse

    thread = threading.Thread(target=cut, name="cut off", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
