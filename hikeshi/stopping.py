"""The stop file: while it exists nothing is done on any host, and its lines say who stopped, when and why. It needs neither store
nor readable settings, so that stopping never depends on them."""

import os
from datetime import UTC, datetime
from pathlib import Path

from domain.wording import plain, shortened
from engine.settings import stop_file
from store.clock import SystemClock

NEWEST = 3
SAID_CHARS = 400


def stop(by: str, reason: str) -> str:
    """Make the file, or add to it; returns the line that was written. Who doesn't say who it is stops all the same, and is
    recorded by the login."""
    path = stop_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.fromtimestamp(SystemClock().now_s(), UTC)
    who = by or f"{os.environ.get('SUDO_USER') or os.environ.get('USER') or os.geteuid()} (login)"
    line = f"{now:%Y-%m-%dT%H:%M:%SZ} {plain(who)}: {plain(reason) or 'no reason given'}"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    return line


def said(path: Path) -> str | None:
    """Its newest lines as one; ``None`` where there is no such file. One that was made by hand may say nothing."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    return shortened("; ".join(plain(line) for line in lines[-NEWEST:]), SAID_CHARS)
