"""Where secrets are, while everything of ``hikeshi up`` runs, Prefect too: nowhere but with those who need them.

An incident is recovered, a person paged, a webhook fails, a report is written; meanwhile every process below ``up`` is watched."""

import base64
import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest
from fixtures_postgres import Cluster
from local import Hook, Local, family, inventory, recoverable, up
from pypdf import PdfReader
from sqlalchemy import NullPool, create_engine, text

from bed.host import make_key
from bed.plain import PlainHost, why_not
from bed.process import free_port
from hikeshi.exits import Exit
from store.tables import METADATA

HOOK, PASSWORD, BMC, POSTGRES = "hook-7f3ab19c", "basic-91c2dd07", "power-2ab80c4e", "postgres-55d0a6e1"
UP = "up"
WATCH_EVERY_S = 0.05
"""Oftener, and watching takes a core from what is watched; the shortest-lived process that matters lives ten times as long."""


@dataclass
class Watch:
    """What was seen of every process below ``up``, by its role: command lines and environments."""

    pid: int
    argv: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    environment: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.over.wait(WATCH_EVERY_S):
            for process in family(self.pid):
                with contextlib.suppress(psutil.Error, FileNotFoundError, ProcessLookupError):
                    line = " ".join(process.cmdline())
                    self.argv[role(process)].add(line)
                    self.environment[role(process)].add("\n".join(process.environ().values()))


def role(process: psutil.Process) -> str:
    """Who it is; the runs that the executor forks are the executor. A child is ``up`` until it has become its program."""
    line = process.cmdline()
    if line[-2:-1] == ["process"]:
        return line[-1]
    if "up" in line:
        return UP
    if "prefect" in line:
        return "prefect"
    if "reports" in line:
        return "renderer"
    if any("flows" in word or "multiprocessing" in word for word in line):
        return "executor"
    parent = process.parent()  # what a library starts for a moment belongs to who started it
    return role(parent) if parent is not None else "nobody"


@dataclass
class Night:
    """All that is left after one night."""

    local: Local
    watch: Watch
    secrets: dict[str, str]
    output: str


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster) -> Iterator[Night]:
    if (why := why_not()) is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("night")
    identity = folder / "identity"
    url = postgres.empty().replace("hikeshi@", f"hikeshi:{POSTGRES}@")
    with PlainHost() as web, Hook(HOOK) as hook:
        web.authorize(make_key(identity))
        tree = inventory({})
        tree["hosts"]["web01"] = recoverable(web, identity)
        tree["hosts"]["web01"]["ssh"]["identity"] = {"env": "WEB_KEY"}
        tree["hosts"]["web01"]["checks"]["page"] = {
            "kind": "http",
            "url": f"http://127.0.0.1:{web.http_port}/index.html",
            "auth": {"user": "probe", "password": {"env": "PAGE_PASSWORD"}},
            "service": "nginx",
        }
        tree["hosts"]["web01"]["power"] = {
            "driver": "ipmi",
            "address": "127.0.0.1",
            "user": "hikeshi",
            "password": {"env": "BMC_PASSWORD"},
        }
        tree["hosts"]["lost"] = {
            "label": "lost",
            "customer": "shop",
            "address": "127.0.0.1",
            "profile": "quick",
            "checks": {"ssh": {"port": free_port()}},
        }
        tree["operators"]["first"]["webhook"] = {"env": "FIRST_HOOK"}
        settings = {"store_url": url, "prefect": True, "prefect_port": free_port(), "orphan_s": 20.0}
        local = Local(folder, tree, None, **settings)
        key = identity.read_text()
        identity.unlink()
        local.extra = {
            "WEB_KEY": key,
            "FIRST_HOOK": hook.url,
            "PAGE_PASSWORD": PASSWORD,
            "BMC_PASSWORD": BMC,
            "PYTHONUNBUFFERED": "1",
        }
        local.sink.start()
        hook.status = 500
        with up(local, "--prefect") as process:
            watch = Watch(process.pid)
            watching = threading.Thread(target=watch.run)
            watching.start()
            try:
                live_through(local, web, hook)
                process.terminate()
                output, _ = process.communicate(timeout=40)
                assert (process.returncode, "is killed" in output) == (Exit.OK, False), output
            finally:
                watch.over.set()
                watching.join()
        credential = local.settings.prefect_credential.read_text()
        secrets = {
            "login": key.splitlines()[2],
            "webhook": HOOK,
            "password": PASSWORD,
            "power control": BMC,
            "password as sent": base64.b64encode(f"probe:{PASSWORD}".encode()).decode(),
            "postgres": POSTGRES,
            "prefect": credential.strip().partition(":")[2] or credential.strip(),
        }
        yield Night(local, watch, secrets, output)
        local.__exit__()


