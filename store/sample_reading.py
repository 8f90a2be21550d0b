"""Reads samples: what was seen of one check, and its graph."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import BindParameter, Connection, bindparam, select

from store.block import DamagedError, Ints
from store.looks import ROW, Watched
from store.sample_tables import DAY, MONTH, RECENT, SERIES, UNROLLED, key_of, place_of
from store.samples import Samples
from store.series import (
    DAY_S,
    EMPTY,
    ITEMS,
    ROLLUP_S,
    Rollup,
    Series,
    coarser,
    merged,
    month_of,
    opened,
    opened_rollups,
    roll,
    series,
)

log = logging.getLogger(__name__)

# put together once: that would take longer than to run them
_BETWEEN: tuple[BindParameter[int], BindParameter[int]] = bindparam("first"), bindparam("last")
_SERIES = select(SERIES.c.id).where(SERIES.c.check_id == bindparam("check"), SERIES.c.customer == bindparam("customer"))
_DAYS = select(DAY.c.key, DAY.c.data).where(DAY.c.key.between(*_BETWEEN)).order_by(DAY.c.key)
_UNROLLED_DAYS = _DAYS.where(UNROLLED)
_MONTHS = {
    column.name: select(MONTH.c.key, column).where(MONTH.c.key.between(*_BETWEEN)).order_by(MONTH.c.key)
    for column in MONTH.c
    if column is not MONTH.c.key
}
_RECENT = (
    select(RECENT.c.seq, RECENT.c.looks, RECENT.c.data)
    .where(RECENT.c.last_s >= bindparam("from_s"), RECENT.c.first_s < bindparam("to_s"))
    .order_by(RECENT.c.seq)
)


def read(samples: Samples, of: Watched, from_s: float, to_s: float, items: Sequence[str] = ITEMS) -> Series:
    """All looks from ``from_s`` on, before ``to_s``; of the numbers only these ``items``. A day that is damaged is left out, and
    logged."""
    with samples.read() as connection:
        number = _number(connection, of)
        if number is None or not from_s < to_s:
            return EMPTY
        rows = connection.execute(_DAYS, _keys(number, int(from_s // DAY_S), int(to_s // DAY_S))).all()
        fresh = _recent(connection, number, from_s, to_s)
    sealed = _opened({f"{of.check}, day {place_of(key)}": data for key, data in rows}, items)
    found = merged([sealed, fresh.only(items)]) if len(fresh) else sealed
    return found.between(from_s, to_s)


def graph(samples: Samples, of: Watched, item: str, period: tuple[float, float], step_s: int) -> Rollup:
    """``item`` by buckets of ``step_s``, from the one that holds the period's begin, those that begin before its end. Buckets of
    whole ``ROLLUP_S`` come from the months' rollups, and what these do not have yet from the samples, as finer ones do."""
    from_s, to_s = period[0] - period[0] % step_s, period[1]
    if step_s % ROLLUP_S:
        return roll(read(samples, of, from_s, to_s + step_s, [item]), item, step_s).between(from_s, to_s)
    with samples.read() as connection:
        number = _number(connection, of)
        if number is None or not from_s < to_s:
            return opened_rollups([])
        first, last = int(from_s // DAY_S), int((to_s + step_s) // DAY_S)
        column = item if step_s % DAY_S else f"{item}_days"
        rows = connection.execute(_MONTHS[column], _keys(number, month_of(first), month_of(last))).all()
        unrolled = connection.execute(_UNROLLED_DAYS, _keys(number, first, last)).all()
        fresh = _recent(connection, number, first * DAY_S, (last + 1) * DAY_S)
    rolled = _opened_rollups({f"{of.check}, month {place_of(key)}": data for key, data in rows})
    again = np.array([place_of(key) for key, _ in unrolled], dtype=np.int64)
    if len(again):
        rolled = rolled.of(~np.isin(rolled.at_s // DAY_S, again))
    sealed = _opened({f"{of.check}, day {place_of(key)}": data for key, data in unrolled}, [item])
    if len(sealed) or len(fresh):
        found = coarser([rolled, roll(merged([sealed.only([item]), fresh.only([item])]), item, ROLLUP_S)], step_s)
    else:
        found = coarser([rolled], step_s)
    return found.between(from_s, to_s)


def _keys(number: int, first: int, last: int) -> dict[str, int]:
    return {"first": key_of(number, first), "last": key_of(number, last)}


def _number(connection: Connection, of: Watched) -> int | None:
    found: int | None = connection.execute(_SERIES, of._asdict()).scalar()
    return found


def _recent(connection: Connection, number: int, from_s: float, to_s: float) -> Series:
    """What is not sealed yet. A pass of sealing that is under way, or was killed, has sealed some of it: that is left out."""
    rows = connection.execute(_RECENT, {"from_s": int(from_s), "to_s": math.ceil(to_s)}).all()
    if not rows:
        return EMPTY
    seqs, found = looks_of(rows)
    here = found["series"] == number
    seqs, found = seqs[here], found[here]
    if len(found) == 0:
        return EMPTY
    at_s = found["at_s"].astype(np.int64)
    days, which = np.unique(at_s // DAY_S, return_inverse=True)
    keys = [key_of(number, int(day)) for day in days]
    sealed = {row.key: row.upto for row in connection.execute(select(DAY.c.key, DAY.c.upto).where(DAY.c.key.in_(keys)))}
    new = seqs > np.array([sealed.get(key, 0) for key in keys], dtype=np.int64)[which]
    return series_of_looks(found[new])


def looks_of(rows: Sequence[Any]) -> tuple[Ints, npt.NDArray[Any]]:
    """Rows of ``seq, looks, data`` as one array of ``ROW``, and the ``seq`` of each."""
    found = np.frombuffer(b"".join(bytes(data) for _, _, data in rows), dtype=np.dtype(ROW))
    return np.repeat(np.array([seq for seq, _, _ in rows], dtype=np.int64), [looks for _, looks, _ in rows]), found


def series_of_looks(found: npt.NDArray[Any]) -> Series:
    """Of one series."""
    return series(found["at_s"].astype(np.int64), found["verdict"].astype(np.int64), found["value"], found["latency_ms"])


def _opened(blocks: Mapping[str, bytes], items: Sequence[str]) -> Series:
    if not blocks:
        return EMPTY
    try:
        return opened([*blocks.values()], items)
    except DamagedError:
        good = [one for name, block in blocks.items() if (one := _sound(name, block)) is not None]
        return opened(good, items)


def _opened_rollups(blocks: Mapping[str, bytes]) -> Rollup:
    try:
        return opened_rollups([*blocks.values()])
    except DamagedError:
        return opened_rollups([one for name, block in blocks.items() if (one := _sound(name, block, rollup=True)) is not None])


def _sound(name: str, block: bytes, *, rollup: bool = False) -> bytes | None:
    try:
        if rollup:
            opened_rollups([block])
        else:
            opened([block])
    except DamagedError as error:
        log.error("%s is damaged and left out: %s", name, error)
        return None
    return block
