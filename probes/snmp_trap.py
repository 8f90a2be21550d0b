"""``snmp-trap`` (C15): a device tells of its restart, of interfaces that go down and come up, and of what else is listed."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import groupby
from typing import Any, NamedTuple

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.mib import IF_INDEX, IF_NAMES, dotted
from probes.option import Option
from probes.reading import Oid, Value
from probes.spec import Heard, Listen, Spec

DEAF = "deaf"
"""The state of a check whose watcher can't listen; its ``detail`` says why."""
MAX_TRAPS = 50
_TRAPS: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
_WORDS = ("coldStart", "warmStart", "linkDown", "linkUp", "authenticationFailure", "egpNeighborLoss")
_NAMES = {(*_TRAPS, number): word for number, word in enumerate(_WORDS, 1)}
LINK_DOWN, LINK_UP = (*_TRAPS, 3), (*_TRAPS, 4)
"""SNMPv2-MIB, IF-MIB, and RFC 1213 for the last."""
_KNOWN = ("coldStart", "warmStart", "linkDown")
_KEYS = frozenset({"oid", "name", "cleared_by", "of"})
_RIGHT = (
    "a list of one to 50 as {oid: 1.3.6.1.4.1.…, name: fan failed}, with cleared_by: 1.3.6.1.4.1.… where another trap says that "
    "it is over, and of: 1.3.6.1.… where the index of that variable tells which one is meant"
)
_MAX_NAME_CHARS = 60


class Trap(NamedTuple):
    """What a device said: the trap's name (RFC 3584 3.1 for those of v1), and its variables."""

    oid: Oid
    variables: Mapping[Oid, Value]


class Sort(Enum):
    BEGINS = "begins"
    ENDS = "ends"
    HAPPENS = "happens"


class Meaning(NamedTuple):
    """``about`` tells apart what may stand at the same time; ``what`` is its name for people."""

    sort: Sort
    about: str
    what: str


class _Listed(NamedTuple):
    oid: Oid
    name: str
    cleared_by: Oid | None
    of: Oid | None


def meanings(options: Mapping[str, Any], trap: Trap) -> list[Meaning]:
    """What a trap means to a check with these options; nothing where it is none of its traps."""
    found = [meant for listed in _listed(options["traps"]) if (meant := _of_listed(listed, trap)) is not None]
    name = _NAMES.get(trap.oid, "")
    if trap.oid in {LINK_DOWN, LINK_UP} and "linkDown" in options["known"]:
        sort = Sort.BEGINS if trap.oid == LINK_DOWN else Sort.ENDS
        index = _index(trap, IF_INDEX)
        found.append(Meaning(sort, f"linkDown{index}", f"linkDown of {_interface(trap, index)}"))
    elif name in options["known"]:
        found.append(Meaning(Sort.HAPPENS, name, name))
    if not found and options["others"] and trap.oid not in _NAMES:
        found.append(Meaning(Sort.HAPPENS, dotted(trap.oid), dotted(trap.oid)))
    return found


def called(oid: Oid) -> str:
    """By its name, where that is known; else by its number."""
    return _NAMES.get(oid) or dotted(oid)


def judge(options: Mapping[str, Any], heard: Sequence[Heard], now_s: float) -> Observation:
    """Down while something stands that has begun and not ended."""
    deaf = next((one for one in heard if one.state == DEAF), None)
    if deaf is not None:
        return unknown(deaf.detail)
    forget_s = options["forget"]
    stands = [one for one in heard if forget_s is None or now_s - one.at_s <= forget_s]
    if not stands:
        return up("no trap stands")
    last = max(stands, key=lambda one: one.at_s)
    return down(last.detail + (f" (and {len(stands) - 1} more)" if len(stands) > 1 else ""))


