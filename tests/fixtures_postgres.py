"""Fixtures for tests of the store: `postgres` (a private cluster of this run), `store_url` (each test on both databases)."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from store import sample_tables
from store.clock import SystemClock
from store.db import Store
from store.migrations import HEAD
from store.tables import METADATA

START_S = 60.0


def programs() -> Path:
    """Where Debian keeps the newest version's server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.fail("PostgreSQL's server is not installed; apt-get install postgresql")
    return found[-1].parent


def unprivileged() -> list[str]:
    """Its server refuses to be root. It ends with the test run, however that ends."""
    argv = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        argv += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [*argv, "--"]


class Cluster:
    """A running PostgreSQL server that only its socket's folder leads to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._used: list[str] = []

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://hikeshi@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.folder), user="hikeshi", dbname=database, autocommit=True)

    def empty(self) -> str:
        """URL of a new database without tables."""
        return self._create("")

    def migrated(self) -> str:
        """URL of a database with the store's tables, and nothing in them."""
        return self._used.pop() if self._used else self._create(f"TEMPLATE {self._template}")

    def give_back(self, url: str) -> None:
        """Empty it for another test, which is faster than to make a new one."""
        database = str(make_url(url).database)
        with self.connect(database) as connection:
            others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            connection.execute(others, [database])
            names = ", ".join(f'"{table.name}"' for table in [*METADATA.sorted_tables, *sample_tables.METADATA.sorted_tables])
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
            connection.execute("UPDATE alembic_version SET version_num = %s", [HEAD])
        self._used.append(url)

    def _create(self, options: str) -> str:
        name = f"test{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} {options}".encode())
        return self.url(name)

    @cached_property
    def _template(self) -> str:
        url = self._create("")
        _migrate(url)
        return str(make_url(url).database)


@contextmanager
def _running(folder: Path) -> Iterator[Cluster]:
    where, data, log = programs(), folder / "data", folder / "log"
    initdb = [
        str(where / "initdb"),
        "--pgdata",
        str(data),
        "--username=hikeshi",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
    ]
    subprocess.run([*unprivileged(), *initdb], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    argv = [str(where / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=on"]
    with log.open("wb") as written:
        server = subprocess.Popen([*unprivileged(), *argv], stdout=written, stderr=written, cwd=folder)
    try:
        cluster = Cluster(folder)
        _await(cluster, server, log)
        yield cluster
    finally:
        server.send_signal(signal.SIGQUIT)  # "immediate": nobody needs its data again
        server.wait(30)


def _await(cluster: Cluster, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            cluster.connect().close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline_s:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.05)
        else:
            return


def _migrate(url: str) -> None:
    store = Store(url, SystemClock())
    store.migrate()
    store.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """This worker's PostgreSQL server."""
    folder = Path(tempfile.mkdtemp(prefix="hikeshi-pg-", dir="/tmp"))  # a socket's path must be short
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        with _running(folder) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "hikeshi.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty, migrated store; the test runs once on each database."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'hikeshi.db')}"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    url = cluster.migrated()
    yield url
    cluster.give_back(url)
