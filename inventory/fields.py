"""A cursor over one mapping: reads its keys into typed values and reports whatever is wrong with any of them.

A value that is wrong is reported and replaced by a stand-in, so that reading goes on and *all* mistakes are found; nothing that
was built from stand-ins leaves the room, since ``Report.refuse_if_any`` comes first.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from domain.mistake import hint, shown
from inventory.mistakes import Code, Place, Refused, Report
from inventory.tree import Map, Node, Scalar, Seq, named

T = TypeVar("T")
Parse = Callable[[Node], T]
"""Takes a node that is not empty; raises ``Refused``."""


class Fields:
    """``keys`` are what the mapping may hold, each with its meaning; ``partial`` mappings (a group's) may lack anything."""

    def __init__(self, node: Node, keys: Mapping[str, str], report: Report, *, partial: bool = False) -> None:
        self.report = report
        self.partial = partial
        self._keys = keys
        self.map = self._mapping(node)
        self.place = self.map.place
        for key, place in self.map.keys.items():
            if key not in keys:
                self._unknown(key, place)

    def get(self, key: str, parse: Parse[T], default: T) -> T:
        """The value, or ``default`` where the key is absent or its value wrong."""
        node = self.map.entries.get(key)
        if node is None:
            return default
        if empty(node):
            self.refuse(key, Code.EMPTY_VALUE, right=self._keys[key])
            return default
        return self._parsed(node, parse, default)

    def need(self, key: str, parse: Parse[T], stand_in: T) -> T:
        """As ``get``, for a key that must be there."""
        self.require(key)
        return self.get(key, parse, stand_in)

    def require(self, key: str) -> None:
        if key in self.map.entries or self.partial:
            return
        if key in self.map.keys:  # the heading is there, with nothing below it
            self.report.add(self.map.keys[key], Code.EMPTY_SECTION, right=f"entries below it: {self._keys[key]}")
        else:
            self.report.add(self.place, Code.MISSING, key=key, right=f"{key}: {self._keys[key]}")

    def list_of(self, key: str, parse: Parse[T]) -> tuple[T, ...]:
        """The good values of a list; an empty list is a mistake, an absent one is empty."""
        node = self.map.entries.get(key)
        if node is None:
            return ()
        if not isinstance(node, Seq):
            self.refuse(key, Code.NOT_LIST, got="empty" if empty(node) else named(node))
            return ()
        if not node.items:
            self.refuse(key, Code.EMPTY_LIST)
        found: dict[T, None] = {}
        for item in node.items:
            value = self._parsed(item, lambda given: (parse(given),), None)
            if value is None:
                continue
            if value[0] in found:
                self.report.add(item.place, Code.TWICE_IN_LIST, got=named(item))
            found[value[0]] = None
        return tuple(found)

    def below(self, key: str, keys: Mapping[str, str]) -> "Fields":
        """The mapping under ``key``; one without any entry where it is absent."""
        node = self.map.entries.get(key) or Map(self.place, {}, {})
        return Fields(node, keys, self.report, partial=self.partial)

    def named(self, key: str) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping of ids: those whose id is well-formed and whose value is not empty."""
        return named_entries(self.map.entries[key], self.report) if key in self.map.entries else iter(())

    def count(self, key: str) -> int | None:
        """How many entries the mapping under ``key`` has; ``None`` where there is none."""
        node = self.map.entries.get(key)
        return len(node.entries) if isinstance(node, Map) else None

    def has(self, key: str) -> bool:
        return key in self.map.entries

    def refuse(self, key: str, code: Code, **facts: object) -> None:
        """Report a mistake of the value under ``key``, or of the whole mapping where the key is absent."""
        node = self.map.entries.get(key)
        self.report.add(node.place if node else self.place, code, **facts)

    def place_of(self, *path: str) -> Place:
        """Where the value at the end of a path of keys stands, or the nearest mapping around it."""
        node: Node = self.map
        for key in path:
            below = node.entries.get(key) if isinstance(node, Map) else None
            if below is None:
                break
            node = below
        return node.place

    def _parsed(self, node: Node, parse: Parse[T], default: T) -> T:
        try:
            return parse(node)
        except Refused as refused:
            self.report.add(node.place, refused.code, **refused.facts)
            return default

    def _mapping(self, node: Node) -> Map:
        if isinstance(node, Map):
            return node
        self.report.add(node.place, Code.NOT_MAPPING, got="empty" if empty(node) else named(node))
        self.partial = True  # what is missing from no mapping at all need not be told
        return Map(node.place, {}, {})

    def _unknown(self, key: str, place: Place) -> None:
        if names_secret(key):
            self.report.add(place, Code.PLAIN_SECRET)
        else:
            self.report.add(place, Code.UNKNOWN_KEY, hint=hint(key, self._keys))


def empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value() in (None, "")


def named_entries(node: Node, report: Report) -> Iterator[tuple[str, Node]]:
    """The entries of a mapping of ids: those whose id is well-formed and whose value is not empty."""
    if not isinstance(node, Map):
        report.add(node.place, Code.NOT_MAPPING, got="empty" if empty(node) else named(node))
        return
    for key, entry in node.entries.items():
        if not ID.fullmatch(key):
            report.add(node.keys[key], Code.ID, got=shown(key))
        elif empty(entry):
            report.add(node.keys[key], Code.EMPTY_VALUE, right="a mapping; {} for nothing but defaults")
        else:
            yield key, entry


def names_secret(key: str) -> bool:
    """Does this key look like one under which people write secrets? Then its value is never repeated."""
    return _SECRET_NAME.search(key) is not None


ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Ids end in unit names, Message-IDs and keys."""

_SECRET_NAME = re.compile(r"pass|secret|token|api_?key|private_?key|credential|^auth$", re.IGNORECASE)
