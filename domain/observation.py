"""What one look at a target saw."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from domain.model import Level


class Verdict(StrEnum):
    """What observations mean. ``UNKNOWN``: the watcher itself could not judge; it never alerts and never acts."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Limit:
    """What a value has passed, and the level that this means (C17, C20, C21, C38). As it is said: ``> 80%``; a unit that is a word
    of its own begins with a space."""

    level: Level
    sign: Literal[">", "≥", "<"]
    value: float
    unit: str = ""


class Observation(NamedTuple):
    """One result of a probe.

    ``detail`` is evidence in plain words ("connection refused"), at most 200 characters, without secrets;
    ``value`` is the measured item in the unit its probe's Spec names; ``latency_ms`` is the response time (C55).
    ``limit``: of those that the value has passed, the one of the highest level; the others' level is their check's own.
    ``told_only``: it says nothing about the host (its name was not resolved, or leads elsewhere), so the fault is told and nothing
    is worked on for it (C50).
    """

    verdict: Verdict
    detail: str = ""
    value: float | None = None
    latency_ms: float | None = None
    limit: Limit | None = None
    told_only: bool = False


def up(detail: str = "", value: float | None = None) -> Observation:
    return Observation(Verdict.UP, detail, value)


def down(detail: str, value: float | None = None, limit: Limit | None = None) -> Observation:
    return Observation(Verdict.DOWN, detail, value, limit=limit)


def unknown(detail: str) -> Observation:
    return Observation(Verdict.UNKNOWN, detail)
