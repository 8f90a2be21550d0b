"""``alert``: another monitoring's alerts, as Prometheus's Alertmanager sends them, are this check's verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.option import Option
from probes.spec import Heard, Listen, Spec

DAY_S = 86_400


def judge(options: Mapping[str, Any], heard: Sequence[Heard], now_s: float) -> Observation:
    """Down while one of them fires. What was not repeated for long may have ended, and its end be lost."""
    if not heard:
        return up("nothing fires")
    last = max(heard, key=lambda alert: alert.at_s)
    if now_s - last.at_s > options["repeat"]:
        return unknown(f"fires, but was not repeated for {(now_s - last.at_s) / 3600:.1f} h: is whoever sends it alive?")
    more = f" (and {len(heard) - 1} more)" if len(heard) > 1 else ""
    return down(f"{last.detail or 'fires'}{more}")


ALERT = Spec(
    name="alert",
    source="C44",
    doc="Down while an alert fires that Prometheus's Alertmanager sends to /alerts",
    way=Listen(judge),
    level=Level.SERVICE_DOWN,
    fault_class=FaultClass.SERVICE,
    at_once=True,
    options={
        "match": Option(
            "the labels that an alert must have, such as {alertname: DiskFull, instance: web01}", option.labels, required=True
        ),
        "repeat": Option(
            "what is not repeated for so long is unknown: more than Alertmanager's repeat_interval; 5h by default, 1m to 31d",
            option.duration(60, 31 * DAY_S),
            5 * 3600,
        ),
    },
)


def matches(options: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Is an alert with these labels one of the check's?"""
    return all(labels.get(name) == value for name, value in options["match"].items())
