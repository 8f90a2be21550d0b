"""``syslog`` (C40): what the host writes into its log is heard, and what means trouble is told, with a proposal.

A line has no end to be waited for: it is told once, and the check is up all the same. Its verdict says whether the log is heard.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from domain.wording import shortened
from probes import option
from probes.option import Option
from probes.spec import Heard, Listen, Spec
from probes.syslog_message import Line
from probes.syslog_patterns import named

DAY_S = 86_400
DEAF, LAST, FOUND = "deaf", "last", "found"
"""States of what is kept: why nothing can be heard; when something was heard last; what was told, by pattern."""
MAX_OWN = 20
MAX_IGNORED = 50
TEXT_MAX = 300
"""Of a line, as it is told."""
_RIGHT_OWN = f"a list of up to {MAX_OWN} as {{name: backup, contains: backup failed, proposal: Please …}}; proposal may be left out"


class Finding(NamedTuple):
    """``pattern``: its name; ``proposal``: in the inventory's own words, where it has some."""

    pattern: str
    text: str
    proposal: str = ""


def finding(options: Mapping[str, Any], line: Line) -> Finding | None:
    """What a line means, if anything. The inventory's own patterns come first."""
    whole = line.whole
    folded = whole.lower()
    if any(one.lower() in folded for one in options["ignore"] or ()):
        return None
    own = next((one for one in options["patterns"] or () if one["contains"].lower() in folded), None)
    name = own["name"] if own is not None else named(whole)
    if name is None:
        return None
    return Finding(name, shortened(whole, TEXT_MAX), own.get("proposal", "") if own is not None else "")


def judge(options: Mapping[str, Any], heard: Sequence[Heard], now_s: float) -> Observation:
    kept = {one.state: one for one in heard}
    if DEAF in kept:
        return unknown(kept[DEAF].detail)
    last = kept.get(LAST)
    silence_s = options["silence"]
    if last is None:
        return unknown("has sent nothing yet") if silence_s is not None else up("nothing heard yet")
    silent_s = max(0.0, now_s - last.at_s)
    if silence_s is not None and silent_s > silence_s:
        return down(f"has sent nothing for {silent_s / 3600:.1f} h")
    return up("is heard")


def _ignored(value: object) -> list[str]:
    return _texts(value, MAX_IGNORED, "a list of texts of 3 to 200 characters: lines that hold one are let pass")


def _texts(value: object, most: int, right: str) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError(right)
    if not all(isinstance(one, str) and 3 <= len(one) <= 200 and one.isprintable() for one in value):
        raise ValueError(right)
    return [str(one) for one in value]


def _own(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_OWN:
        raise ValueError(_RIGHT_OWN)
    found = [_one(one) for one in value]
    if len({one["name"] for one in found}) != len(found):
        raise ValueError("each name once")
    return found


def _one(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not {"name", "contains"} <= set(value) <= {"name", "contains", "proposal"}:
        raise ValueError(_RIGHT_OWN)
    most = {"name": 40, "contains": 200, "proposal": 500}
    for key, one in value.items():
        if not isinstance(one, str) or not 3 <= len(one.strip()) <= most[str(key)] or not one.isprintable():
            raise ValueError(_RIGHT_OWN)
    return {str(key): str(one).strip() for key, one in value.items()}


SYSLOG = Spec(
    name="syslog",
    source="C40",
    doc="The host's log, sent here by syslog (RFC 5424, RFC 3164), is heard; a line that means trouble is told, with a proposal",
    way=Listen(judge),
    level=Level.WARNING,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    at_once=True,
    options={
        "patterns": Option(f"more that means trouble: {_RIGHT_OWN}", _own),
        "ignore": Option("a list of texts: lines that hold one of them are let pass", _ignored),
        "every": Option(
            "the same trouble is told once within this time; 1d by default, 1h to 31d", option.duration(3600, 31 * DAY_S), DAY_S
        ),
        "silence": Option(
            "a host that sends nothing for so long is a fault, 10m to 31d; never by default", option.duration(600, 31 * DAY_S)
        ),
    },
)
