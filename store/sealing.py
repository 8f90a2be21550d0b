"""Seals what was seen: of the looks of the last hour, each series' rows go into the block of its day; a day that is over goes into
its month's rollup; what is older than 13 months goes away. Each can be killed anywhere and begun again.

A block says up to which row of ``sample_recent`` it holds everything, so that what a pass did before it was killed is not done
twice; the rows themselves go last. Two that seal at once do the same work twice, and nothing else.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, delete, exists, func, select, text, update

from store.block import ROWS_MAX, DamagedError
from store.sample_reading import looks_of, series_of_looks
from store.sample_tables import DAY, MONTH, PLACES, RECENT, SERIES, UNROLLED, key_of, place_of, series_of
from store.samples import Samples
from store.series import (
    DAY_S,
    ITEMS,
    ROLLUP_S,
    Rollup,
    Series,
    coarser,
    first_day_of,
    merged,
    month_of,
    opened,
    opened_rollups,
    roll,
    seal,
    seal_rollup,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOKS_MAX = 1_000_000
"""Sealed in one pass: what takes some hundred megabytes of memory."""
KEPT_DAYS = 397
"""13 months."""
AGED_AT_ONCE = 3
"""Days of a series that one call ages out at most: a clock that is wrong by years takes so many with it, and not all of them."""
_AT_ONCE = 128
"""Series in one transaction: the watcher waits for less than a tenth of a second."""

_KEEP_DAY = text(
    "INSERT INTO sample_day (key, upto, rolled, data) VALUES (:key, :upto, 0, :data) "
    "ON CONFLICT (key) DO UPDATE SET upto = excluded.upto, rolled = 0, data = excluded.data"
)
_KEEP_MONTH = text(
    "INSERT INTO sample_month (key, value, latency_ms, value_days, latency_ms_days) "
    "VALUES (:key, :value, :latency_ms, :value_days, :latency_ms_days) ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
    "latency_ms = excluded.latency_ms, value_days = excluded.value_days, latency_ms_days = excluded.latency_ms_days"
)


def waiting(samples: Samples) -> int:
    """Looks that are not sealed yet."""
    with samples.read() as connection:
        found: int = connection.execute(select(func.coalesce(func.sum(RECENT.c.looks), 0))).scalar_one()
    return found


def seal_recent(samples: Samples, looks_max: int = LOOKS_MAX) -> int:
    """One pass over what waits, oldest first; how many looks it sealed."""
    with samples.read() as connection:
        rows = []
        for row in connection.execute(select(RECENT.c.seq, RECENT.c.looks, RECENT.c.data).order_by(RECENT.c.seq)):
            rows.append(row)
            if (looks_max := looks_max - row.looks) <= 0:
                break
    if not rows:
        return 0
    upto = rows[-1].seq
    seqs, looks = looks_of(rows)
    keys = looks["series"].astype(np.int64) * PLACES + looks["at_s"].astype(np.int64) // DAY_S
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    parts = [(int(keys[part[0]]), part) for part in np.split(order, starts[1:])]
    for some in _some(parts):
        with samples.write() as connection:
            sealed = select(DAY.c.key, DAY.c.upto, DAY.c.data).where(DAY.c.key.in_([key for key, _ in some]))
            there = {row.key: row for row in connection.execute(sealed)}
            kept = []
            for key, part in some:
                before = there.get(key)
                new = part[seqs[part] > (before.upto if before is not None else 0)]
                if len(new):
                    known = [_sealed(key, before.data)] if before is not None else []
                    kept.append(
                        {"key": key, "upto": upto, "data": seal(_fitting(key, merged([*known, series_of_looks(looks[new])])))}
                    )
            if kept:
                connection.execute(_KEEP_DAY, kept)
    with samples.write() as connection:
        connection.execute(delete(RECENT).where(RECENT.c.seq <= upto))
    return len(looks)


def roll_up(samples: Samples, today: int) -> int:
    """Days before ``today`` (since 1970) that their months do not have yet; how many there were."""
    with samples.read() as connection:
        over = select(DAY.c.key).where(UNROLLED, DAY.c.key % PLACES < today).order_by(DAY.c.key)
        keys = connection.execute(over).scalars().all()
    for some in _some(keys):
        with samples.write() as connection:
            _roll_days(connection, some)
    return len(keys)


def _roll_days(connection: Connection, keys: Sequence[int]) -> None:
    """All of them, or none."""
    days = connection.execute(select(DAY.c.key, DAY.c.data).where(DAY.c.key.in_(keys), UNROLLED)).all()
    by_month: dict[int, dict[int, Series]] = {}
    for key, data in days:
        by_month.setdefault(key_of(series_of(key), month_of(place_of(key))), {})[place_of(key)] = _sealed(key, data)
    there = {row.key: row for row in connection.execute(select(MONTH).where(MONTH.c.key.in_(list(by_month))))}
    connection.execute(update(DAY).where(DAY.c.key.in_([key for key, _ in days])).values(rolled=1))
    kept = []
    for key, new in by_month.items():
        try:
            known = {item: opened_rollups([getattr(there[key], item)] if key in there else []) for item in ITEMS}
        except DamagedError as error:
            log.error("the rollup of month %d of series %d is damaged and made anew: %s", place_of(key), series_of(key), error)
            _unroll(connection, key)
            known = {item: opened_rollups([]) for item in ITEMS}
        kept.append({"key": key} | _rollups(known, new))
    connection.execute(_KEEP_MONTH, kept)


def _rollups(known: Mapping[str, Rollup], new: dict[int, Series]) -> dict[str, bytes]:
    """The columns of a month."""
    found = {item: _with_days(known[item], new, item) for item in ITEMS}
    days = {f"{item}_days": coarser([rollup], DAY_S) for item, rollup in found.items()}
    return {name: seal_rollup(one) for name, one in (found | days).items()}


def _with_days(known: Rollup, new: dict[int, Series], item: str) -> Rollup:
    others = known.of(~np.isin(known.at_s // DAY_S, list(new)))
    return coarser([others, *(roll(one, item, ROLLUP_S) for one in new.values())], ROLLUP_S)


def _unroll(connection: Connection, month: int) -> None:
    first, end = first_day_of(place_of(month)), first_day_of(place_of(month) + 1)
    of_month = DAY.c.key.between(key_of(series_of(month), first), key_of(series_of(month), end - 1))
    connection.execute(update(DAY).where(of_month).values(rolled=0))


def age(samples: Samples, today: int, kept_days: int = KEPT_DAYS) -> int:
    """Delete what is older; how many days of series went away."""
    last = today - kept_days - 1
    with samples.read() as connection:
        numbers = connection.execute(select(SERIES.c.id).order_by(SERIES.c.id)).scalars().all()
    gone = 0
    for some in _some(numbers):
        with samples.write() as connection:
            for number in some:
                gone += _age_series(connection, number, last)
    unused = [
        ~exists().where(table.c.key.between(SERIES.c.id * PLACES, SERIES.c.id * PLACES + (PLACES - 1))) for table in (DAY, MONTH)
    ]
    with samples.write() as connection:
        connection.execute(delete(SERIES).where(SERIES.c.used_day < last, *unused))
    return gone


def _age_series(connection: Connection, number: int, last: int) -> int:
    days = select(DAY.c.key).where(DAY.c.key.between(key_of(number, 0), key_of(number, PLACES - 1))).order_by(DAY.c.key)
    keys = connection.execute(days.limit(AGED_AT_ONCE + 1)).scalars().all()
    old = [key for key in keys[:AGED_AT_ONCE] if place_of(key) <= last]
    if old:
        connection.execute(delete(DAY).where(DAY.c.key.in_(old)))
    kept = min([last + 1, *(place_of(key) for key in keys[len(old) :])])
    connection.execute(delete(MONTH).where(MONTH.c.key.between(key_of(number, 0), key_of(number, month_of(kept)) - 1)))
    return len(old)


def _sealed(key: int, data: bytes) -> Series:
    """What cannot be read is lost, and must not keep what comes from being sealed."""
    try:
        return opened([data])
    except DamagedError as error:
        log.error("day %d of series %d is damaged and lost: %s", place_of(key), series_of(key), error)
        return opened([])


def _fitting(key: int, found: Series) -> Series:
    if len(found) <= ROWS_MAX:
        return found
    log.error("day %d of series %d: of %d looks only the last %d are kept", place_of(key), series_of(key), len(found), ROWS_MAX)
    return found.of(slice(len(found) - ROWS_MAX, None))


def _some(items: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
