"""``load`` (C17): the load average of the last minute, by laLoadInt of UCD-SNMP-MIB; levels are meant for each CPU."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes.mib import HR_DEVICE_PROCESSOR, HR_DEVICE_TYPE, LA_LOAD_1
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import judged, levels, number


def _wants(options: Mapping[str, Any]) -> tuple[Item, ...]:
    return (LA_LOAD_1,) if options["levels"] is None else (LA_LOAD_1, HR_DEVICE_TYPE)


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    load = values.number(LA_LOAD_1) / 100
    if terms.options["levels"] is None:
        return judged(terms, load, "", "load average of the last minute"), None
    cpus = sum(kind == HR_DEVICE_PROCESSOR for kind in values.rows(HR_DEVICE_TYPE).cells.values())
    if not cpus:
        raise NotOffered("the SNMP agent's hrDeviceTable names no CPU")
    detail = f"load average of the last minute on {cpus} CPU{'s' if cpus > 1 else ''}"
    return judged(terms, load, "", detail, scale=cpus, reached=True), None


LOAD = Spec(
    name="load",
    source="C17",
    doc="The load average of the last minute is not over the threshold, or below the levels times the number of CPUs; Linux",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "threshold": Option("load average, from 0.9 up, whatever the number of CPUs; 0.9 by default", number(0.9, None), 0.9),
        "levels": Option(
            "instead: for each CPU, from which load on a level is meant; {2: 4, 3: 8, 4: 12} by default in the profile rapid",
            levels(0.9, None),
        ),
    },
    either=("threshold", "levels"),
    by_profile={"rapid": {"levels": {"2": 4, "3": 8, "4": 12}}},
)
