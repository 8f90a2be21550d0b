"""``backup`` (C42): the last backup finished, in time, and can be restored, as the job's own status file says."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import down, up
from probes import extend, option
from probes.mib import HR_SYSTEM_DATE
from probes.mib import extend as extended
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Reading, Terms, Values
from probes.spec import Spec
from probes.words import quoted

_HOUR_S = 3600
_SAID = "finished=TIME outcome=ok|failed restorable=yes|no"


def _wants(options: Mapping[str, Any]) -> tuple[Item, ...]:
    return HR_SYSTEM_DATE, *extended(options["extend"])


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    """By the host's own clock, so that it does not matter whether that is right."""
    options = terms.options
    status = _status(extend.line(values, options["extend"]))
    age_s = (_clock(values.text(HR_SYSTEM_DATE)) - _time(status["finished"])).total_seconds()
    said = f"finished {age_s / _HOUR_S:.1f} h ago"
    if status["outcome"] != "ok":
        return down(f"the last backup failed; it {said}"), None
    if age_s > options["age"]:
        return down(f"the last backup {said}, more than {options['age'] / _HOUR_S:g} h"), None
    restorable = status.get("restorable", "not known")
    if restorable != "yes" and options["restorable"]:
        return down(f"the last backup {said}; whether it can be restored: {restorable}"), None
    return up(said), None


def _status(line: bytes) -> dict[str, str]:
    found = dict(word.partition("=")[::2] for word in line.decode(errors="replace").split())
    known = found.get("outcome") in {"ok", "failed"} and found.get("restorable", "yes") in {"yes", "no"}
    if not known or "finished" not in found:
        raise NotOffered(f"the backup's status is {quoted(line)} instead of {_SAID}")
    return found


def _time(text: str) -> datetime:
    """ISO 8601 with an offset, or seconds since 1970."""
    try:
        found = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None or found.tzinfo is None:
        raise NotOffered(f"the backup finished at {quoted(text.encode())}, which is no time such as 2026-01-31T03:10:00+09:00")
    return found


def _clock(date: bytes) -> datetime:
    """DateAndTime (RFC 2579); without an offset it is taken as UTC."""
    try:
        offset = timedelta(0)
        if len(date) == 11:
            offset = timedelta(hours=date[9], minutes=date[10]) * (-1 if date[8:9] == b"-" else 1)
        year = int.from_bytes(date[:2], "big")
        return datetime(year, date[2], date[3], date[4], date[5], min(date[6], 59), tzinfo=timezone(offset))
    except (ValueError, IndexError) as error:
        raise NotOffered("the SNMP agent's hrSystemDate is no time") from error


BACKUP = Spec(
    name="backup",
    source="C42",
    doc="The last backup finished, in time, and can be restored",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "extend": Option(
            "the extend in snmpd.conf whose command prints the job's status file; backup by default", extend.name, "backup"
        ),
        "age": Option("how old it may be; 26h by default, 1h to 31d", option.duration(_HOUR_S, 31 * 86_400), 26 * _HOUR_S),
        "restorable": Option("whether it must be known that it can be restored; true by default", option.boolean, True),
    },
)
