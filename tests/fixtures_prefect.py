"""A real Prefect server and a real executor, started once for all tests that need them (about 10 s)."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from engine.own_secret import ensure_credential
from engine.prefect_api import PrefectApi, RunState
from engine.settings import Settings
from flows import server

TESTS = Path(__file__).parent
Found = TypeVar("Found")
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def until(what: Callable[[], Found | None], within_s: float = 30.0) -> Found:
    """What ``what`` returns as soon as it returns something."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {within_s:g} s")


class PrefectBed:
    """The server and the executor, which tests may kill and start again."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.settings = Settings(home=home, prefect_port=port)
        server.make_homes(self.settings)
        self.credential = ensure_credential(self.settings.prefect_credential)
        self.api = PrefectApi(server.api_url(self.settings), self.credential)
        self.log = home / "prefect.log"
        self.cancelled = home / "cancelled"
        self.server: subprocess.Popen[bytes] | None = None
        self.executor: subprocess.Popen[bytes] | None = None

    def start_server(self) -> None:
        environment = server.server_environment(self.settings, self.credential, os.environ)
        self.server = self._start(server.server_argv(), environment, server.home(self.settings, "server"))
        until(self.api.healthy, 90)

    def start_executor(self, within_s: float = 60.0) -> None:
        environment = server.executor_environment(self.settings, self.credential, os.environ)
        environment |= {"PYTHONPATH": f"{TESTS.parent}:{TESTS}", "TRIAL_CANCELLED": str(self.cancelled)}
        served = self.log.read_text().count("serving trial")
        argv = [sys.executable, "-m", "prefect_trial_serve"]
        self.executor = self._start(argv, environment, server.home(self.settings, "executor"))
        until(lambda: self.log.read_text().count("serving trial") > served, within_s)

    def stop(self) -> None:
        self.api.close()
        for process in (self.executor, self.server):
            if process is not None:
                end(process, signal.SIGKILL)

    def run(self, flow: str = "trial", key: str = "", **parameters: object) -> str:
        return self.api.create_run(
            f"{flow}/{flow}",
            parameters=parameters,
            tags=["incident:INC-000001"],
            name="INC-000001 web01",
            idempotency_key=key or f"{time.time()}",
        )

    def state(self, run_id: str) -> RunState:
        return self.api.states([run_id])[run_id]

    def ended(self, run_id: str, within_s: float = 30.0) -> RunState:
        """The state the run ends in."""
        return until(lambda: state if (state := self.state(run_id)).type in OVER else None, within_s)

    def _start(self, argv: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(argv, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def end(process: subprocess.Popen[bytes], number: signal.Signals, within_s: float = 20.0) -> int:
    """Signal a process and wait until it has ended; returns its exit code."""
    process.send_signal(number)
    return process.wait(within_s)


@pytest.fixture(scope="session")
def prefect_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectBed]:
    """A server and an executor of the trial flows, both up."""
    bed = PrefectBed(tmp_path_factory.mktemp("prefect"))
    try:
        bed.start_server()
        bed.start_executor()
        yield bed
    finally:
        bed.stop()
