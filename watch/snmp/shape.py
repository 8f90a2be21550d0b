"""An agent's answer as it was the last time, with other values in it: most are, and are read some times as fast as any other.

A shape is learnt from an answer that was read in full, and fits only one that differs in nothing but the request's number and what
the values say; for any other ``values`` knows nothing.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from probes.reading import Absent, Value
from watch.snmp.ber import BadBer, header
from watch.snmp.message import value


class Shape(NamedTuple):
    """``cut`` takes the answer apart: what is always the same, and between that the number and each value."""

    cut: struct.Struct
    same: tuple[bytes, ...]
    tags: tuple[int, ...]

    def values(self, data: bytes, number: int) -> list[Value | Absent] | None:
        if len(data) != self.cut.size:
            return None
        parts = self.cut.unpack(data)
        if parts[::2] != self.same or int.from_bytes(parts[1], "big") != number:
            return None
        try:
            return [value(tag, part) for tag, part in zip(self.tags, parts[3::2], strict=True)]
        except BadBer:
            return None


def learnt(data: bytes, binds: int) -> Shape:
    """From an answer of so many variables that is known to be good."""
    ends = len(data)
    at, _ = header(data, 0, ends, 0x30)
    for tag in (0x02, 0x04):
        _, at = header(data, at, ends, tag)
    at, _ = header(data, at, ends, 0xA2)
    holes, tags = [header(data, at, ends, 0x02)], []
    at = holes[0][1]
    for _ in range(2):
        _, at = header(data, at, ends, 0x02)
    at, _ = header(data, at, ends, 0x30)
    for _ in range(binds):
        at, _ = header(data, at, ends, 0x30)
        _, at = header(data, at, ends, 0x06)
        tags.append(data[at])
        holes.append(header(data, at, ends, data[at]))
        at = holes[-1][1]
    return Shape(*_cut(data, holes), tuple(tags))


def _cut(data: bytes, holes: Sequence[tuple[int, int]]) -> tuple[struct.Struct, tuple[bytes, ...]]:
    sizes, at = [], 0
    for start, end in holes:
        sizes += [start - at, end - start]
        at = end
    cut = struct.Struct("".join(f"{size}s" for size in [*sizes, len(data) - at]))
    return cut, cut.unpack(data)[::2]
