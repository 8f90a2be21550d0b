"""``heartbeat`` (C44): a job or an agent reports in by HTTP, within its period and a grace."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.option import Option
from probes.spec import Heard, Listen, Spec

DAY_S = 86_400
FAILED = "failed"


def judge(options: Mapping[str, Any], heard: Sequence[Heard], now_s: float) -> Observation:
    """By the last report. Before the first one nobody knows whether it should have come."""
    if not heard:
        return unknown("has not reported yet")
    last = max(heard, key=lambda report: report.at_s)
    if last.state == FAILED:
        return down(last.detail or "reported that it failed")
    silent_s = max(0.0, now_s - last.at_s)
    if silent_s > options["period"] + options["grace"]:
        return down(f"has not reported for {silent_s / 60:.0f} min, expected every {options['period'] / 60:g}")
    return up(last.detail)


HEARTBEAT = Spec(
    name="heartbeat",
    source="C44",
    doc="A job or an agent asks a URL of its own, which hikeshi heartbeat HOST CHECK prints, whenever it has done its work",
    way=Listen(judge),
    level=Level.SERVICE_DOWN,
    fault_class=FaultClass.SERVICE,
    at_once=True,
    options={
        "period": Option("how often it reports, such as 15m or 1d; 1m to 31d", option.duration(60, 31 * DAY_S), required=True),
        "grace": Option("how much later it may be; 5m by default, 0s to 7d", option.duration(0, 7 * DAY_S), 300),
    },
)
