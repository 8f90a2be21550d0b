"""``eventlog`` (C27): no warning and no error in Windows' Application and System logs in the last 5 minutes. The host looks, and
tells by NRPE (NSClient++) what it found."""

from domain.model import FaultClass, Level
from probes import nrpe
from probes.spec import Spec, Talk

EVENTLOG = Spec(
    name="eventlog",
    source="C27",
    doc="Finds no new warning or error in Windows' event logs, by a command on the host (NRPE)",
    way=Talk(nrpe.look),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options=nrpe.options("check_eventlog"),
    at_once=True,
)
