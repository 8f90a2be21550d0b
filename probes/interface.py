"""``interface`` (C24): a network interface is up, by ifOperStatus (RFC 2863)."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import down, up
from probes import option
from probes.mib import IF_ADMIN_STATUS, IF_DESCR, IF_NAME, IF_OPER_STATUS
from probes.option import Option
from probes.reading import Item, Judged, NotOffered, Oid, Reading, Terms, Values
from probes.spec import Spec

_UP, _DOWN = 1, 2
_STATUS = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent", 7: "lowerLayerDown"}
NAMED = Option("the interface by its name (ifName) or description (ifDescr), such as eth0", option.text(255), required=True)


def interface(values: Values, name: str) -> Oid:
    """Its row. Raises ``NotOffered``."""
    for column in (IF_NAME, IF_DESCR):
        for row, said in values.texts(column).items() if values.offers(column) else ():
            if said == name:
                return row
    values.texts(IF_DESCR)
    raise NotOffered(f"the SNMP agent's ifTable has no {name}")


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return IF_NAME, IF_DESCR, IF_ADMIN_STATUS, IF_OPER_STATUS


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    name: str = terms.options["interface"]
    row = interface(values, name)
    status = values.numbers(IF_OPER_STATUS).get(row)
    if status is None:
        raise NotOffered(f"the SNMP agent has no ifOperStatus of {name}")
    if status == _UP:
        return up(f"{name} is up"), None
    meant = values.numbers(IF_ADMIN_STATUS).get(row) if values.offers(IF_ADMIN_STATUS) else None
    why = ", as it was switched off" if meant == _DOWN else ""
    return down(f"{name} is {_STATUS.get(status, f'of status {status}')}{why}"), None


INTERFACE = Spec(
    name="interface",
    source="C24",
    doc="A network interface is up",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={"interface": NAMED},
)
