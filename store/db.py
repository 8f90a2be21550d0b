"""The store's transactions. One writer at a time, on both databases; what it wrote is on the disk when ``write()`` ends."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, make_url, text, update
from sqlalchemy.exc import ArgumentError
from sqlmodel import Session, col, select

from domain.model import Policy
from domain.ports import Clock
from store.codec import encode
from store.doorbell import CHANNEL, Doorbell, PostgresDoorbell, SqliteDoorbell
from store.migrations import HEAD
from store.tables import Boot, CommandRow, Lease

BUSY_S = 30
"""How long a writer waits for its turn before it fails."""

LEASE_MAX_S = 900
"""The longest lease or claim. One that lies further ahead was written before the lease clock was set back (a PostgreSQL server's
can be), and has lapsed: else it would keep everybody away for as long."""

_WRITER_LOCK = 0x68696B65
"""PostgreSQL advisory lock of whoever writes."""

_ENGINE: dict[str, Any] = {"json_serializer": encode, "pool_size": 2, "max_overflow": 6, "hide_parameters": True}
"""On both databases. What is stored is other people's: no error message repeats it."""


@cache
def boot_id() -> str:
    """Names this boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class StoreError(Exception):
    """The store can't be used as it is; the text says what would help."""


class StoreUrlError(StoreError):
    """What should say where the store is does not; the text says what would be right, and no password."""


class Store:
    """One process's way to the store. Threads may share it; each transaction belongs to one thread.

    ``url`` is ``sqlite:////absolute/path`` or ``postgresql+psycopg://user@host/database``. Nothing is opened before the first
    transaction, and none begins in a store whose tables are not exactly this version's (``StoreError``).
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = parse_url(url)
        self.clock = clock
        self.policies: dict[str, Policy] = {}
        """Decoded inventories by version, kept by ``store.policies``."""
        self.decoding = threading.Lock()
        """Held by the thread that decodes one, so that others find it instead of making one more of some hundred megabytes."""
        self._writer = _engine(self.url, write=True)
        self._reader = _engine(self.url, write=False)
        self._doorbell: Doorbell | None = None
        self._checked = False

    def fork(self) -> "Store":
        """The same for another thread, with a doorbell of its own; decoded inventories are shared."""
        forked = Store(self.url.render_as_string(hide_password=False), self.clock)
        forked.policies, forked.decoding = self.policies, self.decoding
        return forked

    @property
    def path(self) -> Path | None:
        """The SQLite file; ``None`` on PostgreSQL."""
        return sqlite_path(self.url)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction with the store to itself: committed at the end, undone by any exception. Keep it short."""
        self._check()
        with self._session(self._writer) as session:
            session.connection()  # the writer's lock is taken now, so that all that is read below is still so at the commit
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent picture; writing in it fails. Never waits for a writer."""
        self._check()
        with self._session(self._reader) as session:
            yield session

    def migrate(self) -> None:
        """Create the tables, or bring them to this version. Raises ``StoreError`` when they are a later version's."""
        from store.migrations import runner  # noqa: PLC0415 - Alembic is heavy and needed once in a process's life

        if self.path is not None and not self.path.exists():
            if not self.path.parent.is_dir():
                raise StoreError(f"{self.path}: the folder {self.path.parent} does not exist; create it first")
            create_sqlite(self.path)
        with self._writer.begin() as connection:
            found = revision(connection)
            if found is not None and not runner.known(found):
                raise StoreError(_foreign(self.url, found))
            runner.upgrade(connection)

    def lease_now_s(self, session: Session | None = None) -> float:
        """What leases and claims are measured by: CLOCK_BOOTTIME on SQLite (all processes share a machine; void after a
        reboot), the server's wall clock on PostgreSQL. Seconds; comparable within one store only."""
        if self.path is not None:
            return self.clock.boottime_s()
        if session is None:
            with self.read() as own:
                return self.lease_now_s(own)
        now_s: float = session.execute(text("SELECT extract(epoch FROM clock_timestamp())::float8")).scalar_one()
        return now_s

    def changed(self) -> bool:
        """Doorbell: has any connection committed since the last call (own commits ring it too)? To be called by one thread."""
        if self._doorbell is None:
            self._check()
            path = self.path
            self._doorbell = SqliteDoorbell(path) if path is not None else PostgresDoorbell(libpq_url(self.url))
        return self._doorbell.rung()

    def close(self) -> None:
        if self._doorbell is not None:
            self._doorbell.close()
            self._doorbell = None
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        # rows stay readable after the commit; whoever leaves without one has written nothing
        with Session(engine, expire_on_commit=False) as session:
            session.info["store"] = self
            yield session

    def _check(self) -> None:
        if self._checked:
            return
        if self.path is not None and not self.path.exists():
            raise StoreError(f"{self.path}: there is no store; `hikeshi up` creates it")
        with self._reader.connect() as connection:
            found = revision(connection)
        if found is None:
            raise StoreError(f"{shown(self.url)}: the database has no tables of hikeshi; `hikeshi up` creates them")
        if found != HEAD:
            raise StoreError(_foreign(self.url, found))
        if self.path is not None:
            self._void_after_reboot()
        self._checked = True

    def _void_after_reboot(self) -> None:
        """CLOCK_BOOTTIME began anew, or the file comes from another machine: no process that holds anything is alive."""
        with self._session(self._reader) as session:
            if session.exec(select(Boot.boot_id)).first() == boot_id():
                return
        with self._session(self._writer) as session:
            if session.exec(select(Boot.boot_id)).first() != boot_id():
                void_leases(session)
                session.merge(Boot(boot_id=boot_id(), epoch_s=None))
            session.commit()


