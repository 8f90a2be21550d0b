"""Until when something may last, where most of it ends long before: as cheap as can be to set and to take back."""

from collections.abc import Hashable
from math import ceil
from typing import Generic, TypeVar

from watch.wheel import SLOTS_PER_S

Key = TypeVar("Key", bound=Hashable)


class Deadlines(Generic[Key]):
    """Lengths are few at a time; what has the same length ends in the order in which it began. One of which nothing is left is
    forgotten with the next ``due``."""

    def __init__(self) -> None:
        self._of_length: dict[float, dict[Key, float]] = {}

    def put(self, key: Key, length_s: float, now_s: float) -> None:
        """A key that is there begins anew. At most a slot of the wheel late, so that many end with one turn; never early."""
        ends = self._of_length.get(length_s)
        if ends is None:
            ends = self._of_length[length_s] = {}
        elif key in ends:
            del ends[key]
        ends[key] = ceil((now_s + length_s) * SLOTS_PER_S) / SLOTS_PER_S

    def cancel(self, key: Key, length_s: float) -> None:
        """Nothing happens where there is none."""
        ends = self._of_length.get(length_s)
        if ends is not None:
            ends.pop(key, None)

    def due(self, now_s: float) -> list[Key]:
        """Take out all whose time has come."""
        found = []
        for ends in self._of_length.values():
            while ends and ends[first := next(iter(ends))] <= now_s:
                del ends[first]
                found.append(first)
        if not all(self._of_length.values()):
            self._of_length = {length_s: ends for length_s, ends in self._of_length.items() if ends}
        return found

    def next_s(self) -> float | None:
        return min((ends[next(iter(ends))] for ends in self._of_length.values() if ends), default=None)
