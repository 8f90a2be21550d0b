"""``disk`` (C20): how full a partition is, by hrStorageTable (RFC 2790)."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes import option
from probes.mib import HR_STORAGE_DESCR, HR_STORAGE_SIZE, HR_STORAGE_UNITS, HR_STORAGE_USED
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import USAGE_BY_PROFILE, USAGE_LEVELS, judged, number


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return HR_STORAGE_DESCR, HR_STORAGE_UNITS, HR_STORAGE_SIZE, HR_STORAGE_USED


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    partition: str = terms.options["partition"]
    row = next((row for row, name in values.texts(HR_STORAGE_DESCR).items() if _is(name, partition)), None)
    if row is None:
        raise NotOffered(f"the SNMP agent's hrStorageTable has no {partition}")
    size, used, unit = (values.numbers(column).get(row, 0) for column in (HR_STORAGE_SIZE, HR_STORAGE_USED, HR_STORAGE_UNITS))
    if size <= 0:
        raise NotOffered(f"the SNMP agent's hrStorageTable gives {partition} no size")
    gib = f"{used * unit / 2**30:.1f} of {size * unit / 2**30:.1f} GiB"
    return judged(terms, round(used / size * 100, 1), "%", f"{partition}: {gib}"), None


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