def store_of(session: Session) -> Store:
    """The store whose transaction this is."""
    store: Store = session.info["store"]
    return store


def lease_now_s(session: Session) -> float:
    return store_of(session).lease_now_s(session)


def void_leases(session: Session) -> None:
    """Every claim and every lease lapses now."""
    session.exec(update(CommandRow).where(col(CommandRow.lease_until_s).is_not(None)).values(lease_until_s=0.0))
    session.exec(update(Lease).values(until_s=0.0))


def parse_url(url: str) -> URL:
    """Raises ``StoreUrlError`` for anything but a SQLite file by absolute path, or PostgreSQL by psycopg."""
    right = "would be right: sqlite:////var/lib/hikeshi/hikeshi.db or postgresql+psycopg://user@host/database"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: the port
        raise StoreUrlError(f"the store's URL can't be read, {right}") from error
    sqlite = parsed.drivername == "sqlite" and parsed.database is not None and Path(parsed.database).is_absolute()
    if not sqlite and not (parsed.drivername == "postgresql+psycopg" and parsed.database):
        raise StoreUrlError(f"{shown(parsed)} is not a store's URL, {right}")
    try:
        _check_options(parsed)
    except ValueError as error:
        raise StoreUrlError(f"{shown(parsed)}: {error}, {right}") from error
    return parsed


def _check_options(url: URL) -> None:
    """Raises ValueError, in words, for what stands after the question mark and is no option of libpq's."""
    if url.drivername == "sqlite":
        if url.query:
            raise ValueError("a SQLite file takes no options")
        return
    import psycopg.conninfo  # noqa: PLC0415 - only where the store is PostgreSQL

    try:
        psycopg.conninfo.make_conninfo("", **dict.fromkeys(url.query, "1"))  # the names alone: a value may be a secret
    except psycopg.ProgrammingError as error:
        raise ValueError(str(error).strip()) from error


def shown(url: URL) -> str:
    """For people: without the password."""
    return url.difference_update_query(("password", "sslpassword")).render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path | None:
    return Path(url.database) if url.drivername == "sqlite" and url.database else None


def create_sqlite(path: Path) -> None:
    """Make the file, readable by its owner only, and in WAL mode from the beginning: turning that on later fails while others
    open it. Nothing happens when somebody made one meanwhile."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(partial)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def libpq_url(url: URL, *, password: bool = True) -> str:
    """As PostgreSQL's own tools read it."""
    known = url.password if password else None
    plain = URL.create(
        "postgresql", url.username, str(known) if known is not None else None, url.host, url.port, url.database, url.query
    )
    return plain.render_as_string(hide_password=False).replace(" ", "%20")  # SQLAlchemy writes a space as it is


def revision(connection: Connection) -> str | None:
    """The schema's version that is there, ``None`` where there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def has_tables(url: URL) -> bool:
    """Is there a store in this database?"""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return revision(connection) is not None


def _foreign(url: URL, found: str) -> str:
    return (
        f"{shown(url)}: the store's schema is {found}, this hikeshi works with {HEAD}; "
        "after an upgrade `hikeshi up` brings it up to date, and a store of a later hikeshi needs that one"
    )


def _engine(url: URL, *, write: bool) -> Engine:
    if url.drivername == "sqlite":
        return sqlite_engine(url, write=write)
    lock = f"SELECT pg_advisory_xact_lock({_WRITER_LOCK}), pg_notify('{CHANNEL}', '')"
    return postgres_engine(url, begin=lock if write else None)


def sqlite_engine(url: URL, *, write: bool, synchronous: str = "FULL") -> Engine:
    """Connections that write, one at a time, or that only read."""
    # isolation_level None: the sqlite3 module begins no transactions of its own accord, we do
    engine = create_engine(url, connect_args={"isolation_level": None, "timeout": BUSY_S}, **_ENGINE)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        if write:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
        else:
            connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def postgres_engine(url: URL, *, begin: str | None = None, lasting: bool = True) -> Engine:
    """Connections whose transactions start with ``begin``; without, they only read. ``lasting``: a commit is on the disk."""
    # a stopped process must not hold the writer's lock for ever: the server ends its transaction, and it wakes to an error
    settings = (
        f"-c lock_timeout={BUSY_S}s -c idle_in_transaction_session_timeout={BUSY_S}s "
        f"-c synchronous_commit={'on' if lasting else 'off'}"
    )
    engine = create_engine(
        url,
        connect_args={"options": settings, "application_name": "hikeshi", "connect_timeout": 10},
        pool_pre_ping=True,
        **_ENGINE,
    )
    if begin is None:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
