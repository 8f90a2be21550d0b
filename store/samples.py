"""The way to the samples: every value and response time of every look, for 13 months (P10, P40).

What is seen is written down once a second, of all checks in one row (``append``); later each series' day becomes one block
(``store.sealing``); ``store.sample_reading`` puts them together again. Whoever writes waits for nobody who writes in the store: on
SQLite this is a file of its own, on PostgreSQL a lock of its own.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, select, text

from store.db import Store, StoreError, create_sqlite, postgres_engine, sqlite_engine
from store.looks import Look, Watched, packed
from store.sample_tables import METADATA, SERIES, VERSION

_WRITER_LOCK = 0x68696B66
"""PostgreSQL advisory lock of whoever writes samples, so that they become visible in the order of their numbers."""

_USE = text(
    "INSERT INTO sample_series (check_id, customer, used_day) VALUES (:check, :customer, :day) "
    "ON CONFLICT (check_id, customer) DO UPDATE SET used_day = excluded.used_day"
)
_ASKED_AT_ONCE = 400
"""Series: an old SQLite takes no more than 999 parameters in one statement."""
_KEEP = text("INSERT INTO sample_recent (looks, first_s, last_s, data) VALUES (:looks, :first_s, :last_s, :data)")


class Samples:
    """One process's way to the samples of a store. Threads may share it.

    ``bulk``: for work that can be done again: what is written need not be on the disk at once. What others have written is, all
    the same: both databases keep the order.
    """

    def __init__(self, store: Store, *, bulk: bool = False) -> None:
        self._store = store
        self.path = samples_path(store.path) if store.path is not None else None
        """The SQLite file; ``None`` on PostgreSQL."""
        if self.path is not None:
            url = URL.create("sqlite", database=str(self.path))
            self._writer = sqlite_engine(url, write=True, synchronous="NORMAL" if bulk else "FULL")
            self._reader = sqlite_engine(url, write=False)
        else:
            self._writer = postgres_engine(store.url, begin=f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})", lasting=not bulk)
            self._reader = postgres_engine(store.url)
        self._checked = False
        self._ids: dict[Watched, int] = {}
        self._ids_day = -1

    @property
    def begun(self) -> bool:
        """Has anything been kept? On SQLite the first that is seen makes the file."""
        return self.path is None or self.path.exists()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction with the samples to itself. Keep it short: the watcher waits for its turn."""
        self._check()
        with self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent picture. Raises ``StoreError`` where nothing has ``begun``."""
        if not self.begun:
            raise StoreError(f"{self.path}: there are no samples yet; `hikeshi up` keeps them")
        self._check()
        with self._reader.begin() as connection:
            yield connection

    def append(self, looks: Sequence[Look], today: int) -> None:
        """Keep these, all or none; on the disk when it returns. ``today``: days since 1970, for the ageing of series."""
        if today != self._ids_day:
            self._ids, self._ids_day = {}, today
        with self.write() as connection:
            new = dict.fromkeys(look.of for look in looks if look.of not in self._ids)
            found = _series(connection, list(new), today)
            ids = self._ids | found if found else self._ids
            rows = [(ids[look.of], look) for look in looks]
            first_s, last_s = min(look.at_s for look in looks), max(look.at_s for look in looks)
            row = {"looks": len(looks), "first_s": first_s, "last_s": last_s, "data": packed(rows)}
            connection.execute(_KEEP, row)
        self._ids |= found

    def known(self) -> list[Watched]:
        """Whatever there are samples of."""
        with self.read() as connection:
            return [Watched(*row) for row in connection.execute(select(SERIES.c.check_id, SERIES.c.customer))]

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()

    def _check(self) -> None:
        if self._checked:
            return
        if self.path is None:
            with self._store.read():  # is the schema this version's?
                pass
        else:
            self._make(self.path)
        self._checked = True

    def _make(self, path: Path) -> None:
        """Create the tables; nothing happens where they are there."""
        if not path.exists():
            create_sqlite(path)
        version = schema_version(path)
        if version == 0:
            with self._writer.begin() as connection:
                METADATA.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise StoreError(
                f"{path}: the samples' schema is {version}, this hikeshi works with {VERSION}; use the one that made it"
            )


def _series(connection: Connection, wanted: Sequence[Watched], today: int) -> dict[Watched, int]:
    """Their numbers; they are used today. Many at a time: at the begin of a day, and of a watcher, that is all of them."""
    if wanted:
        connection.execute(_USE, [{"check": one.check, "customer": one.customer, "day": today} for one in wanted])
    found: dict[Watched, int] = {}
    for at in range(0, len(wanted), _ASKED_AT_ONCE):
        named = SERIES.c.check_id.in_({one.check for one in wanted[at : at + _ASKED_AT_ONCE]})
        rows = connection.execute(select(SERIES.c.check_id, SERIES.c.customer, SERIES.c.id).where(named))
        found |= {Watched(check, customer): id_ for check, customer, id_ in rows}
    return {one: found[one] for one in wanted}


def samples_path(store: Path) -> Path:
    """Where the samples lie that belong to a SQLite store."""
    return store.with_name(f"{store.stem}-samples.db")


def schema_version(path: Path) -> int:
    """0: no tables yet. Raises ``StoreError`` for what is no SQLite file."""
    try:
        with closing(sqlite3.connect(path, timeout=30.0)) as connection:
            found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: this is no file of samples: {error}") from error
    return found
