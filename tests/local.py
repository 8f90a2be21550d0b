"""A whole hikeshi around hosts on 127.0.0.1, its processes in the test's hands: a ``World`` that needs neither root nor guests.

``Door``: a TCP port that a test opens and shuts. ``Hook``: a receiver of webhooks. ``Mta``: a mail server that may refuse.
"""

import contextlib
import http.server
import io
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self, cast
from unittest import mock

import psutil
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlmodel import select
from world import TESTS, World

from bed.guest import Guest
from bed.network import Bed
from bed.plain import PlainHost
from bed.process import free_port
from bed.sink import Keeper, Sink
from domain.events import VerdictChanged
from domain.observation import Verdict
from hikeshi.__main__ import main
from store import inbox
from store.tables import PolicyRow, VerdictRow

Tree = dict[str, Any]


class Greeting(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"SSH-2.0-door\r\n")


class Door:
    """Something that greets as an SSH server does answers at this port, until it is shut."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: socketserver.TCPServer | None = None

    def open(self) -> None:
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Greeting)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def shut(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Hook:
    """Keeps what is posted to it; answers ``status``. Its URL ends in a token, as those of chat services do."""

    def __init__(self, token: str = "token") -> None:
        self.got: list[Tree] = []
        self.keys: list[str] = []
        self.status = 204
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.status < 300:
                    hook.keys.append(str(self.headers["Idempotency-Key"]))
                    hook.got.append(body)
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on the test's terminal."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{token}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def messages(self) -> list[Tree]:
        return [message for body in self.got for message in body["messages"]]


class Picky(Keeper):
    """Answers some recipients as the test says, and takes the others' mails."""

    refusals: Mapping[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"


class Mta(Sink):
    """``refusals``: the answer to RCPT for an address; may be changed while it runs."""

    def __init__(self, folder: Path, port: int = 0, refusals: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, "127.0.0.1", port)
        picky = Picky(folder, show=None)
        picky.refusals = refusals if refusals is not None else {}
        self._keeper = picky


class Loopback:
    """Stands where a bed with guests does."""

    address = "127.0.0.1"

    def inside(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def command(self, argv: list[str]) -> list[str]:
        return argv


class Nobody:
    """Stands where a host that one can log in to does."""

    address, http_port, ssh_port, user, host_key = "127.0.0.1", 1, 1, "nobody", ""


def inventory(doors: Mapping[str, int], **changes: Any) -> Tree:
    """One customer; for each door a host of that name with one check. No runbook recovers them, so people are called."""
    return {
        "brand": {"name": "Example Hosting", "sender": "monitoring@hosting.example"},
        "automation": "on",
        "limits": {"cool_down": "0s", "alerts_per_minute": 1000, "flapping": {"changes": 100, "window": "1s"}},
        "customers": {
            "shop": {
                "name": "Example Shop",
                "contacts": {"office": {"name": "Office", "mail": "office@shop.example", "language": "en"}},
                "contract": {"recovers": ["server", "service"], "wait": "0s"},
            }
        },
        "operators": {
            "first": {"name": "First", "mail": "first@hosting.example", "language": "en"},
            "second": {"name": "Second", "mail": "second@hosting.example", "language": "en"},
        },
        "on_call": {"order": ["first", "second"], "escalate_after": "10m"},
        "profiles": {"quick": {"interval": "1s", "confirmation": {"failures": 2, "retry": "1s"}}},
        "hosts": {name: host(port) for name, port in doors.items()},
        **changes,
    }


def host(port: int, customer: str = "shop", **changes: Any) -> Tree:
    return {
        "label": f"host at {port}",
        "customer": customer,
        "address": "127.0.0.1",
        "profile": "quick",
        "checks": {"ssh": {"port": port, "timeout": "2s"}},
        **changes,
    }


def recoverable(found: PlainHost, identity: Path) -> Tree:
    """A host whose web server can be restarted over SSH."""
    return {
        "label": "web01",
        "customer": "shop",
        "address": found.address,
        "profile": "quick",
        "checks": {
            "http": {"url": f"http://{found.address}:{found.http_port}/", "timeout": "2s", "service": "nginx"},
            "ssh": {"port": found.ssh_port},
        },
        "ssh": {"user": found.user, "port": found.ssh_port, "host_keys": [found.host_key], "identity": {"file": str(identity)}},
        "procedures": {"service": "restart-service"},
    }


class Local(World):
    """``tree`` is its inventory; ``write`` another one. With a ``bed`` it stands in that one's network."""

    def __init__(self, folder: Path, tree: Tree, bed: Bed | None = None, **settings: object) -> None:
        self.tree = tree
        self.extra: dict[str, str] = {}
        """More environment for every process and command."""
        place = bed or cast(Bed, Loopback())
        super().__init__(place, cast(Guest, Nobody()), folder / "none", folder, ingress_port=free_port(), **settings)

    def write_inventory(self, automation: str = "on") -> None:
        self.write(self.tree | {"automation": automation})

    def write(self, tree: Tree) -> None:
        """The inventory from now on; appears whole."""
        self.tree = tree
        self.write_text(json.dumps(tree, indent=1))

    def version(self) -> str | None:
        """The accepted version."""
        with self.context.store.read() as session:
            return session.exec(select(PolicyRow.version).where(PolicyRow.current)).first()

    def adopts(self, tree: Tree) -> None:
        """The inventory from now on, accepted by the engine."""
        before = self.version()
        self.write(tree)
        self.until("the inventory to be accepted", lambda: self.version() != before)

    def write_text(self, text: str) -> None:
        draft = self.inventory / "all.draft"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.inventory / "all.yaml")

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, **self.extra}

    def all_up(self) -> bool:
        checks = {f"{name}/{check}" for name, host in self.tree["hosts"].items() for check in host["checks"]}
        with self.context.store.read() as session:
            up = set(session.exec(select(VerdictRow.check).where(VerdictRow.verdict == "up")))
        return checks <= up

    def verdicts(self) -> dict[str, str]:
        """What each host's only check is known to be."""
        with self.context.store.read() as session:
            return {row.host: row.verdict for row in session.exec(select(VerdictRow))}

    def running(self, *roles: str) -> None:
        """Start these processes; returns when everything is seen to be up."""
        self.start(*roles)
        self.until("all checks up", self.all_up)

    def up_log(self, role: str) -> str:
        """What a process of ``up`` has said."""
        return (self.settings.home / "log" / f"{role}.log").read_text(encoding="utf-8")

    def end(self, role: str) -> int | None:
        """SIGTERM; its exit code."""
        process = self.processes.pop(role)
        process.send_signal(signal.SIGTERM)
        self.until(f"the end of {role}", lambda: process.poll() is not None)
        return process.poll()

    def command(self, *arguments: str, by: str = "first", **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of the command line."""
        return subprocess.run(
            [sys.executable, "-m", "hikeshi", *arguments],
            env={**self.environment, "HIKESHI_OPERATOR": by, **environment},
            cwd=TESTS.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    def quick(self, *arguments: str, by: str = "first", **environment: str) -> "subprocess.CompletedProcess[str]":
        """The same without a process of its own, for the many ways to be wrong."""
        wanted = {**self.environment, "HIKESHI_OPERATOR": by, **environment}
        out, error, before = io.StringIO(), io.StringIO(), os.umask(0o022)
        try:
            with (
                mock.patch.dict(os.environ, wanted, clear=True),
                mock.patch.object(sys, "argv", ["hikeshi", *arguments]),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(error),
            ):
                main()
        except SystemExit as ended:
            return subprocess.CompletedProcess(arguments, int(ended.code or 0), out.getvalue(), error.getvalue())
        finally:
            os.umask(before)
        raise AssertionError("a command ends by SystemExit")

    def mails(self, to: str | None = None) -> list[EmailMessage]:
        """What arrived, oldest first; only to this address."""
        found = [message_from_bytes(raw, policy=policy.default) for raw in self.sink.mails()]
        return [mail for mail in found if to is None or to in str(mail["To"])]


class Told(Local):
    """Nobody looks at the hosts: verdicts are put into the inbox as a watcher would, so that the time between them is the
    test's."""

    def __init__(self, folder: Path, tree: Tree, **settings: object) -> None:
        super().__init__(folder, tree, None, **{"watcher_silent_s": 3600, **settings})

    def tells(self, name: str, verdict: Verdict, check: str = "ssh") -> None:
        now_s = self.clock.now_s()
        since_s = now_s - 5 if verdict is Verdict.DOWN else None
        event = VerdictChanged(
            id=uuid.uuid4().hex,
            at_s=now_s,
            host=name,
            check=f"{name}/{check}",
            verdict=verdict,
            fault_at_s=since_s,
            evidence_since_s=since_s,
            detail="connection refused" if since_s else "",
        )
        with self.context.store.write() as session:
            inbox.insert(session, event)

    def breaks(self, *names: str) -> None:
        """Faults of these hosts, decided."""
        for name in names:
            self.tells(name, Verdict.DOWN)
        self.until("the faults to be decided", self.decided)

    def recovers(self, *names: str) -> None:
        for name in names:
            self.tells(name, Verdict.UP)
        self.until("the recoveries to be decided", self.decided)

    def decided(self) -> bool:
        """Is there nothing new in the inbox?"""
        with self.context.store.read() as session:
            return not inbox.pending(session, 1)

    def sent(self) -> bool:
        return all(row.done_s is not None for row in self.commands("Notify"))


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@contextlib.contextmanager
def up(local: Local, *options: str, launcher: tuple[str, ...] = ("-m", "hikeshi")) -> Iterator["subprocess.Popen[str]"]:
    """``hikeshi up --no-prefect``; whatever is left of it in the end is killed."""
    argv = [sys.executable, *launcher, "up", str(local.inventory), *(options or ("--no-prefect",))]
    process = subprocess.Popen(
        argv, env=local.environment, cwd=TESTS.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        left = family(process.pid)
        process.kill()
        process.communicate()
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def family(pid: int) -> list[psutil.Process]:
    """All descendants of a process."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def free_home(folder: Path) -> dict[str, str]:
    """The environment of somebody who has not begun yet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIKESHI_")}
    return {**kept, "HIKESHI_HOME": str(folder / "home")}
