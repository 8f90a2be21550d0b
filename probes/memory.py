"""``memory`` (C18): how much is used. Linux does not count what is free, cached or buffered; Windows says how much is used."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes import option
from probes.mib import (
    HR_STORAGE_RAM,
    HR_STORAGE_SIZE,
    HR_STORAGE_TYPE,
    HR_STORAGE_UNITS,
    HR_STORAGE_USED,
    MEM_AVAIL_REAL,
    MEM_BUFFER,
    MEM_CACHED,
    MEM_TOTAL_REAL,
)
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Oid, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import judged, number

STORED = (HR_STORAGE_TYPE, HR_STORAGE_UNITS, HR_STORAGE_SIZE, HR_STORAGE_USED)


def _wants(options: Mapping[str, Any]) -> tuple[Item, ...]:
    return STORED if options["system"] == "windows" else (MEM_TOTAL_REAL, MEM_AVAIL_REAL, MEM_BUFFER, MEM_CACHED)


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    if terms.options["system"] == "windows":
        used_kib, total_kib = stored_kib(values, HR_STORAGE_RAM)
    else:
        total_kib = values.number(MEM_TOTAL_REAL)
        used_kib = max(0, total_kib - sum(values.number(item) for item in (MEM_AVAIL_REAL, MEM_BUFFER, MEM_CACHED)))
    if total_kib <= 0:
        raise NotOffered("the SNMP agent tells of no memory")
    detail = f"{used_kib / 2**20:.1f} of {total_kib / 2**20:.1f} GiB"
    return judged(terms, round(used_kib / total_kib * 100, 1), "%", detail), None


def stored_kib(values: Values, kind: Oid) -> tuple[float, float]:
    """Used and size of all that hrStorageTable has of this type."""
    units, sizes, used = (values.numbers(column) for column in STORED[1:])
    rows = [row for row, type_ in values.rows(HR_STORAGE_TYPE).cells.items() if type_ == kind]
    both = [(used.get(row, 0) * units.get(row, 0) / 1024, sizes.get(row, 0) * units.get(row, 0) / 1024) for row in rows]
    return sum(one for one, _ in both), sum(one for _, one in both)


SYSTEM = Option(
    "linux (UCD-SNMP-MIB, as net-snmp has it) or windows (hrStorageTable); linux by default",
    option.choice("linux", "windows"),
    "linux",
)

MEMORY = Spec(
    name="memory",
    source="C18",
    doc="No more memory is used than the threshold",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={"threshold": Option("percent, 90 to 100; 90 by default", number(90, 100, "%"), 90), "system": SYSTEM},
    unit="%",
)
