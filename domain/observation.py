"""What one look at a target saw."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What observations mean. ``UNKNOWN``: the watcher itself could not judge; it never alerts and never acts."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class Observation(NamedTuple):
    """One result of a probe.

    ``detail`` is evidence in plain words ("connection refused"), at most 200 characters, without secrets;
    ``value`` is the measured item in the unit its probe's Spec names; ``latency_ms`` is the response time (C55).
    """

    verdict: Verdict
    detail: str = ""
    value: float | None = None
    latency_ms: float | None = None


def up(detail: str = "", value: float | None = None) -> Observation:
    return Observation(Verdict.UP, detail, value)


def down(detail: str, value: float | None = None) -> Observation:
    return Observation(Verdict.DOWN, detail, value)


def unknown(detail: str) -> Observation:
    return Observation(Verdict.UNKNOWN, detail)
