"""`hikeshi up` as a user starts it, around the user's own sshd and web server (bed/plain.py): what runs without root."""

import importlib.resources
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures_prefect import OVER, TESTS, end, until
from sqlmodel import col, select

from bed.host import make_key
from bed.plain import PlainHost, why_not
from bed.process import free_port
from bed.sink import Sink
from engine.context import Context, open_context
from engine.own_secret import read as read_own_secret
from engine.prefect_api import PrefectApi, RunState
from engine.settings import Settings
from flows import serve, server
from store.tables import Attempt, CommandRow, Decision, IncidentRow, VerdictRow

HOSTS = """hosts:
  web01:
    label: web01
    customer: shop
    address: {host.address}
    fqdn: web01.shop.example
    groups: [linux, web]
    checks:
      http:
        url: http://{host.address}:{host.http_port}/
      ssh:
        port: {host.ssh_port}
      ping: off
    ssh:
      user: {host.user}
      port: {host.ssh_port}
      host_keys:
        - {host.host_key}
      identity:
        file: {identity}
"""


class Up:
    """Everything up, one host to break."""

    def __init__(self, folder: Path, host: PlainHost, sink: Sink) -> None:
        self.host = host
        self.sink = sink
        self.identity = folder / "identity"
        host.authorize(make_key(self.identity))
        self.inventory = folder / "inventory"
        with importlib.resources.as_file(importlib.resources.files("inventory") / "sample") as sample:
            shutil.copytree(sample, self.inventory)
        # One host is broken again and again here: that is neither flapping (C54) nor a storm (R9).
        brand = (self.inventory / "brand.yaml").read_text().replace("automation: shadow\n", "automation: on\n")
        limits = "limits:\n  cool_down: 1s\n  alerts_per_minute: 1000\n  flapping: {changes: 100, window: 1s}\n"
        (self.inventory / "brand.yaml").write_text(brand.partition("limits:")[0] + limits)
        (self.inventory / "hosts.yaml").write_text(HOSTS.format(host=host, identity=self.identity))
        self.settings = Settings(
            home=folder / "state",
            smtp_port=sink.port,
            prefect_port=free_port(),
            ingress_port=free_port(),
            lease_s=6,
        )
        self.log = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.context: Context = open_context(self.settings)
        self.api = PrefectApi(server.api_url(self.settings), "")

    def start(self) -> None:
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "hikeshi", "up", str(self.inventory)]
            self.process = subprocess.Popen(argv, env=self.environment(), stdout=log, stderr=log, start_new_session=True)
        until(self.settings.prefect_credential.exists, 30)
        self.api = PrefectApi(server.api_url(self.settings), read_own_secret(self.settings.prefect_credential))
        executor_log = self.settings.home / "log" / "executor.log"
        until(lambda: executor_log.exists() and f"serving {', '.join(serve.NAMES)}" in executor_log.read_text(), 90)
        until(self.all_up, 30)

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        self.api.close()
        self.context.close()
        return end(process, signal.SIGTERM, 40)

    def environment(self) -> Mapping[str, str]:
        chosen = self.settings.model_dump(mode="json", exclude_defaults=True)
        ours = {f"HIKESHI_{name.upper()}": str(value) for name, value in chosen.items()}
        return {**os.environ, **ours, "PYTHONPATH": str(TESTS.parent)}

    def all_up(self) -> bool:
        with self.context.store.read() as session:
            found = session.exec(select(VerdictRow.verdict)).all()
        return len(found) == 2 and set(found) == {"up"}

    def settled(self) -> bool:
        """Every check is up, no incident is open, nothing is being done, and no cool-down is left."""
        with self.context.store.read() as session:
            open_incidents = session.exec(select(IncidentRow).where(col(IncidentRow.closed_at_s).is_(None))).all()
            open_commands = session.exec(select(CommandRow).where(col(CommandRow.done_s).is_(None))).all()
            last = session.exec(select(IncidentRow.recovered_at_s).order_by(col(IncidentRow.number).desc())).first()
        cool = last is None or self.context.clock.now_s() > last + 1.5
        return self.all_up() and not open_incidents and not open_commands and cool

    def reasons(self) -> list[str]:
        """The codes of all that was decided, oldest first."""
        with self.context.store.read() as session:
            return [
                item["code"] for row in session.exec(select(Decision).order_by(col(Decision.seq))).all() for item in row.reasons
            ]

    def commands(self, kind: str) -> list[CommandRow]:
        with self.context.store.read() as session:
            return list(session.exec(select(CommandRow).where(CommandRow.kind == kind).order_by(col(CommandRow.seq))).all())

    def attempts(self, command: str) -> list[Attempt]:
        with self.context.store.read() as session:
            return list(session.exec(select(Attempt).where(Attempt.command == command).order_by(col(Attempt.number))).all())

    # the Prefect UI

    def ask(self, path: str, body: Mapping[str, object]) -> Any:
        return self.api._send("POST", path, body).json()

    def run(self, run_id: str) -> Any:
        return self.api._http.get(f"/flow_runs/{run_id}").json()

    def runs_of(self, tag: str) -> list[str]:
        """The flow runs with this tag."""
        return [run["id"] for run in self.ask("/flow_runs/filter", {"flow_runs": {"tags": {"all_": [tag]}}})]

    def ended(self, run_id: str, within_s: float = 60.0) -> RunState:
        return until(lambda: state if (state := self.api.states([run_id])[run_id]).type in OVER else None, within_s)

    def begin_by_form(self, flow: str, **fields: object) -> str:
        """Start a run as the form in the UI does."""
        deployment = self.api.deployment_id(f"{flow}/{flow}")
        return str(self.ask(f"/deployments/{deployment}/create_flow_run", {"parameters": fields})["id"])

    def retry(self, run_id: str) -> None:
        """What the button Retry does."""
        body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}, "force": True}
        assert self.ask(f"/flow_runs/{run_id}/set_state", body)["status"] == "ACCEPT"

    def tasks(self, run_id: str) -> list[tuple[str, str, str]]:
        """Title, state type and state name of each task, in order."""
        found = self.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC"})
        return [(item["name"], item["state"]["type"], item["state"]["name"]) for item in found]

    def artifacts(self, run_id: str) -> list[Any]:
        return list(self.ask("/artifacts/filter", {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "CREATED_DESC"}))[::-1]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Everything of `hikeshi up`, settled: every check is up."""
    if (why := why_not()) is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("up")
    (folder / "mails").mkdir()
    with PlainHost() as host, Sink(folder / "mails") as sink:
        found = Up(folder, host, sink)
        try:
            found.start()
            yield found
        finally:
            found.stop()
