"""Maintenance pauses (R50, R51): once, daily, weekly or monthly, for a customer, a host or a check."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo


class Repeat(StrEnum):
    ONCE = "once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


def no_such_day(written: str) -> bool:
    """Does this begin with a day, YYYY-MM-DD, that no calendar has?"""
    if re.match(r"\d{4}-\d\d-\d\d(?!\d)", written, re.ASCII) is None:
        return False
    try:
        date.fromisoformat(written[:10])
    except ValueError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Pause:
    """A window in which nothing is alerted and nothing is done; measuring goes on.

    ``start`` is the first local wall time (``YYYY-MM-DDTHH:MM[:SS]``, no offset) in ``zone``; the window lasts
    ``duration_s``. Repetitions keep the wall time across DST changes; a monthly pause on a day the month lacks
    happens on its last day. Exactly one of the scopes applies: ``check`` (id) within ``host``, ``host``, ``customer``.
    """

    id: str
    start: str
    duration_s: float
    zone: str = "Asia/Tokyo"
    repeat: Repeat = Repeat.ONCE
    customer: str | None = None
    host: str | None = None
    check: str | None = None
    reason: str = ""
    by: str = ""

    def __hash__(self) -> int:
        return hash((self.id, self.start))  # enough to tell pauses apart, and asked for in every decision


def active_until(pause: Pause, now_s: float) -> float | None:
    """When the window that is open now ends (epoch seconds), or ``None`` when none is open."""
    ends = [start + pause.duration_s for start in _starts_around(pause, now_s) if start <= now_s < start + pause.duration_s]
    return max(ends) if ends else None


def covers(pause: Pause, customer: str, host: str, check: str | None = None) -> bool:
    """Does the pause's scope hold this host (or, where a check is given, that check)?"""
    if pause.check is not None:
        return check is not None and pause.check == check
    if pause.host is not None:
        return pause.host == host
    return pause.customer == customer


def paused_until(pauses: tuple[Pause, ...], customer: str, host: str, check: str, now_s: float) -> tuple[str, float] | None:
    """The pause that silences this check now, as ``(pause id, end)``, the latest end winning; ``None`` when none does."""
    found = [
        (end, pause.id)
        for pause in pauses
        if covers(pause, customer, host, check) and (end := active_until(pause, now_s)) is not None
    ]
    if not found:
        return None
    end, name = max(found)
    return name, end


def _starts_around(pause: Pause, now_s: float) -> tuple[float, ...]:
    """When windows start: those that may be open now, and at least the next one."""
    return _starts_around_hour(pause, now_s // 3600.0)


@lru_cache(maxsize=4096)
def _starts_around_hour(pause: Pause, hour: float) -> tuple[float, ...]:
    """The same for every moment of one hour, as calendars cost more than a decision may."""
    first = datetime.fromisoformat(pause.start).replace(tzinfo=ZoneInfo(pause.zone))
    now = datetime.fromtimestamp(hour * 3600.0, UTC).astimezone(first.tzinfo)
    if pause.repeat is Repeat.ONCE or now < first - timedelta(days=1):
        return (first.timestamp(),)
    if pause.repeat is Repeat.MONTHLY:
        return tuple(start.timestamp() for start in _monthly(first, now))
    step = 1 if pause.repeat is Repeat.DAILY else 7
    nearest = (now.date() - first.date()).days // step * step
    back = (int(pause.duration_s // 86_400) // step + 2) * step
    days = range(nearest - back, nearest + 2 * step + 1, step)
    return tuple((first + timedelta(days=day)).timestamp() for day in days if day >= 0)


def _monthly(first: datetime, now: datetime) -> list[datetime]:
    found = []
    for back in (2, 1, 0, -1, -2):
        month = now.year * 12 + now.month - 1 - back
        year, month = divmod(month, 12)
        day = min(first.day, calendar.monthrange(year, month + 1)[1])
        start = first.replace(year=year, month=month + 1, day=day)
        if start >= first:
            found.append(start)
    return found


def boundary_s(pause: Pause, now_s: float) -> float | None:
    """The next time at which a window of this pause opens or closes; ``None`` when none comes."""
    starts = _starts_around(pause, now_s)
    ends = [start + pause.duration_s for start in starts]
    return min([edge for edge in (*starts, *ends) if edge > now_s], default=None)
