"""Timers in slots of 100 ms: for looks that are due, and for the deadlines of those under way. And when a check's turn is."""

from collections.abc import Hashable
from heapq import heappop, heappush
from math import ceil, floor
from typing import Generic, TypeVar
from zlib import crc32

SLOTS_PER_S = 10
"""Twice as many would make a paced check a fifth dearer, ten times as many three times as dear, and bring nothing a person
notices. As 10 is a sum of two powers of two, ``slot / 10 * 10`` is exactly ``slot`` in floating point: whoever wakes at ``next_s``
finds it due."""

_SLOTS_A_DAY = 86_400 * SLOTS_PER_S

Key = TypeVar("Key", bound=Hashable)


class Wheel(Generic[Key]):
    """At most one timer a key; ``put`` again moves it. Times are of one monotonic clock (boottime).

    Slots exist only while something is in them; a heap of their numbers tells the next without turning through empty ones.
    """

    def __init__(self) -> None:
        self._slots: dict[int, dict[Key, None]] = {}
        self._heap: list[int] = []
        self._slot_of: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def put(self, key: Key, at_s: float) -> None:
        """Fire at ``at_s`` or up to one slot later, never before."""
        former = self._slot_of.get(key)
        if former is not None:
            self._take_out(key, former)
        slot = ceil(at_s * SLOTS_PER_S)
        self._slot_of[key] = slot
        keys = self._slots.get(slot)
        if keys is None:
            self._slots[slot] = {key: None}
            heappush(self._heap, slot)
        else:
            keys[key] = None

    def cancel(self, key: Key) -> None:
        """Nothing happens where there is no such timer."""
        slot = self._slot_of.pop(key, None)
        if slot is not None:
            self._take_out(key, slot)

    def due(self, now_s: float) -> list[tuple[Key, float]]:
        """Take out all whose time has come, each with when that was; oldest first. A late call gives each key once."""
        found: list[tuple[Key, float]] = []
        slot_now = floor(now_s * SLOTS_PER_S)
        while self._heap and self._heap[0] <= slot_now:
            slot = heappop(self._heap)
            for key in self._slots.pop(slot, ()):
                del self._slot_of[key]
                found.append((key, slot / SLOTS_PER_S))
        return found

    def next_s(self) -> float | None:
        """When the next timer fires; ``None`` when there is none."""
        while self._heap and self._heap[0] not in self._slots:
            heappop(self._heap)
        return self._heap[0] / SLOTS_PER_S if self._heap else None

    def _take_out(self, key: Key, slot: int) -> None:
        keys = self._slots[slot]
        del keys[key]
        if not keys:
            del self._slots[slot]


def phase_s(key: str, interval_s: float) -> float:
    """Where in its interval a check is looked at: the same after every restart, and spread evenly over all keys. Those of one key
    meet in one slot, also where the interval of one is a multiple of the other's: its middle leaves room for rounding."""
    slot = crc32(key.encode()) * _SLOTS_A_DAY >> 32
    return (slot + 0.5) / SLOTS_PER_S % interval_s


def next_turn_s(key: str, interval_s: float, now_s: float) -> float:
    """The next time of this key's phase after ``now_s``. What was missed is not caught up."""
    phase = phase_s(key, interval_s)
    return phase + (floor((now_s - phase) / interval_s) + 1) * interval_s
