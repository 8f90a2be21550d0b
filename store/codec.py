"""Domain values to JSON and back. Events and commands are stored by the name of their class, so a class is never renamed without
a migration of what is stored."""

import json
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter

from domain.commands import Command
from domain.events import Event

T = TypeVar("T")

EVENTS: dict[str, type[Event]] = {cls.__name__: cls for cls in get_args(Event)}
COMMANDS: dict[str, type[Command]] = {cls.__name__: cls for cls in get_args(Command)}


def encode(value: object) -> str:
    """Domain values (dataclasses, enumerations, mappings, sets, tuples, scalars) as JSON: keys and sets sorted, compact, so that
    equal values are equal text.

    Half a surrogate pair (bytes that were no UTF-8) becomes ``?``. Raises ``ValueError`` for NaN and infinity, which no rule of
    the domain means, and ``TypeError`` for anything else that can't be written.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)
    return text.encode("utf-8", "replace").decode("utf-8")


def decode(cls: type[T], text: str) -> T:
    """The value that ``encode`` wrote. Raises ``pydantic.ValidationError`` when the text is not one of ``cls``."""
    value: T = _adapter(cls).validate_json(text)
    return value


def decode_event(kind: str, text: str) -> Event:
    """Raises ``KeyError`` for a kind that this version doesn't know."""
    return decode(EVENTS[kind], text)


def decode_command(kind: str, text: str) -> Command:
    """Raises ``KeyError`` for a kind that this version doesn't know."""
    return decode(COMMANDS[kind], text)


_adapters: dict[type, TypeAdapter[Any]] = {}
"""Built once per class: building one costs a thousand times what using it does."""


def _adapter(cls: type) -> TypeAdapter[Any]:
    found = _adapters.get(cls)
    if found is None:
        found = _adapters[cls] = TypeAdapter(cls)
    return found


def _plain(value: object) -> object:
    """What ``json`` can't write itself, as what it can."""
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} can't be stored")
