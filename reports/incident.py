"""The incident report (P2) as plain data. Times are UTC epoch seconds; texts are in the report's language already."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.model import Language


class What(StrEnum):
    """What a row of the timeline is about; it has a colour of its own."""

    FAULT = "fault"
    NOTICE = "notice"
    WORK = "work"
    RECOVERY = "recovery"
    DECISION = "decision"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Moment:
    """A row of the timeline (P3): what happened, and how it ended."""

    at_s: float
    what: What
    text: str
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that was done to the host, and its end. ``power``: it switched the power, or may have. ``lost``: the names of the
    files that a repair could not save."""

    at_s: float
    what: str
    result: str
    power: bool = False
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Omission:
    """What was deliberately not done, and why (P3: plan, pause, guard-rail)."""

    at_s: float
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message to the customer: to whom, by which channel, its subject; ``at_s`` is when the next server took it, ``None``
    where none had when the report was written."""

    at_s: float | None
    to: str
    channel: str
    subject: str


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The machine's clock was set, from one time of day to another."""

    from_at_s: float
    to_at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReport:
    """All that the report says.

    ``fault_at_s`` is the first failing observation, ``first_notice_at_s`` when the first message was handed over,
    ``work_at_s`` when work on the host began; the latter two are ``None`` where there was none. ``notice_target_s`` is the
    promise for the first notice (R8). ``acted``: was anything done to the host; ``None`` where nobody knows. ``fixed``
    says whether our work brought recovery. ``written_at_s`` is the date of the report, so that the same data always give the
    same bytes. ``clock_set`` while it lasted: then the time between two moments is no length, and no length is stated.
    """

    language: Language
    zone: str
    brand: str
    sender: str
    customer: str
    incident: str
    label: str
    address: str
    fqdn: str
    device_type: str
    os: str
    level: int
    checks: tuple[str, ...]
    cause: str
    fault_at_s: float
    confirmed_at_s: float
    first_notice_at_s: float | None
    work_at_s: float | None
    recovered_at_s: float
    acted: bool | None
    fixed: bool
    written_at_s: float
    notice_target_s: float = 1200.0
    timeline: tuple[Moment, ...] = ()
    work: tuple[Work, ...] = ()
    omissions: tuple[Omission, ...] = ()
    sent: tuple[Sent, ...] = ()
    clock_set: tuple[ClockSet, ...] = ()

    @property
    def down_s(self) -> float:
        return max(0.0, self.recovered_at_s - self.fault_at_s)

    def after_fault_s(self, at_s: float | None) -> float | None:
        """How long after the first failing observation something happened."""
        return None if at_s is None else max(0.0, at_s - self.fault_at_s)


@dataclass(frozen=True, slots=True)
class MonthShare:
    """What an outage takes from a month's availability: ``lost`` of it, as a fraction, in that month (first day, local)."""

    year: int
    month: int
    lost: float


def months(report: IncidentReport) -> tuple[MonthShare, ...]:
    """The availability lost, by calendar month of the customer's zone; an outage over midnight of the 1st counts in both."""
    zone = ZoneInfo(report.zone)
    first = datetime.fromtimestamp(report.fault_at_s, zone)
    year, month, shares = first.year, first.month, []
    while True:
        start_s = datetime(year, month, 1, tzinfo=zone).timestamp()
        if start_s > report.recovered_at_s:
            break
        after = (year + month // 12, month % 12 + 1)
        end_s = datetime(*after, 1, tzinfo=zone).timestamp()
        lost_s = max(0.0, min(end_s, report.recovered_at_s) - max(start_s, report.fault_at_s))
        shares.append(MonthShare(year, month, lost_s / (end_s - start_s)))
        year, month = after
    return tuple(shares)


def encode(report: IncidentReport) -> str:
    """As JSON, for the standard input of ``python -m reports``."""
    return json.dumps(dataclasses.asdict(report), ensure_ascii=False, sort_keys=True)
