"""One writer at a time, consistent reading, and nothing left of a transaction that failed."""

import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fixtures_postgres import Cluster
from hand_clock import HandClock
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select
from store_samples import WAIT_S, down, notify, opened, race

from store import inbox, lease, outbox, sample_tables
from store.codec import encode
from store.db import Store, StoreError, libpq_url, parse_url
from store.migrations import HEAD, runner
from store.tables import METADATA, Boot, Inbox, VerdictRow, WatcherRow


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as session:
            inbox.insert(session, down("e1"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as session:
        assert inbox.pending(session) == []


def test_reading_is_one_picture_and_never_waits_for_a_writer(store: Store, store_url: str) -> None:
    other = opened(store_url)
    with store.read() as reading:
        assert inbox.pending(reading) == []
        with other.write() as writing:
            inbox.insert(writing, down("e1"))
            writing.flush()
            assert inbox.pending(reading) == []
        assert inbox.pending(reading) == []
    with store.read() as reading:
        assert len(inbox.pending(reading)) == 1
    other.close()


def test_reading_cannot_write_and_the_error_repeats_nothing_that_is_stored(store: Store) -> None:
    with store.read() as session, pytest.raises(DBAPIError, match=r"readonly|read-only") as refused:
        inbox.insert(session, down("e1"))
    assert "web01" not in str(refused.value)


def test_a_second_writer_waits_until_the_first_has_committed(store: Store) -> None:
    began = threading.Event()
    seen: list[int] = []

    def second() -> None:
        began.set()
        with store.write() as session:
            seen.extend(seq for seq, _ in inbox.pending(session))

    with store.write() as session:
        waiting = threading.Thread(target=second)
        waiting.start()
        assert began.wait(10)
        waiting.join(0.2)
        assert waiting.is_alive()
        inbox.insert(session, down("e1"))
    waiting.join(10)
    assert len(seen) == 1


def _count_up(_number: int, url: str) -> None:
    store = opened(url)
    for _ in range(5):
        with store.write() as session:
            row = session.get(VerdictRow, "counter")
            assert row is not None
            row.since_s += 1
    store.close()


def test_twenty_processes_lose_no_update(store: Store, store_url: str) -> None:
    with store.write() as session:
        session.add(VerdictRow(check="counter", host="web01", verdict="up", since_s=0, at_s=0))
    race(20, _count_up, store_url)
    with store.read() as session:
        assert session.exec(select(VerdictRow.since_s)).one() == 100


def test_text_that_a_database_refuses_does_not_stop_the_engine(store: Store) -> None:
    with store.write() as session:
        session.add(VerdictRow(check="c", host="web01", verdict="down", since_s=0, at_s=0, detail="220 \0 \ud83d é 火\n"))
    with store.read() as session:
        assert session.exec(select(VerdictRow.detail)).one() == "220 � � é 火\n"


def rings(store: Store, within_s: float) -> bool:
    """PostgreSQL tells listeners a moment after the commit."""
    deadline_s = time.monotonic() + within_s
    while not (rung := store.changed()) and time.monotonic() < deadline_s:
        time.sleep(0.005)
    return rung


def test_the_doorbell_rings_for_commits_and_for_nothing_else(store: Store, store_url: str) -> None:
    other = opened(store_url)
    assert store.changed(), "the first time, whatever there is"
    assert not rings(store, 0.1)
    with other.write() as session:
        inbox.insert(session, down("e1"))
    assert rings(store, WAIT_S)
    assert not rings(store, 0.1)
    with pytest.raises(ZeroDivisionError), other.write() as session:
        session.add(WatcherRow(name="w", seen_s=1 / 0))
    with other.read() as session:
        inbox.pending(session)
    assert not rings(store, 0.1)
    other.close()


def test_the_doorbell_survives_its_connection(postgres: Cluster, clock: HandClock) -> None:
    store = Store(postgres.migrated(), clock)
    assert store.changed()
    with postgres.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name ~ 'doorbell'")
    assert rings(store, WAIT_S), "it may have missed a ring"
    assert store.changed(), "listening anew"
    assert not rings(store, 0.1)
    store.close()


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> str:
    """A database without tables."""
    if store_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/fresh.db"
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.empty()


def test_models_and_migrations_agree(fresh_url: str, clock: HandClock) -> None:
    store = Store(fresh_url, clock)
    store.migrate()
    engine = create_engine(fresh_url)
    meant = [METADATA] if store.path is not None else [METADATA, sample_tables.METADATA]
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), meant) == []  # type: ignore[arg-type]  # Alembic takes several
    engine.dispose()
    store.close()


def test_the_code_expects_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(runner.config()).get_current_head() == HEAD


