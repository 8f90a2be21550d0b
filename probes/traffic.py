"""``traffic`` (C23): bits a second through an interface since the last look, in and out apart (RFC 2863)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.model import FaultClass, Level
from probes.interface import NAMED, interface
from probes.mib import (
    IF_DESCR,
    IF_HC_IN_OCTETS,
    IF_HC_OUT_OCTETS,
    IF_HIGH_SPEED,
    IF_IN_OCTETS,
    IF_NAME,
    IF_OUT_OCTETS,
    SYS_UP_TIME,
)
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Oid, Reading, Table, Terms, Values
from probes.spec import Spec
from probes.threshold import judged, number

_WIDE, _NARROW = (IF_HC_IN_OCTETS, IF_HC_OUT_OCTETS), (IF_IN_OCTETS, IF_OUT_OCTETS)
_TICKS = 2**32
_LEAST_S = 1.0
"""Over less than this a rate says nothing."""
_OFF = 0.1
_OFF_S = 10.0
"""So much may an agent's clock go wrong against ours, and an answer be late, before it must have begun anew in between."""


class Counted(NamedTuple):
    """``bits``: how wide the counters are; ``ticks`` is sysUpTime, ``now_s`` our own time."""

    row: Oid
    bits: int
    octets: tuple[int, int]
    ticks: int
    now_s: float


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return SYS_UP_TIME, IF_NAME, IF_DESCR, IF_HIGH_SPEED, *_WIDE, *_NARROW


def _judge(terms: Terms, memory: Counted | None, values: Values, now_s: float) -> Judged:
    """Nothing on the first look, or where the counters may have begun anew: then the next look has something to compare with."""
    name: str = terms.options["interface"]
    now = _counted(values, name, now_s)
    if memory is None or (memory.row, memory.bits) != (now.row, now.bits):
        return None, now
    elapsed_s = (now.ticks - memory.ticks) % _TICKS / 100
    ours_s = now_s - memory.now_s
    if abs(elapsed_s - ours_s) > _OFF_S + _OFF * ours_s:
        return None, now
    if elapsed_s < _LEAST_S:
        return None, memory
    rates = [_mbps(before, after, now.bits, elapsed_s) for before, after in zip(memory.octets, now.octets, strict=True)]
    fastest = values.numbers(IF_HIGH_SPEED).get(now.row, 0) if values.offers(IF_HIGH_SPEED) else 0
    if min(rates) < 0 or (fastest and max(rates) > fastest * (1 + _OFF)):
        return None, now
    detail = f"{name}: {rates[0]:.2f} Mbps in, {rates[1]:.2f} Mbps out"
    return judged(terms, round(max(rates), 2), " Mbps", detail), now


def _counted(values: Values, name: str, now_s: float) -> Counted:
    row = interface(values, name)
    for columns, bits in ((_WIDE, 64), (_NARROW, 32)):
        octets = [_cell(values, column, row) for column in columns]
        if octets[0] is not None and octets[1] is not None:
            return Counted(row, bits, (octets[0], octets[1]), values.number(SYS_UP_TIME), now_s)
    raise NotOffered(f"the SNMP agent counts no octets of {name}")


def _cell(values: Values, column: Table, row: Oid) -> int | None:
    return values.numbers(column).get(row) if values.offers(column) else None


def _mbps(before: int, after: int, bits: int, elapsed_s: float) -> float:
    """A narrow counter wraps; a wide one would take years, so one that is less than before has begun anew: negative."""
    octets = after - before
    return (octets % 2**32 if bits == 32 else octets) * 8 / elapsed_s / 1e6


TRAFFIC = Spec(
    name="traffic",
    source="C23",
    doc="No more bits a second go through a network interface than the threshold, in and out apart",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "interface": NAMED,
        "threshold": Option("Mbps, 1 to 1000", number(1, 1000, "Mbps"), required=True),
    },
    unit=" Mbps",
)
