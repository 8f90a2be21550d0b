"""What is remembered of a host, by a clock that was set."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from domain.state import HostState

_MOMENTS = frozenset({"changes"})
"""Beside the fields that end in ``_s``: moments without that name."""


def moved(state: HostState, by_s: float) -> HostState:
    """The same state with every moment in it later by ``by_s`` (or earlier): what lasted so long has lasted as long, and what
    waits waits as long."""
    after: HostState = _moved("", state, by_s)
    return after


def _moved(name: str, value: Any, by_s: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_moved(name, item, by_s) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: _moved(item.name, getattr(value, item.name), by_s) for item in fields(value)})
    moment = isinstance(value, (int, float)) and (name.endswith("_s") or name in _MOMENTS)
    return value + by_s if moment else value
