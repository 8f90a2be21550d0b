"""Whatever the domain says can be written down and read again, the same."""

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from store_samples import down, notify, policy

from domain.events import VerdictChanged
from domain.model import Policy
from domain.state import HostState
from store.codec import COMMANDS, EVENTS, decode, decode_command, decode_event, encode

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    object: st.text(max_size=5) | st.integers() | st.booleans(),  # a check's option, as YAML gives it
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that the domain's dataclasses are made of."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(part) for part in inner])
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(values_of(inner[0]), max_size=3).map(tuple)
        return st.tuples(*[values_of(part) for part in inner])
    if origin is frozenset:
        return st.frozensets(values_of(inner[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=3)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert isinstance(hint, type)
    assert dataclasses.is_dataclass(hint), hint
    return st.builds(hint, **{name: values_of(part) for name, part in get_type_hints(hint).items()})


@pytest.mark.parametrize("kind", [*EVENTS, *COMMANDS])
@settings(max_examples=40)
@given(data=st.data())
def test_every_event_and_command_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    value = data.draw(values_of({**EVENTS, **COMMANDS}[kind]))
    text = encode(value)
    again = decode_event(kind, text) if kind in EVENTS else decode_command(kind, text)
    assert again == value
    assert encode(again) == text, "1, 1.0 and True are equal, but not the same"


@pytest.mark.parametrize("cls", [HostState, Policy])
@settings(max_examples=30)
@given(data=st.data())
def test_state_and_policy_come_back_as_they_were(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    again = decode(cls, encode(value))
    assert again == value
    assert encode(again) == encode(value)


def test_equal_values_are_equal_text() -> None:
    assert encode(policy(3)) == encode(policy(3))
    first, second = notify("k"), notify("k")
    one = dataclasses.replace(first, facts={"a": 1, "b": ("x",)})
    other = dataclasses.replace(second, facts={"b": ("x",), "a": 1})
    assert encode(one) == encode(other)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(dataclasses.replace(down("e1"), value=number))


def test_bytes_that_were_no_utf8_are_still_written() -> None:
    banner = b"220 \xff".decode("utf-8", "surrogateescape")
    assert decode(VerdictChanged, encode(dataclasses.replace(down("e1"), detail=banner))).detail == "220 ?"


def test_text_that_is_something_else_is_refused() -> None:
    with pytest.raises(ValidationError, match="verdict"):
        decode_event("VerdictChanged", encode(down("e1")).replace('"down"', '"sideways"'))
    with pytest.raises(KeyError, match="Invented"):
        decode_event("Invented", "{}")
