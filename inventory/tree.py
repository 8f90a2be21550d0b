"""YAML as written: texts, lists and mappings, each with its place. What a text means is decided by the key it stands under.

So YAML's guesses never bite (``no`` is no boolean, ``012`` no octal number, ``12:30`` no sixtieth): the text as written is kept.
Built from ruamel.yaml's event stream; anchors, aliases, tags and merge keys are refused, so that a small file can't become
a big value.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from domain.mistake import shown
from inventory.mistakes import Code, Place, Report

MAX_DEPTH = 12
"""The deepest key there is stands at level 7."""


@dataclass(frozen=True, slots=True)
class Scalar:
    place: Place
    text: str
    plain: bool
    """Written without quotes: only then is it a number, a boolean or nothing."""

    def value(self) -> str | int | float | bool | None:
        """The scalar by the core schema of YAML 1.2 (10.3)."""
        if not self.plain:
            return self.text
        if self.text in _CONSTANTS:
            return _CONSTANTS[self.text]
        if _INT.fullmatch(self.text):
            return int(self.text)
        if _FLOAT.fullmatch(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Seq:
    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Map:
    """``keys`` are the places of the keys themselves."""

    place: Place
    entries: dict[str, "Node"]
    keys: dict[str, Place]


Node = Scalar | Seq | Map


def named(node: Node) -> str:
    """What a node is, in words."""
    return "a mapping" if isinstance(node, Map) else "a list" if isinstance(node, Seq) else shown(node.text)


def plain(node: Node) -> object:
    """The node as ordinary Python values, by the core schema."""
    if isinstance(node, Map):
        return {key: plain(entry) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items] if isinstance(node, Seq) else node.value()


def parse(text: str, file: str, report: Report) -> Map | None:
    """The file's one mapping; ``None`` when there is none, which is then reported."""
    builder = _Builder(file, report)
    try:
        root = builder.build(YAML(typ="rt", pure=True).parse(text))
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        report.add(Place(file, line), Code.CONTROL, got=shown(chr(error.character)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        report.add(Place(file, mark.line + 1 if mark else 0), Code.YAML, got=error.problem or error.context)
    except _Abandoned:
        pass  # reported where it was raised
    else:
        if isinstance(root, Map) and not builder.aliased:
            return root
        if root is None or (isinstance(root, Scalar) and root.value() is None):
            report.add(Place(file, 0), Code.EMPTY_FILE)
            return None
        if not isinstance(root, Map):
            report.add(root.place, Code.NOT_MAPPING, got=named(root))
    report.blind = True
    return None


def merge(layers: Sequence[Map], place: Place) -> Map:
    """One mapping of several, the later ones winning: mappings merge key by key, everything else is replaced.

    Mappings get the place of the last layer, so that what is missing from them is missing there; values keep their own.
    """
    entries: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for key in dict.fromkeys(key for layer in layers for key in layer.entries):
        holders = [layer for layer in layers if key in layer.entries]
        found = [layer.entries[key] for layer in holders]
        keys[key] = holders[-1].keys[key]
        last = found[-1]
        if isinstance(last, Map):
            home = last.place if layers[-1] is holders[-1] else Place(place.file, place.line, place.under(key))
            after = next((at for at in range(len(found), 0, -1) if not isinstance(found[at - 1], Map)), 0)
            entries[key] = merge([node for node in found[after:] if isinstance(node, Map)], home)
        else:
            entries[key] = last
    return Map(place, entries, keys)


class _Abandoned(Exception):  # noqa: N818 - a signal
    """What follows in this file can't be understood any more."""


class _Builder:
    def __init__(self, file: str, report: Report) -> None:
        self._file = file
        self._report = report
        self.aliased = False
        """Something stands for something else, so that the rest of the file can't be judged."""

    def build(self, events: Iterable[Event]) -> Node | None:
        stream = iter(events)
        root: Node | None = None
        started = False
        for event in stream:
            if isinstance(event, DocumentStartEvent):
                if started:
                    self._report.add(self._place(event, ""), Code.SECOND_DOCUMENT)
                    raise _Abandoned
                started = True
            elif isinstance(event, NodeEvent):
                root = self._node(event, stream, self._place(event, ""), 1)
        return root

    def _place(self, event: Event, path: str) -> Place:
        return Place(self._file, event.start_mark.line + 1, path)

    def _node(self, event: Event, stream: Iterator[Event], place: Place, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._report.add(place, Code.TOO_DEEP, got=depth, high=MAX_DEPTH)
            raise _Abandoned
        if isinstance(event, AliasEvent):
            self.aliased = True
            self._report.add(place, Code.ALIAS, got=shown(f"*{event.anchor}"))
        elif isinstance(event, CollectionStartEvent | ScalarEvent):
            if event.anchor is not None:
                self._report.add(place, Code.ALIAS, got=shown(f"&{event.anchor}"))
            if event.ctag is not None:
                self._report.add(place, Code.TAG, got=shown(str(event.ctag).replace("tag:yaml.org,2002:", "!!")))
        if isinstance(event, MappingStartEvent):
            return self._map(place, stream, depth)
        if isinstance(event, SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(below := next(stream), CollectionEndEvent):
                items.append(self._node(below, stream, self._place(below, place.under(len(items))), depth + 1))
            return Seq(place, tuple(items))
        return Scalar(place, self._text(event, place), plain=event.style is None if isinstance(event, ScalarEvent) else True)

    def _text(self, event: Event, place: Place) -> str:
        """A scalar's text; an alias has none. An escape can make half a surrogate pair, which nothing could write down again."""
        text = str(event.value) if isinstance(event, ScalarEvent) else ""
        half = next((char for char in text if "\ud800" <= char <= "\udfff"), None)
        if half is not None:
            self._report.add(place, Code.SURROGATE, got=shown(half))
        return text

    def _map(self, place: Place, stream: Iterator[Event], depth: int) -> Map:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(stream), CollectionEndEvent):
            key = self._key(event, stream, place, depth)
            where = self._place(event, place.under(key))
            node = self._node(next(stream), stream, where, depth + 1)
            if key == "<<":
                self.aliased = True
                self._report.add(where, Code.MERGE_KEY)
            elif key in keys:
                self._report.add(where, Code.DUPLICATE, first=f"line {keys[key].line}")
            else:
                entries[key], keys[key] = node, where
        return Map(place, entries, keys)

    def _key(self, event: Event, stream: Iterator[Event], place: Place, depth: int) -> str:
        if isinstance(event, ScalarEvent):
            return self._text(event, place)
        node = self._node(event, stream, self._place(event, place.path), depth + 1)
        self._report.add(node.place, Code.KEY_NOT_TEXT, got=named(node))
        raise _Abandoned


_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,3})?")
