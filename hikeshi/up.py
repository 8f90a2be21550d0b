"""``hikeshi up``: starts every process, restarts what ends, and ends all of them together. Imports little, so that it stays
small, and knows nothing of what they do."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.ports import Clock
from engine.own_secret import read as read_own_secret
from engine.settings import Settings
from flows import server
from hikeshi.exits import Exit
from hikeshi.show import refuse
from hikeshi.signals import ENDING, Signals
from store.clock import SystemClock

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
POLL_S = 0.2
STEADY_S = 60.0
"""A process that ran for so long starts again as after its first end."""
GRACE_S = 15.0
"""How long the processes have to come to a safe point after SIGTERM."""
ACTING = frozenset({"hands", "executor"})
LOCK = "up.lock"
LOG_BYTES = 10_000_000
_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One supervised process. ``environment`` is all of its environment."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    cwd: Path
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_s: float = 0.0
    not_before_s: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps children running until SIGTERM or SIGINT."""

    children: list[Child]
    logs: Path
    clock: Clock
    signals: Signals
    say: Callable[[str], None]

    def run(self) -> None:
        try:
            came: set[int] = set()
            while not came & ENDING:
                for child in self.children:
                    self._keep(child)
                came = self.signals.wait(POLL_S)
                if signal.SIGHUP in came:
                    self._reload()
        finally:
            self._end()

    def _reload(self) -> None:
        """SIGHUP to the engine: read the inventory again."""
        for child in self.children:
            if child.name == "engine" and child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGHUP)

    def _keep(self, child: Child) -> None:
        now_s = self.clock.boottime_s()
        if child.process is not None and child.process.poll() is not None:
            code = child.process.returncode
            steady = now_s - child.started_s > STEADY_S
            wait_s = BACKOFF_S[0 if steady else min(child.failures, len(BACKOFF_S) - 1)]
            child.failures = 1 if steady else child.failures + 1
            self.say(f"{child.name} ended with {code}; started again in {wait_s:g} s (see {self.logs / child.name}.log)")
            child.process = None
            child.not_before_s = now_s + wait_s
        if child.process is None and now_s >= child.not_before_s:
            child.started_s = now_s
            child.process = self._start(child)

    def _start(self, child: Child) -> subprocess.Popen[bytes]:
        path = self.logs / f"{child.name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            return subprocess.Popen(
                child.argv,
                env=child.environment,
                cwd=child.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on
                preexec_fn=_die_with_parent(),  # noqa: PLW1509  # the supervisor has no other threads
            )

    def _end(self) -> None:
        """SIGTERM to all: first to those who act, as they report to the others; what is left after the grace is killed."""
        give_up_s = self.clock.boottime_s() + GRACE_S
        acting = [child for child in self.children if child.name in ACTING]
        for wave in (acting, [child for child in self.children if child.name not in ACTING]):
            running = [child.process for child in wave if child.process is not None and child.process.poll() is None]
            for process in running:
                process.terminate()
            for process in running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, give_up_s - self.clock.boottime_s()))
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                self.say(f"{child.name} did not end within {GRACE_S:g} s and is killed")
                child.process.kill()
                child.process.wait()


def run(inventory: Path, *, prefect: bool) -> Exit:
    """Prepare the store and the inventory, then run everything until SIGTERM or Ctrl-C."""
    os.environ["HIKESHI_INVENTORY"] = str(inventory.absolute())
    os.environ["HIKESHI_PREFECT"] = "true" if prefect else "false"
    settings = Settings()
    signals = Signals()
    if (wrong := _make_home(settings.home)) is not None:
        return refuse(wrong)
    logs = settings.home / "log"
    logs.mkdir(mode=0o700, exist_ok=True)
    with _only_one(settings.home) as alone:
        if not alone:
            return refuse(f"hikeshi is already up in {settings.home}; end that one first, or choose another --home")
        if (taken := _taken_ports(settings)) is not None:
            return refuse(taken)
        prepared = _prepare(settings, signals)
        if not isinstance(prepared, dict):
            return prepared
        supervisor = Supervisor(children(settings, prepared, prefect=prefect), logs, SystemClock(), signals, _say)
        _say(f"store {settings.home}, logs {logs}, ingress {settings.ingress_url}")
        if prefect:
            _say(f"Prefect UI {settings.prefect_url} (sign in with the text in {settings.prefect_credential})")
        supervisor.run()
    _say("ended")
    return Exit.OK


