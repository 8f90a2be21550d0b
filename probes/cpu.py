"""``cpu`` (C16): the mean load of all logical CPUs, by hrProcessorLoad (RFC 2790: of the last minute)."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes.mib import HR_PROCESSOR_LOAD, SYS_UP_TIME
from probes.option import Option
from probes.reading import Item, Judged, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import judged, number

AVERAGED_AFTER_S = 120
"""An agent that has just begun has no mean of the last minute yet: net-snmp leaves the table empty until then."""


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return SYS_UP_TIME, HR_PROCESSOR_LOAD


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    if not values.offers(HR_PROCESSOR_LOAD) and values.number(SYS_UP_TIME) < AVERAGED_AFTER_S * 100:
        return None, None
    loads = values.numbers(HR_PROCESSOR_LOAD).values()
    return judged(terms, round(sum(loads) / len(loads), 1), "%", f"mean of {len(loads)} CPUs"), None


CPU = Spec(
    name="cpu",
    source="C16",
    doc="The mean load of all logical CPUs is not over the threshold",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={"threshold": Option("percent, 90 to 100; 90 by default", number(90, 100, "%"), 90)},
    unit="%",
)
