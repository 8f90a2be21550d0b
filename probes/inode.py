"""``inode`` (C21): how many of a partition's inodes are used, by dskTable of UCD-SNMP-MIB, which snmpd.conf has to ask for."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes import option
from probes.mib import DSK_PATH, DSK_PERCENT_NODE
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import USAGE_BY_PROFILE, USAGE_LEVELS, judged, number


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return DSK_PATH, DSK_PERCENT_NODE


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    partition: str = terms.options["partition"]
    row = next((row for row, path in values.texts(DSK_PATH).items() if path == partition), None)
    percent = values.numbers(DSK_PERCENT_NODE).get(row) if row is not None else None
    if percent is None or not 0 <= percent <= 100:
        raise NotOffered(f"the SNMP agent's dskTable has no inodes of {partition}")
    return judged(terms, percent, "%", f"{partition}: inodes"), None


INODE = Spec(
    name="inode",
    source="C21",
    doc="No more inodes of a partition are used than the threshold, or than the levels; Linux",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "partition": Option("the partition by its mount point; / by default", option.text(255), "/"),
        "threshold": Option("percent, 50 to 100; 80 by default, 90 in the profile basic", number(50, 100, "%"), 80),
        **USAGE_LEVELS,
    },
    either=("threshold", "levels"),
    by_profile=USAGE_BY_PROFILE,
    unit="%",
)
