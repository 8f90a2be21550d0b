"""What was seen of one check over time, and its summary by buckets. Pure.

A response time is kept to three digits and a microsecond, any other value to six: more than people are shown
(``domain.wording.number``), and less than half the bytes. Times are whole seconds, UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from store.block import Column, DamagedError, Floats, Ints
from store.looks import VERDICTS
from store.packing import pack, rounded
from store.unpacking import unpack

DAY_S = 86_400
EPOCH = date(1970, 1, 1)
ROLLUP_S = 7200
"""What is summed up once and for all. Of finer graphs the samples are read, of coarser ones these."""

ITEMS = ("value", "latency_ms")

_VALUE_DIGITS, _VALUE_LEAST = 6, 1e-9
_LATENCY_DIGITS, _LATENCY_PLACES = 3, 3


@dataclass(frozen=True, slots=True)
class Series:
    """One row a look, in the order of their times; of equal times, in the order of arrival. NaN where a look brought no such
    number; a column that was not asked for is empty."""

    at_s: Ints
    verdict: Ints
    value: Floats
    latency_ms: Floats

    def __len__(self) -> int:
        return len(self.at_s)

    def columns(self) -> tuple[Column, Column, Column, Column]:
        return self.at_s, self.verdict, self.value, self.latency_ms

    def of(self, which: npt.NDArray[np.bool_] | slice) -> "Series":
        return Series(*(column[which] if len(column) else column for column in self.columns()))

    def only(self, items: Sequence[str]) -> "Series":
        """Without the other numbers."""
        none = np.zeros(0)
        return Series(self.at_s, self.verdict, *(getattr(self, item) if item in items else none for item in ITEMS))

    def between(self, from_s: float, to_s: float) -> "Series":
        """From ``from_s`` on, before ``to_s``."""
        first, end = np.searchsorted(self.at_s, [np.ceil(from_s), np.ceil(to_s)])
        return self.of(slice(int(first), int(end)))


def series(at_s: Ints, verdict: Ints, value: Floats, latency_ms: Floats) -> Series:
    """What was seen, as it is kept: rounded, in order, finite."""
    order = np.argsort(at_s, kind="stable")
    value, latency_ms = value[order], latency_ms[order]
    value = np.where(np.isfinite(value), np.where(np.abs(value) < _VALUE_LEAST, 0.0, value), np.nan)
    latency_ms = np.round(rounded(np.where(np.isfinite(latency_ms), latency_ms, np.nan), _LATENCY_DIGITS), _LATENCY_PLACES)
    return Series(at_s[order], verdict[order], rounded(value, _VALUE_DIGITS), latency_ms)


def merged(parts: Iterable[Series]) -> Series:
    """All of them as one; of equal times, in the order of the parts."""
    columns = [np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)]
    if np.all(columns[0][1:] >= columns[0][:-1]):
        return Series(*columns)
    order = np.argsort(columns[0], kind="stable")
    return Series(*(column[order] if len(column) else column for column in columns))


EMPTY = Series(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


def month_of(day: int) -> int:
    """The UTC month of a day since 1970, counted from year 0."""
    found = EPOCH + timedelta(days=day)
    return found.year * 12 + found.month - 1


def first_day_of(month: int) -> int:
    return (date(month // 12, month % 12 + 1, 1) - EPOCH).days


def seal(found: Series) -> bytes:
    """The block of at most ``ROWS_MAX`` looks; exact."""
    return pack(found.columns())


def opened(blocks: Sequence[bytes], items: Sequence[str] = ITEMS) -> Series:
    """What blocks hold, one behind the other. Raises ``DamagedError``."""
    wanted = "".join("f" if item in items else "F" for item in ITEMS)
    at_s, verdict, value, latency_ms = unpack(blocks, f"ii{wanted}")
    if len(verdict) and not 0 <= int(verdict.min()) <= int(verdict.max()) < len(VERDICTS):
        raise DamagedError("there is no such verdict")
    return Series(at_s, verdict, value, latency_ms)


@dataclass(frozen=True, slots=True)
class Rollup:
    """``min``, ``mean`` and ``max`` of ``count`` numbers, by the beginning of each bucket in which there is one; in order."""

    at_s: Ints
    count: Ints
    min: Floats
    mean: Floats
    max: Floats

    def columns(self) -> tuple[Column, ...]:
        return self.at_s, self.count, self.min, self.mean, self.max

    def of(self, which: npt.NDArray[np.bool_] | slice) -> "Rollup":
        return Rollup(*(column[which] for column in self.columns()))

    def between(self, from_s: float, to_s: float) -> "Rollup":
        """The buckets that begin from ``from_s`` on, before ``to_s``."""
        first, end = np.searchsorted(self.at_s, [from_s, to_s])
        return self.of(slice(int(first), int(end)))


_NONE = pack((np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0)))
"""Of an item that a check never brings."""


def roll(found: Series, item: str, step_s: int) -> Rollup:
    """Sum a column up by buckets of ``step_s`` seconds since 1970."""
    numbers: Floats = getattr(found, item)
    there = ~np.isnan(numbers)
    numbers = numbers[there]
    return _rolled(Rollup(found.at_s[there], np.ones(len(numbers), np.int64), numbers, numbers, numbers), step_s)


def coarser(found: Sequence[Rollup], step_s: int) -> Rollup:
    """One rollup of several, by buckets of ``step_s``, which holds whole ones of theirs."""
    if len(found) == 1:
        return _rolled(found[0], step_s)
    columns = [np.concatenate(columns) for columns in zip(*(one.columns() for one in found), strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return _rolled(Rollup(*(column[order] for column in columns)), step_s)


def _rolled(finer: Rollup, step_s: int) -> Rollup:
    bucket = finer.at_s // step_s
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[:1] - 1))
    if len(starts) == 0:
        return finer
    count = np.add.reduceat(finer.count, starts)
    return Rollup(
        bucket[starts] * step_s,
        count,
        np.minimum.reduceat(finer.min, starts),
        np.add.reduceat(finer.mean * finer.count, starts) / count,
        np.maximum.reduceat(finer.max, starts),
    )


def seal_rollup(one: Rollup) -> bytes:
    """The block of a rollup: means to six digits, the rest exact."""
    if len(one.at_s) == 0:
        return _NONE
    return pack((one.at_s, one.count, one.min, rounded(one.mean, _VALUE_DIGITS), one.max))


def opened_rollups(blocks: Sequence[bytes]) -> Rollup:
    """What blocks of one item hold, one behind the other. Raises ``DamagedError``."""
    at_s, count, least, mean, most = unpack([block for block in blocks if block != _NONE], "iifff")
    return Rollup(at_s, count, least, mean, most)
