"""Kill points, seen from outside: every commit of the store and every effect on the world, by what it is.

``run`` is the role's real process with listeners on SQLAlchemy's own events and on the few library
functions through which effects leave (SMTP's DATA, a command over SSH, an order to a BMC). The product knows nothing of it.

Points count from when the file ``POINTS_ARMED`` is there. ``POINTS_RECORD``: append the name of each to this file.
``POINTS_KILL``: die by SIGKILL at this one, leaving a file ``killed`` beside it. ``POINTS_STOP``: stop by SIGSTOP there.
"""

import contextlib
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

_KEEPALIVE = {"UPDATE lease", "INSERT lease", "INSERT watcher", "UPDATE watcher", "renew command"}
"""Written by the clock and not by the story."""
_SAMPLES = {"INSERT sample_recent", "INSERT sample_series"}
"""By the second, whatever the story does; what a crash there costs is shown beside the samples (tests/store)."""


class Points:
    def __init__(self, role: str) -> None:
        self._role = role
        self._record = os.environ.get("POINTS_RECORD")
        self._kill = os.environ.get("POINTS_KILL")
        self._stop = os.environ.get("POINTS_STOP")
        self._armed = Path(os.environ["POINTS_ARMED"])
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def at(self, what: str) -> None:
        if not self._armed.exists() and "policy" not in what:
            return  # the story has not begun
        with self._lock:
            self._seen[what] += 1
            name = f"{self._role}: {what} #{self._seen[what]}"
            if self._record is not None:
                with Path(self._record).open("a", encoding="utf-8") as file:
                    file.write(name + "\n")
        if name == self._kill:
            self._armed.with_name("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if name == self._stop:
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # sent to the process, another thread may take it, later


def install(points: Points) -> None:
    from sqlalchemy import Engine, event
    from sqlalchemy.orm import Session

    admitting = threading.local()

    @event.listens_for(Engine, "before_cursor_execute")
    def remember(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if found := re.match(r"\s*(INSERT|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?(\w+)", statement):
            what = _of_command(statement) if found[0].strip().startswith("UPDATE command") else f"{found[1]} {found[2]}"
            connection.info.setdefault("writes", set()).add(what)

    @event.listens_for(Engine, "commit")
    def before_commit(connection: Any) -> None:
        writes = connection.info.pop("writes", set()) - _KEEPALIVE - _SAMPLES
        if writes:
            points.at("commit " + ", ".join(sorted(writes)))
        admitting.active = writes == {"INSERT attempt"}

    @event.listens_for(Session, "after_commit")
    def after_commit(_session: Any) -> None:
        if getattr(admitting, "active", False):
            admitting.active = False
            points.at("after commit INSERT attempt")

    @event.listens_for(Engine, "rollback")
    def forget(connection: Any) -> None:
        connection.info.pop("writes", None)

    _around("smtplib", "SMTP", "data", points, lambda *_: "mail")
    _around("subprocess", None, "run", points, _ipmi_order)
    _around("httpx", "Client", "send", points, _redfish_order)
    with contextlib.suppress(ImportError):
        _around("paramiko.channel", "Channel", "exec_command", points, _command)


def _of_command(statement: str) -> str:
    """Which of the ways in which a command's row is changed."""
    changed = statement.partition(" SET ")[2].partition(" WHERE ")[0]
    for column, what in (("done_s", "complete"), ("not_before_s", "postpone"), ("tries", "claim"), ("flow_run", "dispatch")):
        if f"{column}=" in changed:
            return f"{what} command"
    return "renew command" if "claimed_by" not in changed else "release command"


def _command(_channel: Any, command: Any) -> str | None:
    text = command.decode() if isinstance(command, bytes) else str(command)
    words = {"restart": " restart ", "unit": "systemd-run ", "reboot": "shutdown -r "}
    return next((what for what, part in words.items() if part in text), None)


def _ipmi_order(argv: Any, *_: object) -> str | None:
    """Of ipmitool, what it is to change; ``chassis status`` only looks."""
    words = " ".join(argv)
    found = re.search(r" chassis (power|bootdev) (\w+)", words) if argv[0] == "ipmitool" else None
    return f"{found[1]} {found[2]}" if found is not None else None


def _redfish_order(_client: Any, request: Any) -> str | None:
    """A Redfish service is told what to boot by PATCH, and switched by POST."""
    match request.method, request.url.path.rpartition("/")[2]:
        case "PATCH", _:
            return "redfish boot"
        case "POST", "ComputerSystem.Reset":
            return "redfish power"
    return None


def _around(module: str, kind: str | None, name: str, points: Points, what: Any) -> None:
    """Around a method of the class ``kind``, or a function of the module."""
    import importlib

    owner = importlib.import_module(module)
    if kind is not None:
        owner = getattr(owner, kind)
    real = getattr(owner, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        label = what(*arguments)
        if label is not None:
            points.at(f"before {label}")
        result = real(*arguments, **named)
        if label is not None:
            points.at(f"after {label}")
        return result

    setattr(owner, name, watched)


def run(role: str, environment: dict[str, str], log: str) -> None:
    """The role's process, forked from a server that has imported everything (a start costs seconds otherwise)."""
    with Path(log).open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    install(Points(role))
    from hikeshi import processes

    raise SystemExit(int(getattr(processes, role)()))
