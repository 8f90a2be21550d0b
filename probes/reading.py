"""The second shape of looking, *readings*: what is polled over SNMP. A kind says which items it needs, and judges what came.

The watcher fetches what all readings of a host need in one session; a kind owns no packet, and its ``judge`` is pure.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from domain.model import Level
from domain.observation import Observation, down

Oid = tuple[int, ...]
Value = int | bytes | Oid
"""An INTEGER, counter, gauge or TimeTicks; an OCTET STRING (or address, or Opaque); an OBJECT IDENTIFIER."""


class Get(NamedTuple):
    """One value. ``name`` is what it is called in details."""

    oid: Oid
    name: str


class Table(NamedTuple):
    """One column of a table, to be read whole, up to ``max_rows``."""

    column: Oid
    name: str
    max_rows: int = 512


Item = Get | Table


class Absent(NamedTuple):
    """The agent has no such item, in words: ``noSuchObject`` …"""

    why: str


class Rows(NamedTuple):
    """A column by the index of its rows; not ``whole`` where the table has more rows than were asked for."""

    cells: Mapping[Oid, Value]
    whole: bool = True


class NotOffered(Exception):  # noqa: N818 - it is the agent that lacks something
    """The agent does not offer an item that a check needs; the text says which and why."""


class Values:
    """What an agent answered. Every accessor raises ``NotOffered``, which makes the check's fault of it."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[Item, Value | Rows | Absent]) -> None:
        self._found = found

    def number(self, item: Get) -> int:
        value = self._value(item)
        if not isinstance(value, int):
            raise NotOffered(f"the SNMP agent's {item.name} is no number")
        return value

    def text(self, item: Get) -> bytes:
        value = self._value(item)
        if not isinstance(value, bytes):
            raise NotOffered(f"the SNMP agent's {item.name} is no text")
        return value

    def rows(self, item: Table) -> Rows:
        """At least one."""
        value = self._value(item)
        if not isinstance(value, Rows) or not value.cells:
            raise NotOffered(f"the SNMP agent offers no {item.name} (the table is empty)")
        return value

    def numbers(self, item: Table) -> Mapping[Oid, int]:
        """At least one; what is no number is left out."""
        found = {row: cell for row, cell in self.rows(item).cells.items() if isinstance(cell, int)}
        if not found:
            raise NotOffered(f"the SNMP agent's {item.name} is no number")
        return found

    def texts(self, item: Table) -> Mapping[Oid, str]:
        """Bytes that are no UTF-8, as Windows sends them in its own code page, are replaced."""
        found = {row: cell.decode(errors="replace") for row, cell in self.rows(item).cells.items() if isinstance(cell, bytes)}
        if not found:
            raise NotOffered(f"the SNMP agent's {item.name} is no text")
        return found

    def offers(self, item: Item) -> bool:
        found = self._found[item]
        return bool(found.cells) if isinstance(found, Rows) else not isinstance(found, Absent)

    def _value(self, item: Item) -> Value | Rows:
        found = self._found[item]
        if isinstance(found, Absent):
            raise NotOffered(f"the SNMP agent offers no {item.name} ({found.why})")
        return found


class Terms(NamedTuple):
    """What a reading is judged by: all the options of its Spec, and the level of its check (R1)."""

    options: Mapping[str, Any]
    level: Level


Judged = tuple[Observation | None, Any]
"""``None``: there is nothing to judge yet, and what was known holds (a rate needs two looks). Then the memory for the next look."""


class Reading(NamedTuple):
    """``wants(options)`` says what is to be fetched; ``judge(terms, memory, values, now_s)`` what it means. ``memory`` is what the
    last look returned, ``None`` at first; ``now_s`` is of a clock that never steps."""

    wants: Callable[[Mapping[str, Any]], tuple[Item, ...]]
    judge: Callable[[Terms, Any, Values, float], Judged]


def judged(way: Reading, terms: Terms, memory: Any, values: Values, now_s: float) -> Judged:
    """What a reading means; an item that the agent does not offer is a fault."""
    try:
        return way.judge(terms, memory, values, now_s)
    except NotOffered as lacking:
        return down(str(lacking)), memory
