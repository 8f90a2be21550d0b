"""What is sealed comes back as it was, number for number; garbage is refused, and costs little."""

import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.block import ROWS_MAX, Column, DamagedError
from store.packing import pack, rounded
from store.unpacking import unpack

NOON_S = 1_800_014_400

INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=True, allow_infinity=False)
MEASURED = st.one_of(
    st.just(np.nan),
    st.decimals(-1000, 1000, places=3).map(float),
    st.integers(0, 10**12).map(float),
    st.floats(1e-9, 1e15).map(lambda number: float(f"{number:.6g}")),
)
TIMES = st.lists(st.integers(-400, 900), max_size=60).map(
    lambda steps: [NOON_S + int(at) for at in np.cumsum(steps)] if steps else []
)
"""Gaps, the same second twice, clocks that go back."""


@st.composite
def columns(draw: st.DrawFn, numbers: st.SearchStrategy[float] = FLOATS) -> list[Column]:
    at_s = draw(TIMES)
    length = len(at_s)
    whole = draw(st.lists(INTS, min_size=length, max_size=length))
    of_floats = [draw(st.lists(numbers, min_size=length, max_size=length)) for _ in range(2)]
    return [np.array(at_s, np.int64), np.array(whole, np.int64), *(np.array(one, np.float64) for one in of_floats)]


def parts_of(block: bytes, kinds: str = "iiff") -> list[bytearray]:
    """What it deflates."""
    count = 1 + kinds.count("f")
    lengths = struct.unpack_from(f"<{count}I", block)
    ends = list(accumulate(lengths, initial=4 * count))
    return [bytearray(zlib.decompress(block[at:end])) for at, end in pairwise(ends)]


def block_of(parts: Sequence[bytes | bytearray]) -> bytes:
    deflated = [zlib.compress(part) for part in parts]
    return struct.pack(f"<{len(parts)}I", *map(len, deflated)) + b"".join(deflated)


def same(one: list[Column], other: list[Column]) -> bool:
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(one, other, strict=True))


@given(columns())
def test_any_numbers_come_back_exactly(found: list[Column]) -> None:
    assert same(unpack([pack(found)], "iiff"), found)


@given(columns(MEASURED))
def test_measured_numbers_come_back_exactly(found: list[Column]) -> None:
    assert same(unpack([pack(found)], "iiff"), found)


@given(st.lists(columns(MEASURED), max_size=6))
def test_many_blocks_are_read_as_one_behind_the_other(found: list[list[Column]]) -> None:
    together = [np.concatenate([one[place] for one in found]) if found else np.zeros(0) for place in range(4)]
    assert same(unpack([pack(one) for one in found], "iiff"), together)


@given(columns(MEASURED))
def test_what_is_not_wanted_comes_back_empty_and_the_rest_as_ever(found: list[Column]) -> None:
    at_s, verdict, value, latency_ms = unpack([pack(found)], "iIFf")
    assert same([at_s, latency_ms], [found[0], found[3]])
    assert len(verdict) == len(value) == 0


@given(st.lists(FLOATS, max_size=30).map(np.array), st.integers(1, 6))
@example(np.array([9.73989589e-49, 9.999995e305, 999_999.9]), 1)
def test_rounding_keeps_so_many_digits_and_rounding_again_changes_nothing(numbers: Column, digits: int) -> None:
    numbers = np.where(np.abs(numbers) < 1e290, numbers, 1.0).astype(np.float64)
    once = rounded(numbers, digits)
    assert same([rounded(once, digits)], [once])
    there = ~np.isnan(numbers) & (np.abs(numbers) > 1e-290)
    assert np.all(np.abs(once[there] - numbers[there]) <= np.abs(numbers[there]) * 0.500001 * 10.0 ** (1 - digits))


@given(st.floats(1e-9, 1e15), st.just(6))
def test_rounding_is_what_people_call_so(number: float, digits: int) -> None:
    [found] = rounded(np.array([number]), digits)
    assert found == pytest.approx(float(f"{number:.{digits}g}"), rel=1.01 * 10.0 ** (1 - digits))
    assert f"{found:.{digits}g}" == f"{float(f'{found:.{digits}g}'):.{digits}g}"


def test_a_day_of_a_usual_series_takes_less_than_two_bytes_a_number() -> None:
    random = np.random.default_rng(1)
    latency_ms = np.round(rounded(12 * np.exp(random.normal(0, 0.1, 288)), 3), 3)
    percent = np.round(np.abs(random.normal(20, 8, 288)), 1)
    block = pack([NOON_S + 300 * np.arange(288), np.zeros(288, np.int64), percent, latency_ms])
    assert len(block) < 2 * 2 * 288


def test_what_never_changes_takes_next_to_nothing() -> None:
    block = pack([NOON_S + 60 * np.arange(1440), np.zeros(1440, np.int64), np.full(1440, 3.25), np.full(1440, np.nan)])
    assert len(block) < 80


def test_there_is_a_most_of_rows() -> None:
    with pytest.raises(ValueError, match="must be as many in each column and at most 200000"):
        pack([np.zeros(ROWS_MAX + 1, np.int64)])
    with pytest.raises(ValueError, match="must be as many in each column"):
        pack([np.zeros(3, np.int64), np.zeros(2)])


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_garbage_is_refused_or_read_and_never_anything_else(data: bytes) -> None:
    for block in (data, block_of([data] * 3), block_of([b"\x01\x05\x00\x00\x00" + data, data, data])):
        try:
            found = unpack([block], "iiff")
        except DamagedError:
            continue
        assert len({len(column) for column in found}) == 1


@given(columns(MEASURED), st.data())
def test_a_block_with_other_bytes_in_it_is_refused_or_read_and_never_anything_else(
    found: list[Column], data: st.DataObject
) -> None:
    parts = parts_of(pack(found))
    for _ in range(data.draw(st.integers(1, 4))):
        part = data.draw(st.sampled_from([part for part in parts if part]))
        part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    try:
        damaged = unpack([block_of(parts)], "iiff")
    except DamagedError:
        return
    assert len({len(column) for column in damaged}) == 1
    assert all(np.isfinite(column[~np.isnan(column)]).all() for column in damaged[2:])


@given(columns(MEASURED), st.data())
def test_one_flipped_bit_is_always_found(found: list[Column], data: st.DataObject) -> None:
    block = bytearray(pack(found))
    block[data.draw(st.integers(0, len(block) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = unpack([bytes(block)], "iiff")
    except DamagedError:
        return
    assert same(read, found)  # a bit that means nothing to inflating


def test_a_bomb_is_refused_at_little_cost() -> None:
    bomb = block_of([bytes(100_000_000)] * 3)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError):
            unpack([bomb], "iiff")
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "block", [b"", b"x", zlib.compress(b""), pack([np.zeros(3, np.int64)])[:-1], pack([np.zeros(3, np.int64)]) + b"x"]
)
def test_what_is_cut_off_or_goes_on_is_refused(block: bytes) -> None:
    with pytest.raises(DamagedError):
        unpack([block], "i")


def test_a_later_version_is_refused() -> None:
    [raw] = parts_of(pack([np.zeros(3, np.int64)]), "i")
    raw[0] = 2
    with pytest.raises(DamagedError, match="not of version 1"):
        unpack([block_of([raw])], "i")