def _of_listed(listed: _Listed, trap: Trap) -> Meaning | None:
    if trap.oid not in (listed.oid, listed.cleared_by):
        return None
    if listed.cleared_by is None:
        return Meaning(Sort.HAPPENS, dotted(listed.oid), listed.name)
    index = _index(trap, listed.of) if listed.of is not None else ""
    sort = Sort.BEGINS if trap.oid == listed.oid else Sort.ENDS
    return Meaning(sort, f"{dotted(listed.oid)}{index}", listed.name + (f" ({index[1:]})" if index else ""))


def _index(trap: Trap, column: Oid) -> str:
    """Of the first variable of that column, with a dot before it; empty where there is none."""
    for oid in trap.variables:
        if oid[: len(column)] == column and len(oid) > len(column):
            return f".{dotted(oid[len(column) :])}"
    return ""


def _interface(trap: Trap, index: str) -> str:
    """As the device calls it, where it says so."""
    for column in IF_NAMES:
        for oid, value in trap.variables.items():
            if oid[: len(column)] == column and isinstance(value, bytes) and value.strip():
                said = value.decode(errors="replace")[:_MAX_NAME_CHARS]
                return f"interface {index[1:]} ({said})" if said.isprintable() else f"interface {index[1:]}"
    return f"interface {index[1:]}" if index else "an interface"


def oid(value: object) -> str:
    parts = value.removeprefix(".").split(".") if isinstance(value, str) else []
    if not 2 <= len(parts) <= 128 or not all(part.isascii() and part.isdecimal() and int(part) < 2**32 for part in parts):
        raise ValueError(_RIGHT)
    return ".".join(str(int(part)) for part in parts)


def _traps(value: object) -> list[dict[str, str]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not 0 < len(value) <= MAX_TRAPS:
        raise ValueError(_RIGHT)
    found = [_trap(entry) for entry in value]
    ordered = sorted(found, key=lambda entry: entry["oid"])
    if any(len(list(same)) > 1 for _, same in groupby(ordered, key=lambda entry: entry["oid"])):
        raise ValueError("each oid once")
    return found


def _trap(value: object) -> dict[str, str]:
    written = isinstance(value, Mapping) and {"oid", "name"} <= set(value) <= _KEYS
    if not isinstance(value, Mapping) or not written or ("of" in value and "cleared_by" not in value):
        raise ValueError(_RIGHT)
    name = value["name"]
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _MAX_NAME_CHARS or not name.isprintable():
        raise ValueError(f"a name of 1 to {_MAX_NAME_CHARS} characters for each")
    return {"name": str(name).strip(), **{key: oid(value[key]) for key in ("oid", "cleared_by", "of") if key in value}}


def _words(value: object) -> list[str]:
    given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    if not given or (given != ["none"] and any(word not in _KNOWN or given.count(word) > 1 for word in given)):
        raise ValueError("a list of some of " + ", ".join(_KNOWN) + ", or [none]")
    return sorted(map(str, given))


def _listed(written: Sequence[Mapping[str, str]] | None) -> list[_Listed]:
    def read(entry: Mapping[str, str], key: str) -> Oid | None:
        return tuple(map(int, entry[key].split("."))) if key in entry else None

    return [
        _Listed(tuple(map(int, entry["oid"].split("."))), entry["name"], read(entry, "cleared_by"), read(entry, "of"))
        for entry in written or ()
    ]


_forget: Callable[[object], int] = option.duration(60, 366 * 86_400)

SNMP_TRAP = Spec(
    name="snmp-trap",
    source="C15",
    doc="The host has sent no trap of a trouble that lasts; what only happens, such as its restart, is told once",
    way=Listen(judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "known": Option(
            "a list of which of coldStart, warmStart and linkDown count, or [none]; all three by default", _words, sorted(_KNOWN)
        ),
        "traps": Option(f"further ones: {_RIGHT.removeprefix('a ')}", _traps),
        "others": Option("whether what is named nowhere is told too, by its number; false by default", option.boolean, False),
        "forget": Option(
            "what nothing has ended for so long counts as over, since its end may have been lost; never by default", _forget
        ),
    },
    at_once=True,
    with_snmp=True,
)
