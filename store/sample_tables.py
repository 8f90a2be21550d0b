"""The tables of what was seen: in a file of their own beside a SQLite store, so that writing them in bulk never keeps an intent
waiting, and in the same database on PostgreSQL. Times are UTC epoch seconds."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, UniqueConstraint, text

from store.tables import Plain

METADATA = MetaData()
VERSION = 1
"""``PRAGMA user_version`` of the SQLite file; on PostgreSQL Alembic knows."""

_BIG = BigInteger().with_variant(Integer, "sqlite")

SERIES = Table(
    "sample_series",
    METADATA,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    Column("check_id", Plain, nullable=False),
    Column("customer", Plain, nullable=False),
    Column("used_day", Integer, nullable=False),
    UniqueConstraint("check_id", "customer"),
    sqlite_autoincrement=True,
)
"""What is seen of one check for one customer; ``used_day``: when something was last written of it, within some days."""

RECENT = Table(
    "sample_recent",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("looks", Integer, nullable=False),
    Column("first_s", BigInteger, nullable=False),
    Column("last_s", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""What a watcher has seen in a second, of all series: ``looks`` times ``store.recent.ROW``."""

DAY = Table(
    "sample_day",
    METADATA,
    Column("key", _BIG, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
    Column("rolled", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("sample_day_unrolled", "key", sqlite_where=text("rolled = 0"), postgresql_where=text("rolled = 0")),
)
"""A series' UTC day, a ``store.series`` block of all that was seen up to the ``upto``-th of ``sample_recent``. ``key``: see
``key_of``. ``rolled`` is 1 when the month's rollup has it."""

UNROLLED = text("sample_day.rolled = 0")
"""In these words, as neither database takes a parameter for what its index says."""

MONTH = Table(
    "sample_month",
    METADATA,
    Column("key", _BIG, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
    Column("latency_ms", LargeBinary, nullable=False),
    Column("value_days", LargeBinary, nullable=False),
    Column("latency_ms_days", LargeBinary, nullable=False),
)
"""Rollups of a series' UTC month, a block for each item, by ``store.series.ROLLUP_S`` and by days; the month counts from year 0."""

PLACES = 1 << 20
"""Days or months of a series; its rows lie together on the disk."""


def key_of(series: int, place: int) -> int:
    """The key of a series' day (since 1970) or month."""
    return series * PLACES + place


def place_of(key: int) -> int:
    return key % PLACES


def series_of(key: int) -> int:
    return key // PLACES
