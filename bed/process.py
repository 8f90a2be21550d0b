"""Running the system's own tools, with an error that says what they said."""

import socket
import subprocess
import time
from collections.abc import Callable, Sequence


class BedError(RuntimeError):
    """The bed can't do what was asked; the message says why."""


def run(argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60.0) -> str:
    """Run `argv` and return its standard output; BedError with its standard error when it fails."""
    done = subprocess.run(list(argv), input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise BedError(f"{' '.join(argv)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float, every_s: float = 0.02) -> None:
    """Return as soon as `condition()` is true; BedError naming `what` when it isn't within `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise BedError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(every_s)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has now: for servers that can't tell us which one they chose themselves."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
