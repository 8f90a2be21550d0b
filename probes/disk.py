"""``disk`` (C20): how full a partition is, by dskTable of UCD-SNMP-MIB, which counts as df does, else by hrStorageTable (RFC 2790),
where what a file system keeps for root counts as free."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes import option
from probes.mib import DSK_AVAIL, DSK_PATH, DSK_USED, HR_STORAGE_DESCR, HR_STORAGE_SIZE, HR_STORAGE_UNITS, HR_STORAGE_USED
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import USAGE_BY_PROFILE, USAGE_LEVELS, judged, number


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return HR_STORAGE_DESCR, HR_STORAGE_UNITS, HR_STORAGE_SIZE, HR_STORAGE_USED, DSK_PATH, *DSK_AVAIL, *DSK_USED


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    partition: str = terms.options["partition"]
    used, size = _as_df_says(values, partition) or _stored(values, partition)
    detail = f"{partition}: {used / 2**30:.1f} of {size / 2**30:.1f} GiB"
    return judged(terms, round(used / size * 100, 1), "%", detail), None


def _as_df_says(values: Values, partition: str) -> tuple[int, int] | None:
    """Used, and all that may be, in bytes; ``None`` where the agent was not told to look (``includeAllDisks``, ``disk``)."""
    if not all(values.offers(column) for column in (DSK_PATH, *DSK_AVAIL, *DSK_USED)):
        return None
    row = next((row for row, path in values.texts(DSK_PATH).items() if path == partition), None)
    used, avail = (
        sum(values.numbers(column).get(row, 0) << shift for column, shift in zip(columns, (10, 42), strict=True)) if row else 0
        for columns in (DSK_USED, DSK_AVAIL)
    )
    return (used, used + avail) if used >= 0 < used + avail else None


def _stored(values: Values, partition: str) -> tuple[int, int]:
    row = next((row for row, name in values.texts(HR_STORAGE_DESCR).items() if _is(name, partition)), None)
    if row is None:
        raise NotOffered(f"the SNMP agent's hrStorageTable has no {partition}")
    size, used, unit = (values.numbers(column).get(row, 0) for column in (HR_STORAGE_SIZE, HR_STORAGE_USED, HR_STORAGE_UNITS))
    if size <= 0 or unit <= 0:
        raise NotOffered(f"the SNMP agent's hrStorageTable gives {partition} no size")
    return used * unit, size * unit


def _is(name: str, partition: str) -> bool:
    """Windows adds label and serial number to the drive: ``C:\\ Label:System  Serial Number 1a2b3c4d``."""
    return name == partition or (partition.endswith(":\\") and name.startswith(f"{partition} "))


DISK = Spec(
    name="disk",
    source="C20",
    doc="A partition is not fuller than the threshold, or than the levels",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "partition": Option("the partition by its mount point, such as /var or C:\\; / by default", option.text(255), "/"),
        "threshold": Option("percent, 80 to 100; 80 by default, 90 in the profile basic", number(80, 100, "%"), 80),
        **USAGE_LEVELS,
    },
    either=("threshold", "levels"),
    by_profile=USAGE_BY_PROFILE,
    unit="%",
)
