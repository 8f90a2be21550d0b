"""A backup is the store at one moment, taken while it is in use; restoring never overwrites anything."""

import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from fixtures_postgres import Cluster
from hand_clock import HandClock
from seen_looks import LOAD, MIDNIGHT_S, PING, append, looks, meant, rows
from sqlalchemy import text
from sqlmodel import func, select
from store_samples import WAIT_S, accept, down, notify, opened, policy

from store import inbox, lease, outbox, policies
from store.backup import RestoreError, backup, restore
from store.db import Store, StoreError
from store.migrations import HEAD
from store.sample_reading import read
from store.samples import Samples
from store.sealing import seal_recent
from store.tables import Inbox


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> str:
    """Where to restore to: a database of the same kind without tables."""
    if store_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/restored.db"
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.empty()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def fill(store: Store) -> None:
    accept(store, policy())
    with store.write() as session:
        inbox.insert(session, down("e1"))
        outbox.put(session, notify("n1"))
    assert outbox.claim(store, "n1", "before", WAIT_S) is not None
    assert lease.take(store, "engine", "before", WAIT_S)


def test_what_was_stored_comes_back_and_nobody_holds_anything(
    store: Store, store_url: str, empty_url: str, copy: Path, clock: HandClock
) -> None:
    fill(store)
    backup(store_url, copy)
    with store.write() as session:
        inbox.insert(session, down("after the backup"))
    restore(copy, empty_url)
    restored = Store(empty_url, clock)
    with restored.read() as session:
        assert [event for _, event in inbox.pending(session)] == [down("e1")]
        assert policies.current(session) == policy()
    assert lease.take(restored, "engine", "after", WAIT_S)
    assert outbox.claim(restored, "n1", "after", WAIT_S) is not None
    with restored.write() as session:
        assert inbox.insert(session, down("e2"))
    restored.migrate()
    restored.close()


def test_samples_are_in_it_where_they_are_in_the_database(
    store: Store, store_url: str, empty_url: str, copy: Path, clock: HandClock
) -> None:
    """On SQLite they are a file of their own, which the restored store begins anew."""
    seen = looks(PING, MIDNIGHT_S, 20)
    with closing(Samples(store)) as samples:
        append(samples, seen[:10])
        seal_recent(samples)
        append(samples, seen[10:])
    backup(store_url, copy)
    restore(copy, empty_url)
    with closing(Store(empty_url, clock)) as restored, closing(Samples(restored)) as samples:
        if samples.path is not None:
            assert not samples.begun
        append(samples, looks(LOAD, MIDNIGHT_S, 1))
        assert rows(read(samples, PING, 0.0, 4e9)) == (meant(seen, PING) if samples.path is None else [])


def test_a_backup_is_readable_by_its_owner_only_and_replaces_an_older_one(store: Store, store_url: str, copy: Path) -> None:
    fill(store)
    copy.write_text("an older one")
    backup(store_url, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.read_bytes()[:5] in (b"SQLit", b"PGDMP")
    assert sorted(path.name for path in copy.parent.iterdir() if path.name.startswith("backup")) == ["backup"]


def _write_on(url: str, going: object, stop: object) -> None:
    """One transaction after another, each of two events."""
    store = opened(url)
    number = 0
    while not stop.is_set():  # type: ignore[attr-defined]
        with store.write() as session:
            inbox.insert(session, down(f"a{number}"))
            session.flush()
            inbox.insert(session, down(f"b{number}"))
        number += 1
        going.set()  # type: ignore[attr-defined]
    store.close()


def test_a_backup_while_others_write_holds_whole_transactions(
    store: Store, store_url: str, empty_url: str, copy: Path, clock: HandClock
) -> None:
    context = multiprocessing.get_context("forkserver")
    going, stop = context.Event(), context.Event()
    writer = context.Process(target=_write_on, args=(store_url, going, stop))
    writer.start()
    try:
        assert going.wait(WAIT_S)
        backup(store_url, copy)
    finally:
        stop.set()
        writer.join(WAIT_S)
    assert writer.exitcode == 0
    restore(copy, empty_url)
    restored = Store(empty_url, clock)
    with restored.read() as session:
        found = session.exec(select(func.count()).select_from(Inbox)).one()
        assert found > 0
        assert found % 2 == 0
    restored.close()


def test_restoring_onto_a_store_is_refused_whether_it_runs_or_not(store: Store, store_url: str, copy: Path) -> None:
    fill(store)
    backup(store_url, copy)
    with store.write() as session:
        inbox.insert(session, down("newer than the backup"))
    with pytest.raises(RestoreError, match="there is a store already, and restoring never overwrites one; stop hikeshi and"):
        restore(copy, store_url)
    with store.read() as session:
        assert len(inbox.pending(session)) == 2


def test_a_later_versions_backup_is_refused(store: Store, store_url: str, empty_url: str, copy: Path, clock: HandClock) -> None:
    fill(store)
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    backup(store_url, copy)
    with pytest.raises(RestoreError, match=f"the backup's schema is 9999, this hikeshi works with {HEAD}"):
        restore(copy, empty_url)
    with closing(Store(empty_url, clock)) as still_empty, pytest.raises(StoreError, match=r"there is no store|has no tables"):
        still_empty.changed()


def test_what_is_no_backup_is_refused(empty_url: str, tmp_path: Path, copy: Path) -> None:
    with pytest.raises(RestoreError, match="there is no backup of this name"):
        restore(copy, empty_url)
    copy.write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreError, match=r"no whole backup|pg_restore failed"):
        restore(copy, empty_url)
    assert not (tmp_path / "restored.db").exists()


