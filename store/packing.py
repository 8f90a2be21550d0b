"""Writes blocks (``store.block``). Pure."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from store.block import (
    BITS,
    BY,
    DECIMAL,
    DIFFERENCES,
    DIGITS,
    EXPONENT_MAX,
    NONE,
    ROWS_MAX,
    SCALE_MAX,
    SOME,
    TIMES,
    VERSION,
    Column,
    Floats,
    Ints,
    head_of,
    lengths_of,
    valued,
)

_EXACT = 2**53
_EFFORT = 6
"""Of zlib: 9 takes three times as long, for a hundredth less."""


def pack(columns: Sequence[Column]) -> bytes:
    """A block of columns of one length (at most ``ROWS_MAX``, else ValueError). Exact for every number but the sign of 0.0; there
    must be no infinity."""
    rows = len(columns[0])
    if rows > ROWS_MAX or any(len(column) != rows for column in columns):
        raise ValueError(f"{rows} rows, must be as many in each column and at most {ROWS_MAX}")
    kinds = "".join("f" if column.dtype.kind == "f" else "i" for column in columns)
    written = [_written(column) for column in columns]
    words = [word for ways in written for one in ways for word in (one.form, one.width, one.scale, one.base)]
    parts = [head_of(kinds).pack(VERSION, rows, *words)]
    for kind, ways in zip(kinds, written, strict=True):
        if kind == "i":
            parts[0] += ways[0].numbers
        else:
            parts.append(b"".join(one.mask + one.numbers for one in ways))
    deflated = [zlib.compress(part, _EFFORT) for part in parts]
    return b"".join([lengths_of(len(deflated)).pack(*map(len, deflated)), *deflated])


class _Written(NamedTuple):
    form: int = 0
    width: int = 0
    scale: int = 0
    base: int = 0
    mask: bytes = b""
    numbers: bytes = b""


def _written(column: Column) -> list[_Written]:
    if column.dtype.kind != "f":
        return [_ints(column.astype(np.int64, copy=False))]
    there = ~np.isnan(column)
    count = int(np.count_nonzero(there))
    if count == 0:
        return [_Written(NONE), _Written()]
    numbers, exponents = _floats(column[there] + 0.0)  # no -0.0
    if count < len(column):
        numbers = numbers._replace(form=numbers.form | SOME, mask=np.packbits(there).tobytes())
    return [numbers, exponents]


def rounded(numbers: Floats, digits: int) -> Floats:
    """To so many significant digits (at most ``DIGITS``, so that ``pack`` writes them short). NaN stays."""
    there = ~np.isnan(numbers)
    found = numbers.copy()
    found[there] = valued(*_decimal(numbers[there], digits))
    return found


def _floats(numbers: Floats) -> tuple[_Written, _Written]:
    scale, whole = _scaled(numbers)
    if whole is not None and np.abs(whole).max() <= 10**DIGITS:
        return _ints(whole, scale), _Written()
    digits, exponents = _decimal(numbers, DIGITS)
    if np.array_equal(valued(digits, exponents), numbers):
        return _ints(digits, DECIMAL), _ints(exponents)
    if whole is not None:
        return _ints(whole, scale), _Written()
    return _ints(numbers.view(np.int64), BITS), _Written()


def _scaled(numbers: Floats) -> tuple[int, Ints | None]:
    """The lowest power of ten that makes whole numbers of all of them, and these; ``None`` where there is none."""
    for scale in range(SCALE_MAX + 1):
        with np.errstate(over="ignore"):
            whole = np.rint(numbers * 10.0**scale)
        if np.abs(whole).max() >= _EXACT:
            break
        if np.array_equal(whole / 10.0**scale, numbers):
            return scale, whole.astype(np.int64)
    return 0, None


def _decimal(numbers: Floats, digits: int) -> tuple[Ints, Ints]:
    """``(digits, exponents)``: each number as near as can be with so many digits."""
    size = np.abs(numbers)
    exponents = np.floor(np.log10(np.where(size > 0, size, 1.0))).astype(np.int64) - (digits - 1)
    exponents = np.clip(exponents, -EXPONENT_MAX, EXPONENT_MAX)
    places = exponents + EXPONENT_MAX
    found = np.rint(numbers * BY[places] / TIMES[places]).astype(np.int64)
    over = (np.abs(found) >= 10**digits) & (exponents < EXPONENT_MAX)  # 9.99… has become 10
    return np.where(over, found // 10, found), np.where(over, exponents + 1, exponents)


def _ints(numbers: Ints, scale: int = 0) -> _Written:
    if len(numbers) == 0:
        return _Written()
    low = int(numbers.min())
    above = (numbers - low).view(np.uint64)  # wraps where the span is more than 63 bits, and back again
    steps = np.diff(numbers, prepend=numbers[:1])
    steps = ((steps << 1) ^ (steps >> 63)).view(np.uint64)  # 0, -1, 1, -2 … as 0, 1, 2, 3 …
    if steps.astype(np.float64).mean() < above.astype(np.float64).mean():
        return _planes(steps, DIFFERENCES, scale, int(numbers[0]))
    return _planes(above, 0, scale, low)


def _planes(numbers: npt.NDArray[np.uint64], form: int, scale: int, base: int) -> _Written:
    width = (int(numbers.max()).bit_length() + 7) // 8
    planes = numbers.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T
    return _Written(form, width, scale, base, b"", planes.tobytes())
