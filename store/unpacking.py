"""Reads blocks (``store.block``), many in one go: what numpy does once for all of them costs nothing for each. Pure."""

import zlib
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from store.block import (
    BITS,
    BYTES_MAX,
    DECIMAL,
    DIFFERENCES,
    EXPONENT_MAX,
    NONE,
    ROWS_MAX,
    SCALE_MAX,
    SOME,
    VERSION,
    Column,
    DamagedError,
    Floats,
    Ints,
    lengths_of,
    valued,
)

_WAY = np.dtype([("form", "u1"), ("width", "u1"), ("scale", "i1"), ("base", "<i8")])


class _Head(NamedTuple):
    """How each block has written one column, as ``store.block.WAY`` says. One number a block."""

    form: Ints
    width: Ints
    scale: Ints
    base: Ints


class _Way(NamedTuple):
    """That, and where it is: ``held`` numbers of ``width`` bytes at ``at``."""

    form: Ints
    width: Ints
    scale: Ints
    base: Ints
    mask_at: Ints
    held: Ints
    at: Ints


_NOTHING = np.zeros(0, dtype=np.int64)


def unpack(blocks: Sequence[bytes], kinds: str) -> list[Column]:
    """The columns of all blocks, one behind the other. ``kinds``: ``i`` or ``f`` for each column, a capital letter where it is not
    wanted: nothing is spent on it, and it comes back empty. Raises ``DamagedError``; never takes more memory than ``ROWS_MAX`` rows
    a block need, whatever the bytes are. What comes back is not to be changed."""
    if not blocks:
        return [np.zeros(0, dtype=np.float64 if kind == "f" else np.int64) for kind in kinds]
    wanted = [True, *(kind == "f" for kind in kinds if kind in "fF")]
    parts = [_parts(block, wanted) for block in blocks]
    heads = [found[0] for found in parts]
    rows, columns = _heads(heads, kinds.lower())
    ways, at = [], np.full(len(parts), _head(kinds.lower()).itemsize, dtype=np.int64)
    for head in columns:
        if len(head) == 1:
            way, at = _way(heads, head[0], rows, at)
            ways.append(way)
    _demand_ends(heads, at)
    wholes, fractions = iter(ways), iter(range(1, len(parts[0])))
    unpacked: list[Column] = []
    for kind, head in zip(kinds, columns, strict=True):
        if kind in "iI":
            way = next(wholes)
            unpacked.append(_whole(heads, way) if kind == "i" else _NOTHING)
        else:
            part = next(fractions)
            unpacked.append(_fractions([found[part] for found in parts], head, rows) if kind == "f" else _NOTHING)
    return unpacked


def _parts(block: bytes, wanted: Sequence[bool]) -> list[bytes]:
    """All of them; empty where one is not wanted."""
    lengths = lengths_of(len(wanted))
    _demand(len(block) >= lengths.size, "the block is cut off")
    found, at = [], lengths.size
    for is_wanted, length in zip(wanted, lengths.unpack_from(block), strict=True):
        found.append(_inflate(block[at : at + length]) if is_wanted else b"")
        at += length
    _demand(at == len(block), "the block is not as long as it must be")
    return found


