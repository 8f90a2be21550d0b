"""A whole hikeshi around one real host, its processes in the test's hands: started, stopped and killed one by one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

from sqlmodel import col, select

from bed.guest import Guest
from bed.network import Bed
from bed.sink import Sink
from domain.commands import Notify
from engine.context import Context
from engine.settings import Settings
from store.clock import SystemClock
from store.codec import decode
from store.db import Store
from store.tables import CommandRow, Decision, IncidentRow, VerdictRow

TESTS = Path(__file__).parent
PATIENCE_S = 40.0

INVENTORY = """
brand: {{name: Example Hosting, sender: monitoring@hosting.example}}
automation: {automation}
limits: {{cool_down: 1h}}
customers:
  shop:
    name: Example Shop
    contacts:
      office: {{name: Office, mail: office@shop.example, language: en}}
    contract: {{recovers: [server, service], wait: 10s}}
operators:
  first: {{name: First, mail: first@hosting.example, language: en}}
on_call: {{order: [first], escalate_after: 10m}}
profiles:
  quick: {{interval: 1s, confirmation: {{failures: 2, retry: 1s}}}}
hosts:
  web01:
    label: web01
    customer: shop
    address: {address}
    profile: quick
    checks:
      http: {{url: 'http://{address}:{http_port}/', status: 200, timeout: 2s, service: nginx}}
      ssh: {{port: {ssh_port}}}
    ssh: {{user: {user}, port: {ssh_port}, host_keys: ['{host_key}'], identity: {{file: {identity}}}}}
    procedures: {{service: restart-service}}
"""


class Running(Protocol):
    """A process: ``subprocess.Popen``, or what is forked."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> object: ...
    def kill(self) -> None: ...
    def terminate(self) -> None: ...
    def send_signal(self, number: int, /) -> None: ...


class World:
    """One store, one guest, one mail sink. ``roles``: engine, watcher, hands, ingress."""

    def __init__(self, bed: Bed, guest: Guest, identity: Path, folder: Path, **settings: object) -> None:
        self.bed = bed
        self.guest = guest
        self.inventory = folder / "inventory"
        self.inventory.mkdir()
        self._identity = identity
        self.write_inventory()
        with bed.inside():
            self.sink = Sink(folder / "mails", bed.address)
        self.settings = Settings.model_validate(
            {
                "home": folder / "home",
                "inventory": self.inventory,
                "smtp_host": bed.address,
                "smtp_port": self.sink.port,
                "prefect": False,
                "lease_s": 2.0,
                "ingress_bind": bed.address,
                **settings,
            }
        )
        self.clock = SystemClock()
        self.context = Context(self.settings, Store(self.settings.url, self.clock), self.clock)
        self.processes: dict[str, Running] = {}
        self.settings.home.mkdir(mode=0o700)

    def __enter__(self) -> Self:
        self.sink.__enter__()
        self.context.store.migrate()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.sink.__exit__(None, None, None)
        self.context.close()

    def write_inventory(self, automation: str = "on") -> None:
        text = INVENTORY.format(
            automation=automation,
            address=self.guest.address,
            http_port=self.guest.http_port,
            ssh_port=self.guest.ssh_port,
            user=self.guest.user,
            host_key=self.guest.host_key,
            identity=self._identity,
        )
        (self.inventory / "all.yaml").write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        chosen = self.settings.model_dump(mode="json", exclude_defaults=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HIKESHI_")}
        return {**kept, **{f"HIKESHI_{name.upper()}": str(value) for name, value in chosen.items()}}

    def start(self, *roles: str, extra: Mapping[str, str] | None = None) -> None:
        """Start processes of these roles; what they say goes to ``<role>.log`` in the home folder."""
        for role in roles:
            with (self.settings.home / f"{role}.log").open("ab") as log:
                self.processes[role] = subprocess.Popen(
                    self.bed.command([sys.executable, "-m", "hikeshi", "process", role]),
                    env={**self.environment, **(extra or {})},
                    cwd=TESTS.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def kill(self, role: str, number: int = signal.SIGKILL) -> None:
        self.processes[role].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[role].wait()

    def until(self, what: str, true: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        """Wait for something real; fails with all logs."""
        give_up_s = time.monotonic() + patience_s
        while not true():
            if time.monotonic() > give_up_s:
                raise AssertionError(f"waited {patience_s:g} s in vain for {what}\n{self.logs()}\n{self.told()}")
            time.sleep(0.05)

    def logs(self) -> str:
        return "\n".join(f"== {file.name}\n{file.read_text()[-3000:]}" for file in sorted(self.settings.home.glob("*.log")))

    def told(self) -> str:
        with self.context.store.read() as session:
            rows = session.exec(select(Decision).order_by(col(Decision.seq))).all()
        return "\n".join(f"{row.event_kind} {[item['code'] for item in row.reasons]}" for row in rows)

    def codes(self) -> Counter[str]:
        with self.context.store.read() as session:
            rows = session.exec(select(Decision)).all()
        return Counter(item["code"] for row in rows for item in row.reasons)

    def all_up(self) -> bool:
        with self.context.store.read() as session:
            verdicts = [row.verdict for row in session.exec(select(VerdictRow))]
        return len(verdicts) == 2 and set(verdicts) == {"up"}

    def commands(self, kind: str) -> list[CommandRow]:
        with self.context.store.read() as session:
            return list(session.exec(select(CommandRow).where(CommandRow.kind == kind).order_by(col(CommandRow.seq))))

    def incidents(self) -> list[IncidentRow]:
        with self.context.store.read() as session:
            return list(session.exec(select(IncidentRow).order_by(col(IncidentRow.number))))

    def messages(self) -> list[str]:
        """The messages of all Notify commands, in their order."""
        return [str(decode(Notify, row.payload).message) for row in self.commands("Notify")]

    def hikeshi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of the command line."""
        return subprocess.run(
            self.bed.command([sys.executable, "-m", "hikeshi", *arguments]),
            env={**self.environment, "HIKESHI_OPERATOR": "first"},
            cwd=TESTS.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str) -> object:
        done = self.hikeshi(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
