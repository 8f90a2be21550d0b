"""``logins`` (C25): how many users are logged in, by hrSystemNumUsers (RFC 2790)."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes.mib import HR_USERS
from probes.option import Option, integer
from probes.reading import Item, Judged, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import judged


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return (HR_USERS,)


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    users = values.number(HR_USERS)
    return judged(terms, users, "", f"{users} logged in"), None


LOGINS = Spec(
    name="logins",
    source="C25",
    doc="No more users are logged in than the threshold",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={"threshold": Option("how many, 1 or more; 1 by default", integer(1, 1_000_000), 1)},
    at_once=True,
)
