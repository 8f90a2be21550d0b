"""The stage: real hosts, a mail sink, the sample inventory, and ``hikeshi up``: what a user runs, started as a user would."""

import fcntl
import importlib.resources
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from bed import able
from bed.guest import Guest
from bed.host import Host, make_key
from bed.network import Bed
from bed.plain import PlainHost
from bed.process import free_port
from domain.ports import Clock
from engine.context import Context
from engine.settings import Settings
from hikeshi.demo.database import Database
from hikeshi.throwaway import StageError, Throwaway
from store.db import Store

FOLDER = Path("~/.local/state/hikeshi-demo").expanduser()
OPERATOR = "first-line"
SHADOW = "automation: shadow\n"
HOSTS = """hosts:
  web01:
    label: web01
    customer: shop
    address: {address}
    fqdn: web01.shop.example
    groups: [linux, web]
    automation: {automation}
    checks:
      http:
        url: http://{address}:{http_port}/
      ssh:
        port: {ssh_port}
    ssh:
      user: {user}
      port: {ssh_port}
      host_keys:
        - {host_key}
      identity:
        file: {identity}
"""


class Stage:
    """A context manager. Its folder stays when it is left, for the mails and reports in it."""

    def __init__(self, clock: Clock, *, plain: bool) -> None:
        self.why_plain = "--plain was asked for" if plain else able.why_not()
        self.folder = FOLDER
        self.mails = FOLDER / "mails"
        self.inventory = FOLDER / "inventory"
        self._clock = clock
        self._stack = ExitStack()
        self.db01: Database | None = None
        self._bed: Bed | None = None

    def __enter__(self) -> Self:
        try:
            self._set()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def _set(self) -> None:
        self._stack.enter_context(_alone())
        shutil.rmtree(self.folder, ignore_errors=True)
        self.mails.mkdir(parents=True)
        self.folder.chmod(0o700)
        self.host = self._start_host()
        self.identity = self.folder / "identity"
        self.host.authorize(make_key(self.identity))
        sample = importlib.resources.files("inventory") / "sample"
        with importlib.resources.as_file(sample) as source:
            shutil.copytree(source, self.inventory)
        brand = self.inventory / "brand.yaml"  # the sample begins as everybody should; here work is to be seen
        brand.write_text(brand.read_text(encoding="utf-8").replace(SHADOW, "automation: on\n"), encoding="utf-8")
        self.write_hosts("on")
        if self._bed is not None:
            self.db01 = self._stack.enter_context(Database(self._bed, self.folder))
            self.db01.write_inventory(self.inventory)
        self.settings = self._settings()
        self.context = Context(self.settings, Store(self.settings.url, self._clock), self._clock)
        self._own = self._stack.enter_context(Throwaway(self.settings, self.folder, OPERATOR, self._bed))
        sink = [sys.executable, "-m", "bed", "sink", "--host", self._near, "--port", str(self.settings.smtp_port)]
        self._own.spawn([*sink, "--dir", str(self.mails)], self.folder / "sink.log")

    def _start_host(self) -> Host:
        if self.why_plain is not None:
            return self._stack.enter_context(PlainHost("web01"))
        self._bed = self._stack.enter_context(Bed())
        return self._stack.enter_context(Guest(self._bed, "web01"))

    @property
    def _near(self) -> str:
        """The address the product listens on: reachable for a browser outside the bed's network."""
        return self._bed.control_address if self._bed is not None else "127.0.0.1"

    def _settings(self) -> Settings:
        return Settings(
            home=self.folder / "state",
            inventory=self.inventory,
            smtp_host=self._near,
            smtp_port=free_port() if self._bed is None else 2525,
            prefect_bind=self._near,
            prefect_port=free_port() if self._bed is None else 4200,
            ingress_bind=self._near,
            ingress_port=free_port() if self._bed is None else 4280,
        )

    @property
    def checks(self) -> int:
        """How many checks its inventory has."""
        return 3 if self.db01 is None else 6

    def write_hosts(self, automation: str) -> None:
        """The one file of the inventory that depends on the machine; ``automation`` is web01's mode."""
        text = HOSTS.format(
            address=self.host.address,
            automation=automation,
            http_port=self.host.http_port,
            ssh_port=self.host.ssh_port,
            user=self.host.user,
            host_key=self.host.host_key,
            identity=self.identity,
        )
        draft = self.inventory / "hosts.draft"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.inventory / "hosts.yaml")

    @property
    def log(self) -> Path:
        """What `up` says."""
        return self._own.log

    def start_up(self) -> None:
        """``hikeshi up``."""
        self._own.start_up()

    def hikeshi(self, *arguments: str) -> str:
        """Run one command as an operator would; returns what it prints. Raises ``StageError`` when it fails."""
        return self._own.hikeshi(*arguments)

    def still_up(self) -> None:
        """Raises ``StageError`` when a process that belongs to the stage has ended."""
        self._own.still_up()

    def allow_sudo(self) -> None:
        """Install on the guests what ``hikeshi sudoers`` prints; the fallback host has one user only."""
        for guest in (self.host, self.db01.guest if self.db01 is not None else None):
            if isinstance(guest, Guest):
                guest.sudoers(self.hikeshi("sudoers", guest.name))


@contextmanager
def _alone() -> Iterator[None]:
    """One demo at a time: it has one folder, and the ports of an ordinary installation."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageError("another demo is being played; end that one first") from None
        yield