def live_through(local: Local, web: PlainHost, hook: Hook) -> None:
    def up_and_watched() -> bool:
        with contextlib.suppress(Exception):  # until there are tables
            return local.codes()["opened"] >= 1 and "serving" in local.up_log("executor")
        return False

    local.until("everything to be up", up_and_watched, 120)
    local.until("a webhook that failed", lambda: any("HTTP 500" in row.detail for row in local.commands("Notify")))
    hook.status = 200  # before its waits grow
    web.break_service("nginx")
    local.until("the recovery", lambda: local.codes()["recovered"] >= 1, 90)
    local.until("the report", lambda: local.codes()["report_written"] >= 1, 60)
    local.until("the webhook", lambda: hook.got, 60)


def test_the_night_was_what_it_should_be(night: Night) -> None:
    """Else the rest would show nothing."""
    [run] = night.local.commands("Run")
    assert str(run.claimed_by).startswith("flow:")
    assert set(night.watch.argv) >= {"engine", "watcher", "sealer", "hands", "ingress", "executor", "prefect", "renderer"}


def test_nobody_shows_one_in_a_command_line(night: Night) -> None:
    lines = {line for lines in night.watch.argv.values() for line in lines}
    assert {name: line for name, secret in night.secrets.items() for line in lines if secret in line} == {}


def test_each_process_has_those_it_needs(night: Night) -> None:
    found = {
        name: {role for role, seen in night.watch.environment.items() if role != UP and any(secret in one for one in seen)}
        for name, secret in night.secrets.items()
    }
    assert found == {
        "login": {"hands", "executor"},
        "webhook": {"hands", "executor"},
        "password": {"watcher"},
        "power control": {"hands", "executor"},
        "password as sent": set(),
        "postgres": {"engine", "watcher", "sealer", "hands", "ingress", "executor", "prepare"},
        "prefect": {"prefect", "executor"},
    }


def test_no_file_in_the_state_folder_holds_one(night: Night) -> None:
    """Logs, reports, Prefect's database: all but the credential's own file."""
    home = night.local.settings.home
    files = [path for path in home.rglob("*") if path.is_file() and path != night.local.settings.prefect_credential]
    assert {"engine.log", "hands.log", "executor.log", "prefect.db"} <= {path.name for path in files}
    found = {
        (str(path.relative_to(home)), name)
        for path in files
        for name, secret in night.secrets.items()
        if secret.encode() in path.read_bytes()
    }
    assert found == set()
    open_to_others = {str(path.relative_to(home)) for path in home.rglob("*") if path.stat().st_mode & 0o077}
    assert open_to_others == set()


def test_nothing_that_people_read_holds_one(night: Night) -> None:
    local = night.local
    incident = local.incidents()[-1].id
    said = [night.output, *(local.quick(*command).stdout for command in (("status",), ("explain", incident), ("explain", "web01")))]
    said += [local.quick("explain", incident, "--json").stdout, local.quick("run", "restart-service", "web01", "--dry-run").stdout]
    said += [str(mail) for mail in local.sink.mails()]
    said += [page.extract_text() for pdf in local.settings.reports.glob("*.pdf") for page in PdfReader(pdf).pages]
    assert len(said) > 10
    assert [name for name, secret in night.secrets.items() if any(secret in text for text in said)] == []


def test_the_store_holds_none(night: Night) -> None:
    tables = [f"SELECT * FROM {table.name}" for table in METADATA.sorted_tables]
    with create_engine(night.local.settings.url, poolclass=NullPool).connect() as connection:
        rows = [str(tuple(row)) for table in tables for row in connection.execute(text(table))]
    assert len(rows) > 50
    assert [name for name, secret in night.secrets.items() if any(secret in row for row in rows)] == []