def _make_home(home: Path) -> str | None:
    """The state folder, closed to others. ``None``, or why this one will not do."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = home.stat()
    if status.st_uid != os.geteuid():
        return f"{home} can't be the state folder: it belongs to somebody else; choose another --home"
    if status.st_mode & 0o077:
        if not (home / LOCK).exists() and any(home.iterdir()):
            # not ours to close: it may be a folder that others live in
            return f"{home} can't be the state folder: it is open to others and not empty; chmod 700 it, or choose another --home"
        home.chmod(0o700)
    return None


def _taken_ports(settings: Settings) -> str | None:
    """Whose port somebody else has, in words."""
    wanted = [("ingress", settings.ingress_bind, settings.ingress_port)]
    if settings.prefect:
        wanted.append(("prefect", settings.prefect_bind, settings.prefect_port))
    for name, address, port in wanted:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            socket.create_server((address, port), family=family).close()
        except OSError as error:
            return (
                f"{address} port {port} can't be listened on ({os.strerror(error.errno or 0)}); end what has it, "
                f"or choose another with HIKESHI_{name.upper()}_PORT"
            )
    return None


def _prepare(settings: Settings, signals: Signals) -> dict[str, list[str]] | Exit:
    """What ``process prepare`` found out, or how it ended. A signal to end ends it."""
    process = subprocess.Popen(
        [*_self(), "process", "prepare"],
        env=_plain_environment(settings),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        preexec_fn=_die_with_parent(),  # noqa: PLW1509  # as for the others
    )
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            output, _ = process.communicate(timeout=POLL_S)
            break
        if signals.wait(0) & ENDING:
            process.terminate()
            process.wait()
            return Exit.OK
    if process.returncode != 0:
        return Exit(process.returncode) if process.returncode in set(Exit) else Exit.REFUSED
    names: dict[str, list[str]] = json.loads(output)
    return names


def _plain_environment(settings: Settings) -> dict[str, str]:
    """What every process of ours gets: its settings, and what PostgreSQL's library reads where that holds the store."""
    ours = {f"HIKESHI_{name.upper()}" for name in Settings.model_fields}
    plain = {name: value for name, value in os.environ.items() if name in _KEPT or name.upper() in ours}
    if settings.store_url:
        plain |= {name: value for name, value in os.environ.items() if name.startswith("PG")}
    return {**plain, "HIKESHI_HOME": str(settings.home.absolute())}


def children(settings: Settings, secret_names: Mapping[str, list[str]], *, prefect: bool) -> list[Child]:
    """What ``up`` runs, each with its own environment."""
    plain = _plain_environment(settings)
    secrets = {process: {name: os.environ[name] for name in names if name in os.environ} for process, names in secret_names.items()}
    found = [
        Child(name, [*_self(), "process", name], {**plain, **secrets.get(name, {})}, settings.home)
        for name in ("engine", "watcher", "sealer", "hands", "ingress")
    ]
    if prefect:
        server.make_homes(settings)
        credential = read_own_secret(settings.prefect_credential)
        found.insert(
            0,
            Child(
                "prefect",
                server.server_argv(),
                server.server_environment(settings, credential, os.environ),
                server.home(settings, "server"),
            ),
        )
        acting = {**plain, **secrets.get("executor", {})}
        found.append(
            Child(
                "executor",
                server.executor_argv(),
                {**acting, **server.executor_environment(settings, credential, os.environ)},
                server.home(settings, "executor"),
            )
        )
    return found


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[bool]:

    with (home / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _self() -> list[str]:
    return [sys.executable, "-m", "hikeshi"]


def _say(text: str) -> None:
    print(f"hikeshi: {text}", file=sys.stderr, flush=True)


def _die_with_parent() -> Callable[[], None]:
    """To be called in the child: it ends when the supervisor ends, however that does."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has ended already
            os.kill(os.getpid(), signal.SIGTERM)

    return ask
