"""``mailqueue`` (C38): how many mails wait, as a command of the agent's ``extend`` counts them (NET-SNMP-EXTEND-MIB)."""

import re
from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from probes import extend
from probes.mib import extend as extended
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import judged, levels
from probes.words import quoted

_COUNT = re.compile(rb"\s*([0-9]{1,12})\s*")


def _wants(options: Mapping[str, Any]) -> tuple[Item, ...]:
    return extended(options["extend"])


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    name: str = terms.options["extend"]
    line = extend.line(values, name)
    count = _COUNT.fullmatch(line)
    if count is None:
        raise NotOffered(f"the command of extend {name} said {quoted(line)} instead of a number")
    return judged(terms, int(count[1]), "", f"{int(count[1])} mails wait"), None


MAILQUEUE = Spec(
    name="mailqueue",
    source="C38",
    doc="No more mails wait than the levels say",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "extend": Option(
            "the extend in snmpd.conf whose command prints how many wait; mailqueue by default", extend.name, "mailqueue"
        ),
        "levels": Option(
            "over how many a level is meant; {2: 500, 3: 1000, 4: 2000} by default",
            levels(1, None),
            {"2": 500, "3": 1000, "4": 2000},
        ),
    },
)