def test_a_damaged_sqlite_backup_is_refused(tmp_path: Path, clock: HandClock, copy: Path) -> None:
    url = f"sqlite:///{tmp_path}/hikeshi.db"
    store = Store(url, clock)
    store.migrate()
    with store.write() as session:
        for number in range(200):
            inbox.insert(session, down(f"e{number}"))
    store.close()
    backup(url, copy)
    content = bytearray(copy.read_bytes())
    content[8192:16384] = os.urandom(8192)
    copy.write_bytes(content)
    with pytest.raises(RestoreError, match="no whole backup"):
        restore(copy, f"sqlite:///{tmp_path}/restored.db")


def test_a_journal_left_behind_is_not_played_into_the_restored_store(tmp_path: Path, clock: HandClock, copy: Path) -> None:
    url = f"sqlite:///{tmp_path}/hikeshi.db"
    store = Store(url, clock)
    store.migrate()
    backup(url, copy)
    store.close()
    (tmp_path / "hikeshi.db").unlink()
    (tmp_path / "hikeshi.db-wal").write_bytes(b"of the old one")
    with pytest.raises(RestoreError, match=r"hikeshi\.db-wal: there is a store already"):
        restore(copy, url)


def test_there_must_be_a_store_to_back_up(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(StoreError, match="there is no store to back up"):
        backup(f"sqlite:///{tmp_path}/nothing.db", copy)
    assert not copy.exists()


def test_a_restored_sqlite_store_is_sound_and_private(tmp_path: Path, clock: HandClock, copy: Path) -> None:
    url = f"sqlite:///{tmp_path}/hikeshi.db"
    store = Store(url, clock)
    store.migrate()
    fill(store)
    backup(url, copy)
    store.close()
    restore(copy, f"sqlite:///{tmp_path}/restored.db")
    with closing(sqlite3.connect(tmp_path / "restored.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert stat.S_IMODE((tmp_path / "restored.db").stat().st_mode) == 0o600


def test_the_password_is_not_among_the_arguments(
    postgres: Cluster, tmp_path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real pg_dump is run through a script that writes down how it was called."""
    real = shutil.which("pg_dump")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pg_dump").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/argv\nenv > {tmp_path}/env\nexec {real} "$@"\n')
    (programs / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("UNRELATED_SECRET", "abc")
    backup(postgres.migrated().replace("hikeshi@", "hikeshi:geheim@"), copy)
    assert "geheim" not in (tmp_path / "argv").read_text()
    environment = (tmp_path / "env").read_text()
    assert "PGPASSWORD=geheim" in environment
    assert "UNRELATED_SECRET" not in environment
    assert subprocess.run(["pg_restore", "--list", copy], check=True, capture_output=True).stdout
