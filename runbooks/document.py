"""A YAML file as nodes that know their line, read by a schema of the caller's; every mistake is collected, none stops the rest."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from domain.mistake import Mistake, listed, meant, shown
from runbooks.keys import EXAMPLES

MAX_BYTES = 64 * 1024
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]{1,15}", re.ASCII)
_FLOAT = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in the file, with the line and path it stands at."""

    node: Node
    line: int
    path: str


class Document:
    """One file. Whatever is asked of it and isn't so becomes a mistake, and the answer ``None`` or empty."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []

    def add(self, entry: Entry | int, code: str, wrong: str, right: str) -> None:
        """A mistake at this entry, or at this line (0: the file as a whole)."""
        line, path = (entry.line, entry.path) if isinstance(entry, Entry) else (entry, "")
        self.mistakes.append(Mistake(self.file, line, path, wrong, f"would be right: {right}", code))

    def add_unknown(self, entry: Entry, code: str, wrong: str, word: str, known: Collection[str]) -> None:
        """A word that nobody knows, with the one that may have been meant."""
        right = meant(word, known) or f"would be right: {listed(known) or 'nothing, there is none'}"
        self.mistakes.append(Mistake(self.file, entry.line, entry.path, wrong, right, code))

    def parse(self, data: bytes) -> Entry | None:
        """The file's one value."""
        if len(data) > MAX_BYTES:
            self.add(0, "too_big", "is too big", f"at most {MAX_BYTES} bytes")
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.add(line, "not_utf8", f"is not UTF-8 (got byte 0x{data[error.start]:02x})", "a text file saved as UTF-8")
            return None
        node = self._compose(text)
        return None if node is None else self._entry(node, "")

    def _compose(self, text: str) -> Node | None:
        try:
            node: Node | None = YAML(typ="rt", pure=True).compose(text)
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self.add(line, "control", f"has a control character (got {shown(chr(error.character))})", "plain text")
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.add(
                mark.line + 1 if mark else 0, "yaml", f"is no YAML: {error.problem or error.context}", "one document of YAML 1.2"
            )
        except YAMLError as error:
            self.add(0, "yaml", f"is no YAML: {shown(error)}", "one document of YAML 1.2")
        except RecursionError:
            self.add(0, "yaml", "is nested too deep", "title, budget_s and steps")
        else:
            if node is None:
                self.add(0, "empty", "says nothing", "title, budget_s and steps")
            return node
        return None

    def _entry(self, node: Node, path: str) -> Entry:
        entry = Entry(node, node.start_mark.line + 1, path)
        if node.anchor is not None:
            self.add(entry, "alias", f"uses an anchor or alias (got {shown(node.anchor)})", "the value itself")
        if not isinstance(node, ScalarNode) and str(node.tag) not in (f"{_TAG}map", f"{_TAG}seq"):
            self.add(entry, "tag", f"has a tag (got {shown(node.tag)})", "the value without a tag")
        return entry

    def mapping(self, entry: Entry, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Entry]:
        """The entries of a mapping, known keys only."""
        known = (*required, *optional)
        found = self.free_mapping(entry)
        for key, below in found.items():
            if key not in known:
                self.add_unknown(below, "unknown_key", "unknown key", key, known)
        if isinstance(entry.node, MappingNode):
            for key in required:
                if key not in found:
                    self.add(entry, "missing", f"{key} is missing", f"{key}: {EXAMPLES.get(key, '…')}")
        return {key: below for key, below in found.items() if key in known}

    def free_mapping(self, entry: Entry) -> dict[str, Entry]:
        """The entries of a mapping whose keys the caller judges."""
        if not isinstance(entry.node, MappingNode):
            self.add(entry, "not_mapping", f"is {_named(entry.node)}", "a mapping of keys to values")
            return {}
        found: dict[str, Entry] = {}
        for key_node, node in entry.node.value:
            if not isinstance(key_node, ScalarNode):
                self.add(entry, "key_not_text", f"has a key that is {_named(key_node)}", "a word before the colon")
                continue
            key = str(key_node.value)
            below = self._entry(node, f"{entry.path}.{key if key.isprintable() else shown(key)}".removeprefix("."))
            if key in found:
                self.add(below, "duplicate", f"is defined twice (first at line {found[key].line})", "one of the two")
            else:
                found[key] = below
        return found

    def items(self, entry: Entry) -> list[Entry]:
        """The entries of a list that isn't empty."""
        if not isinstance(entry.node, SequenceNode):
            self.add(entry, "not_list", f"is {_named(entry.node)}", "a list, lines that start with -")
            return []
        if not entry.node.value:
            self.add(entry, "empty_list", "is an empty list", "at least one entry")
        return [self._entry(node, f"{entry.path}[{index}]") for index, node in enumerate(entry.node.value)]

    def scalar(self, entry: Entry) -> str | int | float | bool | None:
        """A text, number or boolean by the core schema of YAML 1.2 (10.3)."""
        node = entry.node
        if isinstance(node, ScalarNode):
            text = str(node.value)
            match str(node.tag).removeprefix(_TAG):
                case "str":
                    return text
                case "bool" if text.lower() in ("true", "false"):
                    return text.lower() == "true"
                case "int" if _INT.fullmatch(text):
                    return int(text)
                case "float" if _FLOAT.fullmatch(text):
                    return float(text)
        self.add(entry, "not_scalar", f"is {_named(node)}", "a plain text or number")
        return None

    def value(self, entry: Entry) -> str | int | float | bool | tuple[str, ...] | None:
        """As ``scalar``, or a list of texts as they are written: 5 is "5" in a list of arguments."""
        if not isinstance(entry.node, SequenceNode):
            return self.scalar(entry)
        items = self.items(entry)
        if not items or any(self.scalar(item) is None for item in items):
            return None
        return tuple(str(item.node.value) for item in items)

    def words(self, entry: Entry) -> tuple[str, ...]:
        """One text, or a list of them."""
        value = self.value(entry)
        return value if isinstance(value, tuple) else () if value is None else (str(value),)

    def whole(self, entry: Entry, low: int, high: int) -> int | None:
        value = self.scalar(entry)
        if value is None:
            return None
        if not isinstance(value, bool) and isinstance(value, int) and low <= value <= high:
            return value
        self.add(entry, "range", f"is out of range (got {shown(value)})", f"a whole number from {low} to {high}")
        return None

    def text(self, entry: Entry, max_chars: int) -> str | None:
        """One line of visible characters."""
        value = self.scalar(entry)
        if value is None or (isinstance(value, str) and len(value) <= max_chars and value.isprintable() and value.strip()):
            return value
        self.add(entry, "text", f"is no such text (got {shown(value)})", f"one line of 1 to {max_chars} visible characters")
        return None

    def seconds(self, entry: Entry, low_s: float, high_s: float) -> float | None:
        value = self.scalar(entry)
        if value is None:
            return None
        if not isinstance(value, bool) and isinstance(value, int | float) and low_s <= value <= high_s:
            return float(value)
        self.add(entry, "range", f"is out of range (got {shown(value)})", f"{low_s:g} to {high_s:g} seconds")
        return None

    def word(self, entry: Entry, known: Collection[str], what: str) -> str | None:
        """One of the words the caller knows."""
        value = self.scalar(entry)
        if value is None or (isinstance(value, str) and value in known):
            return value
        self.add_unknown(entry, "unknown_word", f"no such {what} (got {shown(value)})", str(value), known)
        return None


def _named(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return shown(node.value) if node.value else "empty"