def test_messages_that_wait_while_the_store_is_upgraded_keep_their_place(fresh_url: str, clock: HandClock) -> None:
    if fresh_url.startswith("sqlite"):
        Path(fresh_url.removeprefix("sqlite:///")).touch(0o600)
    engine, driven, waiting = create_engine(fresh_url), runner.config(), notify("fault")
    with engine.begin() as connection:
        driven.attributes["connection"] = connection
        command.upgrade(driven, "0002")
        connection.execute(
            text(
                "INSERT INTO command (key, kind, incident, queue, payload, created_s, not_before_s, tries, detail)"
                " VALUES ('fault', 'Notify', 'INC-000001', 'INC-000001/mail/taro', :payload, 0, 0, 0, '')"
            ),
            {"payload": encode(waiting)},
        )
    engine.dispose()
    store = Store(fresh_url, clock)
    store.migrate()
    with store.write() as session:
        outbox.put(session, notify("recovered"))
    with store.read() as session:
        assert outbox.messages(session, "mail", 0, 10) == {waiting.to: ["fault"]}
    store.close()


def _migrate(_number: int, url: str) -> None:
    store = opened(url)
    store.migrate()
    store.close()


def test_processes_that_start_together_create_one_store(fresh_url: str, clock: HandClock) -> None:
    race(5, _migrate, fresh_url)
    store = Store(fresh_url, clock)
    with store.write() as session:
        assert inbox.insert(session, down("e1"))
    store.close()


def test_no_store_and_no_tables_are_told_apart(fresh_url: str, clock: HandClock) -> None:
    store = Store(fresh_url, clock)
    with pytest.raises(StoreError, match=r"there is no store|has no tables of hikeshi"), store.read():
        pass
    store.close()


def test_a_later_versions_store_is_left_alone(store: Store, store_url: str, clock: HandClock) -> None:
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    later = Store(store_url, clock)
    with pytest.raises(StoreError, match=f"schema is 9999, this hikeshi works with {HEAD}"), later.write():
        pass
    with pytest.raises(StoreError, match="schema is 9999"):
        later.migrate()
    later.close()


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "sqlite:///relative.db", "sqlite:////hikeshi.db?mode=ro"),
        *("mysql://u@h/d", "mysql://u@h/d?password=geheim", "postgresql://u@h/d", "nonsense"),
        *("postgresql+psycopg://u:geheim@h", "postgresql+psycopg://u:geheim@h:port/d", "postgresql+psycopg://u:geheim@[::1/d"),
        "postgresql+psycopg://u:geheim@h/d?no_such_option=1",
    ],
)
def test_a_url_that_is_no_stores_says_what_would_be_right(url: str, clock: HandClock) -> None:
    with pytest.raises(StoreError, match="would be right: sqlite:////var/lib/hikeshi/hikeshi") as refused:
        Store(url, clock)
    assert "geheim" not in str(refused.value)


def test_postgresqls_own_tools_read_the_url_as_we_do() -> None:
    url = parse_url("postgresql+psycopg://a%40b:ge%20h%3Aeim%2F@h:5433/d%20e?sslmode=disable")
    expected = {"user": "a@b", "password": "ge h:eim/", "host": "h", "port": "5433", "dbname": "d e", "sslmode": "disable"}
    assert conninfo_to_dict(libpq_url(url)) == expected


def test_sqlite_keeps_what_it_was_given_when_the_machine_loses_power(tmp_path: Path, clock: HandClock) -> None:
    store = Store(f"sqlite:///{tmp_path}/hikeshi.db", clock)
    store.migrate()
    with store.write() as session:
        found = [
            session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert found == ["wal", 2, 1, 30_000]
    assert stat.S_IMODE((tmp_path / "hikeshi.db").stat().st_mode) == 0o600
    store.close()


def test_postgresql_keeps_it_too_and_ends_a_stopped_writers_transaction(postgres: Cluster, clock: HandClock) -> None:
    store = Store(postgres.migrated(), clock)
    with store.write() as session:
        names = ("fsync", "synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout")
        found = [session.execute(text(f"SHOW {name}")).scalar_one() for name in names]
    assert found == ["on", "on", "30s", "30s"]
    store.close()


def test_a_write_on_sqlite_begins_with_the_lock(tmp_path: Path, clock: HandClock) -> None:
    store = Store(f"sqlite:///{tmp_path}/hikeshi.db", clock)
    store.migrate()
    other = sqlite3.connect(tmp_path / "hikeshi.db", timeout=0)
    with closing(other), store.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    store.close()


def test_after_a_reboot_nobody_holds_anything(tmp_path: Path, clock: HandClock) -> None:
    url = f"sqlite:///{tmp_path}/hikeshi.db"
    store = Store(url, clock)
    store.migrate()
    assert lease.take(store, "engine", "before", 60.0)
    with store.write() as session:
        boot = session.get(Boot, 1)
        assert boot is not None
        boot.boot_id = "another"
    store.close()
    clock.boot_s = 30.0  # CLOCK_BOOTTIME began anew, so that a lease of before would seem to hold for hours
    again = Store(url, clock)
    assert lease.take(again, "engine", "after", 60.0)
    again.close()
    third = Store(url, clock)
    assert not lease.take(third, "engine", "third", 60.0), "opening again within one boot voids nothing"
    third.close()


def test_what_was_written_first_is_read_first(store: Store) -> None:
    with store.write() as session:
        for name in ("e3", "e1", "e2"):
            assert inbox.insert(session, down(name))
    with store.read() as session:
        assert [event for _, event in inbox.pending(session, limit=2)] == [down("e3"), down("e1")]
        assert session.exec(select(Inbox.kind).distinct()).all() == ["VerdictChanged"]