def _inflate(part: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(part, BYTES_MAX)
    except zlib.error as error:
        raise DamagedError(str(error)) from error
    if not inflater.eof or inflater.unused_data:
        raise DamagedError("a part is cut off, or too long")
    return raw


@cache
def _head(kinds: str) -> np.dtype[np.void]:
    return np.dtype([("version", "u1"), ("rows", "<u4"), ("ways", _WAY, (len(kinds) + kinds.count("f"),))])


def _heads(raws: Sequence[bytes], kinds: str) -> tuple[Ints, list[list[_Head]]]:
    """Number of rows, and how each column is written; of fractions, how their exponents are as well."""
    size = _head(kinds).itemsize
    _demand(all(len(raw) >= size for raw in raws), "a part is cut off")
    heads = np.frombuffer(b"".join([raw[:size] for raw in raws]), dtype=_head(kinds))
    rows = heads["rows"].astype(np.int64)
    _demand((heads["version"] == VERSION).all(), f"the block is not of version {VERSION}")
    _demand((rows <= ROWS_MAX).all(), f"the block has more than {ROWS_MAX} rows")
    words = [heads["ways"][name].T.astype(np.int64) for name in ("form", "width", "scale", "base")]
    form, width, scale, _ = words
    _demand((form <= NONE).all(), "there is no such form")
    _demand(((width <= 8) & (scale >= BITS) & (scale <= SCALE_MAX)).all(), "there is no such number")
    whole = [place for place, kind in enumerate(kinds.replace("f", "fi")) if kind == "i"]
    _demand(((form <= DIFFERENCES) & (scale == 0))[whole].all(), "there are fractions where whole numbers must be")
    each = iter([_Head(*of_one) for of_one in zip(*words, strict=True)])
    return rows, [[next(each)] if kind == "i" else [next(each), next(each)] for kind in kinds]


def _way(raws: Sequence[bytes], head: _Head, rows: Ints, at: Ints) -> tuple[_Way, Ints]:
    """Where the numbers of one column are, and where they end."""
    some, mask_at = head.form & SOME, at
    held: Ints = np.where(head.form == NONE, 0, rows)
    if some.any():
        for block in np.flatnonzero(some).tolist():
            held[block] = _marked(raws[block], int(at[block]), int(rows[block]))
        at = at + np.where(some, (rows + 7) // 8, 0)
    end: Ints = at + held * head.width
    return _Way(*head, mask_at, held, at), end


def _demand_ends(raws: Sequence[bytes], ends: Ints) -> None:
    _demand(all(len(raw) == end for raw, end in zip(raws, ends.tolist(), strict=True)), "a part is not as long as it must be")


def _marked(raw: bytes, at: int, rows: int) -> int:
    """How many rows have a number."""
    mask = int.from_bytes(raw[at : at + (rows + 7) // 8], "big")
    _demand(not mask & ((1 << (-rows % 8)) - 1), "there are more numbers than rows")
    return mask.bit_count()


def _demand(true: object, what: str) -> None:
    if not true:
        raise DamagedError(what)


def _whole(raws: Sequence[bytes], way: _Way) -> Ints:
    """The integers of one column of all blocks."""
    numbers = _numbers(raws, way)
    if numbers is None:
        if (way.base == way.base[0]).all():
            return np.broadcast_to(way.base[0], int(way.held.sum()))  # takes no room
        return np.repeat(way.base, way.held)
    stepped = (way.form & DIFFERENCES).astype(bool)
    if not stepped.any():
        return _above(numbers, way)
    one = numbers.dtype.type(1)
    steps = ((numbers >> one) ^ (~(numbers & one) + one)).view(f"i{numbers.itemsize}").astype(np.int64)
    if stepped.all():
        return _summed(steps, way)
    return np.where(np.repeat(stepped, way.held), _summed(steps, way), _above(numbers, way))


def _numbers(raws: Sequence[bytes], way: _Way) -> npt.NDArray[np.unsignedinteger] | None:
    """As they are written, in the narrowest type; ``None`` where all are 0."""
    used = int(way.width[way.held > 0].max(initial=0))
    if used == 0:
        return None
    size = 1 << (used - 1).bit_length()
    places = np.zeros((int(way.held.sum()), size), dtype=np.uint8)
    spots = list(zip(raws, way.at.tolist(), way.held.tolist(), way.width.tolist(), strict=True))
    for place in range(used):
        plane = b"".join(
            [raw[at + place * held : at + (place + 1) * held] if place < width else bytes(held) for raw, at, held, width in spots]
        )
        places[:, place] = np.frombuffer(plane, dtype=np.uint8)
    return places.view(f"<u{size}").reshape(-1)


def _above(numbers: npt.NDArray[np.unsignedinteger], way: _Way) -> Ints:
    found = np.repeat(way.base, way.held)
    found += numbers.astype(np.int64)
    return found


def _summed(steps: Ints, way: _Way) -> Ints:
    """The sums of the steps within each block, from its base on; the first step of each counts nothing."""
    held = way.held > 0
    bases = way.base[held]
    starts = (np.cumsum(way.held) - way.held)[held]
    steps[starts] = 0
    lasts = bases + np.add.reduceat(steps, starts)
    steps[starts] = bases
    steps[starts[1:]] -= lasts[:-1]
    return np.cumsum(steps, out=steps)


def _fractions(raws: Sequence[bytes], head: Sequence[_Head], rows: Ints) -> Floats:
    """A column of fractions, with NaN in the rows that have none."""
    way, at = _way(raws, head[0], rows, np.zeros(len(raws), dtype=np.int64))
    powers, at = _way(raws, head[1], np.where(way.scale == DECIMAL, way.held, 0), at)
    _demand_ends(raws, at)
    exponents = _whole(raws, powers)
    most, least = exponents.max(initial=0), exponents.min(initial=0)
    _demand(most <= EXPONENT_MAX and least >= -EXPONENT_MAX, "there is an exponent that no number has")
    with np.errstate(over="ignore", invalid="ignore"):
        found = _scaled_back(_whole(raws, way), way, exponents)
    _demand(np.isfinite(found).all(), "there is a number without end")
    return _spread(found, raws, rows, way)


def _scaled_back(whole: Ints, way: _Way, exponents: Ints) -> Floats:
    scales = way.scale[way.held > 0]
    if (scales == DECIMAL).all():
        return valued(whole, exponents)
    powers = 10.0 ** np.maximum(way.scale, 0)
    found: Floats = whole / (powers[0] if (powers == powers[0]).all() else np.repeat(powers, way.held))
    if (scales == DECIMAL).any():
        here = np.repeat(way.scale == DECIMAL, way.held)
        found[here] = valued(whole[here], exponents)
    if (scales == BITS).any():
        here = np.repeat(way.scale == BITS, way.held)
        found[here] = whole[here].view(np.float64)
    return found


def _spread(numbers: Floats, raws: Sequence[bytes], rows: Ints, way: _Way) -> Floats:
    """NaN in the rows that have no number."""
    if len(numbers) == int(rows.sum()):
        return numbers
    there = [
        np.unpackbits(np.frombuffer(raw, np.uint8, (count + 7) // 8, at), count=count).astype(bool)
        if form & SOME
        else np.full(count, form != NONE)
        for raw, count, form, at in zip(raws, rows.tolist(), way.form.tolist(), way.mask_at.tolist(), strict=True)
    ]
    spread = np.full(int(rows.sum()), np.nan)
    spread[np.concatenate(there)] = numbers
    return spread
