"""Columns of numbers in few bytes, and back without loss: integers or their differences, their bytes sorted by place, deflated.

A block is the lengths of its parts, and the parts, each deflated (zlib, RFC 1950, whose checksum finds damage): first version,
number of rows, how each column is written, and the columns of whole numbers; then a part for each column of fractions, so that what
is not wanted need not be inflated. Of a column: which of its numbers are there, and the numbers. A number is written as what it is
above the column's lowest, or as the difference to the one before, whichever is smaller on the whole: first the lowest byte of each,
then the next, as many as the largest needs. Fractions are written as integers of one power of ten where that gives back each one
exactly; else, where they are wide apart, as six digits and an exponent each; else bit by bit.

zlib and not zstd: at these sizes both end at the same size, and the standard library has the one that is read faster.
"""

import struct
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Column = npt.NDArray[Any]
"""Whole numbers, or numbers of which NaN is one that is not there."""

VERSION = 1
ROWS_MAX = 200_000
"""In one block: more than two a second over a day."""
BYTES_MAX = 64 + ROWS_MAX * 8 * 16

HEAD = "<BI"
WAY = "BBbq"
"""Of whole numbers, and of fractions and of their exponents: form, bytes of each number, scale, and what is to be added (the first
number of differences, else the lowest)."""
DIFFERENCES, SOME, NONE = 1, 2, 4
"""Bits of the form: differences; a bit for each row follows that says whether it has a number; no row has one."""
SCALE_MAX = 9
DECIMAL, BITS = -1, -2
"""Instead of a scale: digits, and the exponents as a column of their own; a float's bits."""
DIGITS = 6
EXPONENT_MAX = 300
TIMES = np.array([10.0 ** max(exponent, 0) for exponent in range(-EXPONENT_MAX, EXPONENT_MAX + 1)])
BY = TIMES[::-1].copy()


class DamagedError(ValueError):
    """These bytes are no block that ``pack`` has written, or of a later version."""


@cache
def lengths_of(parts: int) -> struct.Struct:
    """What a block begins with: how long each deflated part is."""
    return struct.Struct(f"<{parts}I")


@cache
def head_of(kinds: str) -> struct.Struct:
    """What the first part of such columns begins with: ``i`` for whole numbers, ``f`` for fractions."""
    return struct.Struct(HEAD + "".join(WAY * (2 if kind == "f" else 1) for kind in kinds))


def valued(digits: Ints, exponents: Ints) -> Floats:
    """What digits and exponents mean; of exponents of at most ``EXPONENT_MAX`` to either side."""
    places = exponents + EXPONENT_MAX
    found: Floats = digits / BY[places] if exponents.min(initial=0) < 0 else digits.astype(np.float64)
    if exponents.max(initial=0) > 0:
        found *= TIMES[places]
    return found
